import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { retentionActor } from '../../domain/access/actor.ts';
import { utcDayOf } from '../../domain/governance/minimum-retention.ts';
import { reasonToAsk } from '../../domain/lake/retention.ts';
import type { Logger } from '../../domain/logger.ts';
import type { OperationPlan } from '../../domain/operations/plan.ts';
import { finalStatuses } from '../../domain/operations/status.ts';
import { OperationSchema } from '../../entities/operation.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { OperationService } from '../operations/operation.service.ts';
import type { OperationRequestService } from '../operations/operation-request.service.ts';
import { textArray } from '../sql.ts';

const sweepMax = 100;

const dueRow = z.object({ dataset_id: z.string(), set_at: z.coerce.date() });

/** Rules that were not asked for today, of tables for which nothing is under way. */
const due = `
  select r.dataset_id, r.set_at from lake_retention r
  where (r.requested_on is null or r.requested_on < ?::date)
    and not exists (select 1 from operation o where o.kind = 'RETENTION' and r.dataset_id = any(o.dataset_ids)
      and not o.dry_run and o.status <> all(?::text[]))
  order by r.table_id limit ${sweepMax}`;

const plannedRow = z.object({
  id: z.string(),
  plan_hash: z.string(),
  auto_approve: z.boolean(),
  proven: z.boolean(),
});

/**
 * What the schedule asked for and nobody has approved, with the rule of its table as it is. `proven`: under this very rule
 * a person approved a plan before, and that came to its end.
 */
const planned = `
  select o.id, o.plan_hash, r.auto_approve,
    exists (select 1 from operation p join operation_approval a on a.operation_id = p.id and a.round = p.round
      where p.kind = 'RETENTION' and p.dataset_ids = o.dataset_ids and p.status in ('COMPLETED', 'PARTIAL')
        and p.created_at >= r.set_at and a.actor_id <> ?) as proven
  from operation o join lake_retention r on r.dataset_id = any(o.dataset_ids)
  where o.kind = 'RETENTION' and o.status = 'PLANNED' and not o.dry_run and o.requested_by = ? and o.created_at >= r.set_at
  order by o.id limit ${sweepMax}`;

/** What the schedule asked for under a rule that is not that of the table any more, and nobody has approved. */
const outdated = `
  select o.id from operation o
  where o.kind = 'RETENTION' and o.status = 'PLANNED' and not o.dry_run and o.requested_by = ?
    and not exists (select 1 from lake_retention r where r.dataset_id = any(o.dataset_ids) and r.set_at <= o.created_at)
  order by o.id limit ${sweepMax}`;

/**
 * Asks once a UTC day for the operation that each rule makes due. It executes nothing: a person approves, or, where the rule
 * says so and one did before, the schedule does as long as plans look as they should. Safe in many processes at once.
 */
export class RetentionSchedule {
  readonly #em: EntityManager;
  readonly #requests: Pick<OperationRequestService, 'requestRetention'>;
  readonly #operations: Pick<OperationService, 'approveOperation' | 'cancelOperation'>;
  readonly #logger: Logger;
  readonly #now: () => Date;
  /** Plans that were looked at, and wait for a person: they may be large. */
  readonly #judged = new Set<string>();

  constructor(deps: {
    readonly em: EntityManager;
    readonly requests: Pick<OperationRequestService, 'requestRetention'>;
    readonly operations: Pick<OperationService, 'approveOperation' | 'cancelOperation'>;
    readonly logger: Logger;
    readonly now: () => Date;
  }) {
    this.#em = deps.em;
    this.#requests = deps.requests;
    this.#operations = deps.operations;
    this.#logger = deps.logger;
    this.#now = deps.now;
  }

  async sweep(): Promise<void> {
    await this.#cancelOutdated();
    await this.#requestDue();
    await this.#settlePlanned();
  }

  async #requestDue(): Promise<void> {
    const today = utcDayOf(this.#now());
    const rows = await this.#em.fork().execute(due, [today, textArray(finalStatuses)]);
    for (const raw of rows) {
      const { dataset_id: datasetId, set_at: setAt } = dueRow.parse(raw);
      await this.#guarded(datasetId, async () => {
        // Two processes that ask at once get one operation.
        const idempotencyKey = `retention:${datasetId}:${setAt.getTime()}:${today}`;
        await this.#requests.requestRetention(retentionActor, { datasetId, idempotencyKey, reason: 'retention rule' });
        await this.#em
          .fork()
          .execute('update lake_retention set requested_on = ?::date where dataset_id = ? and set_at = ?', [
            today,
            datasetId,
            setAt,
          ]);
      });
    }
  }

  async #cancelOutdated(): Promise<void> {
    const rows = await this.#em.fork().execute<{ id: string }[]>(outdated, [retentionActor.id]);
    for (const { id } of rows)
      await this.#guarded(id, async () => {
        await this.#operations.cancelOperation(retentionActor, { id, reason: 'the retention rule has changed' });
      });
  }

  async #settlePlanned(): Promise<void> {
    const rows = await this.#em.fork().execute(planned, [retentionActor.id, retentionActor.id]);
    const waiting = new Set<string>();
    for (const raw of rows) {
      const { id, plan_hash: planHash, auto_approve: autoApprove, proven } = plannedRow.parse(raw);
      const key = JSON.stringify([id, planHash, autoApprove, proven]);
      waiting.add(key);
      if (this.#judged.has(key)) continue;
      await this.#guarded(id, async () => {
        const { plan } = await this.#em.fork().findOneOrFail(OperationSchema, { id });
        if (plan == null) return;
        const forecast = forecastOf(plan);
        // A plan in which nothing goes would only wait for somebody to look at it.
        if (forecast.rows === 0 && reasonToAsk(forecast) === null)
          await this.#operations.cancelOperation(retentionActor, {
            id,
            reason: 'nothing is older than the rule allows',
          });
        else if (autoApprove && proven && reasonToAsk(forecast) === null) await this.#approve(id, planHash);
        this.#judged.add(key);
      });
    }
    for (const key of this.#judged) if (!waiting.has(key)) this.#judged.delete(key);
  }

  /** Where an approval policy says who must, the plan waits for a person, and is not tried again. */
  async #approve(id: string, planHash: string): Promise<void> {
    await this.#operations.approveOperation(retentionActor, { id, planHash }).catch((error: unknown) => {
      if (!(error instanceof LinewardError) || error.code !== 'APPROVAL_REFUSED') throw error;
    });
  }

  /** What goes wrong with one must not keep the others. */
  async #guarded(id: string, work: () => Promise<void>): Promise<void> {
    await work().catch((error: unknown) => this.#logger.warn({ id, error }, 'a retention rule could not be followed'));
  }
}

const seenEntry = z.object({ table: z.object({ rows: z.number() }) });

function forecastOf({ targets, gaps }: OperationPlan) {
  const tables = targets.flatMap(({ estimate }) =>
    estimate.manifest.flatMap((one) => seenEntry.safeParse(one).data ?? []),
  );
  return {
    rows: targets.reduce((sum, { estimate }) => sum + estimate.records, 0),
    tableRows: tables.reduce((sum, { table }) => sum + table.rows, 0),
    gapCodes: gaps.map(({ code }) => code),
  };
}
