import type { EntityManager } from '@mikro-orm/postgresql';
import { canonicalJson } from '../../domain/canonical-json.ts';
import { byReach, type HeldSelectors } from '../../domain/governance/hold-scope.ts';
import type { MinimumLimit } from '../../domain/governance/minimum-retention.ts';
import { bindsTo, type PermittedSelection, permitted } from '../../domain/governance/permission.ts';
import type { Selection, SubjectSelector } from '../../domain/governance/selection.ts';
import type { OperationKind } from '../../domain/operations/status.ts';
import {
  type Operation,
  OperationSchema,
  type OperationSubject,
  OperationSubjectSchema,
} from '../../entities/operation.entity.ts';
import { textArray } from '../sql.ts';

/** Where it is read what keeps data. */
export interface Retaining {
  /** What active holds keep of any of the accounts; of all there are for null. */
  heldSelectors(accountIds: readonly string[] | null): Promise<HeldSelectors>;
  /** What minimums in force leave of each dataset that has one. */
  minimumLimits(): Promise<ReadonlyMap<string, MinimumLimit>>;
}

/** Whom an operation is about. */
type Subject = Pick<OperationSubject, 'digest' | 'held' | 'accountId' | 'subjectField' | 'subjectValue' | 'keyVersion'>;

/** All whom an operation is about, by digest. As rows: there may be hundreds of thousands, and entities take ten times as long. */
export function subjectsOf(em: EntityManager, operationId: string): Promise<readonly Subject[]> {
  return em.execute<Subject[]>(
    `select digest, held, account_id as "accountId", subject_field as "subjectField", subject_value as "subjectValue",
       key_version as "keyVersion" from operation_subject where operation_id = ? order by digest`,
    [operationId],
  );
}

/** Puts on record which subjects are held, and which are not. */
export async function markHeld(tx: EntityManager, operationId: string, held: ReadonlySet<string>): Promise<void> {
  const digests = textArray([...held]);
  await tx.execute(
    `update operation_subject set held = digest = any(?::text[])
     where operation_id = ? and held is distinct from (digest = any(?::text[]))`,
    [digests, operationId, digests],
  );
}

/** The selector of a stored subject, null once its clear identifiers are gone. */
function selectorOf(subject: Subject): SubjectSelector | null {
  const { accountId, subjectField: field, subjectValue: value, keyVersion } = subject;
  if (accountId == null) return null;
  const version = keyVersion == null ? {} : { keyVersion };
  if (field == null || value == null) return { accountId, ...version };
  return { accountId, subject: { field, value }, ...version };
}

/** What an operation was asked for. */
interface Asked extends Selection, Pick<Operation, 'kind'> {
  /** Each once; null for every account there is. */
  readonly accounts: readonly string[] | null;
}

/** Whom an operation was asked to act on, as far as it is still known. */
async function requestedOf(em: EntityManager, operationId: string): Promise<readonly SubjectSelector[]> {
  const subjects = await subjectsOf(em.fork(), operationId);
  return subjects.map(selectorOf).filter((selector) => selector !== null);
}

/**
 * What an operation may act on: its subjects less what keeps them. The subjects are read once, holds and minimums each time;
 * while those do not change, the answer is the same object, so that whoever derives something large from it can keep that.
 */
export class OperationSelections {
  readonly #em: EntityManager;
  readonly #operationId: string;
  readonly #retains: Retaining;
  #asked: Promise<Asked> | null = null;
  #last: { readonly retains: string; readonly selection: PermittedSelection } | null = null;

  constructor(em: EntityManager, operationId: string, retains: Retaining) {
    this.#em = em;
    this.#operationId = operationId;
    this.#retains = retains;
  }

  /** What was asked for, whatever is held. */
  requested(): Promise<Selection> {
    this.#asked ??= this.#read();
    return this.#asked;
  }

  /** What may be acted on at this moment. */
  async now(): Promise<PermittedSelection> {
    this.#asked ??= this.#read();
    const request = await this.#asked;
    const binds = bindsTo[request.kind];
    const {
      everywhere: holds,
      local,
      ranged,
    } = binds.holds ? await this.#retains.heldSelectors(request.accounts) : byReach([]);
    const minimums: ReadonlyMap<string, MinimumLimit> = binds.minimums
      ? await this.#retains.minimumLimits()
      : new Map();
    const retains = canonicalJson([
      ...heldInOrder({ everywhere: holds, local, ranged }),
      [...minimums].map(([id, limit]) => [id, { ...limit }]),
    ]);
    if (this.#last?.retains === retains) return this.#last.selection;
    const selection = permitted(request, { holds, local, ranged, minimums });
    this.#last = { retains, selection };
    return selection;
  }

  async #read(): Promise<Asked> {
    const operation = await this.#em.fork().findOneOrFail(OperationSchema, { id: this.#operationId });
    const act = await requestedOf(this.#em, operation.id);
    const everyone = await isAboutEveryone(this.#em, operation);
    const accounts = everyone ? null : [...new Set(act.map(({ accountId }) => accountId))];
    return { kind: operation.kind, everyone, act, keep: [], accounts };
  }
}

/** Equal for holds that keep the same: they are read in any order. */
function heldInOrder({ everywhere, local, ranged }: HeldSelectors): readonly unknown[] {
  const inOrder = (selectors: readonly SubjectSelector[]) => selectors.map((hold) => canonicalJson(hold)).sort();
  const there = [...local].map(([id, { everybody, selectors, regardless = false }]) =>
    canonicalJson([id, everybody, regardless, inOrder(selectors)]),
  );
  const ofDates = ranged.holds.map(({ selectors, datasets, days }) =>
    canonicalJson([
      [days.from, days.until],
      datasets === null ? null : [...datasets].sort(),
      selectors === null ? null : inOrder(selectors),
    ]),
  );
  return [inOrder(everywhere), there.sort(), ofDates.sort(), [...ranged.dateFields].sort()];
}

/** {@link OperationSelections.now}, for those who ask once. */
export function selectionOf(em: EntityManager, operationId: string, retains: Retaining): Promise<PermittedSelection> {
  return new OperationSelections(em, operationId, retains).now();
}

/** Kinds that may be asked for without naming anybody. What destroys names somebody, or goes by the rule of one table. */
const mayNameNobody: readonly OperationKind[] = ['PROTECTION', 'REWRAP', 'RETENTION'];

/** True for an operation that was asked for without naming anybody. */
async function isAboutEveryone(em: EntityManager, { id, kind }: Pick<Operation, 'id' | 'kind'>): Promise<boolean> {
  if (!mayNameNobody.includes(kind)) return false;
  return (await em.fork().count(OperationSubjectSchema, { operationId: id })) === 0;
}

/** From here on an operation knows its subjects by keyed digest only. */
export async function dropIdentifiers(tx: EntityManager, operationId: string): Promise<void> {
  await tx.nativeUpdate(
    OperationSubjectSchema,
    { operationId },
    { accountId: null, subjectField: null, subjectValue: null },
  );
}

/** True while it is still known in the clear whom the operation is about; always where that is everyone. */
export async function isIdentified(tx: EntityManager, operation: Operation): Promise<boolean> {
  if (await isAboutEveryone(tx, operation)) return true;
  return (await tx.count(OperationSubjectSchema, { operationId: operation.id, accountId: { $ne: null } })) > 0;
}
