import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { canonicalJson } from '../../domain/canonical-json.ts';
import { assertSelector, assertText, type SubjectSelector } from '../../domain/governance/selection.ts';
import { newId } from '../../domain/id.ts';
import { finalStatuses, mayBecome, type OperationKind, type OperationStatus } from '../../domain/operations/status.ts';
import { keyRing } from '../../domain/operations/target.ts';
import { DatasetSchema } from '../../entities/dataset.entity.ts';
import { EntitySchema } from '../../entities/entity.entity.ts';
import {
  type Operation,
  OperationSchema,
  OperationSubjectSchema,
  OperationTargetSchema,
} from '../../entities/operation.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import type { OperationDriver } from './operation-driver.ts';
import { lockOperation } from './operation-lock.ts';
import { dropIdentifiers, isIdentified } from './operation-subjects.ts';
import type { Notary } from './ports.ts';

export interface RequestOperation {
  readonly subjects: readonly SubjectSelector[];
  readonly reason?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  /** Stop after the plan. */
  readonly dryRun?: boolean | undefined;
}

export interface RequestErasure extends RequestOperation {
  /** Only this entity's places; all entities when absent. */
  readonly entityId?: string | undefined;
}

/** Work on the values of records. */
export interface RequestTransformation extends Omit<RequestErasure, 'subjects'> {
  /** Only records of these accounts; all records when absent. */
  readonly accountIds?: readonly string[] | undefined;
  /** Only these of the entity's places. */
  readonly datasetIds?: readonly string[] | undefined;
}

/** A request of any kind. */
interface AnyRequest extends RequestErasure {
  readonly datasetIds?: readonly string[] | undefined;
}

/** How hard it is to destroy keys. */
export interface ShredRules {
  /** Different actors who must approve. */
  readonly approvals: number;
  /** Time between the last approval and the work. */
  readonly coolOffMs: number;
}

/** Most subjects of one request. */
const subjectsMax = 10_000;
const idempotencyKeyCharsMax = 255;
const reasonCharsMax = 4_000;

/**
 * What people may do with an operation: ask, approve, cancel, retry. Each is one transaction with its audit event; the
 * row is the outbox, and the driver enqueues what follows once it is committed.
 */
export class OperationService {
  readonly #em: EntityManager;
  readonly #driver: Pick<OperationDriver, 'advance'>;
  readonly #notary: Notary;
  readonly #shred: ShredRules;

  constructor(deps: {
    readonly em: EntityManager;
    readonly driver: Pick<OperationDriver, 'advance'>;
    readonly notary: Notary;
    readonly shred: ShredRules;
  }) {
    this.#em = deps.em;
    this.#driver = deps.driver;
    this.#notary = deps.notary;
    this.#shred = deps.shred;
  }

  /** The same idempotency key with the same input answers the operation it made before. */
  requestErasure(actor: Actor, input: RequestErasure): Promise<Operation> {
    return this.#request(actor, 'ERASURE', input);
  }

  /** As `requestErasure`, for the keys of accounts and persons. */
  requestShred(actor: Actor, input: RequestOperation): Promise<Operation> {
    return this.#request(actor, 'SHRED', input);
  }

  /** Applies the protection policies in force to what is stored of one entity. */
  requestProtection(actor: Actor, input: RequestTransformation & { readonly entityId: string }): Promise<Operation> {
    return this.#request(actor, 'PROTECTION', transformationOf(input));
  }

  /** Encrypts anew what is stored under older versions of keys than the ones in force. */
  requestRewrap(actor: Actor, input: RequestTransformation): Promise<Operation> {
    return this.#request(actor, 'REWRAP', transformationOf(input));
  }

