import type { OperationKind } from '../operations/status.ts';
import { type Gap, keyRing } from '../operations/target.ts';
import { type Claim, decide } from './decision.ts';
import {
  type HeldSelectors,
  type LocalHolds,
  noRanges,
  type RangedHold,
  type RangedHolds,
  regardlessOfDates,
  withoutRanges,
} from './hold-scope.ts';
import type { MinimumLimit } from './minimum-retention.ts';
import { indexOf, type KeptDays, type Selection, type SubjectSelector } from './selection.ts';

/** All that keeps data at a moment. */
export interface Retains {
  /** Of holds that are about all places. */
  readonly holds: readonly SubjectSelector[];
  /** By dataset, of holds that are about some. */
  readonly local?: ReadonlyMap<string, LocalHolds> | undefined;
  /** Of holds that are about a range of dates. */
  readonly ranged?: RangedHolds | undefined;
  /** By dataset. */
  readonly minimums: ReadonlyMap<string, MinimumLimit>;
}

/** What an operation may act on in all places. */
export interface PermittedSelection extends Selection {
  /** Requested selectors that a hold covers whole; nothing of them may be touched. */
  readonly held: readonly SubjectSelector[];
  /** By dataset, what holds keep there beside `keep`. */
  readonly local: ReadonlyMap<string, LocalHolds>;
  /** What holds keep of the records of some dates. */
  readonly ranged: RangedHolds;
  /** True where a hold on a range of dates, of all places, counts for all of them. */
  readonly regardless?: boolean | undefined;
  /** By dataset. */
  readonly minimums: ReadonlyMap<string, MinimumLimit>;
}

/** What it may act on in one place, and what it may not there. */
export interface PlacedSelection extends Selection {
  readonly gaps: readonly Gap[];
}

/** How a place names accounts and subjects. */
export interface PlaceKeys {
  readonly datasetId: string;
  readonly name: string;
  readonly subjectFields: readonly string[];
}

/**
 * What binds a kind of work. What destroys records or keys is bound by all; what changes values in records that stay, by holds;
 * another key for the same value takes nothing away.
 */
export const bindsTo: Readonly<Record<OperationKind, { readonly holds: boolean; readonly minimums: boolean }>> = {
  ERASURE: { holds: true, minimums: true },
  SHRED: { holds: true, minimums: true },
  RETENTION: { holds: true, minimums: true },
  PROTECTION: { holds: true, minimums: false },
  REWRAP: { holds: false, minimums: false },
};

const noMinimums: ReadonlyMap<string, MinimumLimit> = new Map();
const noHolds: HeldSelectors = { everywhere: [], local: new Map(), ranged: noRanges };
const epoch = new Date(0);
const held: Claim = { rule: 'LEGAL_HOLD', sourceId: '', at: null };
const asked: Claim = { rule: 'ERASURE', sourceId: '', at: epoch };
/** The outcome is the same for all selectors, of which there may be a million, so it is asked for once. */
const goes = (claims: readonly Claim[]): boolean => decide(claims, epoch).action === 'DELETE';
const outcomes = { covered: goes([asked, held]), free: goes([asked]) };

/**
 * Subtracts what keeps data from what was asked. A hold on the whole of a selector takes it out; a narrower or differently
 * keyed hold in the same account stays as a `keep` selector, decided record by record, as are minimums by the dates of records.
 */
export function permitted(
  request: Pick<Selection, 'everyone' | 'act'> & { readonly kind: OperationKind },
  retains: Retains,
): PermittedSelection {
  const { kind, everyone, act: requested } = request;
  const { everywhere: holds, local, ranged } = bindsTo[kind].holds ? holdsOn(kind, retains) : noHolds;
  const minimums = bindsTo[kind].minimums ? retains.minimums : noMinimums;
  if (everyone === true) return { everyone, act: requested, keep: holds, held: [], local, ranged, minimums };
  const isRanged = retains.ranged?.holds.some(({ datasets }) => datasets === null) === true;
  const regardless = kind === 'SHRED' && isRanged;
  return { ...less(requested, holds), local, ranged, minimums, ...(regardless && { regardless }) };
}

/** A key has no date, and what it encrypts may be of any: a hold on a range of dates keeps it as one on all of them does. */
function holdsOn(kind: OperationKind, { holds, local = noHolds.local, ranged = noRanges }: Retains): HeldSelectors {
  const held = { everywhere: holds, local, ranged };
  return kind === 'SHRED' ? withoutRanges(held) : held;
}

