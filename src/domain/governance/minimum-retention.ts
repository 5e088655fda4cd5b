/** How hard a minimum is. */
export const retentionModes = {
  COMPLIANCE: 'Nobody shortens, weakens or removes it before it has run out.',
  GOVERNANCE: 'Who may bypass retention shortens or removes it, with a reason and an audit event.',
} as const;
export type RetentionMode = keyof typeof retentionModes;

/** How long a regulation wants the records of a place to be kept. */
export interface Minimum {
  readonly days: number;
  readonly mode: RetentionMode;
  /** Column with the date of a row; null for the time stamp that a record has in its topic. */
  readonly dateField: string | null;
  /** The minimum itself ends then; null: it does not. */
  readonly validUntil: Date | null;
}

/** A minimum in one place. */
export interface LocalMinimum extends Minimum {
  /** True for a table without a date field: nobody can say of a record there when it may go, so all of them stay. */
  readonly undatable?: boolean | undefined;
}

/** What minimums leave of a place on one UTC day: records of days before `before` (`yyyy-mm-dd`) may go. */
export interface MinimumLimit {
  readonly dateField: string | null;
  readonly days: number;
  readonly before: string;
  /** True where records have no dates: none may go. */
  readonly undatable?: true;
}

const dayMs = 24 * 60 * 60 * 1_000;

/** The UTC day of an instant, `yyyy-mm-dd`. */
export const utcDayOf = (at: Date): string => at.toISOString().slice(0, 10);

const midnightOf = (day: string): number => Date.parse(`${day}T00:00:00Z`);

/** The first UTC day whose records are still kept: today and the `days` days before it are. */
export function firstKeptDay(days: number, now: Date): string {
  return utcDayOf(new Date(midnightOf(utcDayOf(now)) - days * dayMs));
}

/** The instant from which on a record may go: its own UTC day and `days` whole ones after it are over. */
export function keptUntil(date: Date, days: number): Date {
  return new Date(midnightOf(utcDayOf(date)) + (days + 1) * dayMs);
}

/** Whole days that a record of this date lies on the kept side of a limit; negative on the other. */
export function daysWithin({ before }: Pick<MinimumLimit, 'before'>, date: Date): number {
  return (midnightOf(utcDayOf(date)) - midnightOf(before)) / dayMs;
}

/** Records that a minimum keeps from an operation. */
export interface KeptByMinimum {
  readonly records: number;
  /** Of these without a date: nobody can say when they may go. */
  readonly undated: number;
  /** Most days that one of them lies on the kept side of the limit; null when none has a date. */
  readonly daysLeft: number | null;
}

/** The open point about them; null when there are none. */
export function minimumGap(
  { before, days }: MinimumLimit,
  { records, undated, daysLeft }: KeptByMinimum,
): { readonly code: 'MINIMUM_RETENTION'; readonly reason: string; readonly until?: string } | null {
  if (records === 0) return null;
  const until = daysLeft === null ? null : new Date(midnightOf(before) + (days + daysLeft + 1) * dayMs).toISOString();
  const when = until === null ? '' : `, the last until ${until}`;
  const nobodyKnows = undated === 0 ? '' : `; ${undated} of them have no date that can be read`;
  const reason = `${records} record(s) must be kept for ${days} days by regulation${when}${nobodyKnows}`;
  return { code: 'MINIMUM_RETENTION', reason, ...(until === null ? {} : { until }) };
}

/** Among minimums the longest wins; those that have run out say nothing. Null for none. */
export function minimumLimit(minimums: readonly LocalMinimum[], now: Date): MinimumLimit | null {
  const inForce = minimums.filter(({ validUntil }) => validUntil === null || validUntil > now);
  const [longest] = inForce.toSorted((one, other) => other.days - one.days);
  if (longest === undefined) return null;
  const { dateField, days, undatable } = longest;
  return { dateField, days, before: firstKeptDay(days, now), ...(undatable === true && { undatable }) };
}

/** What of a minimum would be less with a change; empty when it only keeps more. `to` null: it is removed. */
export function weakened(from: Minimum, to: Minimum | null): readonly ('days' | 'mode' | 'dateField' | 'validUntil')[] {
  if (to === null) return ['days', 'mode', 'dateField', 'validUntil'];
  const ends = ({ validUntil }: Minimum): number => validUntil?.getTime() ?? Number.POSITIVE_INFINITY;
  return [
    ...(to.days < from.days ? (['days'] as const) : []),
    ...(from.mode === 'COMPLIANCE' && to.mode === 'GOVERNANCE' ? (['mode'] as const) : []),
    // Other dates may be older ones.
    ...(to.dateField !== from.dateField ? (['dateField'] as const) : []),
    ...(ends(to) < ends(from) ? (['validUntil'] as const) : []),
  ];
}
