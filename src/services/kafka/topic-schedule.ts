import { newId } from '../../domain/id.ts';
import type { JobContract, JobScheduler } from '../../jobs/kit.ts';

/** One task for each interval of time, however many processes ask for it. */
export class TopicSchedule {
  readonly #scheduler: JobScheduler;
  readonly #contract: JobContract<{ readonly interval: number }, unknown>;
  readonly #intervalMs: number;
  #last = -1;

  constructor(deps: {
    readonly scheduler: JobScheduler;
    readonly contract: JobContract<{ readonly interval: number }, unknown>;
    readonly intervalMs: number;
  }) {
    this.#scheduler = deps.scheduler;
    this.#contract = deps.contract;
    this.#intervalMs = deps.intervalMs;
  }

  async enqueueDue(): Promise<void> {
    if (this.#intervalMs === 0) return;
    const interval = Math.floor(Date.now() / this.#intervalMs);
    if (interval === this.#last) return;
    await this.#scheduler.enqueue(this.#contract, `${this.#contract.name}.${interval}`, { interval });
    this.#last = interval;
  }

  /** A task beside those of the intervals. */
  async enqueueNow(): Promise<void> {
    if (this.#intervalMs === 0) return;
    const interval = Math.floor(Date.now() / this.#intervalMs);
    await this.#scheduler.enqueue(this.#contract, `${this.#contract.name}.${newId()}`, { interval });
  }
}
