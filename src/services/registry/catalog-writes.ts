import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { newId } from '../../domain/id.ts';
import type { LabelledField } from '../../domain/registry/labels.ts';
import { executePrepared, prepared, type StatementValues } from '../sql.ts';

/** A version of an entity to be remembered. */
export interface EntityVersionToWrite {
  readonly namespace: string;
  readonly name: string;
  /** Folder in the catalog that the schema names; null leaves it as it is. */
  readonly catalogNamespace: string | null;
  /** Id of the schema in the default context. */
  readonly schemaId: number;
  /** Text of the document. */
  readonly document: string;
  readonly label: string;
  /** What makes two registrations the same version. */
  readonly fingerprint: string;
  readonly createdBy: string;
  readonly fields: readonly LabelledField[];
}

const written = z.object({ entity_id: z.string(), version_id: z.string(), number: z.number(), is_new: z.boolean() });

/** Folder of entities whose schema names none. */
export const defaultCatalogNamespace = 'default';

/**
 * Writes the version of an entity, and the entity when it is not known, in one statement; a version of that fingerprint is
 * answered as it is. Two writers of one entity at once violate a key, and `contended` lets one of them start again.
 */
export async function writeEntityVersion(
  tx: EntityManager,
  given: EntityVersionToWrite,
): Promise<{
  readonly entityId: string;
  readonly versionId: string;
  readonly number: number;
  readonly isNew: boolean;
}> {
  const values = { ...catalogValues(given), schema_id: String(given.schemaId) };
  const [answer] = await executePrepared(tx, writeStatement, values);
  const { entity_id, version_id, number, is_new } = written.parse(answer);
  return { entityId: entity_id, versionId: version_id, number, isNew: is_new };
}

/** Holds back other writers of an entity that is known, so that the number of its next version stays free. */
export async function holdEntity(
  tx: EntityManager,
  { namespace, name }: Pick<EntityVersionToWrite, 'namespace' | 'name'>,
): Promise<void> {
  await tx.execute('select 1 from entity where namespace = ? and name = ? for no key update', [
    storable(namespace),
    storable(name),
  ]);
}

/** The values of `catalogSteps`. */
export function catalogValues(given: Omit<EntityVersionToWrite, 'schemaId'>): StatementValues {
  return {
    entity_id: newId(),
    version_id: newId(),
    namespace: storable(given.namespace),
    name: storable(given.name),
    folder: given.catalogNamespace,
    document: given.document,
    label: given.label,
    fingerprint: given.fingerprint,
    created_by: given.createdBy,
    fields: JSON.stringify(given.fields.map(fieldRow)),
  };
}

function fieldRow(field: LabelledField, ordinal: number) {
  return {
    id: newId(),
    ordinal,
    path: storable(field.path),
    type: field.type,
    nullable: field.nullable,
    required: field.required,
    semantic_type: field.semanticType,
    shape: {
      otherTypes: field.otherTypes.map((type) => (type === null ? null : storable(type))),
      recurrences: field.recurrences.map(({ at, to }) => ({ at: storable(at), to: storable(to) })),
      plainAt: field.plainAt.map(storable),
    },
    classifications: field.classifications,
    tags: field.tags.map(storable),
    doc: field.doc === null ? null : storable(field.doc),
  };
}

/** The text with U+FFFD for what the database cannot keep: U+0000 and halves of surrogate pairs. Documents have them escaped. */
function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\ufffd');
}

/**
 * Steps of a statement that write the version of an entity with the schema that the step `chosen` has the id of; nothing where
 * it has none. `offset 0` keeps a plan from looking for the fingerprint among the versions of all entities, which seems as
 * good while there are none.
 */
export const catalogSteps = `
  known_version as (
    select version.id, entity_id, number from entity
    cross join lateral (
      select id, entity_id, number from entity_version
      where entity_id = entity.id and fingerprint = :fingerprint offset 0
    ) version
    where entity.namespace = :namespace and entity.name = :name
  ), entity_row as (
    insert into entity (id, namespace, name, catalog_namespace, created_at, updated_at, latest_version_id)
    select :entity_id, :namespace, :name, coalesce(:folder, '${defaultCatalogNamespace}'), now(), now(), :version_id
    from chosen where not exists (select from known_version)
    on conflict (namespace, name) do update set catalog_namespace = coalesce(:folder, entity.catalog_namespace),
      updated_at = excluded.updated_at, latest_version_id = excluded.latest_version_id
    returning id
  ), version_row as (
    insert into entity_version (id, entity_id, number, schema_id, document, label, fingerprint, created_by, created_at)
    select :version_id, entity_row.id,
      1 + coalesce((select max(number) from entity_version other where other.entity_id = entity_row.id), 0),
      chosen.id, :document, :label, :fingerprint, :created_by, now()
    from entity_row, chosen
    returning id, entity_id, number
  ), field_rows as (
    insert into entity_field (id, version_id, ordinal, path, type, nullable, required, semantic_type, shape,
      classifications, tags, doc)
    select field.id, version_row.id, ordinal, path, type, nullable, required, semantic_type, shape,
      classifications, tags, doc
    from version_row, jsonb_to_recordset(:fields::jsonb) as field (id text, ordinal integer, path text, type text,
      nullable boolean, required boolean, semantic_type text, shape jsonb, classifications text[], tags text[], doc text)
  )`;

const writeStatement = prepared(
  'write_entity_version',
  `
  with chosen as (select :schema_id::integer as id), ${catalogSteps}
  select entity_id, id as version_id, number, true as is_new from version_row
  union all
  select entity_id, id, number, false from known_version`,
);
