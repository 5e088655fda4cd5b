import {
  type PermittedSelection,
  type PlacedSelection,
  type PlaceKeys,
  permittedIn,
} from '../../domain/governance/permission.ts';
import type { Selection } from '../../domain/governance/selection.ts';

/** The part of selections that a place has; the same object for the same one. */
export function selectionsIn(place: PlaceKeys): (selection: Selection | PermittedSelection) => PlacedSelection {
  const known = new WeakMap<Selection, PlacedSelection>();
  return (selection) => {
    const within = known.get(selection) ?? permittedIn(place, selection);
    known.set(selection, within);
    return within;
  };
}