  async #request(actor: Actor, kind: OperationKind, input: AnyRequest): Promise<Operation> {
    const isTransformation = kind === 'PROTECTION' || kind === 'REWRAP';
    const subjects = readSubjects(input.subjects, isTransformation ? ['accountIds'] : ['subjects']);
    if (subjects.length === 0 && !isTransformation)
      throw new LinewardError('BAD_INPUT', 'subjects: name at least one account or subject', { path: ['subjects'] });
    if (input.idempotencyKey !== undefined)
      assertText(input.idempotencyKey, ['idempotencyKey'], idempotencyKeyCharsMax);
    if (input.reason !== undefined) assertText(input.reason, ['reason'], reasonCharsMax);
    const inputDigest = this.#notary.digest({
      ...(kind === 'ERASURE' ? {} : { kind }),
      subjects,
      entityId: input.entityId ?? null,
      ...(input.datasetIds === undefined ? {} : { datasetIds: input.datasetIds }),
      reason: input.reason ?? null,
      dryRun: input.dryRun ?? false,
    });
    const operation = await this.#em.fork().transactional(async (tx) => {
      if (input.idempotencyKey !== undefined) {
        await tx.execute('select pg_advisory_xact_lock(hashtextextended(?, 1))', [input.idempotencyKey]);
        const known = await tx.findOne(OperationSchema, { idempotencyKey: input.idempotencyKey });
        if (known !== null && known.inputDigest !== inputDigest) {
          throw new LinewardError('IDEMPOTENCY_MISMATCH', undefined, { path: ['idempotencyKey'] });
        }
        if (known !== null) return known;
      }
      if (input.entityId !== undefined && (await tx.count(EntitySchema, { id: input.entityId })) === 0) {
        throw new LinewardError('NOT_FOUND', 'entityId: there is no such entity', { path: ['entityId'] });
      }
      if (input.datasetIds !== undefined) await assertDatasets(tx, input.datasetIds);
      return this.#insert(tx, actor, input, { kind, subjects, inputDigest });
    });
    await this.#driver.advance(operation.id);
    return operation;
  }

  async #insert(
    tx: EntityManager,
    actor: Actor,
    input: AnyRequest,
    derived: { kind: OperationKind; subjects: readonly SubjectSelector[]; inputDigest: string },
  ): Promise<Operation> {
    const now = new Date();
    const operation = tx.create(OperationSchema, {
      id: newId(),
      kind: derived.kind,
      status: 'REQUESTED',
      reason: input.reason ?? null,
      dryRun: input.dryRun ?? false,
      idempotencyKey: input.idempotencyKey ?? null,
      inputDigest: derived.inputDigest,
      entityId: input.entityId ?? null,
      datasetIds: input.datasetIds === undefined ? null : [...input.datasetIds],
      round: 1,
      attempt: 0,
      requestedBy: actor.id,
      approvalsNeeded: derived.kind === 'SHRED' ? this.#shred.approvals : 1,
      createdAt: now,
      updatedAt: now,
    });
    if (derived.kind === 'SHRED')
      await tx.execute(
        'insert into dataset (id, namespace, name, created_at) values (?, ?, ?, now()) on conflict do nothing',
        [keyRing.id, keyRing.namespace, keyRing.name],
      );
    await tx.persist(operation).flush();
    const rows = derived.subjects.map((selector) => ({
      id: newId(),
      operationId: operation.id,
      accountId: selector.accountId,
      subjectField: selector.subject?.field ?? null,
      subjectValue: selector.subject?.value ?? null,
      digest: this.#notary.digest(selector),
      held: false,
    }));
    for (let start = 0; start < rows.length; start += 1_000)
      await tx.insertMany(OperationSubjectSchema, rows.slice(start, start + 1_000));
    audit(tx, actor, {
      action: requestActions[derived.kind],
      resourceType: 'Operation',
      resourceId: operation.id,
      details: { subjects: rows.length, dryRun: operation.dryRun, inputDigest: derived.inputDigest },
    });
    return operation;
  }

  /** Binds to the plan that the approver read. Where several must approve, the last one lets the work begin. */
  async approveOperation(actor: Actor, input: { readonly id: string; readonly planHash: string }): Promise<Operation> {
    return this.#change(actor, input.id, 'approveOperation', 'APPROVED', async (operation, tx) => {
      if (operation.dryRun)
        throw new LinewardError('OPERATION_STATE', 'A dry run is never executed; request it again without dryRun.', {
          path: ['id'],
        });
      if (operation.planHash !== input.planHash)
        throw new LinewardError('PLAN_CHANGED', undefined, { path: ['planHash'] });
      const approvers = await addApproval(tx, actor, operation);
      operation.approvedBy = approvers.join(', ');
      if (approvers.length < operation.approvalsNeeded) {
        operation.statusReason = `${approvers.length} of ${operation.approvalsNeeded} approvals; another actor must approve the same plan`;
        return 'PLANNED';
      }
      operation.statusReason = null;
      operation.approvedAt = new Date();
      if (operation.kind === 'SHRED' && this.#shred.coolOffMs > 0)
        operation.executeAfter = new Date(operation.approvedAt.getTime() + this.#shred.coolOffMs);
      return 'APPROVED';
    });
  }

  /** Stops at the next file or partition boundary; what is erased by then stays erased. */
  async cancelOperation(
    actor: Actor,
    input: { readonly id: string; readonly reason?: string | undefined },
  ): Promise<Operation> {
    return this.#change(actor, input.id, 'cancelOperation', 'CANCELLED', async (operation, tx) => {
      if (input.reason !== undefined) assertText(input.reason, ['reason'], reasonCharsMax);
      operation.statusReason = input.reason ?? 'Cancelled on request.';
      operation.finishedAt = new Date();
      await tx.nativeUpdate(
        OperationTargetSchema,
        { operationId: operation.id, round: operation.round, status: { $in: ['PENDING', 'EXECUTED'] } },
        { status: 'CANCELLED', updatedAt: new Date() },
      );
      // A cancelled operation is never taken up again.
      await dropIdentifiers(tx, operation.id);
    });
  }

  /** Takes up again what ended PARTIAL, BLOCKED or FAILED, from a fresh plan that needs approval again. */
  async retryOperation(actor: Actor, input: { readonly id: string }): Promise<Operation> {
    return this.#change(actor, input.id, 'retryOperation', 'REQUESTED', async (operation, tx) => {
      if (!(await isIdentified(tx, operation))) {
        const message = 'It is no longer known whom the operation is about; request it again.';
        throw new LinewardError('OPERATION_STATE', message, { path: ['id'] });
      }
      operation.round += 1;
      operation.attempt = 0;
      operation.statusReason = null;
      operation.plan = null;
      operation.planHash = null;
      operation.plannedAt = null;
      operation.approvedBy = null;
      operation.approvedAt = null;
      operation.executeAfter = null;
      operation.finishedAt = null;
    });
  }

  async #change(
    actor: Actor,
    id: string,
    action: string,
    to: OperationStatus,
    change: (operation: Operation, tx: EntityManager) => undefined | Promise<OperationStatus | undefined>,
  ): Promise<Operation> {
    const operation = await this.#em.fork().transactional(async (tx) => {
      const found = await lockOperation(tx, id);
      if (!mayBecome(found.status, to))
        throw new LinewardError('OPERATION_STATE', refusalOf(action, found.status), { path: ['id'] });
      found.status = (await change(found, tx)) ?? to;
      found.updatedAt = new Date();
      audit(tx, actor, {
        action,
        resourceType: 'Operation',
        resourceId: id,
        details: { planHash: found.planHash ?? null, round: found.round },
      });
      return found;
    });
    await this.#driver.advance(operation.id);
    return operation;
  }
}

