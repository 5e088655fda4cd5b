import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import { defineJob, implementJob } from '../../../src/jobs/kit.ts';
import { backendKinds, herd, JobsLane, reaches, sheepContract } from '../../testkit/jobs.ts';

describe.each(backendKinds)('tasks on %s', (kind) => {
  let lane: JobsLane;
  beforeEach(async (context) => {
    const opened = await JobsLane.open(kind);
    if (typeof opened === 'string') return context.skip(opened);
    lane = opened;
  });
  afterEach(() => lane?.close());

  it('run with their payload as the contract parses it', async () => {
    const runs: unknown[] = [];
    const { contract, jobs } = await lane.started(async ({ payload, attempt, isLastAttempt }) => {
      runs.push({ payload, attempt, isLastAttempt });
    });
    const payload = herd(7);
    await jobs.enqueue(contract, 'a.1', payload);
    await reaches(jobs, contract, 'a.1', 'COMPLETED');
    expect(runs).toEqual([{ payload, attempt: 1, isLastAttempt: false }]);
  });

  it('of the same id run once, before and after they ended', async () => {
    let runs = 0;
    const { contract, jobs } = await lane.started(async () => {
      runs += 1;
    });
    await Promise.all([1, 2, 3].map((sheep) => jobs.enqueue(contract, 'same', herd(sheep))));
    await reaches(jobs, contract, 'same', 'COMPLETED');
    await jobs.enqueue(contract, 'same', herd());
    await jobs.enqueue(contract, 'other', herd());
    await reaches(jobs, contract, 'other', 'COMPLETED');
    expect(runs).toBe(2);
  });

  it('are tried again, later and later, until they work', async () => {
    const starts: number[] = [];
    const { contract, jobs } = await lane.started(async ({ attempt }) => {
      starts.push(Date.now());
      if (attempt < 3) throw new TypeError('not yet');
    });
    await jobs.enqueue(contract, 'a.1', herd());
    await reaches(jobs, contract, 'a.1', 'COMPLETED');
    const [first = 0, second = 0, third = 0] = starts;
    expect(starts).toHaveLength(3);
    expect(second - first).toBeGreaterThanOrEqual(contract.backoffMs);
    expect(third - second).toBeGreaterThanOrEqual(2 * contract.backoffMs);
  });

  it.each(['INTERNAL', 'KAFKA_UNAVAILABLE'] as const)('that end with %s are tried again', async (code) => {
    const attempts: number[] = [];
    const { contract, jobs } = await lane.started(async ({ attempt }) => {
      attempts.push(attempt);
      if (attempt === 1) throw new LinewardError(code);
    });
    await jobs.enqueue(contract, 'a.1', herd());
    await reaches(jobs, contract, 'a.1', 'COMPLETED');
    expect(attempts).toEqual([1, 2]);
  });

  it('that meet a fault which no further run mends end at once', async () => {
    let runs = 0;
    const { contract, jobs } = await lane.started(async () => {
      runs += 1;
      throw new LinewardError('LAKE_TABLE_REFUSED');
    });
    await jobs.enqueue(contract, 'a.1', herd());
    await reaches(jobs, contract, 'a.1', 'FAILED');
    expect(runs).toBe(1);
  });

  it('that never work end FAILED after their last attempt, and know which it is', async () => {
    const last: boolean[] = [];
    const { contract, jobs } = await lane.started(async ({ isLastAttempt }) => {
      last.push(isLastAttempt);
      throw new LinewardError('TIMEOUT');
    });
    await jobs.enqueue(contract, 'a.1', herd());
    await reaches(jobs, contract, 'a.1', 'FAILED');
    expect(last).toEqual([false, false, true]);
  });

  it('leave nothing of a foreign error message in the queue', async () => {
    const { contract, jobs } = await lane.started(
      async () => {
        throw new TypeError('cannot read +15005550006');
      },
      { attempts: 1 },
    );
    await jobs.enqueue(contract, 'a.1', herd());
    await reaches(jobs, contract, 'a.1', 'FAILED');
    const stored = await lane.queue(contract.queue).getJob('a.1');
    expect(stored?.failedReason).toBeTruthy();
    expect(JSON.stringify(stored)).not.toContain('15005550006');
  });

  it('publish their progress, if it fits', async () => {
    const refused: unknown[] = [];
    const { contract, jobs } = await lane.started(async ({ report }) => {
      await report({ done: 4 });
      await report({ done: 'five' } as unknown as { done: number }).catch((error: unknown) => refused.push(error));
    });
    await jobs.enqueue(contract, 'a.1', herd());
    await reaches(jobs, contract, 'a.1', 'COMPLETED');
    expect((await lane.queue(contract.queue).getJob('a.1'))?.progress).toEqual({ done: 4 });
    expect(refused).toMatchObject([{ code: 'JOB_PAYLOAD_INVALID' }]);
  });

  it('with a payload that does not fit are refused without a quote of it', async () => {
    const jobs = lane.jobs();
    const contract = sheepContract();
    const refusal = jobs.enqueue(contract, 'a.1', { id: 'ada@example.org', sheep: 1 });
    await expect(refusal).rejects.toMatchObject({ code: 'JOB_PAYLOAD_INVALID' });
    await expect(refusal).rejects.not.toThrow(/ada|example/);
    expect(await jobs.stateOf(contract, 'a.1')).toBe('MISSING');
  });

  it('that got into the queue with a payload that does not fit never reach the work', async () => {
    let runs = 0;
    const { contract, jobs } = await lane.started(async () => {
      runs += 1;
    });
    await lane.queue(contract.queue).add(contract.name, { id: 'ada@example.org' }, { jobId: 'a.1', attempts: 3 });
    await reaches(jobs, contract, 'a.1', 'FAILED');
    expect(runs).toBe(0);
  });

  it('of a kind without a processor end FAILED', async () => {
    const { contract, jobs } = await lane.started(async () => undefined);
    const unknown = defineJob({ ...contract, name: 'count-goats' });
    await jobs.enqueue(unknown, 'a.1', herd());
    await reaches(jobs, contract, 'a.1', 'FAILED');
  });

  it('never run in greater number side by side than the queue allows', async () => {
    let running = 0;
    const seen: number[] = [];
    const { contract, jobs } = await lane.started(
      async () => {
        running += 1;
        seen.push(running);
        await sleep(30);
        running -= 1;
      },
      { concurrency: 2 },
    );
    const ids = ['1', '2', '3', '4', '5', '6'].map((n) => `a.${n}`);
    for (const id of ids) await jobs.enqueue(contract, id, herd());
    for (const id of ids) await reaches(jobs, contract, id, 'COMPLETED');
    expect(Math.max(...seen)).toBe(2);
  });

  it('say in which state they are', async () => {
    const contract = sheepContract({ attempts: 2 });
    const jobs = lane.jobs();
    expect(await jobs.stateOf(contract, 'a.1')).toBe('MISSING');
    await jobs.enqueue(contract, 'a.1', herd());
    expect(await jobs.stateOf(contract, 'a.1')).toBe('WAITING');
    const gate = Promise.withResolvers<void>();
    const worker = lane.jobs();
    await worker.work(
      [
        implementJob({ ...contract, backoffMs: 60_000 }, async ({ payload }) => {
          await gate.promise;
          if (payload.sheep === 0) throw new LinewardError('TIMEOUT');
        }),
      ],
      {},
    );
    await reaches(jobs, contract, 'a.1', 'ACTIVE');
    gate.resolve();
    await reaches(jobs, contract, 'a.1', 'COMPLETED');
    const delayed = { ...contract, backoffMs: 60_000 };
    await jobs.enqueue(delayed, 'a.2', herd(0));
    await vi.waitFor(async () => {
      expect((await lane.queue(contract.queue).getJob('a.2'))?.attemptsMade).toBe(1);
    });
    expect(await jobs.stateOf(contract, 'a.2')).toBe('WAITING');
  });
});
