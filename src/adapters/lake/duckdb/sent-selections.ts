import type { EngineSelection } from '../../../services/lake/ports.ts';
import type { SentSelection } from './engine-protocol.ts';
import { RecentSelections } from './recent-selections.ts';

let lastNumber = 0;
const numbers = new WeakMap<EngineSelection, number>();

/** What one child has been told of selections: each is sent once, as long as the child remembers it. */
export class SentSelections {
  readonly #known = new RecentSelections();

  of(selection: EngineSelection): SentSelection {
    const number = numberOf(selection);
    const isKnown = this.#known.has(number);
    this.#known.use(number, selection);
    return { number, selection: isKnown ? null : selection };
  }
}

function numberOf(selection: EngineSelection): number {
  const known = numbers.get(selection);
  if (known !== undefined) return known;
  lastNumber += 1;
  numbers.set(selection, lastNumber);
  return lastNumber;
}
