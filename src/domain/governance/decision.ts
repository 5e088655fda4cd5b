import { type DateRange, dayNumberOf, daysOf, mayLieIn } from './date-range.ts';

/** Who speaks for keeping or deleting an item, the strongest first (ADR 0033). */
export const claimRules = {
  LEGAL_HOLD: 'An active legal hold. It beats everything.',
  MINIMUM_RETENTION: 'A minimum that a regulation asks for. It beats every deletion until it has run out.',
  ERASURE: 'The erasure of an account or a person, in every place. It beats what the business prefers to keep.',
  ITEM_DELETE: 'A deletion that names the item, in the places of one entity. It beats a rule of the whole place.',
  CONTAINER_DELETE: 'The retention rule of the whole place: keep so long, and then delete.',
  POLICY_DELETE: 'The retention policy that the whole place goes by, where it has no rule of its own.',
} as const;
export type ClaimRule = keyof typeof claimRules;

export const decisionActions = {
  KEEP: 'Nothing asks for its deletion yet.',
  DEFER: 'Its deletion is asked for and waits for what keeps it.',
  DELETE: 'It may be deleted, and is asked to be.',
} as const;
export type DecisionAction = keyof typeof decisionActions;

/** One voice about one item. */
export interface Claim {
  readonly rule: ClaimRule;
  /** The hold, the minimum, the operation, the dataset of the rule, or the policy. */
  readonly sourceId: string;
  /**
   * Of what keeps: it does so before that instant. Of what deletes: it is due from that instant on. Null: nobody can say; then the
   * item is kept.
   */
  readonly at: Date | null;
  /** Of a hold: only records of these dates; absent or null for all. */
  readonly dates?: DateRange | null | undefined;
  /** The date of the item by which such a hold goes; absent or null where nobody can tell: then it may lie in any range. */
  readonly date?: Date | null | undefined;
}

export interface LostClaim {
  readonly claim: Claim;
  readonly reason: string;
}

export interface Decision {
  readonly action: DecisionAction;
  /** Null when nobody says anything about the item. */
  readonly winner: Claim | null;
  readonly losers: readonly LostClaim[];
  /** When to ask again; null when no date is known or none is needed. */
  readonly until: Date | null;
  readonly reason: string;
}

const keeps = ({ rule }: Claim): boolean => rule === 'LEGAL_HOLD' || rule === 'MINIMUM_RETENTION';
const order = Object.keys(claimRules) as readonly ClaimRule[];
const never = Number.POSITIVE_INFINITY;
const timeOf = ({ at }: Claim): number => at?.getTime() ?? never;

/**
 * What becomes of an item: the one place in which claims are weighed. Of what keeps, holds come first and then the longest; of
 * what deletes, what names the item comes before what names its place, and then the earliest. Claims of equal weight keep
 * the order of their sources, so that the same claims always make the same decision.
 */
export function decide(claims: readonly Claim[], now: Date): Decision {
  const inForce = (claim: Claim): boolean =>
    !keeps(claim) || (claim.rule === 'LEGAL_HOLD' ? isAbout(claim) : timeOf(claim) > now.getTime());
  const retains = claims.filter((claim) => keeps(claim) && inForce(claim)).toSorted(byLongest);
  const deletes = claims.filter((claim) => !keeps(claim)).toSorted(byEarliest);
  const [retain, deletion] = [retains[0], deletes[0]];
  const isDue = deletion !== undefined && timeOf(deletion) <= now.getTime();
  const winner = retain ?? deletion ?? null;
  const action = retain === undefined ? (isDue ? 'DELETE' : 'KEEP') : isDue ? 'DEFER' : 'KEEP';
  return {
    action,
    winner,
    losers: claims
      .filter((claim) => claim !== winner)
      .map((claim) => ({ claim, reason: winner === null || !inForce(claim) ? whyNot(claim) : lostTo(claim, winner) })),
    until: action === 'DELETE' || winner?.rule === 'LEGAL_HOLD' ? null : (winner?.at ?? null),
    reason: winner === null ? 'nothing is said about it' : reasonOf(winner, action),
  };
}

/** True for a claim of whose dates the item may be. */
export const isAbout = ({ dates, date }: Claim): boolean =>
  dates == null || mayLieIn(daysOf(dates), date == null ? null : dayNumberOf(date));

const whyNot = ({ rule }: Claim): string =>
  rule === 'LEGAL_HOLD' ? 'it is about records of other dates' : 'it has run out';

const rank = ({ rule }: Claim): number => order.indexOf(rule);
const bySource = (one: Claim, other: Claim): number =>
  one.sourceId < other.sourceId ? -1 : one.sourceId > other.sourceId ? 1 : 0;
const compare = (one: number, other: number): number => (one === other ? 0 : one < other ? -1 : 1);

function byLongest(one: Claim, other: Claim): number {
  return rank(one) - rank(other) || compare(timeOf(other), timeOf(one)) || bySource(one, other);
}

function byEarliest(one: Claim, other: Claim): number {
  return rank(one) - rank(other) || compare(timeOf(one), timeOf(other)) || bySource(one, other);
}

function reasonOf({ rule, at, dates, date }: Claim, action: DecisionAction): string {
  if (rule === 'LEGAL_HOLD')
    return dates == null
      ? 'a legal hold keeps it until it is released'
      : date == null
        ? 'a legal hold on a range of dates keeps it until it is released, since nobody can tell its date here'
        : 'a legal hold on a range of dates that it lies in keeps it until it is released';
  const day = at?.toISOString() ?? null;
  if (rule === 'MINIMUM_RETENTION')
    return day === null
      ? 'a regulation keeps it, and it has no date by which that would run out'
      : `a regulation keeps it until ${day}`;
  if (action === 'DELETE')
    return rule === 'CONTAINER_DELETE' || rule === 'POLICY_DELETE'
      ? 'the retention of its place has run out'
      : 'its deletion was asked for';
  return day === null
    ? 'its place has a retention, and it has no date'
    : `the retention of its place keeps it until ${day}`;
}

function lostTo(claim: Claim, winner: Claim): string {
  if (claim.rule === winner.rule)
    return keeps(claim) ? 'another one keeps it as long or longer' : 'another one is due sooner';
  if (keeps(claim)) return 'a legal hold goes before';
  if (keeps(winner)) return winner.rule === 'LEGAL_HOLD' ? 'a legal hold keeps it' : 'a regulation keeps it';
  return winner.rule === 'ERASURE' ? 'an erasure goes before' : 'what names the item goes before a rule of its place';
}
