import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../domain/logger.ts';
import type { OperationDriver } from './operation-driver.ts';

/** Calls `sweep` at once and then again and again; a database that is away is waited for. */
export class Sweeper {
  readonly #driver: Pick<OperationDriver, 'sweep'>;
  readonly #logger: Logger;
  readonly #intervalMs: number;
  readonly #stopping = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(deps: {
    readonly driver: Pick<OperationDriver, 'sweep'>;
    readonly logger: Logger;
    readonly intervalMs: number;
  }) {
    this.#driver = deps.driver;
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
      await this.#driver
        .sweep()
        .catch((error: unknown) => this.#logger.warn({ error }, 'operations could not be swept'));
      await sleep(this.#intervalMs, undefined, { signal }).catch(() => {});
    }
  }
}
