interface Entry<Value> {
  readonly value: Value;
  readonly weight: number;
}

/** Keeps what was used last, up to a number of entries and a sum of weights. */
export class WeighedCache<Key, Value> {
  readonly #entries = new Map<Key, Entry<Value>>();
  readonly #entriesMax: number;
  readonly #weightMax: number;
  #weight = 0;

  constructor(limits: { readonly entriesMax: number; readonly weightMax: number }) {
    this.#entriesMax = limits.entriesMax;
    this.#weightMax = limits.weightMax;
  }

  get(key: Key): Value | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** Two who miss the same key both set it, so what stood there leaves with its weight. */
  set(key: Key, value: Value, weight: number): void {
    this.#drop(key);
    this.#entries.set(key, { value, weight });
    this.#weight += weight;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#entriesMax && this.#weight <= this.#weightMax) return;
      this.#drop(oldest);
    }
  }

  #drop(key: Key): void {
    this.#weight -= this.#entries.get(key)?.weight ?? 0;
    this.#entries.delete(key);
  }
}
