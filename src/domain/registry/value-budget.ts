/** Most values of one message: defaults, and items without bytes, would make many of few bytes. */
const valuesMax = 1_000_000;

/** Counts the values that are made of one message; answers false from the one that is too many. */
export class ValueBudget {
  #left = valuesMax;

  take(): boolean {
    this.#left -= 1;
    return this.#left >= 0;
  }
}
