import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { RetentionMode } from '../domain/governance/minimum-retention.ts';

/** How long a regulation wants the records of a dataset to be kept. */
export const MinimumRetentionSchema = defineEntity({
  name: 'MinimumRetention',
  tableName: 'minimum_retention',
  properties: {
    id: p.text().primary(),
    datasetId: p.text(),
    /** The regulation, as counsel names it; one of a name for each dataset. */
    name: p.text(),
    days: p.integer(),
    mode: p.text().$type<RetentionMode>(),
    /** Null: the time stamp that a record has in its topic. */
    dateField: p.text().strictNullable(),
    validUntil: p.datetime().strictNullable(),
    setBy: p.text(),
    setAt: p.datetime(),
  },
});
export type MinimumRetention = InferEntity<typeof MinimumRetentionSchema>;
