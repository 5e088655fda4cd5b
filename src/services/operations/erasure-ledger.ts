import type { EntityManager } from '@mikro-orm/postgresql';
import { type Actor, ledgerActor } from '../../domain/access/actor.ts';
import { newId } from '../../domain/id.ts';
import type { Logger } from '../../domain/logger.ts';
import type { OperationKind } from '../../domain/operations/status.ts';
import type { Gap } from '../../domain/operations/target.ts';
import type { Operation } from '../../entities/operation.entity.ts';
import type { JobScheduler } from '../../jobs/kit.ts';
import { replayLedgerJob } from '../../jobs/replay-ledger.job.ts';
import { audit } from '../audit/audit.service.ts';
import type { OperationService } from './operation.service.ts';

const sweepMax = 100;
/** What a minimum keeps and has no date is looked at again after so long. */
const undatedDays = 30;

const deferrable: readonly OperationKind[] = ['ERASURE', 'SHRED'];
const holdCodes: readonly string[] = ['HOLD_ACTIVE', 'HOLD_NOT_LOCATABLE', 'KEPT_IN_SOURCE', 'RETAINS_CHANGED'];

/**
 * Writes down that an erasure which ended waits for what keeps the data, or that it does not any more. A hold that was
 * released while it worked may have kept records that nobody went back to; that counts, too.
 */
export async function settleDeferral(tx: EntityManager, operation: Operation, open: readonly Gap[]): Promise<void> {
  if (!deferrable.includes(operation.kind) || operation.dryRun) return;
  const isOver = operation.status !== 'PARTIAL' && operation.status !== 'BLOCKED';
  const minimums = open.filter(({ code }) => code === 'MINIMUM_RETENTION');
  const byMinimum = !isOver && minimums.length > 0;
  const since = operation.plannedAt ?? new Date();
  const byHold =
    !isOver && (open.some(({ code }) => holdCodes.includes(code)) || (await wasReleasedSince(tx, operation.id, since)));
  if (!byHold && !byMinimum) return endDeferral(tx, operation.id);
  const ends = minimums.map(({ until }) => (until === undefined ? null : Date.parse(until)));
  const dated = ends.filter((end) => end !== null);
  const until = dated.length === 0 ? null : new Date(Math.max(...dated));
  await tx.execute(
    `insert into erasure_deferral (operation_id, by_hold, by_minimum, since, until) values (?, ?, ?, ?, ?)
     on conflict (operation_id) do update set by_hold = excluded.by_hold, by_minimum = excluded.by_minimum,
       since = excluded.since, until = excluded.until, ended_at = null`,
    [operation.id, byHold, byMinimum, since, until],
  );
}

/** Nothing is waited for any more. */
export async function endDeferral(tx: EntityManager, operationId: string): Promise<void> {
  await tx.execute('update erasure_deferral set ended_at = now() where operation_id = ? and ended_at is null', [
    operationId,
  ]);
}

async function wasReleasedSince(tx: EntityManager, operationId: string, since: Date): Promise<boolean> {
  const found = await tx.execute<unknown[]>(
    `select 1 from legal_hold h where h.released_at >= ? and exists (
       select from operation_subject s where s.operation_id = ? and s.account_id = h.account_id) limit 1`,
    [since, operationId],
  );
  return found.length > 0;
}

/**
 * Deferred erasures for which something has changed: a hold on one of their accounts was released long enough ago, or no hold
 * is left; or their minimum has run out.
 */
const due = `
  select d.operation_id from erasure_deferral d join operation o on o.id = d.operation_id
  where d.ended_at is null and o.status in ('PARTIAL', 'BLOCKED') and (
    (d.by_minimum and coalesce(d.until, d.since + make_interval(days => ${undatedDays})) <= ?)
    or (d.by_hold and exists (
      select from legal_hold h where h.released_at >= d.since and h.released_at <= ?
        and exists (select from operation_subject s where s.operation_id = o.id and s.account_id = h.account_id)))
    or (d.by_hold and not exists (
      select from legal_hold h where (h.released_at is null or h.released_at > ?)
        and exists (select from operation_subject s where s.operation_id = o.id and s.account_id = h.account_id))))
  order by d.since, d.operation_id limit ${sweepMax}`;

/**
 * Keeps deferred erasures from being forgotten. What may go on is planned anew, as a further round of the same operation: its
 * plan waits for approval, as every one does, and nothing is deleted silently.
 */
export class ErasureLedger {
  readonly #em: EntityManager;
  readonly #operations: Pick<OperationService, 'retryOperation'>;
  readonly #scheduler: Pick<JobScheduler, 'enqueue'>;
  readonly #logger: Logger;
  readonly #graceMs: number;
  readonly #now: () => Date;

  constructor(deps: {
    readonly em: EntityManager;
    readonly operations: Pick<OperationService, 'retryOperation'>;
    readonly scheduler: Pick<JobScheduler, 'enqueue'>;
    readonly logger: Logger;
    /** Between the release of a hold and the next look at what it kept. */
    readonly graceMs: number;
    readonly now: () => Date;
  }) {
    this.#em = deps.em;
    this.#operations = deps.operations;
    this.#scheduler = deps.scheduler;
    this.#logger = deps.logger;
    this.#graceMs = deps.graceMs;
    this.#now = deps.now;
  }

  async sweep(): Promise<void> {
    const now = this.#now();
    const settled = new Date(now.getTime() - this.#graceMs);
    const rows = await this.#em.fork().execute<{ operation_id: string }[]>(due, [now, settled, settled]);
    for (const { operation_id: id } of rows)
      await this.#reopen(id).catch((error: unknown) => {
        this.#logger.warn({ operationId: id, error }, 'a deferred erasure could not be taken up again');
      });
  }

  /** Begins to look for data of subjects that were erased before; answers the run. */
  async replay(actor: Actor): Promise<string> {
    const runId = newId();
    await this.#em.fork().transactional(async (tx) => {
      audit(tx, actor, { action: 'requestLedgerReplay', resourceType: 'ErasureLedger', resourceId: runId });
    });
    await this.#scheduler.enqueue(replayLedgerJob, `${replayLedgerJob.name}.${runId}`, { runId });
    return runId;
  }

  async #reopen(id: string): Promise<void> {
    await this.#operations.retryOperation(ledgerActor, { id });
    await this.#em
      .fork()
      .execute('update erasure_deferral set reopened = reopened + 1 where operation_id = ? and ended_at is null', [id]);
  }
}
