import { isPlaced, namesMax, type PlaceScope, readPlaces, refusedScope } from './place-scope.ts';
import { assertSelector, type SubjectSelector } from './selection.ts';

/** A person in an account, by the value of a key field. */
export type SubjectKey = NonNullable<SubjectSelector['subject']>;

/** What a legal hold is about: records of somebody, or of everybody, in some places or in all. */
export interface HoldScope extends PlaceScope {
  readonly accountId: string | null;
  /** Persons of the account; none for all of it. */
  readonly subjects: readonly SubjectKey[];
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
    ...readPlaces(given),
  };
  assertScope(scope);
  return scope;
}

/** A scope must say something, and what can be. */
function assertScope(scope: HoldScope): void {
  const { accountId, subjects, lineageDownstream } = scope;
  if (accountId === null && subjects.length > 0)
    throw refusedScope('subjects', 'persons are persons of an account; name it');
  if (accountId === null && !isPlaced(scope))
    throw refusedScope('accountId', 'name an account, or datasets, namespaces, entities or classifications');
  if (lineageDownstream && !isPlaced(scope))
    throw refusedScope('lineageDownstream', 'a hold of all places has nothing downstream of them; leave it out');
  if (accountId !== null) assertSelector({ accountId }, ['scope']);
  if (subjects.length > namesMax) throw refusedScope('subjects', `at most ${namesMax}`);
  for (const [index, subject] of subjects.entries())
    assertSelector({ accountId: accountId ?? '', subject }, ['scope', 'subjects', String(index)]);
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
