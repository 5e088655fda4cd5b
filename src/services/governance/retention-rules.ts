import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import {
  type UncoveredReason,
  uncoveredReasonNames,
  uncoveredReasons,
} from '../../domain/governance/retention-policy.ts';
import type { RetentionRule } from '../../domain/lake/retention.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { textArray } from '../sql.ts';
import { placesOfScopes } from './scope-places.ts';

const noPlaces = `select null::text as scope_id, null::text as dataset_id, null::boolean as is_named where false`;

/** The retention that somebody set for the topic of a dataset `p` itself. */
const ownTopic = `exists (select from topic_retention o where o.dataset_id = p.dataset_id and o.placed_by is null)`;
/** Why a policy about a dataset `p` that is no lake table cannot be followed; null where its topic `k` goes by it. */
const uncoveredTopic = `case
  when ${ownTopic} then null
  when k.named is null and not m.is_topic then 'NOT_A_TABLE'
  when k.named is null then 'NO_TOPIC'
  when not m.is_topic then 'NO_ENTITY'
  when k.cleanup_policy is null then 'SETTINGS_UNKNOWN'
  when not 'delete' = any(string_to_array(replace(k.cleanup_policy, ' ', ''), ',')) then 'COMPACTED' end`;

/**
 * Common table expressions of `retention_rule`: all that speaks about how long a dataset keeps its records by date, `line` 1 what
 * goes before the rest. That is its own rule, then the policy with the narrowest words, then the shortest. Whether a policy
 * can be followed depends on the place alone, so where one cannot, none can. Topics have rules of their own elsewhere: no line is
 * 1 where one has.
 */
const rulesOver = (places: string): string => `
  policy_place as materialized (${places}),
  dated as (
    select p.dataset_id, f.field, t.id is null and k.named is not null as is_topic, ${ownTopic} as is_set, case
      when t.id is null then ${uncoveredTopic}
      when not exists (
        select from mapping m where m.dataset_id = p.dataset_id and m.role = 'LAKE_TABLE') then 'NO_ENTITY'
      when f.field is null then 'NO_DATE_FIELD'
      when t.origin = 'LANDED' and not exists (
        select from jsonb_array_elements(t.columns) c where c ->> 'name' = f.field and c ->> 'type' = 'VARCHAR') then 'NO_DATE_COLUMN'
    end as uncovered
    from (select distinct dataset_id from policy_place) p left join lake_table t on t.dataset_id = p.dataset_id
      cross join lateral (select coalesce(
        (select min(m.date_field) from minimum_retention m where m.dataset_id = t.dataset_id),
        nullif(trim(t.date_field), '')) as field) f
      cross join lateral (select exists (
        select from mapping m where m.dataset_id = p.dataset_id and m.role = 'TOPIC') as is_topic) m
      left join lateral (select topic.name as named, topic.cleanup_policy from dataset d
        join topic on topic.namespace = d.namespace and topic.name = d.name and topic.dataset_id = d.id
        where d.id = p.dataset_id and topic.gone_at is null) k on true
  ),
  speaking as (
    select r.dataset_id, null::text as policy_id, null::text as policy, null::integer as version, r.days, r.date_field,
      r.auto_approve, r.set_by, r.set_at, null::text as uncovered, false as is_topic, false as is_set, true as is_named,
      0 as narrowness
    from lake_retention r
    union all
    select p.dataset_id, h.id, h.name, h.version, h.days, d.field, h.auto_approve, h.set_by, h.set_at, d.uncovered,
      d.is_topic, d.is_set, p.is_named, h.narrowness
    from policy_place p join retention_policy h on h.id = p.scope_id join dated d on d.dataset_id = p.dataset_id
  ),
  retention_rule as materialized (
    select s.*, s.is_set::integer + row_number() over (partition by s.dataset_id
      order by s.policy_id is null desc, s.is_named desc, s.narrowness desc, s.days, s.policy) as line
    from speaking s
  )`;

