import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** A logical record type (`Demo.SparkSummit`), whatever its versions look like, and what people say about it. */
export const EntitySchema = defineEntity({
  name: 'Entity',
  tableName: 'entity',
  properties: {
    id: p.text().primary(),
    namespace: p.text(),
    name: p.text(),
    catalogNamespace: p.text(),
    documentation: p.text().strictNullable(),
    owners: p.array(),
    tags: p.array(),
    revision: p.integer(),
    deprecatedAt: p.datetime().strictNullable(),
    deprecatedBy: p.text().strictNullable(),
    deprecationReason: p.text().strictNullable(),
    replacementId: p.text().strictNullable(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
  },
});
export type Entity = InferEntity<typeof EntitySchema>;

/** Another name under which an entity is looked up. */
export const EntityAliasSchema = defineEntity({
  name: 'EntityAlias',
  tableName: 'entity_alias',
  properties: {
    alias: p.text().primary(),
    entityId: p.text(),
  },
});
