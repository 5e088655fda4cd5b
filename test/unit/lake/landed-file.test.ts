import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { landedName, landedOffset } from '../../../src/domain/lake/landed-file.ts';

const range = { topic: 'orders', partition: 3, firstOffset: 5n, lastOffset: 9n };
const source = fc.record({ topic: fc.string({ minLength: 1, maxLength: 249 }), partition: fc.nat(999) });

describe('landed file names', () => {
  it('are padded, so that they sort by offset', () => {
    expect(landedName(range)).toBe('orders-3-00000000000000000005-00000000000000000009');
  });

  it('give their first offset back to their own partition and to no other', () => {
    fc.assert(
      fc.property(source, source, fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (own, other, offset) => {
        const name = `${landedName({ ...own, firstOffset: offset, lastOffset: offset })}.parquet`;
        expect(landedOffset(name, own)).toBe(offset);
        const isSame = own.topic === other.topic && own.partition === other.partition;
        if (!isSame) expect(landedOffset(name, other)).toBeNull();
      }),
    );
  });

  it('keep partition 2 of topic a-1 apart from partition 1 of topic a', () => {
    const name = `${landedName({ ...range, topic: 'a-1', partition: 2 })}.parquet`;
    expect(landedOffset(name, { topic: 'a', partition: 1 })).toBeNull();
  });

  it('never begin with what lake tools skip and fit a file system name', () => {
    fc.assert(
      fc.property(source, (own) => {
        const name = landedName({ ...own, firstOffset: 0n, lastOffset: 0n });
        expect(name).toMatch(/^[^._/]/u);
        expect(Buffer.byteLength(name)).toBeLessThan(200);
      }),
    );
  });
});
