export const operationKinds = ['ERASURE', 'SHRED', 'PROTECTION', 'REWRAP', 'RETENTION'] as const;
export type OperationKind = (typeof operationKinds)[number];

export const operationStatuses = [
  'REQUESTED',
  'PLANNING',
  'PLANNED',
  'APPROVED',
  'EXECUTING',
  'VERIFYING',
  'COMPLETED',
  'PARTIAL',
  'BLOCKED',
  'FAILED',
  'CANCELLED',
] as const;
export type OperationStatus = (typeof operationStatuses)[number];

export const targetStatuses = [
  'PENDING',
  'EXECUTING',
  'EXECUTED',
  'VERIFYING',
  'VERIFIED',
  'FAILED',
  'CANCELLED',
] as const;
export type TargetStatus = (typeof targetStatuses)[number];

const next: Readonly<Record<OperationStatus, readonly OperationStatus[]>> = {
  REQUESTED: ['PLANNING', 'FAILED', 'CANCELLED'],
  PLANNING: ['PLANNED', 'BLOCKED', 'FAILED', 'CANCELLED'],
  PLANNED: ['APPROVED', 'PLANNING', 'CANCELLED'],
  APPROVED: ['EXECUTING', 'CANCELLED'],
  EXECUTING: ['VERIFYING', 'BLOCKED', 'FAILED', 'CANCELLED'],
  VERIFYING: ['COMPLETED', 'PARTIAL', 'FAILED', 'CANCELLED'],
  COMPLETED: [],
  // What ended without finishing its work may be retried from a fresh plan.
  PARTIAL: ['REQUESTED'],
  BLOCKED: ['REQUESTED'],
  FAILED: ['REQUESTED'],
  CANCELLED: [],
};

export function mayBecome(from: OperationStatus, to: OperationStatus): boolean {
  return next[from].includes(to);
}

/** Statuses in which the operation has work of its own to do, without waiting for a person. */
export const workingStatuses: readonly OperationStatus[] = [
  'REQUESTED',
  'PLANNING',
  'APPROVED',
  'EXECUTING',
  'VERIFYING',
];

export const finalStatuses: readonly OperationStatus[] = ['COMPLETED', 'PARTIAL', 'BLOCKED', 'FAILED', 'CANCELLED'];
