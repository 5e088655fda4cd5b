import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { RetentionMode } from '../domain/governance/minimum-retention.ts';

/** How long a regulation wants the records of a dataset to be kept, or those of all datasets that a scope names. */
export const MinimumRetentionSchema = defineEntity({
  name: 'MinimumRetention',
  tableName: 'minimum_retention',
  properties: {
    id: p.text().primary(),
    /** Null for a minimum that has a scope. */
    datasetId: p.text().strictNullable(),
    datasetIds: p.array().strictNullable(),
    namespaces: p.array().strictNullable(),
    entityIds: p.array().strictNullable(),
    classifications: p.array().strictNullable(),
    lineageDownstream: p.boolean(),
    /** The regulation, as counsel names it; one of a name for each dataset, and one among those with a scope. */
    name: p.text(),
    days: p.integer(),
    mode: p.text().$type<RetentionMode>(),
    /** Null: the time stamp that a record has in its topic; with a scope, each table’s own date. */
    dateField: p.text().strictNullable(),
    validUntil: p.datetime().strictNullable(),
    setBy: p.text(),
    setAt: p.datetime(),
  },
});
export type MinimumRetention = InferEntity<typeof MinimumRetentionSchema>;
