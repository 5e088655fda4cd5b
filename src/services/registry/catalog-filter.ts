import type { MappingRole } from '../../domain/operations/target.ts';
import type { SqlFragment } from '../keyset-page.ts';
import {
  booleanCondition,
  type Operators,
  someTextCondition,
  type TextConditions,
  textCondition,
} from '../text-filter.ts';

/** Which entities. */
export interface EntityConditions extends Operators<EntityConditions> {
  readonly namespace?: TextConditions | undefined;
  readonly name?: TextConditions | undefined;
  readonly catalogNamespace?: TextConditions | undefined;
  /** Of the entity itself, or of a field of its latest version. */
  readonly tag?: TextConditions | undefined;
  readonly owner?: TextConditions | undefined;
  /** Of a field of the latest version. */
  readonly classification?: TextConditions | undefined;
  readonly deprecated?: boolean | undefined;
}

/** Which fields. */
export interface FieldConditions extends Operators<FieldConditions> {
  readonly path?: TextConditions | undefined;
  readonly type?: TextConditions | undefined;
  readonly tag?: TextConditions | undefined;
  readonly classification?: TextConditions | undefined;
  readonly semanticType?: TextConditions | undefined;
  readonly entityNamespace?: TextConditions | undefined;
  readonly entityName?: TextConditions | undefined;
  readonly catalogNamespace?: TextConditions | undefined;
  /** Role of a dataset that holds records of the field's entity. */
  readonly mappedTo?: MappingRole | undefined;
}

/** The condition over table `entity`. @throws LinewardError LIMIT_EXCEEDED */
export function entityCondition(filter: EntityConditions | undefined): SqlFragment {
  return booleanCondition(filter, {
    namespace: textCondition('namespace'),
    name: textCondition('name'),
    catalogNamespace: textCondition('catalog_namespace'),
    tag: (given) => entry('tags', given),
    owner: someTextCondition('owners'),
    classification: (given) => entry('classifications', given),
    deprecated: (given) => ({ sql: 'deprecated_at is not null = ?', params: [given] }),
  });
}

/** Whether `entityCondition` of the filter reads search entries, which must be up to date then. */
export function asksSearchEntries(filter: EntityConditions | undefined): boolean {
  if (filter === undefined) return false;
  const { tag, classification, and = [], or = [], not } = filter;
  return tag != null || classification != null || [...and, ...or, not].some(asksSearchEntries);
}

const entityOfField = `entity.id as entity_id, entity.namespace as entity_namespace, entity.name as entity_name,
  entity.catalog_namespace`;

/** Fields with the names of their entities, as `fieldCondition` asks for them. */
export const fieldListings = {
  latestVersions: `(
    select entity_field.*, ${entityOfField} from entity_field
    join entity on entity.latest_version_id = entity_field.version_id
  ) listed_field`,
  allVersions: `(
    select entity_field.*, ${entityOfField} from entity_field
    join entity_version on entity_version.id = entity_field.version_id
    join entity on entity.id = entity_version.entity_id
  ) listed_field`,
} as const;

/** The condition over `fieldListings`. @throws LinewardError LIMIT_EXCEEDED */
export function fieldCondition(filter: FieldConditions | undefined): SqlFragment {
  return booleanCondition(filter, {
    path: textCondition('path'),
    type: textCondition('type'),
    tag: someTextCondition('tags'),
    classification: someTextCondition('classifications'),
    semanticType: (given) => {
      const some = textCondition('semantic_type')(given);
      // False, not unknown, for fields without one: `not` must find them.
      return { sql: `semantic_type is not null and ${some.sql}`, params: some.params };
    },
    entityNamespace: textCondition('entity_namespace'),
    entityName: textCondition('entity_name'),
    catalogNamespace: textCondition('catalog_namespace'),
    mappedTo: (given) => ({
      sql: 'exists (select 1 from mapping where mapping.entity_id = listed_field.entity_id and role = ?)',
      params: [given],
    }),
  });
}

// The search entry of an entity has its labels and those of the fields of its latest version together.
function entry(column: string, given: TextConditions): SqlFragment {
  const some = someTextCondition(`search_entry.${column}`)(given);
  return {
    sql: `exists (select 1 from search_entry where search_entry.id = entity.id and kind = 'ENTITY' and ${some.sql})`,
    params: some.params,
  };
}
