import type { EntityManager } from '@mikro-orm/postgresql';
import { type Actor, ledgerActor } from '../../domain/access/actor.ts';
import { newId } from '../../domain/id.ts';
import type { Logger } from '../../domain/logger.ts';
import type { JobScheduler } from '../../jobs/kit.ts';
import { replayLedgerJob } from '../../jobs/replay-ledger.job.ts';
import { audit } from '../audit/audit.service.ts';
import { mayConcern } from './erasure-deferral.ts';
import type { OperationService } from './operation.service.ts';

const sweepMax = 100;
/** What a minimum keeps and has no date is looked at again after so long. */
const undatedDays = 30;

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
        and exists (select from operation_subject s where s.operation_id = o.id and ${mayConcern})))
    or (d.by_hold and not exists (
      select from legal_hold h where (h.released_at is null or h.released_at > ?)
        and exists (select from operation_subject s where s.operation_id = o.id and ${mayConcern}))))
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
