import type { EntityManager } from '@mikro-orm/postgresql';
import type { PlaceScope } from '../../domain/governance/place-scope.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { textArray } from '../sql.ts';

/** A hold, a minimum or a policy, and a place that its scope names. */
export interface ScopedPlace {
  readonly scopeId: string;
  readonly datasetId: string;
  /** False where only lineage leads there. */
  readonly isNamed: boolean;
}

/** Tables whose rows have a scope. */
type Scoped = 'legal_hold' | 'minimum_retention' | 'retention_policy';

/**
 * The places of rows `h` of a table that have a scope, by their scopes and as everything is now. A label counts in whichever version of an entity has it: old
 * records have old versions. Lineage counts that has ended, too: what it copied is still there.
 */
export const placesOfScopes = (table: Scoped, condition: string): string => `
  with recursive asked as materialized (
    select h.id, h.dataset_ids, h.namespaces, h.entity_ids, h.classifications, h.lineage_downstream from ${table} h
    where num_nonnulls(h.dataset_ids, h.namespaces, h.entity_ids, h.classifications) > 0 and (${condition})
  ), wanted as (
    select coalesce(array_agg(distinct label), '{}') as labels from asked, unnest(classifications) label
  ), labelled as materialized (
    select m.dataset_id, f.label from entity_field e join entity_version v on v.id = e.version_id
      join mapping m on m.entity_id = v.entity_id, unnest(e.classifications) f(label)
    where e.classifications && (select labels from wanted) and f.label = any((select labels from wanted)::text[])
    union
    select d.dataset_id, f.label from dataset_field_label l join dataset_field d on d.id = l.field_id,
      unnest(l.classifications) f(label)
    where f.label = any((select labels from wanted)::text[])
  ), by_label as materialized (
    select a.id as scope_id, l.dataset_id from asked a, unnest(a.classifications) c(label), labelled l where l.label = c.label
  ), candidate as (
    select a.id as scope_id, d.id as dataset_id from asked a, unnest(a.dataset_ids) d(id)
    union
    select a.id, m.dataset_id from asked a, unnest(a.entity_ids) e(id), mapping m
    where a.dataset_ids is null and m.entity_id = e.id
    union
    select a.id, l.dataset_id from asked a join by_label l on l.scope_id = a.id
    where a.dataset_ids is null and a.entity_ids is null
    union
    select a.id, d.id from asked a, unnest(a.namespaces) n(name), dataset d
    where a.dataset_ids is null and a.entity_ids is null and a.classifications is null and d.namespace = n.name
  ), named as (
    select c.scope_id, c.dataset_id from candidate c join asked a on a.id = c.scope_id join dataset d on d.id = c.dataset_id
    where (a.namespaces is null or d.namespace = any(a.namespaces))
      and (a.entity_ids is null or exists (
        select from mapping m where m.dataset_id = d.id and m.entity_id = any(a.entity_ids)))
      -- One set that is hashed, and not looked through again for each of thousands of places.
      and (a.classifications is null or (a.id, d.id) in (select scope_id, dataset_id from by_label))
  ), reached as (
    select scope_id, dataset_id from named
    union
    select r.scope_id, e.target_dataset_id from reached r join asked a on a.id = r.scope_id and a.lineage_downstream
      join lineage_edge e on e.source_dataset_id = r.dataset_id
  )
  select r.scope_id, r.dataset_id, n.dataset_id is not null as is_named
  from reached r left join named n on n.scope_id = r.scope_id and n.dataset_id = r.dataset_id`;

/** Those of all rows that fulfil the condition. */
export async function scopedPlaces(
  em: EntityManager,
  table: Scoped,
  condition: string,
): Promise<readonly ScopedPlace[]> {
  const rows = await em.execute<{ scope_id: string; dataset_id: string; is_named: boolean }[]>(
    placesOfScopes(table, condition),
  );
  return rows.map(({ scope_id: scopeId, dataset_id: datasetId, is_named: isNamed }) => ({
    scopeId,
    datasetId,
    isNamed,
  }));
}

/** A name that is misspelt would mean nothing. What has no id yet is named by namespace or classification. */
export async function assertPlacesThere(
  tx: EntityManager,
  { datasetIds, entityIds }: Pick<PlaceScope, 'datasetIds' | 'entityIds'>,
): Promise<void> {
  for (const [table, part, ids] of [
    ['dataset', 'datasetIds', datasetIds],
    ['entity', 'entityIds', entityIds],
  ] as const) {
    if (ids === null) continue;
    const found = await tx.execute<unknown[]>(`select 1 from ${table} where id = any(?::text[])`, [textArray(ids)]);
    if (found.length < ids.length)
      throw new LinewardError('NOT_FOUND', `scope.${part}: one of them is not there`, { path: ['scope', part] });
  }
}
