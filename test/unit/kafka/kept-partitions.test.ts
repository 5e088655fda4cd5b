import type { Message, PartitionMetadata } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { keptPartitions } from '../../../src/adapters/kafka/kept-partitions.ts';

const partitionMetadata = Array.from(
  { length: 5 },
  (_, partitionId): PartitionMetadata => ({ partitionId, partitionErrorCode: 0, leader: 1, replicas: [1], isr: [1] }),
);

describe('partitions of what a stream writes', () => {
  it('stay with each try of a send, for messages without a key, too', () => {
    const choose = keptPartitions();
    const messages: Message[] = [
      ...Array.from({ length: 12 }, () => ({ key: null, value: 'a' })),
      { key: 'k', value: 'b' },
      { key: null, value: 'c', partition: 3 },
    ];
    const once = () => messages.map((message) => choose({ topic: 't', partitionMetadata, message }));
    const first = once();
    expect([once(), once()]).toEqual([first, first]);
    expect(new Set(first).size).toBe(5);
    expect(first.at(-1)).toBe(3);
  });

  it('stay when the topic gets more of them between two tries', () => {
    const choose = keptPartitions();
    const message: Message = { key: 'key', value: 'a' };
    const first = choose({ topic: 't', partitionMetadata, message });
    const grown = Array.from({ length: 64 }, (_, partitionId) => ({ ...partitionMetadata[0], partitionId }));
    expect(choose({ topic: 't', partitionMetadata: grown as PartitionMetadata[], message })).toBe(first);
  });
});
