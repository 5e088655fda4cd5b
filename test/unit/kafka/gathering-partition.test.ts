import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GatheringPartition, type GatheringParts } from '../../../src/consumers/gathering-partition.ts';
import { StreamTally } from '../../../src/domain/kafka/stream-report.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import { RecordReader } from '../../../src/services/kafka/record-reader.ts';
import type { LandBatch } from '../../../src/services/lake/landing.service.ts';
import { quietLogger } from '../../testkit/actor.ts';

const stream = {
  id: 'stream',
  kind: 'LANDING',
  entityId: 'entity',
  source: { namespace: 'kafka://test', name: 'topic' },
  targetName: 'table',
  tableId: 'table',
  accountField: 'account_sid',
  subjectFields: [],
} as const;

const message = (offset: number) => ({
  partition: 0,
  offset: String(offset),
  timestamp: '0',
  key: Buffer.from('k'),
  value: Buffer.from(JSON.stringify({ n: offset })),
  headers: {},
});

/** A partition whose landings end as scripted, and then succeed. */
function gathering(failures: LinewardError[], position: string | null = null) {
  const landed: LandBatch[] = [];
  const registry = { fault: new LinewardError('SCHEMA_NOT_FOUND') };
  const parts: GatheringParts = {
    landing: {
      positionOf: async () => position,
      land: async (batch) => {
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
        landed.push(batch);
      },
    },
    kafka: { ensureTopic: async () => {}, produce: async () => [] },
    records: new RecordReader({ gate: { schemaNamed: () => Promise.reject(registry.fault) } }),
    isErased: () => false,
    tally: new StreamTally(),
    logger: quietLogger,
    flushMs: 10,
  };
  const offsets = () => landed.map(({ records }) => records.map(({ offset }) => offset));
  return { partition: new GatheringPartition(parts, stream, 0), offsets, registry };
}

describe('messages that gather', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('land after a failure although no further message comes, and the fault is told until then', async () => {
    const { partition, offsets } = gathering([new LinewardError('LAKE_ENGINE_FAILED', 'engine')]);
    await partition.add([message(0), message(1)]);
    await vi.advanceTimersByTimeAsync(100);
    expect([offsets(), partition.fault]).toEqual([[], 'engine']);
    await expect(partition.add([message(2)])).rejects.toMatchObject({ code: 'LAKE_ENGINE_FAILED' });
    await vi.advanceTimersByTimeAsync(10_000);
    expect([offsets(), partition.fault]).toEqual([[['0', '1']], null]);
  });

  it('leave out after a failure what another consumer has landed', async () => {
    const { partition, offsets } = gathering([new LinewardError('LEASE_LOST')], '1');
    await partition.add([message(0), message(1)]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(offsets()).toEqual([['1']]);
  });

  it('are read again when the registry does not answer, none of them taken', async () => {
    const { partition, offsets, registry } = gathering([]);
    const framed = { ...message(1), value: Buffer.from([0, 0, 0, 0, 7, 1]) };
    registry.fault = new LinewardError('INTERNAL');
    await expect(partition.add([message(0), framed])).rejects.toMatchObject({ code: 'INTERNAL' });
    await vi.advanceTimersByTimeAsync(100);
    expect(offsets()).toEqual([]);
    registry.fault = new LinewardError('SCHEMA_NOT_FOUND');
    await partition.add([message(0), framed, message(2)]);
    await vi.advanceTimersByTimeAsync(100);
    expect(offsets()).toEqual([['0', '2']]);
  });

  it('are forgotten when the partition is dropped', async () => {
    const { partition, offsets } = gathering([new LinewardError('LEASE_LOST')]);
    await partition.add([message(0)]);
    await vi.advanceTimersByTimeAsync(100);
    partition.drop();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(offsets()).toEqual([]);
  });
});
