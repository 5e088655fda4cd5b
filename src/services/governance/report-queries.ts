import type { ReportName } from '../../domain/governance/report.ts';
import { retentionRules } from './retention-rules.ts';
import { placesOfScopes } from './scope-places.ts';

/** The clock of a request of a data subject: a month from when it came (GDPR Art. 12 (3)). */
const deadline = `(o.created_at + interval '1 month')`;
const words = (array: string): string => `array_to_string(${array}, '; ')`;

/** Places of the newest version of each entity in which a field holds something classified. */
const personalPlaces = `
  personal as (
    select entity.id as entity_id, count(*)::integer as fields,
      array(select distinct unnest(f.classifications) from entity_field f where f.version_id = entity.latest_version_id order by 1) as classifications,
      array(select distinct semantic_type from entity_field f where f.version_id = entity.latest_version_id and semantic_type is not null order by 1) as types
    from entity join entity_field on version_id = latest_version_id and cardinality(classifications) > 0 group by entity.id
  ), place as (
    select mapping.dataset_id, mapping.role, entity.namespace || '.' || entity.name as entity, entity.owners as entity_owners,
      entity.documentation, personal.*
    from personal join entity on entity.id = personal.entity_id join mapping on mapping.entity_id = entity.id
  )`;
const told = (part: string): string =>
  `(select value from dataset_told told where told.dataset_id = dataset.id and told.path = '' and told.part = '${part}')`;
/** Of the rule or policy that records go by, or that would speak if it could be followed. */
const rule = (column: string): string =>
  `(select ${column} from retention_rule r where r.dataset_id = dataset.id and r.line = 1)`;
const followed = (column: string): string => rule(`case when r.uncovered is null then ${column} end`);
/** What is in force of what somebody set for the topic itself. */
const ownTopicMs = `(select in_force ->> 'retention.ms' from topic_retention where topic_retention.dataset_id = dataset.id and placed_by is null)`;
const topicMs = `(select in_force ->> 'retention.ms' from topic_retention where topic_retention.dataset_id = dataset.id)`;
/** The longest minimum in force of each place, its own or by a scope. */
const minimums = `
  scoped as materialized (${placesOfScopes('minimum_retention', 'true')}),
  minimum as materialized (
    select place_id, max(days) as days from (
      select dataset_id as place_id, days, valid_until from minimum_retention where dataset_id is not null
      union all
      select scoped.dataset_id, days, valid_until from minimum_retention join scoped on scoped.scope_id = minimum_retention.id) m
    where valid_until is null or valid_until > now() group by place_id
  )`;
/** Rows of lake tables, or files of them, with classified columns in clear; what was decrypted in them is told by account. */
const readInClear = `((action = 'readLakeRows' or (action = 'openLakeRead' and details ->> 'access' = 'FILES')) and details -> 'clear' <> '[]')`;
const minimumDays = `(select days from minimum where minimum.place_id = dataset.id)`;

interface ReportQuery {
  /** Its columns are those of the report, in their order. */
  readonly sql: string;
  /** True where `from` and `to` are its parameters; a report of how things stand has none. */
  readonly isRanged: boolean;
}

const ranged = (sql: string): ReportQuery => ({ sql, isRanged: true });
const standing = (sql: string): ReportQuery => ({ sql, isRanged: false });

