import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BullmqJobs } from '../../../src/adapters/bullmq/bullmq-jobs.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import { implementJob } from '../../../src/jobs/kit.ts';
import { quietLogger } from '../../testkit/actor.ts';
import { backendKinds, herd, JobsLane, lockMs, reaches, sheepContract } from '../../testkit/jobs.ts';
import { startRedis } from '../../testkit/redis.ts';

const childModule = fileURLToPath(new URL('../../testkit/jobs-child.ts', import.meta.url));

describe('Redis that is away', () => {
  it('makes enqueue fail instead of wait, and does not keep the process from closing', async (context) => {
    const directory = await mkdtemp(join(tmpdir(), 'lineward-redis-'));
    const server = await startRedis(directory);
    if (server === null) return context.skip('redis-server is not on PATH');
    const backend = { kind: 'redis', url: server.url } as const;
    const jobs = new BullmqJobs({ backend, logger: quietLogger, lockMs, drainMs: 300 });
    await jobs.ready();
    const contract = sheepContract();
    await jobs.work([implementJob(contract, async () => undefined)], {});
    await jobs.enqueue(contract, 'a.1', herd());
    await server.stop();
    await expect(jobs.enqueue(contract, 'a.2', herd())).rejects.toThrow();
    await jobs.close();
    await rm(directory, { recursive: true });
  });
});

describe.each(backendKinds)('tasks on %s whose worker goes away', (kind) => {
  let lane: JobsLane;
  beforeEach(async (context) => {
    const opened = await JobsLane.open(kind);
    if (typeof opened === 'string') return context.skip(opened);
    lane = opened;
  });
  afterEach(() => lane?.close());

  it('that run are let finish on close', async () => {
    const begun = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const { contract, jobs } = await lane.started(async () => {
      begun.resolve();
      await gate.promise;
    });
    await jobs.enqueue(contract, 'a.1', herd());
    await begun.promise;
    const closing = jobs.close();
    gate.resolve();
    await closing;
    expect(await lane.jobs().stateOf(contract, 'a.1')).toBe('COMPLETED');
  });

  it('that outlive the drain get their signal, and go back without using up an attempt', async () => {
    const begun = Promise.withResolvers<void>();
    const { contract, jobs } = await lane.started(
      async ({ signal }) => {
        begun.resolve();
        await once(signal, 'abort');
        throw new LinewardError('CANCELLED');
      },
      { drainMs: 500 },
    );
    await jobs.enqueue(contract, 'a.1', herd());
    await begun.promise;
    await jobs.close();
    const next = lane.jobs();
    expect(await next.stateOf(contract, 'a.1')).toBe('WAITING');
    const attempts: number[] = [];
    await next.work(
      [
        implementJob(contract, async ({ attempt }) => {
          attempts.push(attempt);
        }),
      ],
      {},
    );
    await reaches(next, contract, 'a.1', 'COMPLETED');
    expect(attempts).toEqual([1]);
  });

  it('of a worker killed by SIGKILL run again in another', async () => {
    const contract = sheepContract();
    const jobs = lane.jobs();
    await jobs.enqueue(contract, 'a.1', herd());
    const { queue, name } = contract;
    const child = spawn(process.execPath, [
      childModule,
      JSON.stringify({ backend: lane.backend, queue, name, lockMs }),
    ]);
    lane.onClose(() => ended(child));
    await once(child.stdout, 'data');
    await ended(child);
    let runs = 0;
    await jobs.work(
      [
        implementJob(contract, async () => {
          runs += 1;
        }),
      ],
      {},
    );
    await reaches(jobs, contract, 'a.1', 'COMPLETED');
    expect(runs).toBe(1);
  });
});

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
