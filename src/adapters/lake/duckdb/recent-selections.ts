import type { EngineSelection } from '../../../services/lake/ports.ts';

/** Selections that a child remembers with their tables: as many as go in one pass over a table, and some. */
const selectionsMax = 64;
/** And selectors of all of them, of which one operation may have a million. */
const selectorsMax = 3_000_000;

type Sized = Pick<EngineSelection, 'act' | 'keep' | 'keepWithin'>;

/** Which selections a child remembers, by number; parent and child decide it alike. The one used longest ago goes first. */
export class RecentSelections {
  readonly #sizes = new Map<number, number>();
  #selectors = 0;

  has(number: number): boolean {
    return this.#sizes.has(number);
  }

  /** Takes note of a use, and answers which are forgotten for it; never the one that is used. */
  use(number: number, { act, keep, keepWithin }: Sized): readonly number[] {
    const within = keepWithin?.ranges.reduce((sum, { selectors }) => sum + (selectors?.length ?? 0), 0) ?? 0;
    const size = act.length + keep.length + within;
    if (!this.#sizes.delete(number)) this.#selectors += size;
    this.#sizes.set(number, size);
    const forgotten: number[] = [];
    for (const [oldest, its] of this.#sizes) {
      const isEnough = this.#sizes.size <= selectionsMax && this.#selectors <= selectorsMax;
      if (isEnough || oldest === number) break;
      this.#sizes.delete(oldest);
      this.#selectors -= its;
      forgotten.push(oldest);
    }
    return forgotten;
  }
}
