import type { OperationEvents } from '../../services/operations/ports.ts';
import type { ChannelHandler, PostgresListener } from './postgres-listener.ts';

/** Wakes the subscribers of this process, all of them when the connection was away. */
export class PostgresOperationEvents implements OperationEvents, ChannelHandler {
  readonly #listener: PostgresListener;
  readonly #wakers = new Map<string, Set<Ticks>>();

  constructor(deps: { readonly listener: PostgresListener }) {
    this.#listener = deps.listener;
    this.#listener.on('operation_updated', this);
  }

  changes(operationId: string): AsyncIterableIterator<void> {
    this.#listener.start();
    const wakers = this.#wakers.get(operationId) ?? new Set();
    const ticks = new Ticks(() => {
      wakers.delete(ticks);
      if (wakers.size === 0) this.#wakers.delete(operationId);
    });
    this.#wakers.set(operationId, wakers.add(ticks));
    return ticks;
  }

  /** Ends every subscription. */
  async close(): Promise<void> {
    for (const ticks of [...this.#wakers.values()].flatMap((set) => [...set])) await ticks.return();
  }

  notified(operationId: string): void {
    this.#wake(operationId);
  }

  reconnected(): void {
    for (const operationId of this.#wakers.keys()) this.#wake(operationId);
  }

  #wake(operationId: string): void {
    for (const ticks of this.#wakers.get(operationId) ?? []) ticks.tick();
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
