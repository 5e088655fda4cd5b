import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeSegment, keyHash, risingNumbers, segmentHolds } from '../../../src/domain/lake/index-segment.ts';

const largest = 2 ** 40 - 1;
const number = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: largest }));
const numbers = fc.array(number, { maxLength: 40 });
const holds = (segment: readonly number[], asked: readonly number[]) =>
  segmentHolds(encodeSegment(risingNumbers(segment)), risingNumbers(asked));

describe('a segment of the subject index', () => {
  it('tells of any numbers whether it has one of them', () => {
    fc.assert(
      fc.property(numbers, numbers, (segment, asked) => {
        expect(holds(segment, asked)).toBe(asked.some((one) => segment.includes(one)));
        for (const one of segment) expect(holds(segment, [...asked, one])).toBe(true);
      }),
    );
    expect(holds([0, 127, 128, largest], [largest])).toBe(true);
    expect(holds([], [1])).toBe(false);
  });

  it('is told from a damaged one, wherever a bit is another or the end is cut off', () => {
    const segment = encodeSegment(risingNumbers([1, 5, 1_000, largest]));
    const asked = risingNumbers([7]);
    expect(segmentHolds(segment, asked)).toBe(false);
    for (let at = 0; at < segment.length; at += 1) {
      const other = Buffer.from(segment);
      other[at] = (other[at] ?? 0) ^ 1;
      expect(segmentHolds(other, asked)).toBeNull();
      expect(segmentHolds(segment.subarray(0, at), asked)).toBeNull();
    }
  });

  it('has hashes that tell columns, values and installations apart, and never change', () => {
    const hash = keyHash('secret', { column: 'to', value: '+1' });
    expect(hash).toBe(831957288717);
    const others = [
      keyHash('secret', { column: 'to+', value: '1' }),
      keyHash('secret', { column: 'to', value: '+2' }),
      keyHash('other', { column: 'to', value: '+1' }),
    ];
    expect(new Set([hash, ...others]).size).toBe(4);
  });
});
