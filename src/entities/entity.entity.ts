import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** A logical record type (`Demo.SparkSummit`), whatever its versions look like. */
export const EntitySchema = defineEntity({
  name: 'Entity',
  tableName: 'entity',
  properties: {
    id: p.text().primary(),
    namespace: p.text(),
    name: p.text(),
    catalogNamespace: p.text(),
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
