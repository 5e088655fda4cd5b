import type { EntityManager } from '@mikro-orm/postgresql';

/** A hold and a place that its scope names. */
export interface HoldPlace {
  readonly holdId: string;
  readonly datasetId: string;
  /** False where only lineage leads there. */
  readonly isNamed: boolean;
}

/**
 * The places of holds `h`, by their scopes and as everything is now. A label counts in whichever version of an entity has it: old
 * records have old versions. Lineage counts that has ended, too: what it copied is still there.
 */
export const placesOfHolds = (holds: string): string => `
  with recursive asked as materialized (
    select h.id, h.dataset_ids, h.namespaces, h.entity_ids, h.classifications, h.lineage_downstream from legal_hold h
    where num_nonnulls(h.dataset_ids, h.namespaces, h.entity_ids, h.classifications) > 0 and (${holds})
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
  ), candidate as (
    select a.id as hold_id, d.id as dataset_id from asked a, unnest(a.dataset_ids) d(id)
    union
    select a.id, m.dataset_id from asked a, unnest(a.entity_ids) e(id), mapping m
    where a.dataset_ids is null and m.entity_id = e.id
    union
    select a.id, l.dataset_id from asked a, unnest(a.classifications) c(label), labelled l
    where a.dataset_ids is null and a.entity_ids is null and l.label = c.label
    union
    select a.id, d.id from asked a, unnest(a.namespaces) n(name), dataset d
    where a.dataset_ids is null and a.entity_ids is null and a.classifications is null and d.namespace = n.name
  ), named as (
    select c.hold_id, c.dataset_id from candidate c join asked a on a.id = c.hold_id join dataset d on d.id = c.dataset_id
    where (a.namespaces is null or d.namespace = any(a.namespaces))
      and (a.entity_ids is null or exists (
        select from mapping m where m.dataset_id = d.id and m.entity_id = any(a.entity_ids)))
      and (a.classifications is null or exists (
        select from labelled l where l.dataset_id = d.id and l.label = any(a.classifications)))
  ), reached as (
    select hold_id, dataset_id from named
    union
    select r.hold_id, e.target_dataset_id from reached r join asked a on a.id = r.hold_id and a.lineage_downstream
      join lineage_edge e on e.source_dataset_id = r.dataset_id
  )
  select r.hold_id, r.dataset_id, n.dataset_id is not null as is_named
  from reached r left join named n on n.hold_id = r.hold_id and n.dataset_id = r.dataset_id`;

/** Places of all active holds that are about some places. */
export async function placesOfActiveHolds(em: EntityManager): Promise<readonly HoldPlace[]> {
  const rows = await em.execute<{ hold_id: string; dataset_id: string; is_named: boolean }[]>(
    placesOfHolds('h.released_at is null'),
  );
  return rows.map(({ hold_id: holdId, dataset_id: datasetId, is_named: isNamed }) => ({ holdId, datasetId, isNamed }));
}
