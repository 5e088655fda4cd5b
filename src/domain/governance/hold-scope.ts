import { type DateRange, type DayRange, daysOf, readDates } from './date-range.ts';
import { isPlaced, namesMax, type PlaceScope, readPlaces, refusedScope } from './place-scope.ts';
import { assertSelector, type SubjectSelector } from './selection.ts';

/** A person in an account, by the value of a key field. */
export type SubjectKey = NonNullable<SubjectSelector['subject']>;

/** What a legal hold is about: records of somebody, or of everybody, in some places or in all. */
export interface HoldScope extends PlaceScope {
  readonly accountId: string | null;
  /** Persons of the account; none for all of it. */
  readonly subjects: readonly SubjectKey[];
  /** Only records whose date lies in it; null for those of all dates. */
  readonly dates: DateRange | null;
}

/** A scope as it is given; what is left out does not narrow. */
export interface GivenScope
  extends Partial<{ readonly [Part in keyof Omit<HoldScope, 'dates'>]: HoldScope[Part] | null | undefined }> {
  /** One more person. */
  readonly subject?: SubjectKey | null | undefined;
  readonly dates?: Parameters<typeof readDates>[0];
}

/** @throws LinewardError BAD_INPUT */
export function readScope(given: GivenScope): HoldScope {
  const subjects = [...(given.subject == null ? [] : [given.subject]), ...(given.subjects ?? [])];
  const scope: HoldScope = {
    accountId: given.accountId ?? null,
    // Values of a client have no prototype, which the ORM takes for something else.
    subjects: subjects.map(({ field, value }) => ({ field, value })),
    ...readPlaces(given),
    dates: readDates(given.dates, ['scope', 'dates']),
  };
  assertScope(scope);
  return scope;
}

/** A scope must say something, and what can be. */
function assertScope(scope: HoldScope): void {
  const { accountId, subjects, lineageDownstream } = scope;
  if (accountId === null && subjects.length > 0)
    throw refusedScope('subjects', 'persons are persons of an account; name it');
  if (accountId === null && !isPlaced(scope))
    throw refusedScope('accountId', 'name an account, or datasets, namespaces, entities or classifications');
  if (lineageDownstream && !isPlaced(scope))
    throw refusedScope('lineageDownstream', 'a hold of all places has nothing downstream of them; leave it out');
  if (accountId !== null) assertSelector({ accountId }, ['scope']);
  if (subjects.length > namesMax) throw refusedScope('subjects', `at most ${namesMax}`);
  for (const [index, subject] of subjects.entries())
    assertSelector({ accountId: accountId ?? '', subject }, ['scope', 'subjects', String(index)]);
}

/** A hold in force, with the places that its scope names at this moment. */
export interface ActiveHold {
  readonly id: string;
  readonly confidential: boolean;
  /** Whose records; null for everybody's. */
  readonly selectors: readonly SubjectSelector[] | null;
  /** Null for all places. */
  readonly datasets: ReadonlySet<string> | null;
  /** Null for records of all dates. */
  readonly dates: DateRange | null;
  /** Of the places those that lineage alone leads to. Their dates may be other dates of the same records. */
  readonly byLineage: ReadonlySet<string>;
}

/** Whose records a scope is about. */
export function selectorsOf({
  accountId,
  subjects,
}: Pick<HoldScope, 'accountId' | 'subjects'>): readonly SubjectSelector[] | null {
  if (accountId === null) return null;
  return subjects.length === 0 ? [{ accountId }] : subjects.map((subject) => ({ accountId, subject }));
}

/** The dates that a hold is about, as its row has them. */
export const datesOf = ({ datesFrom: from, datesUntil: until }: Record<'datesFrom' | 'datesUntil', Date | null>) =>
  from === null && until === null ? null : { from, until };

