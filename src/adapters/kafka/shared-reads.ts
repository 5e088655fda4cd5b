/** One read for all who ask for the same before it begins; who asks later gets the next one. */
export class SharedReads<T> {
  readonly #next = new Map<string, Promise<T>>();
  readonly #last = new Map<string, Promise<unknown>>();

  read(key: string, read: () => Promise<T>): Promise<T> {
    const known = this.#next.get(key);
    if (known !== undefined) return known;
    const begin = () => {
      this.#next.delete(key);
      return read();
    };
    const next = (this.#last.get(key) ?? Promise.resolve()).then(begin);
    this.#next.set(key, next);
    const last = next
      .catch(() => undefined)
      .finally(() => {
        if (this.#last.get(key) === last) this.#last.delete(key);
      });
    this.#last.set(key, last);
    return next;
  }
}
