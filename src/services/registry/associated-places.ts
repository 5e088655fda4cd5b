import type { EntityManager } from '@mikro-orm/postgresql';
import { textArray } from '../sql.ts';

/** A place that an association says holds records, and that no mapping tells how to search. */
export interface UnmappedAssociation {
  readonly resource: string;
  readonly subject: string;
}

/**
 * Associated topics, tables and indexes that no mapping of the associated entity names. Associations and mappings name
 * clusters each in their own way, so places are compared by kind and name. With `all` also those whose subject describes no
 * entity, unless any entity is mapped to them.
 */
export async function unmappedAssociations(
  em: EntityManager,
  entityIds: readonly string[],
  { all }: { readonly all: boolean },
): Promise<readonly UnmappedAssociation[]> {
  return em.execute<UnmappedAssociation[]>(
    `select distinct association.resource_name as resource, association.subject
     from association left join lateral (
       select entity_version.entity_id from subject_version
       join entity_version on entity_version.schema_id = subject_version.schema_id
       where association.context = '.' and subject_version.context = association.context
         and subject_version.subject = association.subject
     ) described on true
     where (described.entity_id = any(?::text[]) or (described.entity_id is null and ?))
       and not exists (select 1 from mapping join dataset on dataset.id = mapping.dataset_id
         where mapping.role = upper(association.resource_type)
           and (dataset.name = association.resource_name or exists (select 1 from topic_alias
             where topic_alias.dataset_id = dataset.id and topic_alias.name = association.resource_name))
           and (described.entity_id is null or mapping.entity_id = described.entity_id))
     order by resource, subject`,
    [textArray(entityIds), all],
  );
}
