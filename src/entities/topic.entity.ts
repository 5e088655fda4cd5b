import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** What a topic is to the product. */
export const topicKinds = ['DATA', 'PROTECTED', 'DEAD_LETTER', 'GENERATION', 'REPLACED'] as const;
export type TopicKind = (typeof topicKinds)[number];

/** A topic as it was found on the broker. Its dataset is the same for all generations of it. */
export const TopicSchema = defineEntity({
  name: 'Topic',
  tableName: 'topic',
  properties: {
    id: p.text().primary(),
    namespace: p.text(),
    name: p.text(),
    datasetId: p.text(),
    topicKind: p.text().$type<TopicKind>(),
    partitionCount: p.integer(),
    replicaCount: p.integer(),
    /** By offsets; null when a partition did not tell. */
    recordCount: p.bigint('number').strictNullable(),
    /** On all brokers; null when a broker did not tell. */
    bytes: p.bigint('number').strictNullable(),
    cleanupPolicy: p.text().strictNullable(),
    retentionMs: p.text().strictNullable(),
    discoveredAt: p.datetime(),
    seenAt: p.datetime(),
    goneAt: p.datetime().strictNullable(),
    returnedAt: p.datetime().strictNullable(),
  },
});
export type Topic = InferEntity<typeof TopicSchema>;
