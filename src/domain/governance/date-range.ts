import { LinewardError } from '../../errors/lineward-error.ts';

/** Instants from one up to, and without, another; null for no end on that side. */
export interface DateRange {
  readonly from: Date | null;
  readonly until: Date | null;
}

/** The same in UTC days since 1970. */
export interface DayRange {
  readonly from: number | null;
  readonly until: number | null;
}

/** Records of some days that stay. */
export interface KeptRange<Selector> {
  /** Whose; null for everybody's. */
  readonly selectors: readonly Selector[] | null;
  readonly days: DayRange;
}

const dayMs = 24 * 60 * 60 * 1_000;

/** The UTC day of an instant, since 1970. */
export const dayNumberOf = (at: Date): number => Math.floor(at.getTime() / dayMs);

/**
 * All days that a range touches: a date without a time may be any instant of its day, so what is held of a day is the whole of it.
 */
export const daysOf = ({ from, until }: DateRange): DayRange => ({
  from: from === null ? null : dayNumberOf(from),
  until: until === null ? null : Math.ceil(until.getTime() / dayMs),
});

/** True for a day in the range, and for one that nobody knows. */
export const mayLieIn = ({ from, until }: DayRange, day: number | null): boolean =>
  day === null || ((from === null || day >= from) && (until === null || day < until));

/** Years of four digits, which rows, logs and people read alike. */
const [earliest, latest] = [Date.parse('0001-01-01T00:00:00Z'), Date.parse('9999-12-31T00:00:00Z')];

/** A range as it is given. Null for none. @throws LinewardError BAD_INPUT */
export function readDates(
  given: { readonly from?: Date | null | undefined; readonly until?: Date | null | undefined } | null | undefined,
  path: readonly string[],
): DateRange | null {
  if (given == null) return null;
  const range: DateRange = { from: given.from ?? null, until: given.until ?? null };
  const { from, until } = range;
  if (from === null && until === null) throw refused(path, 'name from, until, or both');
  for (const [part, at] of Object.entries({ from, until }))
    if (at !== null && !(at.getTime() >= earliest && at.getTime() <= latest))
      throw refused([...path, part], 'must be in the years 1 to 9999');
  if (from !== null && until !== null && from >= until)
    throw refused([...path, 'until'], 'must be later than from; the instant itself is not in the range');
  return range;
}

const refused = (path: readonly string[], why: string): LinewardError =>
  new LinewardError('BAD_INPUT', `${path.join('.')}: ${why}`, { path: [...path] });
