import type { EntityManager } from '@mikro-orm/postgresql';
import {
  type Selection,
  type SelectionAfterHolds,
  type SubjectSelector,
  subtractHolds,
} from '../../domain/governance/selection.ts';
import {
  type Operation,
  OperationSchema,
  type OperationSubject,
  OperationSubjectSchema,
} from '../../entities/operation.entity.ts';

/** Where active legal holds are read. */
export interface HoldReader {
  /** Holds on any of the accounts; all there are for null. */
  activeHolds(accountIds: readonly string[] | null): Promise<readonly SubjectSelector[]>;
}

/** The selector of a stored subject, null once its clear identifiers are gone. */
function selectorOf(subject: OperationSubject): SubjectSelector | null {
  if (subject.accountId == null) return null;
  if (subject.subjectField == null || subject.subjectValue == null) return { accountId: subject.accountId };
  return { accountId: subject.accountId, subject: { field: subject.subjectField, value: subject.subjectValue } };
}

/** Whom an operation was asked to act on, as far as it is still known. */
async function requestedOf(em: EntityManager, operationId: string): Promise<readonly SubjectSelector[]> {
  const subjects = await em.fork().find(OperationSubjectSchema, { operationId }, { orderBy: { digest: 'asc' } });
  return subjects.map(selectorOf).filter((selector) => selector !== null);
}

/** What an operation may act on at this moment: its subjects less the holds that are active now. */
export async function selectionOf(
  em: EntityManager,
  operationId: string,
  holds: HoldReader,
): Promise<SelectionAfterHolds> {
  const operation = await em.fork().findOneOrFail(OperationSchema, { id: operationId });
  const asked = await requestedOf(em, operationId);
  const everyone = await isAboutEveryone(em, operation);
  // Another key for the same value takes nothing away from what a hold keeps.
  if (operation.kind === 'REWRAP') return { everyone, act: asked, keep: [], held: [] };
  if (everyone) return { everyone, act: [], keep: await holds.activeHolds(null), held: [] };
  return subtractHolds(asked, await holds.activeHolds([...new Set(asked.map((selector) => selector.accountId))]));
}

/** True for an operation that was asked for without naming anybody. What destroys always names somebody. */
async function isAboutEveryone(em: EntityManager, { id, kind }: Pick<Operation, 'id' | 'kind'>): Promise<boolean> {
  if (kind !== 'PROTECTION' && kind !== 'REWRAP') return false;
  return (await em.fork().count(OperationSubjectSchema, { operationId: id })) === 0;
}

/** What an operation was asked to act on, whatever is held. */
export async function requestedSelection(em: EntityManager, operation: Operation): Promise<Selection> {
  const [act, everyone] = [await requestedOf(em, operation.id), await isAboutEveryone(em, operation)];
  return { everyone, act, keep: [] };
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
