import type { EntityManager } from '@mikro-orm/postgresql';
import { type Actor, scheduleActor, standing } from '../../domain/access/actor.ts';
import { newId } from '../../domain/id.ts';
import type { Logger } from '../../domain/logger.ts';
import { readSpec } from '../../domain/transform/read-spec.ts';
import { dueAfter } from '../../domain/transform/run-schedule.ts';
import { isOpenRun, type RunDays, type TransformRunMode } from '../../domain/transform/run-state.ts';
import { type TransformRun, TransformRunSchema } from '../../entities/transform-run.entity.ts';
import {
  type Transformer,
  type TransformerVersion,
  TransformerVersionSchema,
} from '../../entities/transformer.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { JobScheduler } from '../../jobs/kit.ts';
import { runTransformJob } from '../../jobs/run-transform.job.ts';
import { audit } from '../audit/audit.service.ts';
import { ensureAlive, type NeededTask } from '../operations/needed-task.ts';
import type { SourceRights } from './source-rights.ts';
import { lockedTransformer } from './transformer.service.ts';

const sweepMax = 100;

/** Takes requests for runs, and sees to it that each has a task until its end. */
export class TransformRunService {
  readonly #em: EntityManager;
  readonly #scheduler: JobScheduler;
  readonly #logger: Logger;
  readonly #rights: Pick<SourceRights, 'assertNewest'>;

  constructor(deps: {
    readonly em: EntityManager;
    readonly scheduler: JobScheduler;
    readonly logger: Logger;
    readonly rights: Pick<SourceRights, 'assertNewest'>;
  }) {
    this.#em = deps.em;
    this.#rights = deps.rights;
    this.#scheduler = deps.scheduler;
    this.#logger = deps.logger;
  }

  /**
   * A run of the newest version of a transformer, which reads in the name of the actor.
   * @throws LinewardError NOT_FOUND; TRANSFORMER_STATE for a retired one, and while a run is under way; FORBIDDEN for who may not
   * read what it reads
   */
  async request(
    actor: Actor,
    transformerId: string,
    mode: TransformRunMode,
    days: RunDays | null = null,
  ): Promise<TransformRun> {
    assertDays(mode, days);
    await this.#rights.assertNewest(actor, transformerId, 'runTransformer');
    const run = await this.#em.fork().transactional(async (tx) => {
      const transformer = await lockedTransformer(tx, transformerId);
      if (transformer.retiredAt != null) throw state('the transformer was retired');
      const open = await tx.findOne(TransformRunSchema, { transformerId, finishedAt: null });
      if (open !== null) throw state(`run ${open.number} is under way; wait for its end, or cancel it`);
      return requestIn(tx, actor, transformer, { mode, days, readsAs: standing(actor) });
    });
    await this.#ensureAlive(run);
    return run;
  }

  /**
   * Requests the runs that are due by schedules. Times that were missed come as one run; while a run is under way the next one stays
   * due, and comes when that has ended.
   */
  async requestDue(): Promise<void> {
    const due = await this.#em.fork().execute<{ id: string }[]>(
      `select t.id from transformer t where t.due_at <= now() and t.retired_at is null
         and not exists (select 1 from transform_run r where r.transformer_id = t.id and r.finished_at is null)
       order by t.due_at limit ${sweepMax}`,
    );
    for (const { id } of due) {
      const run = await this.#em.fork().transactional((tx) => this.#requestDueIn(tx, id));
      if (run !== null) await this.#ensureAlive(run);
    }
  }

  /** Null when another worker was faster. */
  async #requestDueIn(tx: EntityManager, id: string): Promise<TransformRun | null> {
    const transformer = await lockedTransformer(tx, id);
    const { schedule, scheduleOwner: readsAs, dueAt, retiredAt } = transformer;
    if (schedule == null || readsAs == null || dueAt == null || dueAt > new Date() || retiredAt != null) return null;
    if ((await tx.findOne(TransformRunSchema, { transformerId: id, finishedAt: null })) !== null) return null;
    transformer.dueAt = dueAfter(schedule, new Date());
    return requestIn(tx, scheduleActor, transformer, { mode: schedule.mode, days: null, readsAs });
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

async function requestIn(
  tx: EntityManager,
  actor: Actor,
  transformer: Transformer,
  asked: Pick<TransformRun, 'mode' | 'readsAs'> & { readonly days: RunDays | null },
): Promise<TransformRun> {
  const { mode, days } = asked;
  const transformerId = transformer.id;
  const [version] = await tx.find(
    TransformerVersionSchema,
    { transformerId },
    { orderBy: { number: 'desc' }, limit: 1 },
  );
  if (version === undefined) throw new LinewardError('INTERNAL', 'a transformer without a version');
  if (mode === 'BACKFILL') assertBackfill(version);
  const now = new Date();
  const row = tx.create(TransformRunSchema, {
    id: newId(),
    transformerId,
    versionId: version.id,
    datasetId: version.datasetId,
    number: (await tx.count(TransformRunSchema, { transformerId })) + 1,
    ...asked,
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
    details: { name: transformer.name, version: version.number, number: row.number, mode, ...days },
  });
  return row;
}

/** Days that a calendar has, the first before the second, and for back-fills alone. */
function assertDays(mode: TransformRunMode, days: RunDays | null): void {
  if ((mode === 'BACKFILL') !== (days !== null))
    throw new LinewardError('BAD_INPUT', 'from: a back-fill, and nothing else, is over the days from one to another', {
      path: ['from'],
    });
  for (const name of ['from', 'to'] as const) {
    const day = days?.[name];
    if (day === undefined || (dayPattern.test(day) && new Date(`${day}T00:00:00Z`).toJSON()?.startsWith(day))) continue;
    throw new LinewardError('BAD_INPUT', `${name}: it is no day of the form 2018-06-30`, { path: [name] });
  }
  if (days !== null && days.from >= days.to)
    throw new LinewardError('BAD_INPUT', 'to: must be after from; it is the first day that is not meant any more', {
      path: ['to'],
    });
}
const dayPattern = /^\d{4}-\d{2}-\d{2}$/u;

/** What was made of a document stays valid, so that it can be read. */
function assertBackfill({ document, orders }: Pick<TransformerVersion, 'document' | 'orders'>): void {
  const read = readSpec(document, orders);
  if (!read.ok) return;
  if (read.spec.resource.indexing?.[0] === undefined)
    throw state('its table has no indexing, so that no date says of which day a row is');
  if (read.spec.merge.combine?.some((one) => one.with === 'sum') === true)
    throw state(
      'its sums would count rows a second time; create a version with another path, which makes a table anew',
    );
}
