import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import type { AuditAction } from '../../domain/audit/audit-action.ts';
import { newId } from '../../domain/id.ts';
import type { OperationKind } from '../../domain/operations/status.ts';
import { keyRing } from '../../domain/operations/target.ts';
import { EntitySchema } from '../../entities/entity.entity.ts';
import { type Operation, OperationSchema } from '../../entities/operation.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';

/** What is known of an operation when it is asked for. */
export interface NewOperation {
  readonly kind: OperationKind;
  readonly inputDigest: string;
  readonly approvalsNeeded: number;
  readonly entityId?: string | undefined;
  readonly datasetIds?: readonly string[] | undefined;
  readonly reason?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly dryRun?: boolean | undefined;
  readonly urgent?: boolean | undefined;
}

/** Writes an operation with its subjects and its audit event. `insertSubjects` answers how many there are. */
export async function insertOperation(
  tx: EntityManager,
  actor: Actor,
  given: NewOperation,
  insertSubjects: (operationId: string) => Promise<number>,
): Promise<Operation> {
  const now = new Date();
  const operation = tx.create(OperationSchema, {
    id: newId(),
    kind: given.kind,
    status: 'REQUESTED',
    reason: given.reason ?? null,
    dryRun: given.dryRun ?? false,
    urgent: given.urgent ?? false,
    idempotencyKey: given.idempotencyKey ?? null,
    inputDigest: given.inputDigest,
    entityId: given.entityId ?? null,
    datasetIds: given.datasetIds === undefined ? null : [...given.datasetIds],
    round: 1,
    attempt: 0,
    requestedBy: actor.id,
    approvalsNeeded: given.approvalsNeeded,
    createdAt: now,
    updatedAt: now,
  });
  if (given.kind === 'SHRED')
    await tx.execute(
      'insert into dataset (id, namespace, name, created_at) values (?, ?, ?, now()) on conflict do nothing',
      [keyRing.id, keyRing.namespace, keyRing.name],
    );
  await tx.persist(operation).flush();
  const subjects = await insertSubjects(operation.id);
  audit(tx, actor, {
    action: requestActions[given.kind],
    resourceType: 'Operation',
    resourceId: operation.id,
    details: { subjects, dryRun: operation.dryRun, inputDigest: given.inputDigest },
  });
  return operation;
}

const requestActions: Readonly<Record<OperationKind, AuditAction>> = {
  ERASURE: 'requestErasure',
  SHRED: 'requestShred',
  PROTECTION: 'requestProtection',
  REWRAP: 'requestRewrap',
  RETENTION: 'requestRetention',
};

/**
 * The operation that was made under an idempotency key before, null for none; nobody else makes one while the transaction
 * lasts. @throws LinewardError IDEMPOTENCY_MISMATCH when it was made from another input.
 */
export async function operationOfKey(
  tx: EntityManager,
  idempotencyKey: string | undefined,
  inputDigest: string,
): Promise<Operation | null> {
  if (idempotencyKey === undefined) return null;
  await tx.execute('select pg_advisory_xact_lock(hashtextextended(?, 1))', [idempotencyKey]);
  const known = await tx.findOne(OperationSchema, { idempotencyKey });
  if (known !== null && known.inputDigest !== inputDigest)
    throw new LinewardError('IDEMPOTENCY_MISMATCH', undefined, { path: ['idempotencyKey'] });
  return known;
}

/** @throws LinewardError NOT_FOUND */
export async function assertEntity(tx: EntityManager, entityId: string | undefined): Promise<void> {
  if (entityId === undefined || (await tx.count(EntitySchema, { id: entityId })) > 0) return;
  throw new LinewardError('NOT_FOUND', 'entityId: there is no such entity', { path: ['entityId'] });
}