/** What holds leave of selectors, and what they cover whole. */
function less(
  requested: readonly SubjectSelector[],
  holds: readonly SubjectSelector[],
): Pick<PermittedSelection, 'act' | 'keep' | 'held'> {
  if (holds.length === 0) return { act: requested, keep: [], held: [] };
  const holding = indexOf(holds);
  const [act, held]: [SubjectSelector[], SubjectSelector[]] = [[], []];
  // What is left of an account with holds is not covered by any of them, so each may concern a part of it.
  const left = new Set<string>();
  for (const selector of requested) {
    if (outcomes[holding.covers(selector) ? 'covered' : 'free']) {
      act.push(selector);
      left.add(selector.accountId);
    } else held.push(selector);
  }
  return { act, keep: holds.filter(({ accountId }) => left.has(accountId)), held };
}

/**
 * The part of a permitted selection that can be found in one place. A subject whose key field the place does not have is a gap.
 * So is a hold that cannot be located there: then nothing of its account is touched, since any record may be held. A hold on a
 * range of dates goes by the date of each record, and where records have none it is one on all dates, which is a gap, too.
 */
export function permittedIn(
  place: PlaceKeys,
  selection: Selection & Partial<Pick<PermittedSelection, 'minimums' | 'local' | 'ranged'>>,
): PlacedSelection {
  const minimum = selection.minimums?.get(place.datasetId);
  const { holds, dateField, ranged } = holdsHere(place, selection);
  const { left, gaps } = heldBack(place, selection, holds);
  if (minimum?.undatable === true) {
    const isAsked = left.everyone === true || left.act.length > 0;
    return { act: [], keep: [], gaps: isAsked ? [...gaps, undatable(place, minimum)] : gaps };
  }
  const found = left.everyone === true ? everyoneIn(place, left) : namedIn(place, left);
  const dated = dateField === undefined ? { gaps: [] } : keptDaysIn(place, found, { dateField, ranged });
  const { gaps: unseen, ...keepWithin } = dated;
  const placed = { ...found, ...keepWithin, gaps: distinct([...gaps, ...found.gaps, ...unseen]) };
  return minimum === undefined ? placed : { ...placed, minimum };
}

const distinct = (gaps: readonly Gap[]): readonly Gap[] => [
  ...new Map(gaps.map((gap) => [`${gap.code} ${gap.reason}`, gap])).values(),
];

/** Holds that are about this place: of records of all dates, and of some, where dates can be told. */
function holdsHere(
  { datasetId }: PlaceKeys,
  { local, ranged = noRanges }: Partial<Pick<PermittedSelection, 'local' | 'ranged'>>,
): {
  readonly holds: LocalHolds | undefined;
  readonly dateField?: string | undefined;
  readonly ranged: readonly RangedHold[];
} {
  const holds = local?.get(datasetId);
  const here = ranged.holds.filter(({ datasets }) => datasets === null || datasets.has(datasetId));
  const dateField = ranged.dateFields.get(datasetId);
  if (here.length === 0 || dateField === undefined) return { holds: regardlessOfDates(holds, here), ranged: [] };
  return { holds, dateField, ranged: here };
}

/** Of whom is found, the records of dates that stay. A person whom the place cannot locate may be anybody of the account. */
function keptDaysIn(
  place: PlaceKeys,
  { everyone, act }: Selection,
  { dateField, ranged }: { readonly dateField: string; readonly ranged: readonly RangedHold[] },
): { readonly keepWithin?: KeptDays; readonly gaps: readonly Gap[] } {
  const isLocatable = locatableIn(place);
  const accounts = new Set(act.map(({ accountId }) => accountId));
  const concerned = ranged.flatMap(({ selectors, days }) => {
    const of = selectors?.filter(({ accountId }) => everyone === true || accounts.has(accountId)) ?? null;
    return of?.length === 0 ? [] : [{ selectors: of, days }];
  });
  if (concerned.length === 0) return { gaps: [] };
  const ranges = concerned.map(({ selectors, days }) => {
    const there = selectors?.map((one) => (isLocatable(one) ? one : { accountId: one.accountId })) ?? null;
    return { selectors: there, days };
  });
  const isSeen = concerned.every(({ selectors }) => selectors?.every(isLocatable) ?? true);
  return { keepWithin: { dateField, ranges }, gaps: isSeen ? [] : [holdNotLocatable(place)] };
}

const undatable = ({ name }: PlaceKeys, { days }: MinimumLimit): Gap => ({
  code: 'MINIMUM_RETENTION',
  dataset: name,
  reason: `a regulation keeps records here for ${days} days, and the table has no date field that would tell which are older; name one by a minimum of its own`,
});