/** As `rulesOver`, by the policies in force and what their scopes name at this moment. */
export const retentionRules = rulesOver(placesOfScopes('retention_policy', 'h.retired_at is null'));
const ownRules = rulesOver(noPlaces);

/** How long a dataset keeps its records, and who says so. */
export interface EffectiveRetention {
  readonly datasetId: string;
  /** Null for a rule of the table itself. */
  readonly policy: { readonly id: string; readonly name: string; readonly version: number } | null;
  readonly days: number;
  /** True for a topic: its broker goes by the times of records. */
  readonly isTopic: boolean;
  /** Null for topics, and where the policy cannot be followed for want of one. */
  readonly dateField: string | null;
  readonly autoApprove: boolean;
  readonly setBy: string;
  readonly setAt: Date;
  /** Why nothing goes by it. */
  readonly uncovered: UncoveredReason | null;
}

const ruleRow = z
  .object({
    dataset_id: z.string(),
    policy_id: z.string().nullable(),
    policy: z.string().nullable(),
    version: z.number().nullable(),
    days: z.number(),
    is_topic: z.boolean(),
    date_field: z.string().nullable(),
    auto_approve: z.boolean(),
    set_by: z.string(),
    set_at: z.coerce.date(),
    uncovered: z.enum(uncoveredReasonNames).nullable(),
  })
  .transform(
    ({ policy_id: id, policy: name, version, ...row }): EffectiveRetention => ({
      datasetId: row.dataset_id,
      policy: id === null || name === null || version === null ? null : { id, name, version },
      days: row.days,
      isTopic: row.is_topic,
      dateField: row.date_field,
      autoApprove: row.auto_approve,
      setBy: row.set_by,
      setAt: row.set_at,
      uncovered: row.uncovered,
    }),
  );

/** By dataset; those of which nothing is said are absent. All for null. */
export async function effectiveRetentions(
  em: EntityManager,
  datasetIds: readonly string[] | null,
): Promise<ReadonlyMap<string, EffectiveRetention>> {
  const [known] = await em.execute<{ any: boolean }[]>(
    'select exists (select from retention_policy where retired_at is null) as any',
  );
  const rows = await em.execute(
    `with ${known?.any === true ? retentionRules : ownRules}
     select * from retention_rule where line = 1 ${datasetIds === null ? '' : 'and dataset_id = any(?::text[])'}
     order by dataset_id`,
    datasetIds === null ? [] : [textArray(datasetIds)],
  );
  return new Map(rows.map((row) => ruleRow.parse(row)).map((rule) => [rule.datasetId, rule]));
}

/** The rule that a lake table is to be worked on by; null for none, or one that cannot be followed. */
export async function followedRule(em: EntityManager, datasetId: string): Promise<RetentionRule | null> {
  const rule = (await effectiveRetentions(em, [datasetId])).get(datasetId);
  return rule === undefined || !isFollowed(rule) ? null : { dateField: rule.dateField, days: rule.days };
}

/** True for one that rows of a table go by. */
export const isFollowed = (rule: EffectiveRetention): rule is EffectiveRetention & { readonly dateField: string } =>
  rule.uncovered === null && rule.dateField !== null;

/** @throws LinewardError NOT_FOUND where nothing can be removed by age, with the reason. */
export async function assertRetained(em: EntityManager, datasetId: string): Promise<void> {
  const rule = (await effectiveRetentions(em, [datasetId])).get(datasetId);
  const path = ['datasetId'];
  if (rule?.isTopic === true)
    throw new LinewardError('NOT_FOUND', 'datasetId: it is a topic; approve its retention with applyTopicRetention', {
      path,
    });
  if (rule === undefined)
    throw new LinewardError('NOT_FOUND', 'datasetId: it is no lake table with a retention rule or policy; set one', {
      path,
    });
  if (rule.uncovered !== null)
    throw new LinewardError(
      'NOT_FOUND',
      `datasetId: the retention policy "${rule.policy?.name}" cannot be followed there. ${uncoveredReasons[rule.uncovered]}`,
      { path },
    );
}
