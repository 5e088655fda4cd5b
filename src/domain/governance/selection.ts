import { LinewardError } from '../../errors/lineward-error.ts';
import { canonicalJson } from '../canonical-json.ts';
import { dayNumberOf, type KeptRange, mayLieIn } from './date-range.ts';
import { type MinimumLimit, utcDayOf } from './minimum-retention.ts';

/** Names a whole account, or one data subject inside it by the value of a subject key field. */
export interface SubjectSelector {
  readonly accountId: string;
  readonly subject?: { readonly field: string; readonly value: string } | undefined;
  /** Of the keys of whom it names, only this version. Records have none. */
  readonly keyVersion?: number | undefined;
}

/** What an operation may act on: everything in `act`, except what `keep` matches. `keep` always wins. */
export interface Selection {
  /** True when the operation acts on all records, whoever they are about, but for `keep`; `act` is empty then. */
  readonly everyone?: boolean | undefined;
  readonly act: readonly SubjectSelector[];
  readonly keep: readonly SubjectSelector[];
  /** Of these only records of days before the limit; a record whose date nobody knows stays. */
  readonly minimum?: MinimumLimit | undefined;
  /** What else stays: records of certain days. */
  readonly keepWithin?: KeptDays | undefined;
}

/** Records that stay because of their date. One whose date nobody knows counts as one of all of them. */
export interface KeptDays {
  /** Column with the date of a row. */
  readonly dateField: string;
  readonly ranges: readonly KeptRange<SubjectSelector>[];
}

/** Selectors by account, field and value, so that asking costs the same for one and for hundreds of thousands. */
class SelectorIndex {
  readonly #accounts = new Map<string, { whole: boolean; readonly fields: Map<string, Set<string>> }>();

  constructor(selectors: readonly SubjectSelector[]) {
    for (const { accountId, subject } of selectors) {
      const account = this.#accounts.get(accountId) ?? { whole: false, fields: new Map() };
      this.#accounts.set(accountId, account);
      if (subject === undefined) account.whole = true;
      else account.fields.set(subject.field, (account.fields.get(subject.field) ?? new Set()).add(subject.value));
    }
  }

  /** True when a selector names the whole account, or the very person. */
  covers({ accountId, subject }: SubjectSelector): boolean {
    const account = this.#accounts.get(accountId);
    if (account === undefined) return false;
    return account.whole || (subject !== undefined && account.fields.get(subject.field)?.has(subject.value) === true);
  }

  matches(accountId: string, key: KeyReader): boolean {
    const account = this.#accounts.get(accountId);
    if (account === undefined) return false;
    if (account.whole) return true;
    for (const [field, values] of account.fields) {
      const value = key(field);
      if (value !== null && values.has(value)) return true;
    }
    return false;
  }
}

const indexes = new WeakMap<readonly SubjectSelector[], SelectorIndex>();

/** Lists of selectors are never changed, so each is looked through once. */
export function indexOf(selectors: readonly SubjectSelector[]): SelectorIndex {
  const known = indexes.get(selectors) ?? new SelectorIndex(selectors);
  indexes.set(selectors, known);
  return known;
}

/** True when there is nothing that may be acted on. */
export function isNobody({ everyone, act }: Selection): boolean {
  return everyone !== true && act.length === 0;
}

/** True when the same records fall under both. The limit of a minimum moves on with each day and only lets more go. */
export function isSameSelection(one: Selection, other: Selection): boolean {
  if (one === other) return true;
  const facts = ({ everyone = false, act, keep, minimum, keepWithin }: Selection) =>
    canonicalJson([
      ...[everyone, named(act), named(keep), minimum?.days ?? null, minimum?.dateField ?? null],
      keptDaysInOrder(keepWithin),
    ]);
  return facts(one) === facts(other);
}

/** Equal for those that keep the same: holds are read in any order. */
export const keptDaysInOrder = (kept: KeptDays | undefined): readonly unknown[] | null =>
  kept === undefined
    ? null
    : [
        kept.dateField,
        kept.ranges
          .map(({ selectors, days }) =>
            JSON.stringify([days.from, days.until, selectors === null ? null : named(selectors)]),
          )
          .sort(),
      ];

const named = (selectors: readonly SubjectSelector[]): readonly string[] =>
  selectors.map(({ accountId, subject }) => JSON.stringify([accountId, subject?.field, subject?.value])).sort();

/** Reads one key of a record as text; null when the record does not have it. */
export type KeyReader = (field: string) => string | null;

/** True when a record, seen through its account, its subject keys and its date, falls under the selection. */
export function isSelected(
  selection: Selection,
  accountId: string | null,
  key: KeyReader,
  date: Date | null = null,
): boolean {
  if (isUnderMinimum(selection, date) || isKeptWithin(selection, accountId, key, date)) return false;
  if (accountId === null) return selection.everyone === true;
  const isNamed = selection.everyone === true || indexOf(selection.act).matches(accountId, key);
  return isNamed && !indexOf(selection.keep).matches(accountId, key);
}

function isKeptWithin({ keepWithin }: Selection, accountId: string | null, key: KeyReader, date: Date | null): boolean {
  const day = date === null ? null : dayNumberOf(date);
  return (keepWithin?.ranges ?? []).some(
    ({ selectors, days }) =>
      mayLieIn(days, day) && (selectors === null || (accountId !== null && indexOf(selectors).matches(accountId, key))),
  );
}

function isUnderMinimum({ minimum }: Selection, date: Date | null): boolean {
  return minimum !== undefined && (date === null || utcDayOf(date) >= minimum.before);
}

/** Most characters of an account, a field or a value: longer ones do not fit the database's indexes. */
const selectorCharsMax = 1_024;

/** @throws LinewardError BAD_INPUT for a part of a selector that is blank or too long. `path` is the selector's place. */
export function assertSelector({ accountId, subject }: SubjectSelector, path: readonly string[]): void {
  assertText(accountId, [...path, 'accountId'], selectorCharsMax);
  if (subject === undefined) return;
  assertText(subject.field, [...path, 'subject', 'field'], selectorCharsMax);
  assertText(subject.value, [...path, 'subject', 'value'], selectorCharsMax);
}

/** @throws LinewardError BAD_INPUT for a text that is blank or too long. */
export function assertText(text: string, path: readonly string[], charsMax: number): void {
  if (text.trim() !== '' && text.length <= charsMax) return;
  throw new LinewardError('BAD_INPUT', `${path.join('.')}: must have 1 to ${charsMax} characters`, { path });
}