/** What holds that are about this place leave of a selection. */
function heldBack(
  place: PlaceKeys,
  selection: Selection,
  holds: LocalHolds | undefined,
): { readonly left: Selection; readonly gaps: readonly Gap[] } {
  if (holds === undefined) return { left: selection, gaps: [] };
  const { everyone, act, keep } = selection;
  if (holds.everybody) {
    const isAsked = everyone === true || act.length > 0;
    return { left: { act: [], keep: [] }, gaps: isAsked ? [heldHere(place, 'all of its records are', holds)] : [] };
  }
  if (everyone === true) {
    const gaps = holds.regardless === true ? [heldHere(place, 'records are', holds)] : [];
    return { left: { everyone, act, keep: [...keep, ...holds.selectors] }, gaps };
  }
  const within = less(act, holds.selectors);
  const isNarrower = holds.regardless === true && within.keep.length > 0;
  return {
    left: { act: within.act, keep: [...keep, ...within.keep] },
    gaps: [
      ...(within.held.length === 0 ? [] : [heldHere(place, `${within.held.length} subject(s) are`, holds)]),
      ...(isNarrower ? [heldHere(place, 'records of the accounts that were asked for are', holds)] : []),
    ],
  };
}

const heldHere = ({ name }: PlaceKeys, what: string, { regardless }: LocalHolds): Gap => ({
  code: 'HOLD_ACTIVE',
  dataset: name,
  reason:
    regardless === true
      ? `${what} under a legal hold that is about this place; it is about a range of dates, and counts for all of them where nobody can tell the date of a record`
      : `${what} under a legal hold that is about this place`,
});

function namedIn(place: PlaceKeys, selection: Selection): PlacedSelection {
  const isLocatable = locatableIn(place);
  const unseenHolds = new Set(selection.keep.filter((hold) => !isLocatable(hold)).map((hold) => hold.accountId));
  const found = selection.act.filter(isLocatable);
  const act = found.filter((selector) => !unseenHolds.has(selector.accountId));
  const gaps: Gap[] = [];
  const missing = selection.act.length - found.length;
  if (missing > 0) {
    gaps.push({
      code: 'SUBJECT_KEY_MISSING',
      dataset: place.name,
      reason: `${missing} subject(s) are named by a field that this dataset has no key for`,
    });
  }
  if (act.length < found.length) gaps.push(holdNotLocatable(place));
  return { act, keep: selection.keep.filter(isLocatable), gaps };
}

/** Here too, nothing is touched of an account with a hold that cannot be located. */
function everyoneIn(place: PlaceKeys, { keep }: Selection): PlacedSelection {
  const isLocatable = locatableIn(place);
  const whole = keep.map((hold) => (isLocatable(hold) ? hold : { accountId: hold.accountId }));
  return { everyone: true, act: [], keep: whole, gaps: keep.every(isLocatable) ? [] : [holdNotLocatable(place)] };
}

const locatableIn =
  ({ subjectFields }: PlaceKeys) =>
  ({ subject }: SubjectSelector): boolean =>
    subject === undefined || subjectFields.includes(subject.field);

function holdNotLocatable(place: PlaceKeys): Gap {
  const reason = 'a legal hold names its subject by a field that this dataset has no key for';
  return { code: 'HOLD_NOT_LOCATABLE', dataset: place.name, reason };
}

/** Says that dates of holds do not count for keys, where that keeps some. */
export const datelessKeys = ({ regardless, held, keep }: PermittedSelection): readonly Gap[] =>
  regardless === true && held.length + keep.length > 0
    ? [
        {
          code: 'HOLD_ACTIVE',
          dataset: keyRing.name,
          reason: 'a hold on a range of dates keeps keys as one on all dates does: what they encrypt may be of any',
        },
      ]
    : [];

/**
 * Whose keys of a selection are free to be destroyed. A key is whole: a hold on one person keeps the key of the whole account,
 * which encrypted that person's values too.
 */
export function keysFreeOfHolds({ act, keep }: Selection): {
  readonly free: readonly SubjectSelector[];
  readonly gaps: readonly Gap[];
} {
  const accounts = new Set(keep.map((hold) => hold.accountId));
  const free = act.filter(({ accountId, subject }) => subject !== undefined || !accounts.has(accountId));
  const kept = act.length - free.length;
  const reason = `${kept} account(s) have persons under a legal hold, whose values the account's key encrypts; nothing of their keys is destroyed`;
  return { free, gaps: kept === 0 ? [] : [{ code: 'HOLD_ACTIVE', dataset: keyRing.name, reason }] };
}
