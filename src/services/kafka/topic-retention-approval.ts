import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import { compareKeeping } from '../../domain/kafka/topic-retention.ts';
import { type Approval, type ApprovalRule, counted, ruleFor, whyNot } from '../../domain/operations/approval.ts';
import type { TopicRetention } from '../../entities/topic-retention.entity.ts';
import type { PlaceLabels } from '../lineage/place-labels.ts';
import {
  type ApprovalFloor,
  approvalPolicies,
  approvalRow,
  asksForLabels,
  refusedApproval,
} from '../operations/approval-rules.ts';
import { textArray } from '../sql.ts';
import type { RetentionPlan } from './retention-plans.ts';

/** One topic. How many records a broker will delete by it nobody can say, so every limit of a policy is passed. */
const size = { targets: 1, subjects: 0, records: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

type Approvable = Pick<RetentionPlan, 'retentionId' | 'datasetId' | 'deletesSooner' | 'hash'>;

/** What rules are made of, beside policies. */
export interface RetentionApprovalTerms {
  readonly floor: ApprovalFloor;
  readonly placeLabels: Pick<PlaceLabels, 'labelsIn'>;
}

/** Who must approve each plan, by the policies of this moment, in their order. What only keeps longer is no policy’s concern. */
async function rulesOf(
  em: EntityManager,
  plans: readonly Approvable[],
  { floor, placeLabels }: RetentionApprovalTerms,
): Promise<readonly ApprovalRule[]> {
  const policies = plans.some((plan) => plan.deletesSooner) ? await approvalPolicies(em) : [];
  const ids = plans.map(({ datasetId }) => datasetId);
  const labels = asksForLabels(policies) ? await placeLabels.labelsIn(ids) : new Map<string, readonly string[]>();
  return plans.map(({ datasetId, deletesSooner }) =>
    ruleFor(
      deletesSooner ? policies : [],
      { kind: 'RETENTION', size, classifications: labels.get(datasetId) ?? [] },
      floor,
    ),
  );
}

/**
 * Adds the approval of an actor to a plan, whose retention is locked, and answers all that count and how many must.
 * @throws LinewardError APPROVAL_REFUSED
 */
export async function approveRetention(
  tx: EntityManager,
  actor: Actor,
  { policy, plan }: { readonly policy: TopicRetention; readonly plan: Approvable },
  terms: RetentionApprovalTerms,
): Promise<{ readonly rule: ApprovalRule; readonly approvals: readonly Approval[] }> {
  const rule = (await rulesOf(tx, [plan], terms))[0] ?? { ...terms.floor, roles: [], policies: [] };
  const requesters = await settersOf(tx, policy);
  const given = await tx.execute(
    `select actor_id, null::text as on_behalf_of, roles from topic_retention_approval
     where retention_id = ? and plan_hash = ? order by approved_at, actor_id`,
    [policy.id, plan.hash],
  );
  const before = counted(
    rule,
    given.map((row) => approvalRow.parse(row)),
    requesters,
  );
  const approval: Approval = { actorId: actor.id, onBehalfOf: null, roles: actor.roles };
  const why = whyNot(rule, approval, { requesters, before });
  if (why !== null) throw refusedApproval(why);
  const approvals = [...before, approval];
  // Those of another plan, and those that do not count any more, are no approvals of this one; nor is any once it is in force.
  const kept = approvals.length < rule.approvals ? before.map(({ actorId }) => actorId) : [];
  await tx.execute(
    'delete from topic_retention_approval where retention_id = ? and (plan_hash <> ? or actor_id <> all(?::text[]))',
    [policy.id, plan.hash, textArray(kept)],
  );
  if (approvals.length < rule.approvals)
    await tx.execute(
      `insert into topic_retention_approval (retention_id, plan_hash, actor_id, roles, approved_at)
       values (?, ?, ?, ?::text[], clock_timestamp())`,
      [policy.id, plan.hash, actor.id, textArray(actor.roles)],
    );
  return { rule, approvals };
}

/** Who set the version that is to be approved, and the policy that places it as it is now. */
async function settersOf(
  tx: EntityManager,
  { id, policyVersion, placedBy }: TopicRetention,
): Promise<readonly string[]> {
  const rows = await tx.execute<{ created_by: string }[]>(
    `select created_by from topic_retention_version where retention_id = ? and policy_version = ?
     union select set_by from retention_policy where name = ?`,
    [id, policyVersion, placedBy],
  );
  return rows.map(({ created_by: setter }) => setter);
}

/** How a plan waits for its approvals. */
export interface RetentionApproval {
  readonly approvalsNeeded: number;
  /** Who has approved this very plan, while it takes more. */
  readonly approvedBy: readonly string[];
}

const givenRow = z.object({ retention_id: z.string(), plan_hash: z.string(), actor_id: z.string() });

/** Of each plan, in their order. */
export async function retentionApprovals(
  em: EntityManager,
  plans: readonly Approvable[],
  terms: RetentionApprovalTerms,
): Promise<readonly RetentionApproval[]> {
  const rules = await rulesOf(em, plans, terms);
  const rows = await em.execute(
    `select retention_id, plan_hash, actor_id from topic_retention_approval where retention_id = any(?::text[])
     order by approved_at, actor_id`,
    [textArray(plans.map(({ retentionId }) => retentionId))],
  );
  const given = rows.map((row) => givenRow.parse(row));
  return plans.map(({ retentionId, hash }, index) => ({
    approvalsNeeded: rules[index]?.approvals ?? terms.floor.approvals,
    approvedBy: given
      .filter((one) => one.retention_id === retentionId && one.plan_hash === hash)
      .map(({ actor_id: actorId }) => actorId),
  }));
}

/** How long a topic keeps its records, in ms, below 0 for ever: as the broker says, but no shorter than was approved. */
export async function approvedKeptMs(em: EntityManager, datasetId: string, onBroker: string): Promise<number> {
  const [found] = await em
    .fork()
    .execute<{ kept: string | null }[]>(
      `select in_force ->> 'retention.ms' as kept from topic_retention where dataset_id = ?`,
      [datasetId],
    );
  const approved = found?.kept ?? onBroker;
  return Number((compareKeeping('retention.ms', approved, onBroker) ?? 0) > 0 ? approved : onBroker);
}
