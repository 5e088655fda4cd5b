import { describe, expect, test } from 'vitest';
import { type ReplayStart, replaySteps, type SourcePartition } from '../../../src/domain/kafka/replay.ts';

const at = (partition: number, facts: Partial<SourcePartition> = {}): SourcePartition => ({
  partition,
  earliest: 10n,
  position: 50n,
  atTime: null,
  ...facts,
});
const offsets = (...all: readonly (readonly [number, string])[]): ReplayStart => ({
  kind: 'OFFSETS',
  offsets: all.map(([partition, offset]) => ({ partition, offset })),
});
const steps = (start: ReplayStart, partitions: readonly SourcePartition[]) =>
  replaySteps(start, partitions).map(({ partition, from, to }) => [partition, Number(from), Number(to)]);

describe('a replay goes back', () => {
  test('to the start of each partition that was read, and not where nothing was or is', () => {
    const partitions = [at(0), at(1, { position: null }), at(2, { earliest: 50n }), at(3, { earliest: 60n })];
    expect(steps({ kind: 'EARLIEST' }, partitions)).toEqual([[0, 50, 10]]);
  });

  test('to a time, and never forward to one that is not yet read', () => {
    const partitions = [at(0, { atTime: 30n }), at(1, { atTime: 70n }), at(2, { atTime: 50n })];
    expect(steps({ kind: 'TIMESTAMP', at: new Date(0) }, partitions)).toEqual([[0, 50, 30]]);
  });

  test('to offsets, in the partitions that are named', () => {
    expect(steps(offsets([1, '10'], [2, '50']), [at(0), at(1), at(2)])).toEqual([[1, 50, 10]]);
    expect(steps(offsets(), [at(0)])).toEqual([]);
  });

  test.each([
    ['a partition that is not there', offsets([2, '20']), ['from', 'offsets', '0', 'partition']],
    ['a partition twice', offsets([0, '20'], [0, '30']), ['from', 'offsets', '1', 'partition']],
    ['no number', offsets([0, '-1']), ['from', 'offsets', '0', 'offset']],
    ['more digits than an offset has', offsets([0, '9'.repeat(20)]), ['from', 'offsets', '0', 'offset']],
    ['what is deleted', offsets([0, '9']), ['from', 'offsets', '0', 'offset']],
    ['what is not yet read', offsets([0, '51']), ['from', 'offsets', '0', 'offset']],
    ['what is not yet read of a new partition', offsets([1, '11']), ['from', 'offsets', '0', 'offset']],
  ])('%s is refused with its place', (_what, start, field) => {
    const refused = () => replaySteps(start, [at(0), at(1, { position: null })]);
    expect(refused).toThrow(expect.objectContaining({ code: 'BAD_INPUT', field }));
  });
});
