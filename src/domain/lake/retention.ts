import { firstKeptDay } from '../governance/minimum-retention.ts';

/** How long a lake table keeps its rows, by the date in a column. */
export interface RetentionRule {
  readonly dateField: string;
  readonly days: number;
}

/** A rule on one day: rows of UTC days before `before` (`yyyy-mm-dd`) go. */
export interface RetentionLimit extends RetentionRule {
  readonly before: string;
}

/**
 * Records of UTC days before `before` (`yyyy-mm-dd`) by the date in a column. `askedBefore` is there when a minimum cuts short what
 * was asked for: records of days before that one, of all days for null.
 */
export interface AgeLimit {
  readonly column: string;
  readonly before: string;
  readonly askedBefore?: string | null | undefined;
}

export const retentionDaysMax = 36_500;

/** A row stays on its own UTC day and for `days` whole ones after it, so today and the `days` days before it stay. */
export function limitAt({ dateField, days }: RetentionRule, now: Date): RetentionLimit {
  return { dateField, days, before: firstKeptDay(days, now) };
}

/** Open points that lie in the data, and that a rule meets every day. */
const expectedGaps: readonly string[] = ['HOLD_ACTIVE', 'MINIMUM_RETENTION', 'DATE_UNKNOWN'];

/** Rows of a table that may go without a person looking at the plan: more is more likely a fault of the dates. */
const shareMax = 0.5;

/** What a plan of a rule found. */
export interface RetentionForecast {
  readonly rows: number;
  readonly tableRows: number;
  readonly gapCodes: readonly string[];
}

/** Why a person has to approve a plan although the rule may approve itself; null when it may. */
export function reasonToAsk({ rows, tableRows, gapCodes }: RetentionForecast): string | null {
  const odd = gapCodes.find((code) => !expectedGaps.includes(code));
  if (odd !== undefined) return `the plan has an open point (${odd})`;
  if (rows > tableRows * shareMax) return `${rows} of ${tableRows} rows would go, which is more than half`;
  return null;
}

/** Records of a file that would match but for their age or `keep`. */
export interface AgeFinding {
  /** Older, and under `keep`. */
  readonly held: number;
  readonly undated: number;
  /** Those that were asked for and are not older; 0 where nothing cuts short what was asked for. */
  readonly retained: number;
  /** Most days by which one of them is too young. */
  readonly daysLeft: number | null;
  /** Those that were asked for, and stay because of their date alone: a hold is about it. */
  readonly within: number;
  /** Of these without a date. */
  readonly withinUndated: number;
}
