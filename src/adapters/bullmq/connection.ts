import { createPostgresBackend, type Job, Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import type { Logger } from '../../domain/logger.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { queueSchema } from '../postgres/application-grants.ts';

export type JobsBackend =
  | { readonly kind: 'postgres'; readonly url: string }
  | { readonly kind: 'redis'; readonly url: string };

/** What we use of a BullMQ queue, the same on both backends. */
export interface AnyQueue {
  add(name: string, data: unknown, options: object): Promise<unknown>;
  getJobState(id: string): Promise<string>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  close(): Promise<void>;
}

/** What we use of a BullMQ worker, the same on both backends. */
export interface AnyWorker {
  waitUntilReady(): Promise<unknown>;
  cancelAllJobs(reason: string): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  close(): Promise<void>;
}

export type Run = (job: Job, token: string | undefined, signal: AbortSignal | undefined) => Promise<void>;
export interface WorkerSettings {
  readonly concurrency: number;
  readonly lockDuration: number;
  readonly stalledInterval: number;
  readonly maxStalledCount: number;
  /** Wait before a worker that lost its backend looks again, milliseconds. */
  readonly runRetryDelay: number;
}

export interface Connection {
  /** Resolves when the backend answers and has what is needed. */
  prepare(): Promise<void>;
  queue(name: string): AnyQueue;
  worker(name: string, run: Run, settings: WorkerSettings): AnyWorker;
  close(): Promise<void>;
}

/** How queues and workers of one backend are made. */
export function connect(backend: JobsBackend, logger: Logger): Connection {
  return backend.kind === 'redis' ? overRedis(backend.url, logger) : overPostgres(backend.url);
}

// BullMQ passes the signal only to processors that declare their third parameter.
const withSignal =
  (run: Run) =>
  (job: Job, token?: string, signal?: AbortSignal): Promise<void> =>
    run(job, token, signal);

function overRedis(url: string, logger: Logger): Connection {
  // Callers of a queue hear at once that Redis is away (the sweeper repeats for them); workers wait for it to come back.
  const queues = new Redis(url, { maxRetriesPerRequest: 1 });
  const workers = new Redis(url, { maxRetriesPerRequest: null });
  for (const connection of [queues, workers])
    connection.on('error', (error: Error) => logger.warn({ error }, 'Redis does not answer'));
  return {
    prepare: async () => {
      await queues.ping().catch((cause: unknown) => {
        const message = 'The Redis of REDIS_URL does not answer. Check address, user and password.';
        throw new LinewardError('QUEUE_UNAVAILABLE', message, { path: ['REDIS_URL'], cause });
      });
    },
    queue: (name) => new Queue(name, { connection: queues }),
    worker: (name, run, settings) => new Worker(name, withSignal(run), { connection: workers, ...settings }),
    close: async () => {
      queues.disconnect();
      workers.disconnect();
    },
  };
}

const postgresConnection = (url: string) => ({ connectionString: url, schema: queueSchema, max: 4 });

/** Makes the tables of the queues, or brings them to this version, as their owner. */
export async function prepareQueueTables(url: string): Promise<void> {
  const connection = { ...postgresConnection(url), migrate: true };
  const first = new Queue('lineward-prepare', { connection }, createPostgresBackend);
  await first.waitUntilReady();
  await first.close();
}

function overPostgres(url: string): Connection {
  const connection = postgresConnection(url);
  return {
    prepare: async () => {
      const first = new Queue('lineward-prepare', { connection }, createPostgresBackend);
      await first.waitUntilReady().catch(async (cause: unknown) => {
        await first.close().catch(() => {});
        const message =
          'The tables of the job queues cannot be read, or are those of another version. Run `lineward migrate` with DATABASE_MIGRATION_URL.';
        throw new LinewardError('QUEUE_UNAVAILABLE', message, { path: ['DATABASE_URL'], cause });
      });
      await first.close();
    },
    queue: (name) => new Queue(name, { connection }, createPostgresBackend),
    worker: (name, run, settings) =>
      new Worker(name, withSignal(run), { connection, ...settings }, createPostgresBackend),
    close: async () => {},
  };
}
