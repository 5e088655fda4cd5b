import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPostgresBackend, Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { z } from 'zod';
import { BullmqJobs } from '../src/adapters/bullmq/bullmq-jobs.ts';
import { type JobsBackend, prepareQueueTables } from '../src/adapters/bullmq/connection.ts';
import { startEmbeddedPostgres } from '../src/adapters/postgres/embedded-postgres.ts';
import { createLogger } from '../src/adapters/telemetry/logger.ts';
import { defineJob, idInPayload, implementJob } from '../src/jobs/kit.ts';
import { startRedis } from '../test/testkit/redis.ts';
import { type Bench, type BenchCase, beside } from './harness.ts';

const tasks = 2_000;
const concurrency = 10;

const contract = defineJob({
  name: 'bench',
  queue: 'bench',
  payload: z.object({ id: idInPayload }).strict(),
  progress: z.object({}).strict(),
  attempts: 1,
  backoffMs: 10,
});

/** Counts to `tasks` and tells when it is there. */
function countdown(): { one(): void; readonly done: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let left = tasks;
  return {
    one: () => {
      left -= 1;
      if (left === 0) resolve();
    },
    done: promise,
  };
}

/** Tasks a second through the kit: enqueued one by one, parsed twice, run by a worker. */
async function throughKit(backend: JobsBackend): Promise<number> {
  const jobs = new BullmqJobs({ backend, logger: createLogger('silent'), lockMs: 30_000 });
  await jobs.ready();
  const count = countdown();
  await jobs.work([implementJob(contract, async () => count.one())], { bench: concurrency });
  const start = performance.now();
  await inBatches((id) => jobs.enqueue(contract, id, { id }));
  await count.done;
  const rate = (tasks * 1_000) / (performance.now() - start);
  await jobs.close();
  return rate;
}

/** The same tasks by BullMQ alone. */
async function bare(backend: JobsBackend): Promise<number> {
  const redis = backend.kind === 'redis' ? new Redis(backend.url, { maxRetriesPerRequest: null }) : null;
  const count = countdown();
  const settings = { removeOnComplete: { age: 3_600 }, removeOnFail: { age: 3_600 } };
  const onPostgres = { connection: { connectionString: backend.url, schema: 'bare', migrate: true } };
  const queue =
    redis === null ? new Queue('bare', onPostgres, createPostgresBackend) : new Queue('bare', { connection: redis });
  await queue.waitUntilReady();
  const process = async (): Promise<void> => count.one();
  const worker =
    redis === null
      ? new Worker('bare', process, { ...onPostgres, concurrency }, createPostgresBackend)
      : new Worker('bare', process, { connection: redis, concurrency });
  await worker.waitUntilReady();
  const start = performance.now();
  await inBatches((id) => queue.add('bench', { id }, { jobId: id, ...settings }));
  await count.done;
  const rate = (tasks * 1_000) / (performance.now() - start);
  await worker.close();
  await queue.close();
  await redis?.quit();
  return rate;
}

async function inBatches(enqueue: (id: string) => Promise<unknown>): Promise<void> {
  const ids = Array.from({ length: tasks }, () => randomUUID());
  for (let start = 0; start < tasks; start += 50) await Promise.all(ids.slice(start, start + 50).map(enqueue));
}

async function compare(name: string, backend: JobsBackend): Promise<BenchCase> {
  // In turns, and the best of three of each: a background vacuum must not decide.
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let round = 0; round < 3; round += 1) {
    theirs.push(await bare(backend));
    ours.push(await throughKit(backend));
  }
  return beside(name, Math.max(...ours), 'tasks/s', { name: 'bare BullMQ', value: Math.max(...theirs) });
}

async function run(): Promise<readonly BenchCase[]> {
  const dataDir = await mkdtemp(join(tmpdir(), 'lineward-bench-'));
  const postgres = await startEmbeddedPostgres(dataDir);
  const redis = await startRedis(dataDir);
  try {
    await prepareQueueTables(postgres.url);
    const cases = [await compare('PostgreSQL backend', { kind: 'postgres', url: postgres.url })];
    if (redis === null) process.stderr.write('redis-server is not on PATH: its case is left out\n');
    else cases.push(await compare('Redis backend', { kind: 'redis', url: redis.url }));
    return cases;
  } finally {
    await redis?.stop();
    await postgres.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

export const bench: Bench = {
  name: 'jobs',
  about: 'tasks a second through the job kit on both backends, beside bare BullMQ',
  run,
};
