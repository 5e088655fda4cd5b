import { expect, test } from 'vitest';
import { SharedReads } from '../../../src/adapters/kafka/shared-reads.ts';
import { Turns } from '../../../src/domain/turns.ts';

test('so many work at once, and one that fails gives its turn to the next', async () => {
  const turns = new Turns(2);
  let [now, most] = [0, 0];
  const work = (fails: boolean) =>
    turns.take(async () => {
      now += 1;
      most = Math.max(most, now);
      await Promise.resolve();
      now -= 1;
      if (fails) throw new RangeError();
    });
  const results = await Promise.allSettled(Array.from({ length: 9 }, (_, index) => work(index % 3 === 0)));
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(6);
  expect([most, now]).toEqual([2, 0]);
});

test('who asks while a read is under way gets the next one, which all of them share', async () => {
  const reads = new SharedReads<number>();
  const ends: ((value: number) => void)[] = [];
  const read = () => new Promise<number>((resolve) => ends.push(resolve));
  const first = reads.read('a', read);
  await Promise.resolve();
  await Promise.resolve();
  const later = [reads.read('a', read), reads.read('a', read)];
  const other = reads.read('b', read);
  await Promise.resolve();
  expect(ends).toHaveLength(2);
  ends[0]?.(1);
  expect(await first).toBe(1);
  await new Promise(setImmediate);
  expect(ends).toHaveLength(3);
  ends[1]?.(7);
  ends[2]?.(2);
  expect(await Promise.all([...later, other])).toEqual([2, 2, 7]);
});

test('a read that fails does not keep the next one away', async () => {
  const reads = new SharedReads<number>();
  await expect(reads.read('a', () => Promise.reject(new RangeError()))).rejects.toThrow(RangeError);
  expect(await reads.read('a', async () => 3)).toBe(3);
});
