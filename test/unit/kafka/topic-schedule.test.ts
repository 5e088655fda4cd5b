import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { reconcileTopicsJob } from '../../../src/jobs/reconcile-topics.job.ts';
import { TopicSchedule } from '../../../src/services/kafka/topic-schedule.ts';

beforeEach(() => {
  vi.useFakeTimers({ now: 60_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

function schedule(intervalMs: number, enqueue: (id: string) => Promise<void>) {
  const scheduler = {
    enqueue: (_contract: unknown, id: string) => enqueue(id),
    stateOf: async () => 'MISSING' as const,
  };
  return new TopicSchedule({ scheduler, contract: reconcileTopicsJob, intervalMs });
}

test('an interval makes one task, the same for all processes', async () => {
  const ids: string[] = [];
  const processes = [1, 2].map(() => schedule(1_000, async (id) => void ids.push(id)));
  const sweep = () => Promise.all(processes.map((one) => one.enqueueDue()));
  await sweep();
  await sweep();
  vi.advanceTimersByTime(1_000);
  await sweep();
  expect(ids).toEqual(['reconcile-topics.60', 'reconcile-topics.60', 'reconcile-topics.61', 'reconcile-topics.61']);
});

test('what could not be enqueued is tried again, and 0 means never', async () => {
  const ids: string[] = [];
  let isAway = true;
  const one = schedule(1_000, async (id) => {
    if (isAway) throw new Error('the queue is away');
    ids.push(id);
  });
  await expect(one.enqueueDue()).rejects.toThrow('away');
  isAway = false;
  await one.enqueueDue();
  const never = schedule(0, async (id) => void ids.push(id));
  await never.enqueueDue();
  await never.enqueueNow();
  expect(ids).toEqual(['reconcile-topics.60']);
  await one.enqueueNow();
  expect(ids[1]).toMatch(/^reconcile-topics\.[0-9a-f-]{36}$/);
});
