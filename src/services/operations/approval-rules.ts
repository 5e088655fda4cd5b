import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { type Actor, retentionActor } from '../../domain/access/actor.ts';
import { type Role, roleNames } from '../../domain/access/role.ts';
import {
  type Approval,
  type ApprovalPolicy,
  type ApprovalRule,
  counted,
  ruleFor,
  sizeOf,
  whyNot,
} from '../../domain/operations/approval.ts';
import type { OperationPlan } from '../../domain/operations/plan.ts';
import { keyRing } from '../../domain/operations/target.ts';
import {
  ApprovalDelegationSchema,
  type ApprovalPolicyRow,
  ApprovalPolicySchema,
} from '../../entities/approval.entity.ts';
import type { Operation } from '../../entities/operation.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { AccessGuard } from '../access/access-guard.ts';
import { rolesNow } from '../access/roles-now.ts';
import { effectiveRetentions } from '../governance/retention-rules.ts';
import type { PlaceLabels } from '../lineage/place-labels.ts';
import { textArray } from '../sql.ts';

/** What is asked for whatever policies say. */
export type ApprovalFloor = Pick<ApprovalRule, 'approvals' | 'byRequester'>;

const dayMs = 86_400_000;

type Approved = Pick<Operation, 'id' | 'kind' | 'round' | 'requestedBy' | 'datasetIds'>;

function policyOf(row: ApprovalPolicyRow): ApprovalPolicy {
  const { overTargets: targets, overSubjects: subjects, overRecords: records, overBytes: bytes } = row;
  const limits = Object.entries({ targets, subjects, records, bytes }).filter(([, limit]) => limit !== null);
  return {
    ...row,
    kinds: row.kinds,
    classifications: row.classifications,
    over: Object.fromEntries(limits),
    roles: row.roles,
  };
}

/** What policies go by, of a plan that was looked at. */
export interface LabelledPlan {
  readonly plan: OperationPlan;
  /** What its places carry; null where nobody can say, or no policy asked when it was looked at. */
  readonly classifications: readonly string[] | null;
}

/**
 * A plan with what its places carry as of now. Asked before the operation is locked, since the labels take a connection of their
 * own. A policy that comes between and asks for labels counts, whatever they are.
 */
export async function labelledPlan(
  em: EntityManager,
  labels: Pick<PlaceLabels, 'labelsIn'>,
  plan: OperationPlan,
): Promise<LabelledPlan> {
  const ids = plan.targets.map(({ dataset }) => dataset.id);
  // Keys may encrypt anything.
  if (ids.includes(keyRing.id) || !asksForLabels(await approvalPolicies(em.fork())))
    return { plan, classifications: null };
  return { plan, classifications: [...new Set([...(await labels.labelsIn(ids)).values()].flat())] };
}

export const asksForLabels = (policies: readonly ApprovalPolicy[]): boolean =>
  policies.some(({ classifications }) => classifications !== null);

/** Who must approve a plan, by the policies of this moment. */
export async function approvalRule(
  tx: EntityManager,
  { kind }: Pick<Operation, 'kind'>,
  { plan, classifications }: LabelledPlan,
  floor: ApprovalFloor,
): Promise<ApprovalRule> {
  return ruleFor(await approvalPolicies(tx), { kind, size: sizeOf(plan), classifications }, floor);
}

/** All of this moment. */
export async function approvalPolicies(tx: EntityManager): Promise<readonly ApprovalPolicy[]> {
  const rows = await tx.find(ApprovalPolicySchema, {}, { orderBy: { name: 'asc' }, refresh: true });
  return rows.map(policyOf);
}

/** How plans wait for approval. */
export interface ApprovalTerms {
  /** A plan that nobody has approved for so long is given up. */
  readonly approvalDays: number;
  readonly shredApprovals: number;
}

/** Says of an operation with a new plan how many must approve it, as policies are now, and until when. */
export async function awaitApproval(
  tx: EntityManager,
  operation: Operation,
  plan: LabelledPlan,
  { approvalDays, shredApprovals }: ApprovalTerms,
): Promise<void> {
  operation.approvalExpiresAt = new Date(operation.updatedAt.getTime() + approvalDays * dayMs);
  const floor = { approvals: operation.kind === 'SHRED' ? shredApprovals : 1, byRequester: true };
  operation.approvalsNeeded = (await approvalRule(tx, operation, plan, floor)).approvals;
}

/**
 * Adds the approval of an actor, of an operation that is locked, and answers all that count.
 * @throws LinewardError APPROVAL_REFUSED
 */
