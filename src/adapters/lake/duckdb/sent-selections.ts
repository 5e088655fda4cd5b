import type { EngineSelection } from '../../../services/lake/ports.ts';
import { type SentSelection, selectionsKeptMax } from './engine-protocol.ts';

let lastNumber = 0;
const numbers = new WeakMap<EngineSelection, number>();

/** What one child has been told of selections: each is sent once, as long as the child remembers it. */
export class SentSelections {
  /** Numbers that the child knows, the one used longest ago first. */
  readonly #known: number[] = [];

  of(selection: EngineSelection): SentSelection {
    const number = numberOf(selection);
    const place = this.#known.indexOf(number);
    if (place >= 0) this.#known.splice(place, 1);
    this.#known.push(number);
    if (this.#known.length > selectionsKeptMax) this.#known.shift();
    return { number, selection: place >= 0 ? null : selection };
  }
}

function numberOf(selection: EngineSelection): number {
  const known = numbers.get(selection);
  if (known !== undefined) return known;
  lastNumber += 1;
  numbers.set(selection, lastNumber);
  return lastNumber;
}
