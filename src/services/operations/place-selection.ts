import type { Selection } from '../../domain/governance/selection.ts';
import { type PlaceKeys, selectionIn } from '../../domain/operations/reach.ts';

/** The part of selections that a place has; the same object for the same one. */
export function selectionsIn(place: PlaceKeys): (selection: Selection) => Selection {
  const known = new WeakMap<Selection, Selection>();
  return (selection) => {
    const within = known.get(selection) ?? selectionIn(place, selection);
    known.set(selection, within);
    return within;
  };
}
