import { describe, expect, it } from 'vitest';
import { OffsetMap } from '../../../src/domain/kafka/offset-map.ts';
import { generationOf, nextGeneration, sourceMark, sourceOffset } from '../../../src/domain/kafka/topic-generation.ts';

const at = (offset: bigint) => new Map([[0, offset]]);

/** Positions in a copy that ends at 100, whose records came from these offsets; null: of somebody else. */
function mapped(copy: readonly (number | null)[], ...positions: readonly bigint[]): readonly (bigint | undefined)[] {
  const map = new OffsetMap(positions.map(at), at(100n));
  for (const [index, source] of copy.entries()) map.add(0, BigInt(index), source === null ? null : BigInt(source));
  return positions.map((position) => map.translate(at(position)).get(0));
}

describe('positions in the copy of a topic', () => {
  it('are the first copy at or behind the position, also where records were left out', () => {
    expect(mapped([0, 1, 5, 9], 0n, 1n, 2n, 5n, 6n, 9n)).toEqual([0n, 1n, 2n, 2n, 3n, 3n]);
  });

  it('are the end of the copy when it has nothing at or behind them', () => {
    expect(mapped([0, 1], 2n, 50n)).toEqual([100n, 100n]);
    expect(mapped([], 0n)).toEqual([100n]);
  });

  it('never pass what was written to the copy itself, though late copies come behind', () => {
    expect(mapped([0, 1, null, 2, 3], 1n, 2n, 3n, 4n)).toEqual([1n, 2n, 2n, 2n]);
  });

  it('are translated for each partition apart', () => {
    const map = new OffsetMap(
      [
        new Map([
          [0, 5n],
          [1, 5n],
        ]),
      ],
      new Map([[0, 7n]]),
    );
    map.add(1, 3n, 5n);
    map.add(2, 9n, 5n);
    expect([
      ...map.translate(
        new Map([
          [0, 5n],
          [1, 5n],
          [2, 5n],
        ]),
      ),
    ]).toEqual([
      [0, 7n],
      [1, 3n],
      [2, 0n],
    ]);
  });
});

describe('the names of generations', () => {
  it.each([
    ['calls', 1, 'calls.g2'],
    ['calls.g2', 1, 'calls.g3'],
    ['calls.g9', 12, 'calls.g13'],
    ['calls.g0', 1, 'calls.g0.g2'],
    ['.g2', 1, '.g2.g2'],
  ])('%s is followed, after %i, by %s', (name, used, next) => {
    expect(nextGeneration(name, used)).toBe(next);
  });

  it('have a base', () => {
    expect(generationOf('a.g2.g3')).toEqual({ base: 'a.g2', number: 3 });
  });

  it('tell a copy of this topic from one of another', () => {
    const mark = Buffer.from(sourceMark('calls', '17'));
    expect(sourceOffset(mark, 'calls')).toBe(17n);
    for (const topic of ['call', 'calls.g2', 'calls@1']) expect(sourceOffset(mark, topic)).toBeNull();
    for (const text of ['calls@', 'calls@x', 'calls@1@2']) expect(sourceOffset(Buffer.from(text), 'calls')).toBeNull();
    expect(sourceOffset(undefined, 'calls')).toBeNull();
  });
});
