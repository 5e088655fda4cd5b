import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../domain/logger.ts';

/** Calls `sweep` at once and then again and again; a database that is away is waited for. */
export class Sweeper {
  readonly #sweep: () => Promise<void>;
  readonly #complaint: string;
  readonly #logger: Logger;
  readonly #intervalMs: number;
  readonly #stopping = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(deps: {
    readonly sweep: () => Promise<void>;
    /** Logged when a sweep fails. */
    readonly complaint: string;
    readonly logger: Logger;
    readonly intervalMs: number;
  }) {
    this.#sweep = deps.sweep;
    this.#complaint = deps.complaint;
    this.#logger = deps.logger;
    this.#intervalMs = deps.intervalMs;
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#sweep().catch((error: unknown) => this.#logger.warn({ error }, this.#complaint));
      await sleep(this.#intervalMs, undefined, { signal }).catch(() => {});
    }
  }
}
