import { LinewardError } from '../../errors/lineward-error.ts';
import { assertText } from './selection.ts';

/** Most names of one kind in a scope. */
export const namesMax = 1_000;
const nameCharsMax = 1_024;

/**
 * Which datasets are meant. Parts of different kinds narrow each other, names of one kind stand beside each other, and null does
 * not narrow. It is a question and not a list: what answers it later is meant from then on (ADR 0038).
 */
export interface PlaceScope {
  readonly datasetIds: readonly string[] | null;
  readonly namespaces: readonly string[] | null;
  readonly entityIds: readonly string[] | null;
  readonly classifications: readonly string[] | null;
  /** Also all that is made of those places, however many steps away. */
  readonly lineageDownstream: boolean;
}

/** A scope as it is given; what is left out does not narrow. */
export type GivenPlaces = Partial<{ readonly [Part in keyof PlaceScope]: PlaceScope[Part] | null | undefined }>;

/** The parts that say where. */
export const scopePlaces = ['datasetIds', 'namespaces', 'entityIds', 'classifications'] as const;

/** True for a scope that is about some places only. */
export const isPlaced = (scope: Pick<PlaceScope, (typeof scopePlaces)[number]>): boolean =>
  scopePlaces.some((part) => scope[part] !== null);

/** The part of a scope that says where; that one is there is not asked for. @throws LinewardError BAD_INPUT */
export function readPlaces(given: GivenPlaces): PlaceScope {
  const scope: PlaceScope = {
    datasetIds: distinct(given.datasetIds),
    namespaces: distinct(given.namespaces),
    entityIds: distinct(given.entityIds),
    classifications: distinct(given.classifications),
    lineageDownstream: given.lineageDownstream ?? false,
  };
  for (const part of scopePlaces) {
    const names = scope[part];
    if (names === null) continue;
    if (names.length === 0 || names.length > namesMax) throw refusedScope(part, `1 to ${namesMax}, or leave it out`);
    for (const [index, name] of names.entries()) assertText(name, ['scope', part, String(index)], nameCharsMax);
  }
  return scope;
}

const distinct = (names: readonly string[] | null | undefined): readonly string[] | null =>
  names == null ? null : [...new Set(names)];

/** The scope alone, of what has more to it. */
export const scopeOf = (row: PlaceScope): PlaceScope => {
  const { datasetIds, namespaces, entityIds, classifications, lineageDownstream } = row;
  return { datasetIds, namespaces, entityIds, classifications, lineageDownstream };
};

/** With lists of its own, as rows have them. */
export function scopeColumns({ lineageDownstream, ...places }: PlaceScope) {
  const listed = (names: readonly string[] | null): string[] | null => (names === null ? null : [...names]);
  return {
    datasetIds: listed(places.datasetIds),
    namespaces: listed(places.namespaces),
    entityIds: listed(places.entityIds),
    classifications: listed(places.classifications),
    lineageDownstream,
  };
}

/** @throws LinewardError BAD_INPUT where it does not say where. */
export function readNamedPlaces(given: GivenPlaces): PlaceScope {
  const scope = readPlaces(given);
  if (isPlaced(scope)) return scope;
  throw new LinewardError('BAD_INPUT', 'scope: name datasets, namespaces, entities or classifications', {
    path: ['scope'],
  });
}

export const refusedScope = (part: string, why: string): LinewardError =>
  new LinewardError('BAD_INPUT', `scope.${part}: ${why}`, { path: ['scope', part] });

/** True where a scope that takes the place of another may leave out what that one named, whatever there is. */
export function narrows(from: PlaceScope, to: PlaceScope): boolean {
  if (from.lineageDownstream && !to.lineageDownstream) return true;
  return scopePlaces.some((part) => {
    const [before, after] = [from[part], to[part]];
    return after !== null && (before === null || before.some((name) => !after.includes(name)));
  });
}