export async function addApproval(
  tx: EntityManager,
  {
    access,
    actor,
    onBehalfOf,
  }: { readonly access: Pick<AccessGuard, 'explain'>; readonly actor: Actor; readonly onBehalfOf: string | null },
  operation: Approved,
  rule: ApprovalRule,
): Promise<readonly Approval[]> {
  // The schedule follows a rule of a table that a person set; where policies say who must approve, a person does.
  if (actor.kind === 'system' && rule.policies.length > 0)
    throw refusedApproval(`an approval policy says who must approve it: ${rule.policies.join(', ')}`);
  const roles =
    onBehalfOf === null ? actor.roles : await delegatedRoles(tx, access, { toActor: actor.id, fromActor: onBehalfOf });
  const approval: Approval = { actorId: actor.id, onBehalfOf, roles };
  const requesters = actor.kind === 'system' ? [] : await requestersOf(tx, operation);
  const before = counted(rule, await approvalsOf(tx, operation), requesters);
  const why = whyNot(rule, approval, { requesters, before });
  if (why !== null) throw refusedApproval(why);
  // Those that were given under another rule and do not count now are no approvals of this plan.
  await tx.execute(
    'delete from operation_approval where operation_id = ? and round = ? and actor_id <> all(?::text[])',
    [operation.id, operation.round, textArray(before.map(({ actorId }) => actorId))],
  );
  await tx.execute(
    `insert into operation_approval (operation_id, round, actor_id, roles, on_behalf_of, approved_at)
     values (?, ?, ?, ?::text[], ?, clock_timestamp())`,
    [operation.id, operation.round, actor.id, textArray(roles), onBehalfOf],
  );
  return [...before, approval];
}

/** That an approval does not count. */
export const refusedApproval = (why: string): LinewardError =>
  new LinewardError('APPROVAL_REFUSED', `${why}.`, { path: ['id'] });

/** As approvals are kept. */
export const approvalRow = z
  .object({ actor_id: z.string(), on_behalf_of: z.string().nullable(), roles: z.array(z.string()) })
  .transform(({ actor_id: actorId, on_behalf_of: onBehalfOf, roles }): Approval => {
    return { actorId, onBehalfOf, roles: rolesIn(roles) };
  });

const rolesIn = (given: readonly string[]): readonly Role[] => roleNames.filter((role) => given.includes(role));

async function approvalsOf(tx: EntityManager, { id, round }: Approved): Promise<readonly Approval[]> {
  const rows = await tx.execute(
    `select actor_id, on_behalf_of, roles from operation_approval where operation_id = ? and round = ?
     order by approved_at, actor_id`,
    [id, round],
  );
  return rows.map((row) => approvalRow.parse(row));
}

/** Who requested an operation, and who set the retention rule or policy that the schedule follows with it. */
async function requestersOf(
  tx: EntityManager,
  { requestedBy, kind, datasetIds }: Approved,
): Promise<readonly string[]> {
  if (kind !== 'RETENTION' || requestedBy !== retentionActor.id) return [requestedBy];
  const rules = await effectiveRetentions(tx, datasetIds ?? []);
  return [requestedBy, ...[...rules.values()].map(({ setBy }) => setBy)];
}

/**
 * What somebody is for whom an actor stands in. Of who acts by a token of ours that counts what the token is now: one that was
 * revoked lends nothing. Of who logs in to a provider that counts what their newest login said. Nor does anybody lend whom a
 * policy keeps from approving by now. @throws LinewardError APPROVAL_REFUSED
 */
async function delegatedRoles(
  tx: EntityManager,
  access: Pick<AccessGuard, 'explain'>,
  { toActor, fromActor }: { readonly toActor: string; readonly fromActor: string },
): Promise<readonly Role[]> {
  const now = new Date();
  const current = { fromActor, toActor, revokedAt: null, startsAt: { $lte: now }, endsAt: { $gt: now } };
  const [delegation] = await tx.find(ApprovalDelegationSchema, current, { orderBy: { id: 'desc' }, limit: 1 });
  if (delegation === undefined)
    throw refusedApproval(`${fromActor} has not asked ${toActor} to approve in that name by now`);
  const roles = await rolesNow(tx, { id: fromActor, kind: delegation.fromKind, roles: delegation.fromRoles });
  const lender: Actor = { id: fromActor, kind: delegation.fromKind, roles, requestId: null };
  if (!(await access.explain(lender, 'APPROVE', {})).allowed)
    throw refusedApproval(`${fromActor} may not approve any more`);
  return roles;
}
