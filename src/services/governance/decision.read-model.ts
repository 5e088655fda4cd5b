import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { type Claim, type Decision, decide, isAbout } from '../../domain/governance/decision.ts';
import type { ActiveHold } from '../../domain/governance/hold-scope.ts';
import { keptUntil } from '../../domain/governance/minimum-retention.ts';
import { assertSelector, type SubjectSelector } from '../../domain/governance/selection.ts';
import { finalStatuses } from '../../domain/operations/status.ts';
import type { MinimumRetention } from '../../entities/minimum-retention.entity.ts';
import { TopicRetentionSchema } from '../../entities/topic-retention.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { textArray } from '../sql.ts';
import { placedMinimums } from './placed-minimums.ts';
import { activeHolds } from './retains.ts';
import { effectiveRetentions, isFollowed } from './retention-rules.ts';
import { dateFieldsOf } from './table-dates.ts';

/** One record, as far as decisions need to know it: whose it is, where it lies, and of when it is. */
export interface DecisionQuestion {
  readonly datasetId: string;
  readonly selector: SubjectSelector;
  /** Null: it has no date, or it is not known. */
  readonly date: Date | null;
  /** True for who may be told of confidential holds. */
  readonly isInitiated: boolean;
}

/** Stands for a confidential hold to all others. */
export const confidentialSource = 'CONFIDENTIAL';

/** Most claims of one kind that are told. */
const claimsMax = 100;

const erasureRow = z.object({ id: z.string(), entity_id: z.string().nullable(), created_at: z.coerce.date() });

/** Erasures that are to reach the item: under way, or deferred. What another entity's places hold is not meant. */
const erasures = `
  select o.id, o.entity_id, o.created_at from operation o
  where o.kind = 'ERASURE' and not o.dry_run
    and (o.status <> all(?::text[]) or exists (
      select from erasure_deferral d where d.operation_id = o.id and d.ended_at is null))
    and (o.entity_id is null or exists (
      select from mapping m where m.entity_id = o.entity_id and m.dataset_id = ?))
    and exists (select from operation_subject s where s.operation_id = o.id and s.account_id = ?
      and (s.subject_field is null or (s.subject_field = ? and s.subject_value = ?)))
  order by o.created_at, o.id limit ${claimsMax}`;

/** Why an erasure that ended waits, and until when. */
export interface Deferral {
  readonly operationId: string;
  readonly byHold: boolean;
  readonly byMinimum: boolean;
  readonly since: Date;
  readonly until: Date | null;
  readonly reopened: number;
}

const deferralRow = z
  .object({
    operation_id: z.string(),
    by_hold: z.boolean(),
    by_minimum: z.boolean(),
    since: z.coerce.date(),
    until: z.coerce.date().nullable(),
    reopened: z.number(),
  })
  .transform(
    ({ operation_id: operationId, by_hold: byHold, by_minimum: byMinimum, ...times }): Deferral => ({
      ...times,
      operationId,
      byHold,
      byMinimum,
    }),
  );

/** Says what is decided about a record, and why: by the very function that operations go by. */
export class DecisionReadModel {
  readonly #em: EntityManager;
  readonly #now: () => Date;

  constructor(deps: { readonly em: EntityManager; readonly now: () => Date }) {
    this.#em = deps.em;
    this.#now = deps.now;
  }

