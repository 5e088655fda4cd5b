import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

export const streamKinds = ['PROTECTION', 'LANDING'] as const;
export type StreamKind = (typeof streamKinds)[number];

/** A continuous movement of one dataset into another, run by the consumer role. */
export const StreamSchema = defineEntity({
  name: 'Stream',
  tableName: 'stream',
  properties: {
    id: p.text().primary(),
    kind: p.text().$type<StreamKind>(),
    entityId: p.text(),
    sourceDatasetId: p.text(),
    targetDatasetId: p.text(),
    /** What it should do; whether it does is told by the processes that run it. */
    state: p.text().$type<'RUNNING' | 'PAUSED'>(),
    stateSince: p.datetime(),
    createdAt: p.datetime(),
  },
});
export type Stream = InferEntity<typeof StreamSchema>;

/** Next offset of a source partition that a landing has not yet landed. */
export const StreamPositionSchema = defineEntity({
  name: 'StreamPosition',
  tableName: 'stream_position',
  properties: {
    streamId: p.text().primary(),
    partition: p.integer().primary(),
    nextOffset: p.bigint('string'),
    updatedAt: p.datetime(),
  },
});
