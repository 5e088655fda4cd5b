/** Lets so many work at once; the others wait in the order in which they came. */
export class Turns {
  readonly #atOnce: number;
  readonly #waiting = new Set<() => void>();
  #free: number;

  constructor(atOnce: number) {
    this.#atOnce = atOnce;
    this.#free = atOnce;
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (!this.#isTaken()) await this.#turn();
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  /** Begins a turn that ends with {@link leave}. Who has to wait does so until `patience` is aborted, and throws its reason. */
  async enter(patience: () => AbortSignal): Promise<void> {
    if (!this.#isTaken()) await this.#turn(patience());
  }

  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#free += 1;
    else next();
  }

  /** Whether nobody works or waits. */
  isIdle(): boolean {
    return this.#free === this.#atOnce;
  }

  #isTaken(): boolean {
    if (this.#free === 0) return false;
    this.#free -= 1;
    return true;
  }

  #turn(patience?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        this.#waiting.delete(next);
        patience?.removeEventListener('abort', giveUp);
        end();
      };
      const next = (): void => settle(resolve);
      const giveUp = (): void => settle(() => reject(patience?.reason));
      this.#waiting.add(next);
      patience?.addEventListener('abort', giveUp);
    });
  }
}
