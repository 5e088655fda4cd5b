import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { StandingActor } from '../domain/access/actor.ts';
import type { RunSchedule } from '../domain/transform/run-schedule.ts';

/** What makes a table, under a name; its versions say how. */
export const TransformerSchema = defineEntity({
  name: 'Transformer',
  tableName: 'transformer',
  properties: {
    id: p.text().primary(),
    name: p.text(),
    createdBy: p.text(),
    createdAt: p.datetime(),
    /** It makes nothing any more; its tables stay. */
    retiredBy: p.text().strictNullable(),
    retiredAt: p.datetime().strictNullable(),
    schedule: p.json<RunSchedule>().strictNullable(),
    /** Who set it: runs by it read in that name. */
    scheduleOwner: p.json<StandingActor>().strictNullable(),
    /** When its next run is due by the schedule; null while there is none, or it is paused. */
    dueAt: p.datetime().strictNullable(),
  },
});
export type Transformer = InferEntity<typeof TransformerSchema>;

/** One immutable document of a transformer, with the table that it makes. */
export const TransformerVersionSchema = defineEntity({
  name: 'TransformerVersion',
  tableName: 'transformer_version',
  properties: {
    id: p.text().primary(),
    transformerId: p.text(),
    number: p.integer(),
    /** As it was given. */
    document: p.text(),
    /** Ordered lists of values that were given beside it. */
    orders: p.json<Readonly<Record<string, readonly string[]>>>(),
    tableId: p.text(),
    datasetId: p.text(),
    createdBy: p.text(),
    createdAt: p.datetime(),
  },
});
export type TransformerVersion = InferEntity<typeof TransformerVersionSchema>;
