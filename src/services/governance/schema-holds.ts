import type { EntityManager } from '@mikro-orm/postgresql';
import { defaultContext, type SubjectName } from '../../domain/registry/subject-name.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { placesOfScopes } from './scope-places.ts';

/**
 * Places whose records versions of a subject describe: those that an entity of the same schema is mapped to, and those that are
 * associated with the subject or whose topic it is named after.
 */
const describedPlaces = `
  select m.dataset_id from subject_version v
    join schema s on s.context = v.context and s.id = v.schema_id
    join schema own on own.guid = s.guid and own.context = '${defaultContext}'
    join entity_version e on e.schema_id = own.id join mapping m on m.entity_id = e.entity_id
  where v.context = ? and v.subject = ? and v.version = any(?::int[])
  union
  select d.id from association a join dataset d on d.name = a.resource_name where a.context = ? and a.subject = ?
  union
  select d.id from dataset d where d.name in (regexp_replace(?, '-(key|value)$', ''), ?)`;

/**
 * Who needs held records must be able to read them, so a hold keeps the schemas of its places. One that names no place is about
 * all of them. @throws LinewardError HOLD_ACTIVE
 */
export async function assertSchemaNotHeld(
  tx: EntityManager,
  { context, name }: SubjectName,
  versions: readonly number[],
): Promise<void> {
  const [found] = await tx.execute<{ held: boolean }[]>(
    `with described as materialized (${describedPlaces})
     select exists (select from described) and (
       exists (select from legal_hold h where h.released_at is null
         and num_nonnulls(h.dataset_ids, h.namespaces, h.entity_ids, h.classifications) = 0)
       or exists (select from (${placesOfScopes('legal_hold', 'h.released_at is null')}) p
         join described on described.dataset_id = p.dataset_id)) as held`,
    [context, name, `{${versions.join(',')}}`, context, name, name, name],
  );
  if (found?.held === true)
    throw new LinewardError(
      'HOLD_ACTIVE',
      'subject: a legal hold is about records that this schema describes; it can be deleted permanently when the hold is released',
      { path: ['subject'] },
    );
}