/** Who has approved this round of an operation, the actor included. */
async function addApproval(tx: EntityManager, actor: Actor, { id, round }: Operation): Promise<readonly string[]> {
  const added = await tx.execute<unknown[]>(
    `insert into operation_approval (operation_id, round, actor_id, approved_at) values (?, ?, ?, now())
     on conflict do nothing returning 1`,
    [id, round, actor.id],
  );
  if (added.length === 0)
    throw new LinewardError('OPERATION_STATE', 'You have approved this plan already; another actor must, too.', {
      path: ['id'],
    });
  const rows = await tx.execute<{ actor_id: string }[]>(
    'select actor_id from operation_approval where operation_id = ? and round = ? order by approved_at, actor_id',
    [id, round],
  );
  return rows.map((row) => row.actor_id);
}

function refusalOf(action: string, status: OperationStatus): string {
  const end = finalStatuses.includes(status) ? 'it has ended' : 'it is not there yet or already past that';
  return `${action} is not possible while the operation is ${status}: ${end}.`;
}

const requestActions: Readonly<Record<OperationKind, string>> = {
  ERASURE: 'requestErasure',
  SHRED: 'requestShred',
  PROTECTION: 'requestProtection',
  REWRAP: 'requestRewrap',
};

function transformationOf({ accountIds = [], datasetIds, ...input }: RequestTransformation): AnyRequest {
  const distinct = datasetIds === undefined ? undefined : [...new Set(datasetIds)].sort();
  return { ...input, datasetIds: distinct, subjects: accountIds.map((accountId) => ({ accountId })) };
}

const datasetsMax = 1_000;

async function assertDatasets(tx: EntityManager, datasetIds: readonly string[]): Promise<void> {
  const path = ['datasetIds'];
  if (datasetIds.length === 0 || datasetIds.length > datasetsMax)
    throw new LinewardError('BAD_INPUT', `datasetIds: name 1 to ${datasetsMax} datasets, or leave it out`, { path });
  if ((await tx.count(DatasetSchema, { id: { $in: [...datasetIds] } })) < datasetIds.length)
    throw new LinewardError('NOT_FOUND', 'datasetIds: there is no such dataset', { path });
}

function readSubjects(given: readonly SubjectSelector[], path: readonly [string]): readonly SubjectSelector[] {
  if (given.length > subjectsMax) {
    throw new LinewardError('LIMIT_EXCEEDED', `${path[0]}: at most ${subjectsMax} in one request`, { path });
  }
  given.forEach((selector, index) => {
    assertSelector(selector, [...path, String(index)]);
  });
  const plain = given.map(({ accountId, subject }) =>
    subject === undefined ? { accountId } : { accountId, subject: { ...subject } },
  );
  return [...new Map(plain.map((selector) => [canonicalJson(selector), selector])).values()];
}
