import { type DayRange, mayLieIn } from '../../../domain/governance/date-range.ts';
import type { EngineSelection, EngineSelector } from '../../../services/lake/ports.ts';

/** Columns of which a judge wants the values of each record. */
export interface AskedColumns {
  readonly keys: readonly string[];
  readonly date: string | null;
}

/** What a judge has to know of a record. */
export interface KeyedRecord {
  /** Texts of the asked key columns, in their order; null for NULL. */
  readonly keys: readonly (string | null)[];
  /** UTC day as days since 1970; null for a record without a date. */
  readonly day: number | null;
}

export interface Judgement {
  /** It falls under the selection. */
  readonly hit: boolean;
  /** Of a selection by age: it is older and kept. */
  readonly held: boolean;
  /** Of a selection by age: it was asked for and has no date. */
  readonly undated: boolean;
  /** Of a selection by age that something cuts short: by so many days it is too young. */
  readonly daysLeft: number | null;
  /** It was asked for, and stays because of its date alone. */
  readonly within: boolean;
}

/** Selectors of one side: accounts that are named as a whole, and values of one column by account. */
interface Side {
  readonly whole: ReadonlySet<string>;
  readonly subjects: readonly {
    readonly index: number;
    readonly byAccount: ReadonlyMap<string, ReadonlySet<string>>;
  }[];
}

const dayMs = 24 * 60 * 60 * 1_000;

/** Days since 1970 of a day that is written `yyyy-mm-dd`. */
export const dayNumber = (day: string): number => Date.parse(`${day}T00:00:00Z`) / dayMs;

/** Judges single records by a selection, as `SelectionTables` judges rows in SQL. A key that is NULL matches nothing. */
export class RowJudge {
  readonly asked: AskedColumns;
  readonly #everyone: boolean;
  readonly #act: Side;
  readonly #keep: Side;
  readonly #before: number | null;
  /** Days before this one were asked for; null where nothing cuts that short. */
  readonly #askedBefore: number | null;
  readonly #within: readonly { readonly side: Side | null; readonly days: DayRange }[];

  constructor({ accountColumn, act, keep, everyone = false, olderThan, keepWithin }: EngineSelection) {
    const ranges = keepWithin?.ranges ?? [];
    const ranged = ranges.flatMap(({ selectors }) => selectors ?? []);
    const subjects = [...act, ...keep, ...ranged].flatMap(({ subject }) => subject?.column ?? []);
    const keys = [...new Set([accountColumn, ...subjects])];
    this.asked = { keys, date: olderThan?.column ?? keepWithin?.column ?? null };
    this.#within = ranges.map(({ selectors, days }) => {
      return { side: selectors === null ? null : sideOf(selectors, keys), days };
    });
    this.#everyone = everyone;
    this.#act = sideOf(act, keys);
    this.#keep = sideOf(keep, keys);
    this.#before = olderThan === undefined ? null : dayNumber(olderThan.before);
    const asked = olderThan?.askedBefore;
    this.#askedBefore = asked === undefined ? null : asked === null ? Number.POSITIVE_INFINITY : dayNumber(asked);
  }

  judge({ keys, day }: KeyedRecord): Judgement {
    const isOld = this.#before === null || (day !== null && day < this.#before);
    const isKept = names(this.#keep, keys);
    const isAsked = this.#everyone || names(this.#act, keys);
    const isFree = isAsked && !isKept;
    const isWithin =
      isFree && this.#within.some(({ side, days }) => mayLieIn(days, day) && (side === null || names(side, keys)));
    const hit = isOld && isFree && !isWithin;
    const within = isWithin && this.#isAskedFor(day);
    if (this.#before === null) return { hit, held: false, undated: false, daysLeft: null, within };
    const isRetained = day !== null && !isOld && isFree && !isWithin && day < (this.#askedBefore ?? day);
    return {
      hit,
      held: isOld && isKept && isAsked,
      undated: day === null && isAsked,
      daysLeft: isRetained ? day - this.#before : null,
      within,
    };
  }

  /** Whatever cuts short what was asked for. */
  #isAskedFor(day: number | null): boolean {
    const before = this.#askedBefore ?? this.#before;
    return before === null || before === Number.POSITIVE_INFINITY || (day !== null && day < before);
  }
}

function names({ whole, subjects }: Side, keys: KeyedRecord['keys']): boolean {
  const account = keys[0] ?? null;
  if (account === null) return false;
  if (whole.has(account)) return true;
  return subjects.some(({ index, byAccount }) => {
    const value = keys[index] ?? null;
    return value !== null && byAccount.get(account)?.has(value) === true;
  });
}

function sideOf(selectors: readonly EngineSelector[], keys: readonly string[]): Side {
  const whole = new Set<string>();
  const byColumn = new Map<string, Map<string, Set<string>>>();
  for (const { account, subject } of selectors) {
    if (subject === undefined) {
      whole.add(account);
      continue;
    }
    const byAccount = byColumn.get(subject.column) ?? new Map<string, Set<string>>();
    byColumn.set(subject.column, byAccount);
    byAccount.set(account, (byAccount.get(account) ?? new Set()).add(subject.value));
  }
  const subjects = [...byColumn].map(([column, byAccount]) => ({ index: keys.indexOf(column), byAccount }));
  return { whole, subjects };
}
