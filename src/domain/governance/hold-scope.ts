import { LinewardError } from '../../errors/lineward-error.ts';
import { assertSelector, assertText, type SubjectSelector } from './selection.ts';

/** Most names of one kind in a scope. */
const namesMax = 1_000;
const nameCharsMax = 1_024;

/** A person in an account, by the value of a key field. */
export type SubjectKey = NonNullable<SubjectSelector['subject']>;

/**
 * What a legal hold is about. Parts of different kinds narrow each other, names of one kind stand beside each other, and null does
 * not narrow. It is a question and not a list: what answers it later is held from then on (ADR 0038).
 */
export interface HoldScope {
  readonly accountId: string | null;
  /** Persons of the account; none for all of it. */
  readonly subjects: readonly SubjectKey[];
  readonly datasetIds: readonly string[] | null;
  readonly namespaces: readonly string[] | null;
  readonly entityIds: readonly string[] | null;
  readonly classifications: readonly string[] | null;
  /** Also all that is made of those places, however many steps away. */
  readonly lineageDownstream: boolean;
}

/** A scope as it is given; what is left out does not narrow. */
export interface GivenScope
  extends Partial<{ readonly [Part in keyof HoldScope]: HoldScope[Part] | null | undefined }> {
  /** One more person. */
  readonly subject?: SubjectKey | null | undefined;
}

/** @throws LinewardError BAD_INPUT */
export function readScope(given: GivenScope): HoldScope {
  const subjects = [...(given.subject == null ? [] : [given.subject]), ...(given.subjects ?? [])];
  const scope: HoldScope = {
    accountId: given.accountId ?? null,
    // Values of a client have no prototype, which the ORM takes for something else.
    subjects: subjects.map(({ field, value }) => ({ field, value })),
    datasetIds: distinct(given.datasetIds),
    namespaces: distinct(given.namespaces),
    entityIds: distinct(given.entityIds),
    classifications: distinct(given.classifications),
    lineageDownstream: given.lineageDownstream ?? false,
  };
  assertScope(scope);
  return scope;
}

const distinct = (names: readonly string[] | null | undefined): readonly string[] | null =>
  names == null ? null : [...new Set(names)];

/** The parts that say where. */
export const scopePlaces = ['datasetIds', 'namespaces', 'entityIds', 'classifications'] as const;

/** True for a scope that is about some places only. */
export const isPlaced = (scope: Pick<HoldScope, (typeof scopePlaces)[number]>): boolean =>
  scopePlaces.some((part) => scope[part] !== null);

/** A scope must say something, and what can be. */
function assertScope(scope: HoldScope): void {
  const { accountId, subjects, lineageDownstream } = scope;
  const refuse = (part: string, why: string): never => {
    throw new LinewardError('BAD_INPUT', `scope.${part}: ${why}`, { path: ['scope', part] });
  };
  if (accountId === null && subjects.length > 0) refuse('subjects', 'persons are persons of an account; name it');
  if (accountId === null && !isPlaced(scope))
    refuse('accountId', 'name an account, or datasets, namespaces, entities or classifications');
  if (lineageDownstream && !isPlaced(scope))
    refuse('lineageDownstream', 'a hold of all places has nothing downstream of them; leave it out');
  if (accountId !== null) assertSelector({ accountId }, ['scope']);
  if (subjects.length > namesMax) refuse('subjects', `at most ${namesMax}`);
  for (const [index, subject] of subjects.entries())
    assertSelector({ accountId: accountId ?? '', subject }, ['scope', 'subjects', String(index)]);
  for (const part of scopePlaces) {
    const names = scope[part];
    if (names === null) continue;
    if (names.length === 0 || names.length > namesMax) refuse(part, `1 to ${namesMax}, or leave it out`);
    for (const [index, name] of names.entries()) assertText(name, ['scope', part, String(index)], nameCharsMax);
  }
}

/** A hold in force, with the places that its scope names at this moment. */
export interface ActiveHold {
  readonly id: string;
  readonly confidential: boolean;
  /** Whose records; null for everybody's. */
  readonly selectors: readonly SubjectSelector[] | null;
  /** Null for all places. */
  readonly datasets: ReadonlySet<string> | null;
}

/** Whose records a scope is about. */
export function selectorsOf({
  accountId,
  subjects,
}: Pick<HoldScope, 'accountId' | 'subjects'>): readonly SubjectSelector[] | null {
  if (accountId === null) return null;
  return subjects.length === 0 ? [{ accountId }] : subjects.map((subject) => ({ accountId, subject }));
}

/** What holds of some places keep in one of them. */
export interface LocalHolds {
  /** All records, whoever they are about. */
  readonly everybody: boolean;
  readonly selectors: readonly SubjectSelector[];
}

/** What holds keep, by where. */
export interface HeldSelectors {
  readonly everywhere: readonly SubjectSelector[];
  /** By dataset. */
  readonly local: ReadonlyMap<string, LocalHolds>;
}

/** Holds that say the same of the same place count once: a million subjects are held against what is left. */
export function byReach(holds: readonly ActiveHold[]): HeldSelectors {
  const everywhere: SubjectSelector[] = [];
  const local = new Map<string, { everybody: boolean; selectors: SubjectSelector[] }>();
  for (const { selectors, datasets } of holds) {
    if (datasets === null) everywhere.push(...(selectors ?? []));
    else
      for (const id of datasets) {
        const held = local.get(id) ?? { everybody: false, selectors: [] };
        local.set(id, held);
        held.everybody ||= selectors === null;
        held.selectors.push(...(selectors ?? []));
      }
  }
  return { everywhere, local };
}
