import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { Actor } from '../domain/access/actor.ts';
import type { Role } from '../domain/access/role.ts';
import type { OperationKind } from '../domain/operations/status.ts';

/** Who must approve which plans. */
export const ApprovalPolicySchema = defineEntity({
  name: 'ApprovalPolicy',
  tableName: 'approval_policy',
  properties: {
    name: p.text().primary(),
    kinds: p.array().$type<OperationKind[]>().strictNullable(),
    classifications: p.array().strictNullable(),
    overTargets: p.bigint('number').strictNullable(),
    overSubjects: p.bigint('number').strictNullable(),
    overRecords: p.bigint('number').strictNullable(),
    overBytes: p.bigint('number').strictNullable(),
    approvals: p.integer(),
    roles: p.array().$type<Role[]>().strictNullable(),
    byRequester: p.boolean(),
    setBy: p.text(),
    setAt: p.datetime(),
  },
});
export type ApprovalPolicyRow = InferEntity<typeof ApprovalPolicySchema>;

/** Says that an actor approves in the place of another for a time. */
export const ApprovalDelegationSchema = defineEntity({
  name: 'ApprovalDelegation',
  tableName: 'approval_delegation',
  properties: {
    id: p.text().primary(),
    fromActor: p.text(),
    fromKind: p.text().$type<Actor['kind']>(),
    /** What the other was when it was made. */
    fromRoles: p.array().$type<Role[]>(),
    toActor: p.text(),
    reason: p.text(),
    startsAt: p.datetime(),
    endsAt: p.datetime(),
    revokedAt: p.datetime().strictNullable(),
    revokedBy: p.text().strictNullable(),
  },
});
export type ApprovalDelegation = InferEntity<typeof ApprovalDelegationSchema>;