  /** @throws LinewardError NOT_FOUND, BAD_INPUT */
  async explain(question: DecisionQuestion): Promise<Decision> {
    assertSelector(question.selector, ['item']);
    const em = this.#em.fork();
    const [dataset] = await em.execute<{ fields: readonly string[] | null }[]>(
      `select array(select distinct unnest(m.subject_fields) from mapping m where m.dataset_id = d.id) as fields
       from dataset d where d.id = ?`,
      [question.datasetId],
    );
    if (dataset === undefined)
      throw new LinewardError('NOT_FOUND', 'datasetId: there is no such dataset', { path: ['datasetId'] });
    const claims = [
      ...(await holdsOn(em, question, dataset.fields ?? [])),
      ...(await minimumsOn(em, question, this.#now())),
      ...(await erasuresOf(em, question)),
      ...(await rulesOf(em, question)),
    ];
    return decide(claims, this.#now());
  }

  /** What operations that ended still wait for; those that do not are absent. */
  async deferralsOf(operationIds: readonly string[]): Promise<ReadonlyMap<string, Deferral>> {
    const rows = await this.#em
      .fork()
      .execute('select * from erasure_deferral where operation_id = any(?::text[]) and ended_at is null', [
        textArray(operationIds),
      ]);
    return new Map(rows.map((row) => deferralRow.parse(row)).map((deferral) => [deferral.operationId, deferral]));
  }

  /** What regulations ask for, by dataset and name, as each is there. */
  async minimumsOf(datasetIds: readonly string[]): Promise<ReadonlyMap<string, readonly MinimumRetention[]>> {
    const placed = await placedMinimums(this.#em, datasetIds);
    return new Map(
      [...placed].map(([id, minimums]) => [id, minimums.map(({ row, dateField }) => ({ ...row, dateField }))]),
    );
  }
}

/**
 * A hold that names its person by a field which the place does not have keeps all records of the account there. One on a range of
 * dates goes by the date of the record, where the place has one and is not reached by lineage alone.
 */
async function holdsOn(
  em: EntityManager,
  { datasetId, date, isInitiated, selector: { accountId, subject } }: DecisionQuestion,
  fields: readonly string[],
): Promise<readonly Claim[]> {
  const keeps = (selector: SubjectSelector): boolean =>
    selector.accountId === accountId &&
    (selector.subject === undefined ||
      !fields.includes(selector.subject.field) ||
      (subject?.field === selector.subject.field && subject.value === selector.subject.value));
  const holds = (await activeHolds(em, [accountId])).filter(
    ({ selectors, datasets }) => datasets?.has(datasetId) !== false && (selectors?.some(keeps) ?? true),
  );
  const isDated = holds.some(({ dates }) => dates !== null) && (await hasDates(em, datasetId));
  const claims = holds.flatMap((hold): readonly Claim[] => {
    const claim = claimOf(hold, isDated && !hold.byLineage.has(datasetId) ? date : null);
    if (!hold.confidential || isInitiated) return [claim];
    // Who may not know of it learns that something is held, and not of which dates.
    return isAbout(claim) ? [{ rule: 'LEGAL_HOLD', sourceId: confidentialSource, at: null }] : [];
  });
  // However many are about other dates, what keeps the record is told.
  return claims.toSorted((one, other) => Number(isAbout(other)) - Number(isAbout(one))).slice(0, claimsMax);
}

const claimOf = ({ id, dates }: ActiveHold, date: Date | null): Claim => ({
  ...{ rule: 'LEGAL_HOLD', sourceId: id, at: null },
  ...(dates !== null && { dates, date }),
});

/** True where rows have a date by which they are told apart; records of topics have time stamps, which are no dates of events. */
async function hasDates(em: EntityManager, datasetId: string): Promise<boolean> {
  return ((await dateFieldsOf(em, [datasetId])).get(datasetId) ?? null) !== null;
}

async function minimumsOn(
  em: EntityManager,
  { datasetId, date }: DecisionQuestion,
  now: Date,
): Promise<readonly Claim[]> {
  const minimums = (await placedMinimums(em, [datasetId])).get(datasetId) ?? [];
  return minimums
    .filter(({ validUntil }) => validUntil == null || validUntil > now)
    .map(({ row, days, validUntil, undatable }) => {
      const until = date === null || undatable === true ? null : keptUntil(date, days);
      const isCutShort = validUntil != null && (until === null || validUntil < until);
      return { rule: 'MINIMUM_RETENTION', sourceId: row.name, at: isCutShort ? validUntil : until };
    });
}

async function erasuresOf(
  em: EntityManager,
  { datasetId, selector: { accountId, subject } }: DecisionQuestion,
): Promise<readonly Claim[]> {
  const rows = await em.execute(erasures, [
    textArray(finalStatuses),
    datasetId,
    accountId,
    subject?.field ?? null,
    subject?.value ?? null,
  ]);
  return rows.map((row) => {
    const { id, entity_id: entityId, created_at: at } = erasureRow.parse(row);
    return { rule: entityId === null ? 'ERASURE' : 'ITEM_DELETE', sourceId: id, at };
  });
}

/** The rule that the whole place goes by, its own or that of a policy. A topic goes by what is in force on the broker with somebody's approval. */
async function rulesOf(em: EntityManager, { datasetId, date }: DecisionQuestion): Promise<readonly Claim[]> {
  const claims: Claim[] = [];
  const rule = (await effectiveRetentions(em, [datasetId])).get(datasetId);
  if (rule !== undefined && isFollowed(rule)) {
    const at = date === null ? null : keptUntil(date, rule.days);
    claims.push(
      rule.policy === null
        ? { rule: 'CONTAINER_DELETE', sourceId: datasetId, at }
        : { rule: 'POLICY_DELETE', sourceId: rule.policy.name, at },
    );
  }
  const topic = await em.findOne(TopicRetentionSchema, { datasetId });
  const keptMs = Number(topic?.inForce['retention.ms'] ?? -1);
  if (keptMs >= 0) {
    const at = date === null ? Number.NaN : date.getTime() + keptMs;
    const isDate = Math.abs(at) <= 8.64e15;
    const placedBy = topic?.placedBy ?? null;
    claims.push({
      ...(placedBy === null
        ? { rule: 'CONTAINER_DELETE', sourceId: datasetId }
        : { rule: 'POLICY_DELETE', sourceId: placedBy }),
      at: isDate ? new Date(at) : null,
    });
  }
  return claims;
}