export const reportQueries: Readonly<Record<ReportName, ReportQuery>> = {
  'processing-records': standing(`
    with ${personalPlaces}, ${minimums}, ${retentionRules}
    select entity, place.documentation as purpose, dataset.namespace as place_namespace, dataset.name as place, role as place_kind,
      ${words('classifications')} as categories, ${words('types')} as semantic_types, fields as personal_fields,
      coalesce((select string_agg(owner, '; ') from jsonb_array_elements_text(${told('owners')}) owner), ${words('entity_owners')}) as owners,
      ${told('domain')} #>> '{}' as domain,
      (select string_agg(distinct target.namespace || ' ' || target.name, '; ')
        from lineage_edge edge join dataset target on target.id = edge.target_dataset_id
        where edge.source_dataset_id = dataset.id and edge.valid_to is null) as goes_to,
      (select string_agg(distinct stream.kind, '; ') from stream where stream.target_dataset_id = dataset.id) as comes_by_stream,
      ${followed('r.days')} as retention_days, ${topicMs} as topic_retention_ms, ${minimumDays} as minimum_days
    from place join dataset on dataset.id = place.dataset_id
    order by entity, place_namespace, place`),
  'subject-requests': ranged(`
    select o.id as operation, o.kind, o.created_at as requested_at, o.requested_by, ${deadline} as due_at, o.status,
      (select count(*) from operation_subject where operation_id = o.id)::integer as subjects, o.finished_at as ended_at,
      case when o.status in ('COMPLETED', 'CANCELLED') then o.finished_at > ${deadline} else now() > ${deadline} end as late,
      case when d.operation_id is null or d.ended_at is not null then null
        else concat_ws('; ', case when d.by_hold then 'LEGAL_HOLD' end, case when d.by_minimum then 'MINIMUM_RETENTION' end) end as deferred_by,
      case when d.ended_at is null then d.until end as deferred_until,
      (select id from certificate where certificate.operation_id = o.id order by round desc limit 1) as certificate
    from operation o left join erasure_deferral d on d.operation_id = o.id
    where o.kind in ('ERASURE', 'SHRED') and not o.dry_run and ($1::timestamptz is null or o.created_at >= $1)
      and ($2::timestamptz is null or o.created_at < $2)
    order by o.created_at, o.id`),
  'clear-reads': ranged(`
    select (at at time zone 'UTC')::date::text as day, actor_id as actor, details ->> 'accountId' as account, details ->> 'table' as table,
      (select string_agg(name, '; ') from jsonb_array_elements_text(details -> 'clear') name) as columns, details ->> 'purpose' as purpose,
      count(*)::integer as calls, case when action = 'decrypt' then coalesce(sum((details ->> 'values')::bigint) filter (where outcome = 'SUCCESS'), 0)::text end as values,
      count(*) filter (where outcome <> 'SUCCESS')::integer as refused_calls
    from audit_event
    where (action = 'decrypt' or ${readInClear}) and ($1::timestamptz is null or at >= $1) and ($2::timestamptz is null or at < $2)
    group by 1, 2, 3, 4, 5, 6, action = 'decrypt' order by 1, 2, 3, 4, 5, 6, action = 'decrypt'`),
  'retention-coverage': standing(`
    with ${personalPlaces}, ${minimums}, ${retentionRules}
    select dataset.namespace as place_namespace, dataset.name as place, role as place_kind, entity, ${words('classifications')} as categories,
      ${followed('r.days')} as rule_days, ${rule('r.policy')} as policy, ${topicMs} as topic_retention_ms, ${minimumDays} as minimum_days,
      (select outcome from topic_retention where topic_retention.dataset_id = dataset.id) as topic_outcome,
      case when ${ownTopicMs} is not null then 'RULE' when ${rule('true')} is null then 'NONE'
        when ${rule('r.uncovered')} is not null then 'UNCOVERED' when ${rule('r.policy')} is null then 'RULE'
        else 'POLICY' end as coverage,
      case when ${ownTopicMs} is null then ${rule('r.uncovered')} end as uncovered_reason
    from place join dataset on dataset.id = place.dataset_id
    order by coverage, place_namespace, place, entity`),
  approvals: ranged(`
    select o.id as operation, o.kind, o.requested_by, o.created_at as requested_at, o.status, o.round,
      ${words(`array(select actor_id || coalesce(' (for ' || on_behalf_of || ')', '') from operation_approval a where a.operation_id = o.id and a.round = o.round order by approved_at)`)} as approved_by,
      o.approved_at,
      exists (select from operation_approval a where a.operation_id = o.id and a.round = o.round and a.actor_id = o.requested_by) as approved_by_requester
    from operation o
    where not o.dry_run and ($1::timestamptz is null or o.created_at >= $1) and ($2::timestamptz is null or o.created_at < $2)
    order by o.created_at, o.id`),
  'access-rights': ranged(`
    select name, ${words('roles')} as roles, created_by, created_at, expires_at, revoked_by, revoked_at,
      revoked_at is null and (expires_at is null or expires_at > now()) as in_force
    from api_token
    where ($1::timestamptz is null or coalesce(revoked_at, now()) >= $1) and ($2::timestamptz is null or created_at < $2)
    order by created_at, name`),
};
