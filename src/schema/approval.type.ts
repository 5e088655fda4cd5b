import { Field, Float, InputType, Int, ObjectType } from 'type-graphql';
import type { Role } from '../domain/access/role.ts';
import type { OperationKind } from '../domain/operations/status.ts';
import type { ApprovalDelegation, ApprovalPolicyRow } from '../entities/approval.entity.ts';
import { RoleEnum } from './access.type.ts';
import { connectionOf } from './connection.type.ts';
import { OperationKindEnum } from './operation.type.ts';
import { MutationInput, MutationPayload } from './payload.type.ts';
import { Instant } from './scalars.ts';

const kindsDescription = 'Only operations of these kinds; null: of every kind.';
const classificationsDescription =
  'Only plans that touch a place in which something is labelled so, and those that destroy keys; null: any.';
const overDescription = (what: string) => `Only plans of more than so many ${what}, where no other limit is passed.`;
const approvalsDescription = 'How many different actors must approve: 1 or 2. Of several policies the largest counts.';
const rolesDescription = 'Each approver must be one of them; null: whoever may approve.';
const byRequesterDescription = 'True where who requested the operation may be one of the approvers.';

@ObjectType('ApprovalPolicy', {
  description:
    'Who must approve which plans. Of all policies that speak about a plan the strictest parts count together.',
})
class ApprovalPolicyType implements Omit<ApprovalPolicyRow, 'kinds' | 'roles' | symbol> {
  @Field(() => String, { description: 'Its name.' })
  name!: string;

  @Field(() => [OperationKindEnum], { nullable: true, description: kindsDescription })
  kinds!: OperationKind[] | null;

  @Field(() => [String], { nullable: true, description: classificationsDescription })
  classifications!: string[] | null;

  @Field(() => Float, { nullable: true, description: overDescription('places') })
  overTargets!: number | null;

  @Field(() => Float, { nullable: true, description: overDescription('accounts and persons') })
  overSubjects!: number | null;

  @Field(() => Float, { nullable: true, description: overDescription('records, as estimated') })
  overRecords!: number | null;

  @Field(() => Float, { nullable: true, description: overDescription('bytes, as estimated') })
  overBytes!: number | null;

  @Field(() => Int, { description: approvalsDescription })
  approvals!: number;

  @Field(() => [RoleEnum], { nullable: true, description: rolesDescription })
  roles!: Role[] | null;

  @Field(() => Boolean, { description: byRequesterDescription })
  byRequester!: boolean;

  @Field(() => String, { description: 'Actor who set it.' })
  setBy!: string;

  @Field(() => Instant, { description: 'When it was set.' })
  setAt!: Date;
}

@InputType({ description: 'An approval policy; one of the same name is changed.' })
export class SetApprovalPolicyInput extends MutationInput {
  @Field(() => String, { description: 'Its name.' })
  name!: string;

  @Field(() => [OperationKindEnum], { nullable: true, description: kindsDescription })
  kinds?: OperationKind[] | null;

  @Field(() => [String], { nullable: true, description: classificationsDescription })
  classifications?: string[] | null;

  @Field(() => Float, { nullable: true, description: overDescription('places') })
  overTargets?: number | null;

  @Field(() => Float, { nullable: true, description: overDescription('accounts and persons') })
  overSubjects?: number | null;

  @Field(() => Float, { nullable: true, description: overDescription('records, as estimated') })
  overRecords?: number | null;

  @Field(() => Float, { nullable: true, description: overDescription('bytes, as estimated') })
  overBytes?: number | null;

  @Field(() => Int, { nullable: true, description: `${approvalsDescription} Default 1.` })
  approvals?: number | null;

  @Field(() => [RoleEnum], { nullable: true, description: rolesDescription })
  roles?: Role[] | null;

  @Field(() => Boolean, { nullable: true, description: `${byRequesterDescription} Default false.` })
  byRequester?: boolean | null;
}

@InputType({ description: 'An approval policy to remove.' })
export class RemoveApprovalPolicyInput extends MutationInput {
  @Field(() => String, { description: 'Its name.' })
  name!: string;
}

@ObjectType({ description: 'The approval policy after the change, or as it was.' })
export class ApprovalPolicyPayload extends MutationPayload {
  @Field(() => ApprovalPolicyType, { nullable: true, description: 'The policy; null when refused.' })
  approvalPolicy?: ApprovalPolicyRow | null;
}

@ObjectType('ApprovalDelegation', { description: 'Says that an actor approves in the name of another for a time.' })
class ApprovalDelegationType
  implements
    Pick<ApprovalDelegation, 'fromActor' | 'toActor' | 'reason' | 'startsAt' | 'endsAt' | 'revokedAt' | 'revokedBy'>
{
  @Field(() => String, { description: 'In whose name.' })
  fromActor!: string;

  @Field(() => String, { description: 'Who approves.' })
  toActor!: string;

  @Field(() => String, { description: 'Why.' })
  reason!: string;

  @Field(() => Instant, { description: 'From when on.' })
  startsAt!: Date;

  @Field(() => Instant, { description: 'Until when, if nobody ends it sooner.' })
  endsAt!: Date;

  @Field(() => Instant, { nullable: true, description: 'When it was ended; null for not.' })
  revokedAt!: Date | null;

  @Field(() => String, { nullable: true, description: 'Actor who ended it; null for nobody.' })
  revokedBy!: string | null;
}

@InputType({ description: 'Who approves in the name of the actor that asks.' })
export class DelegateApprovalInput extends MutationInput {
  @Field(() => String, { description: 'The other actor, as audit events name it.' })
  to!: string;

  @Field(() => Instant, { description: 'Until when; at most 92 days from now.' })
  until!: Date;

  @Field(() => String, { description: 'Why.' })
  reason!: string;
}

@InputType({ description: 'A delegation to end.' })
export class RevokeApprovalDelegationInput extends MutationInput {
  @Field(() => String, { nullable: true, description: 'In whose name, by who may grant. Default: one’s own.' })
  from?: string | null;

  @Field(() => String, { description: 'Who approves.' })
  to!: string;
}

@ObjectType({ description: 'The delegation after the change.' })
export class ApprovalDelegationPayload extends MutationPayload {
  @Field(() => ApprovalDelegationType, { nullable: true, description: 'The delegation; null when refused.' })
  approvalDelegation?: ApprovalDelegation | null;
}

export const ApprovalPolicyConnection = connectionOf(
  'ApprovalPolicy',
  () => ApprovalPolicyType,
  'Approval policies, by name.',
);
export const ApprovalDelegationConnection = connectionOf(
  'ApprovalDelegation',
  () => ApprovalDelegationType,
  'Who approves in whose name, newest first; those that are over, too.',
);
