import type { EntityManager } from '@mikro-orm/postgresql';
import { type SelectionAfterHolds, type SubjectSelector, subtractHolds } from '../../domain/governance/selection.ts';
import { type OperationSubject, OperationSubjectSchema } from '../../entities/operation.entity.ts';

/** Where active legal holds are read. */
export interface HoldReader {
  activeHolds(accountIds: readonly string[]): Promise<readonly SubjectSelector[]>;
}

/** The selector of a stored subject, null once its clear identifiers are gone. */
function selectorOf(subject: OperationSubject): SubjectSelector | null {
  if (subject.accountId == null) return null;
  if (subject.subjectField == null || subject.subjectValue == null) return { accountId: subject.accountId };
  return { accountId: subject.accountId, subject: { field: subject.subjectField, value: subject.subjectValue } };
}

/** What an operation was asked to act on. */
export async function requestedOf(em: EntityManager, operationId: string): Promise<readonly SubjectSelector[]> {
  const subjects = await em.fork().find(OperationSubjectSchema, { operationId }, { orderBy: { digest: 'asc' } });
  return subjects.map(selectorOf).filter((selector) => selector !== null);
}

/** What an operation may act on at this moment: its subjects less the holds that are active now. */
export async function selectionOf(
  em: EntityManager,
  operationId: string,
  holds: HoldReader,
): Promise<SelectionAfterHolds> {
  const asked = await requestedOf(em, operationId);
  const active = await holds.activeHolds([...new Set(asked.map((selector) => selector.accountId))]);
  return subtractHolds(asked, active);
}

/** From here on an operation knows its subjects by keyed digest only. */
export async function dropIdentifiers(tx: EntityManager, operationId: string): Promise<void> {
  await tx.nativeUpdate(
    OperationSubjectSchema,
    { operationId },
    { accountId: null, subjectField: null, subjectValue: null },
  );
}

/** True while it is still known in the clear whom the operation is about. */
export async function isIdentified(tx: EntityManager, operationId: string): Promise<boolean> {
  return (await tx.count(OperationSubjectSchema, { operationId, accountId: { $ne: null } })) > 0;
}
