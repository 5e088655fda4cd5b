import type { EntityManager } from '@mikro-orm/postgresql';
import { isOpenRun } from '../../domain/transform/run-state.ts';
import { LakeTableSchema } from '../../entities/lake-table.entity.ts';
import { type TransformRun, TransformRunSchema } from '../../entities/transform-run.entity.ts';
import { TransformerSchema, TransformerVersionSchema } from '../../entities/transformer.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { HeldLease } from '../operations/lease.service.ts';
import { RunRow } from './run-row.ts';
import { RunWork, type RunWorkDeps } from './run-work.ts';
import { TablePublisher } from './table-publisher.ts';

export interface RunContext {
  readonly signal: AbortSignal;
  readonly report: (progress: { readonly done: number; readonly total: number }) => Promise<void>;
}

/**
 * Takes a run to its end under the lease of its table, which operations take, too: what erases never meets what writes. A killed
 * run is taken up by the next task, by what its row says and what there is in the lake.
 */
export class TransformRunner {
  readonly #deps: RunWorkDeps;

  constructor(deps: RunWorkDeps) {
    this.#deps = deps;
  }

  /** Safe to call again at any time. @throws LinewardError as the work does; the row says no more then than it did */
  async run(id: string, context: RunContext): Promise<void> {
    const run = await this.#openRun(id);
    if (run === null) return;
    await this.#underLease(run, async (lease) => {
      const work = await this.#workOf(await this.#em.findOneOrFail(TransformRunSchema, { id }), lease, context);
      try {
        await work.run();
      } catch (error) {
        if (error instanceof LinewardError && error.code === 'UPSTREAM_BEHIND') await this.#waits(run, error.message);
        if (!(error instanceof LinewardError) || error.code !== 'CANCELLED' || context.signal.aborted) throw error;
        await work.end('CANCELLED', null);
      }
    });
  }

  /** Ends a run that cannot go on. What is decided is brought to its end all the same, by the next task. */
  async fail(id: string, fault: LinewardError): Promise<void> {
    const run = await this.#openRun(id);
    if (run === null) return;
    await this.#underLease(run, async (lease) => {
      if (run.status === 'SETTLING') {
        await new RunRow(this.#deps.em, run, lease).write({ reason: fault.message });
        return;
      }
      const context = { signal: new AbortController().signal, report: async () => undefined };
      await (await this.#workOf(run, lease, context)).end('FAILED', fault);
    });
  }

  async #openRun(id: string): Promise<TransformRun | null> {
    const run = await this.#em.findOne(TransformRunSchema, { id });
    return run === null || !isOpenRun(run.status) ? null : run;
  }

  async #underLease(run: TransformRun, work: (lease: HeldLease) => Promise<void>): Promise<void> {
    const lease = await this.#deps.leases.acquire(`dataset:${run.datasetId}`);
    if (lease === null) {
      return this.#waits(run, 'waiting: an operation or another worker holds the lease of the table');
    }
    try {
      await work(lease);
    } finally {
      await lease.release();
    }
  }

  async #waits({ id }: TransformRun, reason: string): Promise<void> {
    await this.#em.execute('update transform_run set reason = ? where id = ? and finished_at is null', [reason, id]);
  }

  async #workOf(run: TransformRun, lease: HeldLease, context: RunContext): Promise<RunWork> {
    const em = this.#em;
    const version = await em.findOneOrFail(TransformerVersionSchema, { id: run.versionId });
    const { name } = await em.findOneOrFail(TransformerSchema, { id: run.transformerId });
    const table = await em.findOneOrFail(LakeTableSchema, { id: version.tableId });
    const row = new RunRow(this.#deps.em, run, lease);
    const publisher = new TablePublisher(this.#deps, table, run);
    return new RunWork(this.#deps, { run, version, name, table, row, publisher, lease, ...context });
  }

  get #em(): EntityManager {
    return this.#deps.em.fork();
  }
}