/** What holds of some places keep in one of them. */
export interface LocalHolds {
  /** All records, whoever they are about. */
  readonly everybody: boolean;
  readonly selectors: readonly SubjectSelector[];
  /** True where a hold on a range of dates counts for all of them, since nobody can tell which records are of these dates. */
  readonly regardless?: boolean | undefined;
}

/** A hold on a range of dates. */
export interface RangedHold extends Pick<ActiveHold, 'selectors' | 'datasets'> {
  readonly days: DayRange;
}

/** Holds on ranges of dates, with the column that has the date of a row. A place that has none is not in the map. */
export interface RangedHolds {
  readonly holds: readonly RangedHold[];
  /** By dataset. */
  readonly dateFields: ReadonlyMap<string, string>;
}

export const noRanges: RangedHolds = { holds: [], dateFields: new Map() };

/** What holds keep, by where. */
export interface HeldSelectors {
  readonly everywhere: readonly SubjectSelector[];
  /** By dataset. */
  readonly local: ReadonlyMap<string, LocalHolds>;
  readonly ranged: RangedHolds;
}

/** What is gathered of a place, while it is. */
interface Gathered extends LocalHolds {
  everybody: boolean;
  readonly selectors: SubjectSelector[];
  regardless?: boolean;
}

const gathered = ({ everybody, selectors, regardless }: LocalHolds): Gathered => ({
  ...{ everybody, selectors: [...selectors] },
  ...(regardless === true && { regardless }),
});

function gather(held: Gathered, selectors: readonly SubjectSelector[] | null, isRanged: boolean): void {
  if (selectors === null) held.everybody = true;
  else held.selectors.push(...selectors);
  if (isRanged) held.regardless = true;
}

class GatheredByPlace {
  readonly places: Map<string, Gathered>;

  constructor(known: ReadonlyMap<string, LocalHolds> = new Map()) {
    this.places = new Map([...known].map(([id, held]) => [id, gathered(held)]));
  }

  add(ids: Iterable<string>, selectors: readonly SubjectSelector[] | null, isRanged: boolean): void {
    for (const id of ids) {
      const held = this.places.get(id) ?? { everybody: false, selectors: [] };
      this.places.set(id, held);
      gather(held, selectors, isRanged);
    }
  }
}

/** Holds that say the same of the same place count once: a million subjects are held against what is left. */
export function byReach(
  holds: readonly ActiveHold[],
  dateFields: RangedHolds['dateFields'] = noRanges.dateFields,
): HeldSelectors {
  const everywhere: SubjectSelector[] = [];
  const local = new GatheredByPlace();
  const ranged: RangedHold[] = [];
  for (const { selectors, datasets, dates, byLineage } of holds) {
    if (dates !== null) {
      local.add(byLineage, selectors, true);
      const named = datasets === null ? null : new Set([...datasets].filter((id) => !byLineage.has(id)));
      ranged.push({ selectors, datasets: named, days: daysOf(dates) });
    } else if (datasets === null) everywhere.push(...(selectors ?? []));
    else local.add(datasets, selectors, false);
  }
  return { everywhere, local: local.places, ranged: { holds: ranged, dateFields } };
}

/** What holds on ranges of dates keep in a place where nobody can tell the dates of records: those of all dates. */
export function regardlessOfDates(local: LocalHolds | undefined, holds: readonly RangedHold[]): LocalHolds | undefined {
  if (holds.length === 0) return local;
  const held = gathered(local ?? { everybody: false, selectors: [] });
  for (const { selectors } of holds) gather(held, selectors, true);
  return held;
}

/** The same holds, as if none had a range of dates: what has no dates cannot be told apart by them. */
export function withoutRanges({ everywhere, local, ranged }: HeldSelectors): HeldSelectors {
  const all = [...everywhere];
  const placed = new GatheredByPlace(local);
  for (const { selectors, datasets } of ranged.holds) {
    if (datasets === null) all.push(...(selectors ?? []));
    else placed.add(datasets, selectors, true);
  }
  return { everywhere: all, local: placed.places, ranged: noRanges };
}
