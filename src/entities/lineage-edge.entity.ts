import { defineEntity, p } from '@mikro-orm/core';

/** A job that moves data from one dataset to another, over a half-open validity range. */
export const LineageEdgeSchema = defineEntity({
  name: 'LineageEdge',
  tableName: 'lineage_edge',
  properties: {
    id: p.text().primary(),
    sourceDatasetId: p.text(),
    targetDatasetId: p.text(),
    job: p.text(),
    validFrom: p.datetime(),
    validTo: p.datetime().strictNullable(),
  },
});
