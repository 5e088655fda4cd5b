import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { canonicalJson } from '../../domain/canonical-json.ts';
import { assertSelector, assertText, type SubjectSelector } from '../../domain/governance/selection.ts';
import { newId } from '../../domain/id.ts';
import type { OperationKind } from '../../domain/operations/status.ts';
import { DatasetSchema } from '../../entities/dataset.entity.ts';
import { type Operation, OperationSchema, OperationSubjectSchema } from '../../entities/operation.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { assertRetained } from '../governance/retention-rules.ts';
import { reasonCharsMax, type ShredRules } from './operation.service.ts';
import type { OperationDriver } from './operation-driver.ts';
import { assertEntity, insertOperation, operationOfKey } from './operation-insert.ts';
import type { Notary } from './ports.ts';

export interface RequestOperation {
  readonly subjects: readonly SubjectSelector[];
  readonly reason?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  /** Stop after the plan. */
  readonly dryRun?: boolean | undefined;
  /** Throws what forbids the request; a repetition is not asked. */
  readonly assertMayBegin?: (() => Promise<void>) | undefined;
}

export interface RequestErasure extends RequestOperation {
  /** Begins as soon as it is approved, and does not wait for others to go with. */
  readonly urgent?: boolean | undefined;
  /** Only this entity's places; all entities when absent. */
  readonly entityId?: string | undefined;
}

/** Work on the values of records. */
export interface RequestTransformation extends Omit<RequestErasure, 'subjects' | 'urgent'> {
  /** Only records of these accounts; all records when absent. */
  readonly accountIds?: readonly string[] | undefined;
  /** Only these of the entity's places. */
  readonly datasetIds?: readonly string[] | undefined;
}

/** Work on one lake table by the rule that it goes by. */
export interface RequestRetention extends Omit<RequestOperation, 'subjects'> {
  readonly datasetId: string;
}

/** A request of any kind. */
interface AnyRequest extends RequestErasure {
  readonly datasetIds?: readonly string[] | undefined;
}

/** Most subjects of one request. */
const subjectsMax = 10_000;
/** Longest idempotency key, in characters. */
export const idempotencyKeyCharsMax = 255;
/**
 * Takes requests for operations of every kind. Each is one transaction with its audit event; the row is the outbox, and the
 * driver enqueues what follows once it is committed.
 */
export class OperationRequestService {
  readonly #em: EntityManager;
  readonly #driver: Pick<OperationDriver, 'advance'>;
  readonly #notary: Notary;
  readonly #shred: Pick<ShredRules, 'approvals'>;

  constructor(deps: {
    readonly em: EntityManager;
    readonly driver: Pick<OperationDriver, 'advance'>;
    readonly notary: Notary;
    readonly shred: Pick<ShredRules, 'approvals'>;
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

  /** Removes what a lake table may keep no longer, by its retention rule or policy. */
  requestRetention(actor: Actor, { datasetId, ...input }: RequestRetention): Promise<Operation> {
    const assertMayBegin = input.assertMayBegin ?? (() => assertRetained(this.#em.fork(), datasetId));
    return this.#request(actor, 'RETENTION', { ...input, assertMayBegin, subjects: [], datasetIds: [datasetId] });
  }

  async #request(actor: Actor, kind: OperationKind, input: AnyRequest): Promise<Operation> {
    const namesSomebody = kind === 'ERASURE' || kind === 'SHRED';
    const subjects = readSubjects(input.subjects, namesSomebody ? ['subjects'] : ['accountIds']);
    if (subjects.length === 0 && namesSomebody)
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
      ...(input.urgent === true && { urgent: true }),
    });
    if (!(await this.#isRepeated(input))) await input.assertMayBegin?.();
    const operation = await this.#em.fork().transactional(async (tx) => {
      const known = await operationOfKey(tx, input.idempotencyKey, inputDigest);
      if (known !== null) return known;
      await assertEntity(tx, input.entityId);
      if (input.datasetIds !== undefined) await assertDatasets(tx, input.datasetIds);
      const approvalsNeeded = kind === 'SHRED' ? this.#shred.approvals : 1;
      return insertOperation(tx, actor, { ...input, kind, inputDigest, approvalsNeeded }, (operationId) =>
        this.#insertSubjects(tx, operationId, subjects),
      );
    });
    await this.#driver.advance(operation.id);
    return operation;
  }

  async #isRepeated({ idempotencyKey }: AnyRequest): Promise<boolean> {
    return idempotencyKey !== undefined && (await this.#em.fork().count(OperationSchema, { idempotencyKey })) > 0;
  }

  async #insertSubjects(tx: EntityManager, operationId: string, subjects: readonly SubjectSelector[]): Promise<number> {
    const rows = subjects.map((selector) => ({
      id: newId(),
      operationId,
      accountId: selector.accountId,
      subjectField: selector.subject?.field ?? null,
      subjectValue: selector.subject?.value ?? null,
      keyVersion: selector.keyVersion ?? null,
      digest: this.#notary.digest(selector),
      held: false,
    }));
    for (let start = 0; start < rows.length; start += 1_000)
      await tx.insertMany(OperationSubjectSchema, rows.slice(start, start + 1_000));
    return rows.length;
  }
}

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
  const plain = given.map(({ accountId, subject, keyVersion }) => ({
    accountId,
    ...(subject === undefined ? {} : { subject: { ...subject } }),
    ...(keyVersion === undefined ? {} : { keyVersion }),
  }));
  return [...new Map(plain.map((selector) => [canonicalJson(selector), selector])).values()];
}
