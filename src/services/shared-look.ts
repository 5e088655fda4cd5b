import { readWhole } from './access/reader.ts';

/**
 * A look at what is kept for all, one at a time. One that began before may have missed what a caller saw committed, so all who come
 * meanwhile share the next one. It belongs to nobody: it is read whole, and takes the time it takes.
 */
export class SharedLook<T> {
  readonly #look: () => Promise<T>;
  /** Settles with the look that is under way; never fails. */
  #last: Promise<unknown> = Promise.resolve();
  /** Has not begun yet. */
  #next: Promise<T> | null = null;

  constructor(look: () => Promise<T>) {
    this.#look = look;
  }

  next(): Promise<T> {
    if (this.#next !== null) return this.#next;
    const next = readWhole(() =>
      this.#last.then(() => {
        this.#next = null;
        return this.#look();
      }),
    );
    this.#next = next;
    this.#last = next.catch(() => {});
    return next;
  }
}
