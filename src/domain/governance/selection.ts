import { LinewardError } from '../../errors/lineward-error.ts';

/** Names a whole account, or one data subject inside it by the value of a subject key field. */
export interface SubjectSelector {
  readonly accountId: string;
  readonly subject?: { readonly field: string; readonly value: string } | undefined;
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

const sameSubject = (a: SubjectSelector['subject'], b: SubjectSelector['subject']): boolean =>
  a !== undefined && b !== undefined && a.field === b.field && a.value === b.value;

const covers = (hold: SubjectSelector, asked: SubjectSelector): boolean =>
  hold.accountId === asked.accountId && (hold.subject === undefined || sameSubject(hold.subject, asked.subject));

const overlaps = (hold: SubjectSelector, asked: SubjectSelector): boolean =>
  hold.accountId === asked.accountId && !covers(hold, asked);

/**
 * Subtracts active legal holds from what was asked. A hold on the whole of a selector takes it out; a narrower or
 * differently keyed hold in the same account stays as a `keep` selector, decided record by record.
 */
export function subtractHolds(
  asked: readonly SubjectSelector[],
  holds: readonly SubjectSelector[],
): SelectionAfterHolds {
  const held = asked.filter((selector) => holds.some((hold) => covers(hold, selector)));
  const act = asked.filter((selector) => !held.includes(selector));
  const keep = holds.filter((hold) => act.some((selector) => overlaps(hold, selector)));
  return { act, keep, held };
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
  const matches = (selector: SubjectSelector): boolean =>
    selector.accountId === accountId &&
    (selector.subject === undefined || key(selector.subject.field) === selector.subject.value);
  return (selection.everyone === true || selection.act.some(matches)) && !selection.keep.some(matches);
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
