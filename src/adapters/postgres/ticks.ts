/**
 * An iterator that merges ticks nobody has read yet into one. Not a generator: `return` must end a waiting `next` at
 * once, or a client that leaves would stay subscribed until the next change.
 */
export class Ticks implements AsyncIterableIterator<void> {
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
