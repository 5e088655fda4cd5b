import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { OperationPlan } from '../domain/operations/plan.ts';
import type { PacedProgress } from '../domain/operations/progress.ts';
import type { OperationKind, OperationStatus, TargetStatus } from '../domain/operations/status.ts';
import type { TargetEstimate, TargetReceipt, TargetRole, TargetVerification } from '../domain/operations/target.ts';

/** One piece of our own work, from request to certificate. The row is the outbox of its tasks. */
export const OperationSchema = defineEntity({
  name: 'Operation',
  tableName: 'operation',
  properties: {
    id: p.text().primary(),
    kind: p.text().$type<OperationKind>(),
    status: p.text().$type<OperationStatus>(),
    statusReason: p.text().strictNullable(),
    reason: p.text().strictNullable(),
    dryRun: p.boolean(),
    /** It does not wait for the end of a window to go with others. */
    urgent: p.boolean(),
    idempotencyKey: p.text().strictNullable(),
    inputDigest: p.text(),
    entityId: p.text().strictNullable(),
    /** Only these places of the entities; all of them when null. */
    datasetIds: p.array().strictNullable(),
    plan: p.json<OperationPlan>().strictNullable(),
    planHash: p.text().strictNullable(),
    round: p.integer(),
    attempt: p.integer(),
    requestedBy: p.text(),
    /** Who approved, by comma; all of them once `approvalsNeeded` is reached. */
    approvedBy: p.text().strictNullable(),
    approvalsNeeded: p.integer(),
    /** A plan that nobody has approved by then is given up. */
    approvalExpiresAt: p.datetime().strictNullable(),
    /** Approved work begins no sooner. */
    executeAfter: p.datetime().strictNullable(),
    createdAt: p.datetime(),
    plannedAt: p.datetime().strictNullable(),
    approvedAt: p.datetime().strictNullable(),
    finishedAt: p.datetime().strictNullable(),
    updatedAt: p.datetime(),
  },
});
export type Operation = InferEntity<typeof OperationSchema>;

/** Whom an operation is about. Clear identifiers are dropped when it ends; the keyed digest stays. */
export const OperationSubjectSchema = defineEntity({
  name: 'OperationSubject',
  tableName: 'operation_subject',
  properties: {
    id: p.text().primary(),
    operationId: p.text(),
    accountId: p.text().strictNullable(),
    subjectField: p.text().strictNullable(),
    subjectValue: p.text().strictNullable(),
    /** The version of the key that is to be destroyed; null for all of them, and for work on records. */
    keyVersion: p.integer().strictNullable(),
    digest: p.text(),
    held: p.boolean(),
  },
});
export type OperationSubject = InferEntity<typeof OperationSubjectSchema>;

/** One place an operation acts on, with its own state, receipt and verification. */
export const OperationTargetSchema = defineEntity({
  name: 'OperationTarget',
  tableName: 'operation_target',
  properties: {
    id: p.text().primary(),
    operationId: p.text(),
    datasetId: p.text(),
    role: p.text().$type<TargetRole>(),
    round: p.integer(),
    sequence: p.integer(),
    accountField: p.text(),
    subjectFields: p.array(),
    status: p.text().$type<TargetStatus>(),
    statusReason: p.text().strictNullable(),
    attempt: p.integer(),
    fencingToken: p.bigint('number'),
    estimate: p.json<TargetEstimate>(),
    progress: p.json<PacedProgress>().strictNullable(),
    receipt: p.json<TargetReceipt>().strictNullable(),
    verification: p.json<TargetVerification>().strictNullable(),
    updatedAt: p.datetime(),
  },
});
export type OperationTarget = InferEntity<typeof OperationTargetSchema>;
