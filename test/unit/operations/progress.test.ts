import { expect, test } from 'vitest';
import { Pace, type TargetProgress } from '../../../src/domain/operations/progress.ts';
import { FileProgress } from '../../../src/services/lake/file-progress.ts';

const files = (done: number, bytes?: TargetProgress['bytes']): TargetProgress => ({
  ...{ done, total: 10, unit: 'files' as const },
  ...(bytes === undefined ? {} : { bytes }),
});

test('time left goes by what was done since the first report, not by what a worker before had done', () => {
  const pace = new Pace(0);
  expect(pace.at(files(5), 1_000)).toMatchObject({ startedAt: '1970-01-01T00:00:00.000Z', secondsLeft: null });
  expect(pace.at(files(5), 9_000).secondsLeft).toBeNull();
  // One file in ten seconds, and four are left.
  expect(pace.at(files(6), 11_000).secondsLeft).toBe(40);
  expect(pace.at(files(10), 12_000).secondsLeft).toBe(0);
});

test('it goes by bytes where there are some', () => {
  const pace = new Pace(0);
  pace.at(files(0, { done: 0, total: 1_000 }), 0);
  expect(pace.at(files(9, { done: 100, total: 1_000 }), 1_000).secondsLeft).toBe(9);
});

test('work that has nothing to do, or more than it had, has no time that is negative', () => {
  expect(new Pace(0).at({ done: 0, total: 0, unit: 'files' }, 5).secondsLeft).toBe(0);
  const pace = new Pace(0);
  pace.at(files(5), 0);
  // Files that were added meanwhile make the part that is done a smaller one.
  expect(pace.at({ ...files(6), total: 20 }, 1_000).secondsLeft).toBeNull();
});

test('a clock that is put back, and a beginning that is slower than any end, give no number that is none', () => {
  const pace = new Pace(0);
  pace.at(files(1), 3_600_000);
  expect(pace.at(files(2), 0).secondsLeft).toBeNull();
  const slow = new Pace(0);
  slow.at(files(0, { done: 0, total: 10 ** 13 }), 0);
  expect(slow.at(files(1, { done: 20_000, total: 10 ** 13 }), 10_000).secondsLeft).toBe(2 ** 31 - 1);
});

test('files count with their bytes, and with the records that were in them for it', () => {
  const [one, two, three] = [{ bytes: 10 }, { bytes: 20 }, { bytes: 30 }];
  const progress = new FileProgress([one, two, three], [two, three]);
  expect(progress.now()).toEqual({ done: 1, total: 3, unit: 'files', bytes: { done: 10, total: 60 }, records: 0 });
  progress.finish(two);
  progress.finish(three, 7);
  expect(progress.now()).toEqual({ done: 3, total: 3, unit: 'files', bytes: { done: 60, total: 60 }, records: 7 });
});
