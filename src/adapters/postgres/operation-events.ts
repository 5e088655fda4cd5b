import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { Logger } from '../../domain/logger.ts';
import type { OperationEvents } from '../../services/operations/ports.ts';

const channel = 'operation_updated';
const reconnectMs = 1_000;

/** One LISTEN connection for all subscribers of this process; it reconnects, and wakes everybody when it has. */
export class PostgresOperationEvents implements OperationEvents {
  readonly #url: string;
  readonly #logger: Logger;
  readonly #wakers = new Map<string, Set<Ticks>>();
  readonly #closing = new AbortController();
  #client: Client | null = null;
  #loop: Promise<void> | null = null;

  constructor(deps: { readonly url: string; readonly logger: Logger }) {
    this.#url = deps.url;
    this.#logger = deps.logger;
  }

  changes(operationId: string): AsyncIterableIterator<void> {
    this.#loop ??= this.#listen();
    const wakers = this.#wakers.get(operationId) ?? new Set();
    const ticks = new Ticks(() => {
      wakers.delete(ticks);
      if (wakers.size === 0) this.#wakers.delete(operationId);
    });
    this.#wakers.set(operationId, wakers.add(ticks));
    return ticks;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const ticks of [...this.#wakers.values()].flatMap((set) => [...set])) await ticks.return();
    await this.#client?.end().catch(() => {});
    await this.#loop;
  }

  async #listen(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const client = new Client({ connectionString: this.#url, keepAlive: true });
      this.#client = client;
      const lost = new Promise<void>((resolve) => {
        client.on('error', () => resolve());
        client.on('end', () => resolve());
      });
      client.on('notification', (message) => this.#wake(message.payload ?? ''));
      try {
        await client.connect();
        await client.query(`listen ${channel}`);
        // Whatever changed while nobody listened.
        this.#wakeAll();
        await lost;
      } catch (error) {
        this.#logger.warn({ error }, 'the connection for operation events failed');
      }
      await client.end().catch(() => {});
      await sleep(reconnectMs, undefined, { signal: this.#closing.signal }).catch(() => {});
    }
  }

  #wake(operationId: string): void {
    for (const ticks of this.#wakers.get(operationId) ?? []) ticks.tick();
  }

  #wakeAll(): void {
    for (const operationId of this.#wakers.keys()) this.#wake(operationId);
  }
}

/**
 * An iterator that merges ticks nobody has read yet into one. Not a generator: `return` must end a waiting `next` at
 * once, or a client that leaves would stay subscribed until the next change.
 */
class Ticks implements AsyncIterableIterator<void> {
  readonly #onEnd: () => void;
  #waiting: ((result: IteratorResult<void>) => void) | null = null;
  // The state as it is now is worth a first tick.
  #pending = true;
  #ended = false;

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  tick(): void {
    if (this.#waiting === null) this.#pending = true;
    else this.#settle({ value: undefined, done: false });
  }

  next(): Promise<IteratorResult<void>> {
    if (this.#ended) return Promise.resolve({ value: undefined, done: true });
    if (this.#pending) {
      this.#pending = false;
      return Promise.resolve({ value: undefined, done: false });
    }
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  return(): Promise<IteratorResult<void>> {
    this.#ended = true;
    this.#onEnd();
    this.#settle({ value: undefined, done: true });
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<void> {
    return this;
  }

  #settle(result: IteratorResult<void>): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.(result);
  }
}
