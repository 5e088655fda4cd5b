/** Next offset to read, per partition. */
export type Positions = ReadonlyMap<number, bigint>;

interface Wanted {
  /** Ascending. */
  readonly offsets: readonly bigint[];
  /** How many of them are found. */
  found: number;
}

/**
 * Translates positions in a topic into positions in its copy: the first copy of a record at or behind the position. What
 * is no copy was written after the switch, so a reader that comes from the old topic has not seen it and begins there.
 * Fed with the copy in its order; it remembers only the positions that are asked for.
 */
export class OffsetMap {
  readonly #wanted = new Map<number, Wanted>();
  readonly #found = new Map<string, bigint>();
  readonly #ends: Positions;

  /** `ends`: of the copy, as they were before it was read. */
  constructor(positions: Iterable<Positions>, ends: Positions) {
    this.#ends = ends;
    const asked = new Map<number, Set<bigint>>();
    for (const one of positions) {
      for (const [partition, offset] of one) asked.set(partition, (asked.get(partition) ?? new Set()).add(offset));
    }
    for (const [partition, offsets] of asked) {
      this.#wanted.set(partition, { offsets: [...offsets].sort((a, b) => (a < b ? -1 : 1)), found: 0 });
    }
  }

  /** `source`: where the record stood; null for one that is no copy. */
  add(partition: number, offset: bigint, source: bigint | null): void {
    const wanted = this.#wanted.get(partition);
    if (wanted === undefined) return;
    for (;;) {
      const next = wanted.offsets[wanted.found];
      if (next === undefined || (source !== null && source < next)) return;
      this.#found.set(`${partition}:${next}`, offset);
      wanted.found += 1;
    }
  }

  translate(positions: Positions): Positions {
    return new Map(
      [...positions].map(([partition, offset]) => [
        partition,
        this.#found.get(`${partition}:${offset}`) ?? this.#ends.get(partition) ?? 0n,
      ]),
    );
  }
}
