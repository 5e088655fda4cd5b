import { setTimeout as sleep } from 'node:timers/promises';

const FIRST_MS = 200;
const LONGEST_MS = 5_000;

/** Doubling pauses with jitter, up to 5 s. */
export class Backoff {
  #nextMs = FIRST_MS;

  reset(): void {
    this.#nextMs = FIRST_MS;
  }

  /** Ends early, without an error, when `signal` aborts. */
  async wait(signal: AbortSignal): Promise<void> {
    const delayMs = this.#nextMs * (0.75 + Math.random() / 2);
    this.#nextMs = Math.min(this.#nextMs * 2, LONGEST_MS);
    await sleep(delayMs, undefined, { signal }).catch(() => undefined);
  }
}
