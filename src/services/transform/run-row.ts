import type { EntityManager } from '@mikro-orm/postgresql';
import type { RunOutputs, RunPlan, RunStatistics, TransformRunStatus } from '../../domain/transform/run-state.ts';
import type { TransformRun } from '../../entities/transform-run.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { HeldLease } from '../operations/lease.service.ts';
import { textArray } from '../sql.ts';
import type { RejectedRows } from './ports.ts';

export interface RunChange {
  readonly status?: TransformRunStatus;
  readonly plan?: RunPlan;
  readonly outputs?: RunOutputs | null;
  readonly statistics?: RunStatistics;
  readonly recordsDone?: number;
  readonly recordsTotal?: number;
  readonly code?: string | null;
  readonly reason?: string | null;
  readonly untold?: string | null;
  readonly ended?: true;
}

/** Rows of a source that do not get into the table. */
export interface SourceRejects extends RejectedRows {
  readonly source: number;
}

/** Different reasons that are kept of a run; each has the number of its rows. */
const rejectsMax = 1_000;

const columns = {
  status: 'status',
  plan: 'plan',
  outputs: 'outputs',
  statistics: 'statistics',
  recordsDone: 'records_done',
  recordsTotal: 'records_total',
  code: 'code',
  reason: 'reason',
  untold: 'untold',
} as const;

/** Writes to the row of a run, each time only while the lease of its table is held: a worker that was thought dead changes nothing. */
export class RunRow {
  readonly #em: EntityManager;
  readonly #run: Pick<TransformRun, 'id'>;
  readonly #lease: HeldLease;

  constructor(em: EntityManager, run: Pick<TransformRun, 'id'>, lease: HeldLease) {
    this.#em = em;
    this.#run = run;
    this.#lease = lease;
  }

  write(change: RunChange): Promise<void> {
    return this.writeIn(this.#em.fork(), change);
  }

  /** @throws LinewardError LEASE_LOST */
  async writeIn(tx: EntityManager, { ended, ...change }: RunChange): Promise<void> {
    const set = Object.entries(change).map(([name, value]) => {
      const isJson = name === 'plan' || name === 'outputs' || name === 'statistics';
      return {
        column: columns[name as keyof typeof columns],
        value: isJson && value !== null ? JSON.stringify(value) : value,
      };
    });
    const { resource, fencingToken } = this.#lease;
    const rows = await tx.execute<unknown[]>(
      `update transform_run set ${set.map(({ column }) => `${column} = ?, `).join('')}
         fencing_token = ?, updated_at = now()${ended === true ? ', finished_at = now()' : ''}
       where id = ? and finished_at is null and fencing_token <= ?
         and exists (select 1 from lease where resource = ? and fencing_token = ? for share) returning 1`,
      [...set.map(({ value }) => value), fencingToken, this.#run.id, fencingToken, resource, fencingToken],
    );
    if (rows.length === 0) throw new LinewardError('LEASE_LOST');
  }

  /** In the place of those of an earlier try. */
  async putRejects(rejects: readonly SourceRejects[]): Promise<void> {
    await this.#em.fork().transactional(async (tx) => {
      await this.writeIn(tx, {});
      await tx.execute('delete from transform_reject where run_id = ?', [this.#run.id]);
      for (const { source, code, field, rows, at } of rejects.slice(0, rejectsMax))
        await tx.execute(
          'insert into transform_reject (run_id, source, code, field, rows, places) values (?, ?, ?, ?, ?, ?::text[])',
          [this.#run.id, source, code, field, rows, textArray(at)],
        );
    });
  }

  /** @throws LinewardError CANCELLED once somebody asked for that; LEASE_LOST */
  async assertWanted(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const [row] = await this.#em
      .fork()
      .execute<{ cancel_requested: boolean }[]>('select cancel_requested from transform_run where id = ?', [
        this.#run.id,
      ]);
    if (row?.cancel_requested === true) throw new LinewardError('CANCELLED', 'the run was cancelled');
    await this.#lease.assertHeld();
  }
}
