import { LinewardError } from '../../errors/lineward-error.ts';

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
}

export interface SelectionAfterHolds extends Selection {
  /** Requested selectors that a hold covers whole; nothing of them may be touched. */
  readonly held: readonly SubjectSelector[];
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

  hasAccount(accountId: string): boolean {
    return this.#accounts.has(accountId);
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
function indexOf(selectors: readonly SubjectSelector[]): SelectorIndex {
  const known = indexes.get(selectors) ?? new SelectorIndex(selectors);
  indexes.set(selectors, known);
  return known;
}

/**
 * Subtracts active legal holds from what was asked. A hold on the whole of a selector takes it out; a narrower or
 * differently keyed hold in the same account stays as a `keep` selector, decided record by record.
 */
export function subtractHolds(
  asked: readonly SubjectSelector[],
  holds: readonly SubjectSelector[],
): SelectionAfterHolds {
  if (holds.length === 0) return { act: asked, keep: [], held: [] };
  const holding = indexOf(holds);
  const held = asked.filter((selector) => holding.covers(selector));
  const act = asked.filter((selector) => !holding.covers(selector));
  // What is left of an account with holds is not covered by any of them, so each may concern a part of it.
  const left = indexOf(act);
  return { act, keep: holds.filter(({ accountId }) => left.hasAccount(accountId)), held };
}

/** True when there is nothing that may be acted on. */
export function isNobody({ everyone, act }: Selection): boolean {
  return everyone !== true && act.length === 0;
}

/** Reads one key of a record as text; null when the record does not have it. */
export type KeyReader = (field: string) => string | null;

/** True when a record, seen through its account and subject keys, falls under the selection. */
export function isSelected(selection: Selection, accountId: string | null, key: KeyReader): boolean {
  if (accountId === null) return selection.everyone === true;
  const isNamed = selection.everyone === true || indexOf(selection.act).matches(accountId, key);
  return isNamed && !indexOf(selection.keep).matches(accountId, key);
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
