import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { newId } from '../../domain/id.ts';
import type { Logger } from '../../domain/logger.ts';
import { isOpenRun, type TransformRunMode } from '../../domain/transform/run-state.ts';
import { type TransformRun, TransformRunSchema } from '../../entities/transform-run.entity.ts';
import { TransformerVersionSchema } from '../../entities/transformer.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { JobScheduler } from '../../jobs/kit.ts';
import { runTransformJob } from '../../jobs/run-transform.job.ts';
import { audit } from '../audit/audit.service.ts';
import { ensureAlive, type NeededTask } from '../operations/needed-task.ts';
import { lockedTransformer } from './transformer.service.ts';

const sweepMax = 100;

/** Takes requests for runs, and sees to it that each has a task until its end. */
export class TransformRunService {
  readonly #em: EntityManager;
  readonly #scheduler: JobScheduler;
  readonly #logger: Logger;

  constructor(deps: { readonly em: EntityManager; readonly scheduler: JobScheduler; readonly logger: Logger }) {
    this.#em = deps.em;
    this.#scheduler = deps.scheduler;
    this.#logger = deps.logger;
  }

  /**
   * A run of the newest version of a transformer.
   * @throws LinewardError NOT_FOUND; TRANSFORMER_STATE for a retired one, and while a run is under way
   */
  async request(actor: Actor, transformerId: string, mode: TransformRunMode): Promise<TransformRun> {
    const run = await this.#em.fork().transactional(async (tx) => {
      const transformer = await lockedTransformer(tx, transformerId);
      if (transformer.retiredAt != null) throw state('the transformer was retired');
      const open = await tx.findOne(TransformRunSchema, { transformerId, finishedAt: null });
      if (open !== null) throw state(`run ${open.number} is under way; wait for its end, or cancel it`);
      const [version] = await tx.find(
        TransformerVersionSchema,
        { transformerId },
        { orderBy: { number: 'desc' }, limit: 1 },
      );
      if (version === undefined) throw new LinewardError('INTERNAL', 'a transformer without a version');
      const now = new Date();
      const row = tx.create(TransformRunSchema, {
        id: newId(),
        transformerId,
        versionId: version.id,
        datasetId: version.datasetId,
        number: (await tx.count(TransformRunSchema, { transformerId })) + 1,
        mode,
        status: 'REQUESTED',
        statistics: {},
        recordsDone: 0,
        recordsTotal: 0,
        fencingToken: 0,
        cancelRequested: false,
        requestedBy: actor.id,
        attempt: 0,
        createdAt: now,
        updatedAt: now,
      });
      tx.persist(row);
      audit(tx, actor, {
        action: 'runTransformer',
        resourceType: 'TransformRun',
        resourceId: row.id,
        details: { name: transformer.name, version: version.number, number: row.number, mode },
      });
      return row;
    });
    await this.#ensureAlive(run);
    return run;
  }

  /** Ends at the next safe point. @throws LinewardError NOT_FOUND; TRANSFORMER_STATE when it has ended, or is decided */
  async cancel(actor: Actor, id: string): Promise<TransformRun> {
    const run = await this.#em.fork().transactional(async (tx) => {
      await tx.execute('select 1 from transform_run where id = ? for update', [id]);
      const row = await tx.findOne(TransformRunSchema, { id });
      if (row === null) throw new LinewardError('NOT_FOUND', 'id: there is no such run', { path: ['id'] });
      if (!isOpenRun(row.status)) throw state('the run has ended');
      if (row.status === 'SETTLING') throw state('what the run made is in the table already');
      row.cancelRequested = true;
      audit(tx, actor, {
        action: 'cancelTransformRun',
        resourceType: 'TransformRun',
        resourceId: id,
        details: { status: row.status },
      });
      return row;
    });
    await this.#ensureAlive(run);
    return run;
  }

  /** Takes up what has no living task: the outbox reader. */
  async sweep(): Promise<void> {
    const open = await this.#em
      .fork()
      .find(TransformRunSchema, { finishedAt: null }, { orderBy: { id: 'asc' }, limit: sweepMax });
    for (const run of open) await this.#ensureAlive(run);
  }

  async #ensureAlive({ id, attempt }: TransformRun): Promise<void> {
    const task: NeededTask = {
      job: runTransformJob,
      table: 'transform_run',
      rowId: id,
      attempt,
      idOf: (number) => `${id}.${runTransformJob.name}.${number}`,
      send: (taskId) => this.#scheduler.enqueue(runTransformJob, taskId, { runId: id }),
    };
    await ensureAlive({ em: this.#em, scheduler: this.#scheduler }, task).catch((error: unknown) => {
      this.#logger.warn({ runId: id, error }, 'a task could not be enqueued');
    });
  }
}

const state = (why: string): LinewardError => new LinewardError('TRANSFORMER_STATE', `id: ${why}`, { path: ['id'] });
