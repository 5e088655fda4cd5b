import type { OperationKind } from '../operations/status.ts';
import { type Gap, keyRing } from '../operations/target.ts';
import { type Claim, decide } from './decision.ts';
import type { LocalHolds } from './hold-scope.ts';
import type { MinimumLimit } from './minimum-retention.ts';
import { indexOf, type Selection, type SubjectSelector } from './selection.ts';

/** All that keeps data at a moment. */
export interface Retains {
  /** Of holds that are about all places. */
  readonly holds: readonly SubjectSelector[];
  /** By dataset, of holds that are about some. */
  readonly local?: ReadonlyMap<string, LocalHolds> | undefined;
  /** By dataset. */
  readonly minimums: ReadonlyMap<string, MinimumLimit>;
}

/** What an operation may act on in all places. */
export interface PermittedSelection extends Selection {
  /** Requested selectors that a hold covers whole; nothing of them may be touched. */
  readonly held: readonly SubjectSelector[];
  /** By dataset, what holds keep there beside `keep`. */
  readonly local: ReadonlyMap<string, LocalHolds>;
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
const noHolds: ReadonlyMap<string, LocalHolds> = new Map();
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
  const binds = bindsTo[kind].holds;
  const [holds, local] = binds ? [retains.holds, retains.local ?? noHolds] : [[], noHolds];
  const minimums = bindsTo[kind].minimums ? retains.minimums : noMinimums;
  if (everyone === true) return { everyone, act: requested, keep: holds, held: [], local, minimums };
  return { ...less(requested, holds), local, minimums };
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
 * So is a hold that cannot be located there: then nothing of its account is touched, since any record may be held.
 */
export function permittedIn(
  place: PlaceKeys,
  selection: Selection & Partial<Pick<PermittedSelection, 'minimums' | 'local'>>,
): PlacedSelection {
  const minimum = selection.minimums?.get(place.datasetId);
  const { left, gaps } = heldBack(place, selection, selection.local?.get(place.datasetId));
  if (minimum?.undatable === true) {
    const isAsked = left.everyone === true || left.act.length > 0;
    return { act: [], keep: [], gaps: isAsked ? [...gaps, undatable(place, minimum)] : gaps };
  }
  const found = left.everyone === true ? everyoneIn(place, left) : namedIn(place, left);
  const placed = { ...found, gaps: [...gaps, ...found.gaps] };
  return minimum === undefined ? placed : { ...placed, minimum };
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
    return { left: { act: [], keep: [] }, gaps: isAsked ? [heldHere(place, 'all of its records are')] : [] };
  }
  if (everyone === true) return { left: { everyone, act, keep: [...keep, ...holds.selectors] }, gaps: [] };
  const within = less(act, holds.selectors);
  const kept = `${within.held.length} subject(s) are`;
  return {
    left: { act: within.act, keep: [...keep, ...within.keep] },
    gaps: within.held.length === 0 ? [] : [heldHere(place, kept)],
  };
}

const heldHere = ({ name }: PlaceKeys, what: string): Gap => ({
  code: 'HOLD_ACTIVE',
  dataset: name,
  reason: `${what} under a legal hold that is about this place`,
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
