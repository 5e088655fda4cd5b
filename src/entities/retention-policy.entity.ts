import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** How long lake tables that a scope names keep their rows, where they have no rule of their own. */
export const RetentionPolicySchema = defineEntity({
  name: 'RetentionPolicy',
  tableName: 'retention_policy',
  properties: {
    id: p.text().primary(),
    name: p.text(),
    version: p.integer(),
    days: p.integer(),
    /** Plans that look like the last ones of the same table need no person. */
    autoApprove: p.boolean(),
    datasetIds: p.array().strictNullable(),
    namespaces: p.array().strictNullable(),
    entityIds: p.array().strictNullable(),
    classifications: p.array().strictNullable(),
    lineageDownstream: p.boolean(),
    /** Follows from the scope; kept so that one statement can put policies in their order. */
    narrowness: p.integer(),
    setBy: p.text(),
    /** Of the version in force: what was approved before says nothing of it. */
    setAt: p.datetime(),
    retiredBy: p.text().strictNullable(),
    retiredAt: p.datetime().strictNullable(),
  },
});
export type RetentionPolicy = InferEntity<typeof RetentionPolicySchema>;
