import { randomUUID } from 'node:crypto';
import { createPostgresBackend, Queue } from 'bullmq';
import { expect, vi } from 'vitest';
import { z } from 'zod';
import { BullmqJobs } from '../../src/adapters/bullmq/bullmq-jobs.ts';
import type { JobsBackend } from '../../src/adapters/bullmq/connection.ts';
import { newId } from '../../src/domain/id.ts';
import { defineJob, idInPayload, implementJob, type JobRun, type TaskState } from '../../src/jobs/kit.ts';
import { quietLogger } from './actor.ts';
import { testDatabase } from './database.ts';

export const backendKinds = ['postgres', 'redis'] as const satisfies readonly JobsBackend['kind'][];

/** How long a task stays with a worker that died, in tests. Milliseconds. */
export const lockMs = 1_000;

export type SheepRun = JobRun<{ id: string; sheep: number }, { done: number }>;
export const herd = (sheep = 1) => ({ id: newId(), sheep });

/** A task kind on a queue of its own, so that tests of one backend do not meet. */
export function sheepContract(options: { readonly attempts?: number } = {}) {
  return defineJob({
    name: 'count-sheep',
    queue: `test-${randomUUID()}`,
    payload: z.object({ id: idInPayload, sheep: z.number() }).strict(),
    progress: z.object({ done: z.number() }).strict(),
    attempts: options.attempts ?? 3,
    backoffMs: 20,
  });
}

type OpenQueue = Pick<Queue, 'add' | 'getJob' | 'close'>;

/** One backend for one test, with all that was opened on it. */
export class JobsLane {
  readonly backend: JobsBackend;
  readonly #closers: (() => Promise<void>)[];

  private constructor(backend: JobsBackend, close: () => Promise<void>) {
    this.backend = backend;
    this.#closers = [close];
  }

  /** The lane, or the reason why there is none here. */
  static async open(kind: JobsBackend['kind']): Promise<JobsLane | string> {
    if (kind === 'postgres') {
      const database = await testDatabase();
      const lane = new JobsLane({ kind, url: database.url }, () => database.close());
      await lane.jobs().ready();
      return lane;
    }
    const url = process.env.LINEWARD_TEST_REDIS;
    return url === undefined ? 'redis-server is not on PATH' : new JobsLane({ kind, url }, async () => undefined);
  }

  onClose(close: () => Promise<void>): void {
    this.#closers.push(close);
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }

  jobs(options: { readonly drainMs?: number } = {}): BullmqJobs {
    const jobs = new BullmqJobs({ backend: this.backend, logger: quietLogger, lockMs, ...options });
    let closing: Promise<void> | undefined;
    const close = jobs.close.bind(jobs);
    // Some tests close theirs themselves.
    jobs.close = () => {
      closing ??= close();
      return closing;
    };
    this.onClose(() => jobs.close());
    return jobs;
  }

  /** A queue, and a worker in this process that does the given work. */
  async started(
    work: (run: SheepRun) => Promise<void>,
    options: { readonly attempts?: number; readonly concurrency?: number; readonly drainMs?: number } = {},
  ) {
    const contract = sheepContract(options);
    const jobs = this.jobs(options);
    await jobs.work([implementJob(contract, work)], { [contract.queue]: options.concurrency ?? 1 });
    return { contract, jobs };
  }

  /** The queue as BullMQ itself sees it. */
  queue(name: string): OpenQueue {
    const { kind, url } = this.backend;
    const queue: OpenQueue =
      kind === 'redis'
        ? new Queue(name, { connection: { url } })
        : new Queue(name, { connection: { connectionString: url, schema: 'bullmq', max: 1 } }, createPostgresBackend);
    this.onClose(() => queue.close());
    return queue;
  }
}

/** Waits until a task is in a state. */
export function reaches(jobs: BullmqJobs, queue: { readonly queue: string }, id: string, state: TaskState) {
  return vi.waitFor(async () => expect(await jobs.stateOf(queue, id)).toBe(state), { timeout: 10_000, interval: 20 });
}
