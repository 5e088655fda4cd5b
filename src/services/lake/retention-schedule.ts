import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { retentionActor } from '../../domain/access/actor.ts';
import { utcDayOf } from '../../domain/governance/minimum-retention.ts';
import { reasonToAsk } from '../../domain/lake/retention.ts';
import type { Logger } from '../../domain/logger.ts';
import type { OperationPlan } from '../../domain/operations/plan.ts';
import { OperationSchema } from '../../entities/operation.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { type EffectiveRetention, effectiveRetentions, isFollowed } from '../governance/retention-rules.ts';
import type { OperationService } from '../operations/operation.service.ts';
import type { OperationRequestService } from '../operations/operation-request.service.ts';
import { textArray } from '../sql.ts';

const sweepMax = 100;

/**
 * Operations by age of which there is no end yet, in the words of the indexes of open ones, and which of them the schedule asked
 * for and nobody has approved.
 */
const openOperations = `
  select id, dataset_ids, idempotency_key, plan_hash, status = 'PLANNED' and requested_by = ? as is_waiting from operation
  where kind = 'RETENTION' and not dry_run
    and (status = 'PLANNED' or status in ('REQUESTED', 'PLANNING', 'APPROVED', 'EXECUTING', 'VERIFYING')) order by id`;

const openRow = z
  .object({
    id: z.string(),
    dataset_ids: z.array(z.string()).nullable(),
    idempotency_key: z.string().nullable(),
    plan_hash: z.string().nullable(),
    is_waiting: z.boolean(),
  })
  .transform(
    (row): OpenOperation => ({
      id: row.id,
      datasetIds: row.dataset_ids ?? [],
      key: row.idempotency_key ?? '',
      planHash: row.plan_hash,
      isWaiting: row.is_waiting,
    }),
  );

interface OpenOperation {
  readonly id: string;
  readonly datasetIds: readonly string[];
  readonly key: string;
  readonly planHash: string | null;
  readonly isWaiting: boolean;
}

/**
 * Whether a person approved a plan by the same days and date of the same table, which came to its end, since the rule is as
 * it is: it may be a policy that goes before another one only now.
 */
const proven = `
  select exists (select from operation p join operation_approval a on a.operation_id = p.id and a.round = p.round
    where p.kind = 'RETENTION' and p.dataset_ids = array[?]::text[] and p.status in ('COMPLETED', 'PARTIAL') and p.created_at >= ?
      and a.actor_id <> ? and p.plan @> ?::jsonb) as proven`;

type Rule = EffectiveRetention & { readonly dateField: string };

/** Begins the keys of what is asked for by a rule as it is: by another one it is another request. */
const keyOf = ({ datasetId, policy, setAt }: Rule): string =>
  `retention:${datasetId}:${policy === null ? setAt.getTime() : `${policy.id}.${policy.version}`}:`;

/**
 * Asks once a UTC day for the operation that is due by the rule of each table, its own or that of a policy, which is found anew with
 * each look. It executes nothing: a person approves, or, where the rule says so and one did before, the schedule does as long
 * as plans look as they should. Safe in many processes at once.
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
    const em = this.#em.fork();
    const rules = [...(await effectiveRetentions(em, null)).values()].filter(isFollowed);
    const rows = await em.execute(openOperations, [retentionActor.id]);
    const open = rows.map((row) => openRow.parse(row));
    const byDataset = new Map(rules.map((rule) => [rule.datasetId, rule]));
    const ruleOf = ({ datasetIds: [datasetId = ''] }: OpenOperation) => byDataset.get(datasetId);
    const isOutdated = (operation: OpenOperation): boolean => {
      const rule = ruleOf(operation);
      return rule === undefined || !operation.key.startsWith(keyOf(rule));
    };
    const waiting = open.filter(({ isWaiting }) => isWaiting);
    await this.#cancel(waiting.filter(isOutdated).slice(0, sweepMax));
    await this.#requestDue(rules, new Set(open.flatMap(({ datasetIds }) => datasetIds)));
    await this.#settle(
      waiting.flatMap((operation) => {
        const rule = ruleOf(operation);
        return rule === undefined || isOutdated(operation) ? [] : [{ ...operation, rule }];
      }),
    );
  }

  /** What was asked for under a rule that the table does not go by any more, and nobody has approved. */
  async #cancel(outdated: readonly OpenOperation[]): Promise<void> {
    for (const { id } of outdated)
      await this.#guarded(id, async () => {
        await this.#operations.cancelOperation(retentionActor, { id, reason: 'the retention rule has changed' });
      });
  }

  /** Rules that were not asked for today, of tables for which nothing is under way. */
  async #requestDue(rules: readonly Rule[], busy: ReadonlySet<string>): Promise<void> {
    const today = utcDayOf(this.#now());
    // Two processes that ask at once get one operation.
    const idle = rules
      .filter(({ datasetId }) => !busy.has(datasetId))
      .map((rule) => ({ rule, idempotencyKey: keyOf(rule) + today }));
    const asked = await this.#em
      .fork()
      .execute<{ key: string }[]>(
        'select idempotency_key as key from operation where idempotency_key = any(?::text[])',
        [textArray(idle.map(({ idempotencyKey }) => idempotencyKey))],
      );
    const known = new Set(asked.map(({ key }) => key));
    const due = idle.filter(({ idempotencyKey }) => !known.has(idempotencyKey)).slice(0, sweepMax);
    for (const { rule, idempotencyKey } of due)
      await this.#guarded(rule.datasetId, async () => {
        const reason = rule.policy === null ? 'retention rule' : `retention policy "${rule.policy.name}"`;
        await this.#requests.requestRetention(retentionActor, {
          ...{ datasetId: rule.datasetId, idempotencyKey, reason },
          // All rules were read together; the planner reads that of the table again.
          assertMayBegin: async () => undefined,
        });
      });
  }

  async #settle(planned: readonly (OpenOperation & { readonly rule: Rule })[]): Promise<void> {
    const waiting = new Set<string>();
    for (const { id, planHash, rule } of planned.slice(0, sweepMax))
      await this.#guarded(id, async () => {
        if (planHash === null) return;
        const isProven = rule.autoApprove && (await this.#isProven(rule));
        const key = JSON.stringify([id, planHash, isProven]);
        waiting.add(key);
        if (this.#judged.has(key)) return;
        const { plan } = await this.#em.fork().findOneOrFail(OperationSchema, { id });
        if (plan == null) return;
        const forecast = forecastOf(plan);
        const mayGo = reasonToAsk(forecast) === null;
        // A plan in which nothing goes would only wait for somebody to look at it.
        if (forecast.rows === 0 && mayGo)
          await this.#operations.cancelOperation(retentionActor, {
            id,
            reason: 'nothing is older than the rule allows',
          });
        else if (isProven && mayGo) await this.#approve(id, planHash);
        this.#judged.add(key);
      });
    for (const key of this.#judged) if (!waiting.has(key)) this.#judged.delete(key);
  }

  async #isProven({ datasetId, setAt, days, dateField }: Rule): Promise<boolean> {
    const planned = { targets: [{ estimate: { manifest: [{ transformation: { retention: { days, dateField } } }] } }] };
    const [found] = await this.#em
      .fork()
      .execute<{ proven: boolean }[]>(proven, [datasetId, setAt, retentionActor.id, JSON.stringify(planned)]);
    return found?.proven === true;
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
