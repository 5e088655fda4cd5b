import type { Role } from '../access/role.ts';
import type { OperationPlan } from './plan.ts';
import type { OperationKind } from './status.ts';

/** Parts of the size of a plan that a policy may have a limit for. */
export const sizes = ['targets', 'subjects', 'records', 'bytes'] as const;
export type Size = (typeof sizes)[number];

/** Who must approve which plans. */
export interface ApprovalPolicy {
  readonly name: string;
  /** Null: of every kind. */
  readonly kinds: readonly OperationKind[] | null;
  /** Only plans that touch a place in which something is labelled so; null: any. */
  readonly classifications: readonly string[] | null;
  /** Only plans that are larger than one of them; none: of any size. */
  readonly over: Readonly<Partial<Record<Size, number>>>;
  /** 1 or 2. */
  readonly approvals: number;
  /** Each approver must have one of them; null: whoever may approve. */
  readonly roles: readonly Role[] | null;
  /** True where who requested it may be one of the approvers. */
  readonly byRequester: boolean;
}

/** What of a plan policies go by. */
export interface PlanFacts {
  readonly kind: OperationKind;
  readonly size: Readonly<Record<Size, number>>;
  /** Null: nobody can say, as of keys, which may encrypt anything. */
  readonly classifications: readonly string[] | null;
}

/** What all policies that speak about a plan ask for together. */
export interface ApprovalRule {
  readonly approvals: number;
  /** An approver has one role of each list. */
  readonly roles: readonly (readonly Role[])[];
  readonly byRequester: boolean;
  /** Names of the policies. */
  readonly policies: readonly string[];
}

/** One actor's approval of a plan, maybe in the place of another. */
export interface Approval {
  readonly actorId: string;
  readonly onBehalfOf: string | null;
  /** Of the actor, or of whom it stands in for, when it approved. */
  readonly roles: readonly Role[];
}

export function sizeOf({ targets, subjects }: OperationPlan): PlanFacts['size'] {
  const sum = (part: 'records' | 'bytes') => targets.reduce((total, { estimate }) => total + estimate[part], 0);
  return { targets: targets.length, subjects: subjects.length, records: sum('records'), bytes: sum('bytes') };
}

function speaksOf({ kinds, classifications, over }: ApprovalPolicy, facts: PlanFacts): boolean {
  const limits = sizes.filter((size) => over[size] !== undefined);
  const touched = facts.classifications;
  return (
    (kinds === null || kinds.includes(facts.kind)) &&
    (classifications === null || touched === null || classifications.some((name) => touched.includes(name))) &&
    (limits.length === 0 || limits.some((size) => facts.size[size] > (over[size] ?? 0)))
  );
}

/** The strictest of all policies that speak about a plan, and no less than what the process asks for anyway. */
export function ruleFor(
  policies: readonly ApprovalPolicy[],
  facts: PlanFacts,
  floor: Pick<ApprovalRule, 'approvals' | 'byRequester'>,
): ApprovalRule {
  const speaking = policies.filter((policy) => speaksOf(policy, facts));
  return {
    approvals: Math.max(floor.approvals, ...speaking.map(({ approvals }) => approvals)),
    roles: speaking.flatMap(({ roles }) => (roles === null ? [] : [roles])),
    byRequester: floor.byRequester && speaking.every(({ byRequester }) => byRequester),
    policies: speaking.map(({ name }) => name),
  };
}

const people = ({ actorId, onBehalfOf }: Approval): readonly string[] =>
  onBehalfOf === null ? [actorId] : [actorId, onBehalfOf];

const missingRoles = (rule: ApprovalRule, { roles }: Approval): readonly Role[] | null =>
  rule.roles.find((wanted) => !wanted.some((role) => roles.includes(role))) ?? null;

/** Why an approval does not count; null when it does. `requesters` asked for the operation, or set the rule behind it. */
export function whyNot(
  rule: ApprovalRule,
  approval: Approval,
  context: { readonly requesters: readonly string[]; readonly before: readonly Approval[] },
): string | null {
  const { actorId, onBehalfOf } = approval;
  const requester = people(approval).find((person) => context.requesters.includes(person));
  // Nobody gets around that by standing in for somebody, or by having somebody stand in.
  if (requester !== undefined && (!rule.byRequester || onBehalfOf !== null))
    return `${requester} requested the operation or set the rule behind it; another actor must approve it`;
  const wanted = missingRoles(rule, approval);
  if (wanted !== null) return `${onBehalfOf ?? actorId} has none of the roles that must approve: ${wanted.join(', ')}`;
  const known = new Set(context.before.flatMap(people));
  const again = people(approval).find((person) => known.has(person));
  return again === undefined
    ? null
    : `${again} has approved this plan already, or somebody has in that name; another actor must, too`;
}

/** Approvals that count under the rule as it is now, which may be stricter than the one that they were given under. */
export function counted(
  rule: ApprovalRule,
  approvals: readonly Approval[],
  requesters: readonly string[],
): readonly Approval[] {
  const counting: Approval[] = [];
  for (const approval of approvals)
    if (whyNot(rule, approval, { requesters, before: counting }) === null) counting.push(approval);
  return counting;
}

/** As it stands in certificates. */
export const nameOfApproval = ({ actorId, onBehalfOf }: Approval): string =>
  onBehalfOf === null ? actorId : `${actorId} (for ${onBehalfOf})`;
