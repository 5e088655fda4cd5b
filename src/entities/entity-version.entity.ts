import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** One immutable schema document of an entity, which may be deprecated. `document` is the text as it was registered. */
export const EntityVersionSchema = defineEntity({
  name: 'EntityVersion',
  tableName: 'entity_version',
  properties: {
    id: p.text().primary(),
    entityId: p.text(),
    number: p.integer(),
    schemaId: p.integer(),
    document: p.text(),
    label: p.text(),
    fingerprint: p.text(),
    createdBy: p.text(),
    createdAt: p.datetime(),
    deprecatedAt: p.datetime().strictNullable(),
    deprecatedBy: p.text().strictNullable(),
    deprecationReason: p.text().strictNullable(),
    replacementId: p.text().strictNullable(),
  },
});
export type EntityVersion = InferEntity<typeof EntityVersionSchema>;

interface FieldShape {
  readonly otherTypes: readonly (string | null)[];
  readonly recurrences: readonly { readonly at: string; readonly to: string }[];
  readonly plainAt: readonly string[];
}

/** A path in a version, with what its values are. */
export const EntityFieldSchema = defineEntity({
  name: 'EntityField',
  tableName: 'entity_field',
  properties: {
    id: p.text().primary(),
    versionId: p.text(),
    ordinal: p.integer(),
    path: p.text(),
    type: p.text(),
    nullable: p.boolean(),
    required: p.boolean(),
    semanticType: p.text().strictNullable(),
    /** What a plan must know of its values beside their type; null for versions that were registered before it was kept. */
    shape: p.json<FieldShape>().strictNullable(),
    classifications: p.array(),
    tags: p.array(),
    doc: p.text().strictNullable(),
  },
});
export type EntityField = InferEntity<typeof EntityFieldSchema>;
