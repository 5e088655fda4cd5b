import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Allowances } from '../../../src/services/access/allowances.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const [ann, bob] = [{ id: 'ann' }, { id: 'bob' }];
const times = (count: number, work: () => void): void => {
  for (let done = 0; done < count; done += 1) work();
};

test('requests are taken as they come until those of a minute are used up, for each actor apart', () => {
  const allowances = new Allowances({ requestsPerMinute: 60, costPerMinute: 0 });
  times(60, () => allowances.request(ann));
  expect(() => allowances.request(ann)).toThrow(
    expect.objectContaining({ code: 'RATE_LIMITED', details: { retryAfterSeconds: 1 } }),
  );
  times(60, () => allowances.request(bob));
  vi.advanceTimersByTime(2_000);
  times(2, () => allowances.request(ann));
  expect(() => allowances.request(ann)).toThrow('The actor has sent 60 requests');
  vi.advanceTimersByTime(3_600_000);
  times(60, () => allowances.request(ann));
  expect(() => allowances.request(ann)).toThrow();
});

test('a query that costs more than is left waits until there is as much again, and smaller ones need not', () => {
  const allowances = new Allowances({ requestsPerMinute: 0, costPerMinute: 60_000 });
  times(5, () => allowances.query(ann, 10_000));
  allowances.query(ann, 9_000);
  expect(() => allowances.query(ann, 10_000)).toThrow(
    expect.objectContaining({ code: 'RATE_LIMITED', details: { retryAfterSeconds: 9 } }),
  );
  allowances.query(ann, 1_000);
  vi.advanceTimersByTime(10_000);
  allowances.query(ann, 10_000);
});

test('0 is no limit', () => {
  const allowances = new Allowances({ requestsPerMinute: 0, costPerMinute: 0 });
  times(100_000, () => allowances.request(ann));
  times(1_000, () => allowances.query(ann, 10_000));
});

test('what an actor has used up is not forgotten before it is there again, however many others ask', () => {
  const allowances = new Allowances({ requestsPerMinute: 2, costPerMinute: 0 });
  vi.advanceTimersByTime(50_000);
  times(2, () => allowances.request(ann));
  let count = 0;
  times(29, () => {
    times(1_000, () => {
      count += 1;
      allowances.request({ id: `actor ${count}` });
    });
    vi.advanceTimersByTime(1_000);
  });
  expect(() => allowances.request(ann)).toThrow();
  vi.advanceTimersByTime(1_000);
  allowances.request(ann);
  expect(() => allowances.request(ann)).toThrow();
});
