import { setTimeout as sleep } from 'node:timers/promises';
import { type Job, UnrecoverableError, WaitingError } from 'bullmq';
import type { Logger } from '../../domain/logger.ts';
import { LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import {
  isWorthAnotherRun,
  type JobContract,
  type JobProcessor,
  type JobScheduler,
  payloadFor,
  type TaskState,
} from '../../jobs/kit.ts';
import { type AnyQueue, type AnyWorker, type Connection, connect, type JobsBackend } from './connection.ts';

export interface BullmqJobsOptions {
  readonly backend: JobsBackend;
  readonly logger: Logger;
  /** How long a task of a worker that died stays with it, milliseconds. */
  readonly lockMs: number;
  /** How long `drain` lets running tasks finish before they get their signal, milliseconds. */
  readonly drainMs?: number;
}

/** Finished tasks are kept this long so that a repeated enqueue of the same id stays a no-op. Seconds. */
const keepFinishedSeconds = 3_600;
const closeMs = 2_000;
const defaultDrainMs = 4_000;
const retryBackendMs = 1_000;

const states: Readonly<Record<string, TaskState>> = {
  waiting: 'WAITING',
  prioritized: 'WAITING',
  delayed: 'WAITING',
  'waiting-children': 'WAITING',
  active: 'ACTIVE',
  completed: 'COMPLETED',
  failed: 'FAILED',
};

/**
 * BullMQ over PostgreSQL or Redis, same tasks and same processors on both. Non-retryable errors of ours end a task at
 * once; on shutdown a running task gets its signal, and one that answers CANCELLED goes back to the queue.
 */
export class BullmqJobs implements JobScheduler {
  readonly #options: BullmqJobsOptions;
  readonly #queues = new Map<string, AnyQueue>();
  readonly #workers: AnyWorker[] = [];
  readonly #connection: Connection;
  #stopping = false;
  #drained: Promise<void> | null = null;

  constructor(options: BullmqJobsOptions) {
    this.#options = options;
    this.#connection = connect(options.backend, options.logger);
  }

  /** Resolves when the backend is fit to work on; call once before anything else. */
  async ready(): Promise<void> {
    await this.#connection.prepare();
  }

  /** Resolves when the backend answers. */
  async ping(): Promise<void> {
    await this.#queue('operations').getJobState('ping');
  }

  async enqueue<Payload>(contract: JobContract<Payload, unknown>, id: string, payload: Payload): Promise<void> {
    await this.#queue(contract.queue).add(contract.name, payloadFor(contract, payload), {
      jobId: id,
      attempts: contract.attempts,
      backoff: { type: 'exponential', delay: contract.backoffMs },
      removeOnComplete: { age: keepFinishedSeconds },
      removeOnFail: { age: keepFinishedSeconds },
    });
  }

  async stateOf(contract: { readonly queue: string }, id: string): Promise<TaskState> {
    return states[await this.#queue(contract.queue).getJobState(id)] ?? 'MISSING';
  }

  /** Starts one worker per queue over the given processors. */
  async work(processors: readonly JobProcessor[], concurrency: Readonly<Record<string, number>>): Promise<void> {
    const byQueue = Map.groupBy(processors, (processor) => processor.queue);
    for (const [queue, members] of byQueue) {
      const byName = new Map(members.map((member) => [member.name, member]));
      const worker = this.#connection.worker(
        queue,
        (job, token, signal) => this.#run(byName.get(job.name), job, token, signal),
        {
          concurrency: concurrency[queue] ?? 1,
          lockDuration: this.#options.lockMs,
          stalledInterval: this.#options.lockMs,
          maxStalledCount: 10,
          runRetryDelay: retryBackendMs,
        },
      );
      worker.on('error', (error) => this.#options.logger.warn({ queue, error }, 'job worker lost its backend'));
      this.#workers.push(worker);
      await worker.waitUntilReady();
    }
  }

  /**
   * Takes no further task, lets running ones finish, then asks them to hand themselves back and gives them as long again.
   * Without an end to it a worker whose backend is away would never close; what is cut off runs again elsewhere.
   */
  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  /** Drains, and closes the connections. */
  async close(): Promise<void> {
    await this.drain();
    // A backend that went away may never answer the goodbye of its connections.
    await endsWithin(Promise.all([...this.#queues.values()].map((queue) => queue.close())), closeMs);
    await endsWithin(this.#connection.close(), closeMs);
  }

  async #drain(): Promise<void> {
    this.#stopping = true;
    const { drainMs = defaultDrainMs } = this.#options;
    const closed = Promise.all(this.#workers.map((worker) => worker.close()));
    if (!(await endsWithin(closed, drainMs))) {
      for (const worker of this.#workers) worker.cancelAllJobs('shutdown');
      await endsWithin(closed, drainMs);
    }
  }

  #queue(name: string): AnyQueue {
    const known = this.#queues.get(name);
    if (known !== undefined) return known;
    const queue = this.#connection.queue(name);
    queue.on('error', (error: Error) =>
      this.#options.logger.warn({ queue: name, error }, 'job queue lost its backend'),
    );
    this.#queues.set(name, queue);
    return queue;
  }

  async #run(
    processor: JobProcessor | undefined,
    job: Job,
    token: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (processor === undefined) throw new UnrecoverableError(`no processor for ${job.name}`);
    const attempt = job.attemptsMade + 1;
    const { logger } = this.#options;
    try {
      await processor.run({
        id: job.id ?? '',
        payload: job.data,
        attempt,
        isLastAttempt: attempt >= (job.opts.attempts ?? 1),
        signal: signal ?? new AbortController().signal,
        logger,
        report: (progress) => job.updateProgress(progress as object),
      });
    } catch (error) {
      if (this.#stopping && error instanceof LinewardError && error.code === 'CANCELLED') {
        await job.moveToWait(token);
        throw new WaitingError();
      }
      logger.warn({ job: job.name, jobId: job.id, attempt, ...describe(error) }, 'task failed');
      const fault = toLinewardError(error);
      // The queue stores what it is thrown: the code alone, since foreign messages may quote the data they failed on.
      throw isWorthAnotherRun(fault) ? new LinewardError(fault.code) : new UnrecoverableError(fault.code);
    }
  }
}

/** False when the time, in milliseconds, is over first. */
async function endsWithin(work: Promise<unknown>, timeMs: number): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(timeMs, false, { signal: timer.signal }).catch(() => false);
  return Promise.race([work.then(() => true), late]).finally(() => timer.abort());
}

function describe(error: unknown): object {
  if (error instanceof LinewardError) return { code: error.code, reason: error.message };
  return { error };
}
