import { Field, InputType, Int, ObjectType } from 'type-graphql';
import {
  type PolicyState,
  policyStates,
  type UncoveredReason,
  uncoveredReasons,
} from '../domain/governance/retention-policy.ts';
import type { RetentionPolicy } from '../entities/retention-policy.entity.ts';
import { connectionOf } from './connection.type.ts';
import { describedEnum } from './described-enum.ts';
import { MutationInput, MutationPayload } from './payload.type.ts';
import { PlaceScopeInput } from './place-scope.type.ts';
import { Instant } from './scalars.ts';

const UncoveredReasonEnum = describedEnum<UncoveredReason>(
  'UncoveredReason',
  'Why a retention policy cannot be followed in a place. Nothing goes by it there.',
  uncoveredReasons,
);

export const RetentionPolicyStateEnum = describedEnum<PolicyState>(
  'RetentionPolicyState',
  'How a retention policy stands in a place that its scope names.',
  policyStates,
);

@ObjectType('RetentionPolicy', {
  description:
    'How long lake tables and topics that a scope names keep their records, where they have no rule of their own. Each table gets operations of its own, each topic a retention of its own, with plan and approval.',
})
export class RetentionPolicyType
  implements
    Pick<RetentionPolicy, 'name' | 'version' | 'days' | 'autoApprove' | 'setBy' | 'setAt' | 'retiredBy' | 'retiredAt'>
{
  @Field(() => String, { description: 'Its name.' })
  name!: string;

  @Field(() => Int, { description: 'Grows with each change.' })
  version!: number;

  @Field(() => Int, {
    description:
      'Whole UTC days that a row stays after its own. A record of a topic stays for so many days of 24 hours and one more.',
  })
  days!: number;

  @Field(() => Boolean, {
    description: 'True when plans of a table need no person, once one has approved a plan of this version for it.',
  })
  autoApprove!: boolean;

  @Field(() => String, { description: 'Actor who set this version.' })
  setBy!: string;

  @Field(() => Instant, { description: 'When it was set.' })
  setAt!: Date;

  @Field(() => String, { nullable: true, description: 'Actor who retired it; null while it is in force.' })
  retiredBy!: string | null;

  @Field(() => Instant, { nullable: true, description: 'When it was retired; null while it is in force.' })
  retiredAt!: Date | null;
}

@ObjectType('RetentionPolicyVersion', { description: 'A retention policy as it was set once.' })
export class RetentionPolicyVersionType {
  @Field(() => Int, { description: 'Number of the version.' })
  version!: number;

  @Field(() => Int, { description: 'Whole UTC days that a row stays after its own.' })
  days!: number;

  @Field(() => Boolean, { description: 'Whether plans that look like earlier ones need no person.' })
  autoApprove!: boolean;

  @Field(() => String, { description: 'Actor who set it.' })
  setBy!: string;

  @Field(() => Instant, { description: 'When.' })
  setAt!: Date;
}

@ObjectType('RetentionPolicyPlace', { description: 'A dataset that the scope of a policy names at this moment.' })
export class RetentionPolicyPlaceType {
  /** Told by `dataset`. */
  datasetId!: string;

  @Field(() => Boolean, { description: 'True where the scope names it, false where only lineage leads there.' })
  isNamed!: boolean;

  @Field(() => RetentionPolicyStateEnum, { description: 'What becomes of the policy there.' })
  state!: PolicyState;

  @Field(() => UncoveredReasonEnum, { nullable: true, description: 'Why it is UNCOVERED; null when it is not.' })
  uncovered!: UncoveredReason | null;
}

@ObjectType('EffectiveRetention', {
  description: 'How long a dataset keeps its records by date, and who says so.',
})
export class EffectiveRetentionType {
  @Field(() => Int, { description: 'Whole UTC days that a row stays after its own.' })
  days!: number;

  @Field(() => String, {
    nullable: true,
    description: 'Column with the date of a row; null for topics, and where there is none.',
  })
  dateField!: string | null;

  @Field(() => Boolean, { description: 'Whether plans that look like earlier ones need no person.' })
  autoApprove!: boolean;

  @Field(() => String, {
    nullable: true,
    description:
      'Name of the retention policy; null for the rule of the table itself, which goes before every policy. What somebody set for a topic is its `retention`.',
  })
  policyName!: string | null;

  @Field(() => Int, { nullable: true, description: 'Version of the policy; null for a rule of the table itself.' })
  policyVersion!: number | null;

  @Field(() => String, { description: 'Actor who set it.' })
  setBy!: string;

  @Field(() => Instant, { description: 'When it was set.' })
  setAt!: Date;

  @Field(() => UncoveredReasonEnum, { nullable: true, description: 'Why nothing goes by it here; null when rows do.' })
  uncovered!: UncoveredReason | null;
}

@InputType({ description: 'How long lake tables and topics that fit a scope are to keep their records.' })
export class SetRetentionPolicyInput extends MutationInput {
  @Field(() => String, { description: '1 to 200 characters. Setting the same name again makes its next version.' })
  name!: string;

  @Field(() => PlaceScopeInput, {
    description: 'All datasets that fit, now and later. Tables go by their own dates, topics by the times of records.',
  })
  scope!: PlaceScopeInput;

  @Field(() => Int, { description: 'Whole UTC days that a row stays after its own, 1 to 36,500.' })
  days!: number;

  @Field(() => Boolean, {
    nullable: true,
    description:
      'Later plans of a table need no person, once one has approved a plan of this version for it, while they have no open points but holds and rows without a date, and at most half of the rows would go. Default false.',
  })
  autoApprove?: boolean | null;

  @Field(() => Int, {
    nullable: true,
    description: '`version` that the change was made upon, 0 for none in force; another one by now is a CONFLICT.',
  })
  expectedVersion?: number | null;
}

@InputType({ description: 'A retention policy to retire.' })
export class RetireRetentionPolicyInput extends MutationInput {
  @Field(() => String, { description: 'Its name.' })
  name!: string;
}

@ObjectType({ description: 'The policy after the change.' })
export class RetentionPolicyPayload extends MutationPayload {
  @Field(() => RetentionPolicyType, { nullable: true, description: 'The policy; null when refused.' })
  retentionPolicy?: RetentionPolicy | null;
}

export const RetentionPolicyConnection = connectionOf(
  'RetentionPolicy',
  () => RetentionPolicyType,
  'Retention policies, by name.',
);
export const RetentionPolicyVersionConnection = connectionOf(
  'RetentionPolicyVersion',
  () => RetentionPolicyVersionType,
  'Versions of a retention policy, newest first.',
);
export const RetentionPolicyPlaceConnection = connectionOf(
  'RetentionPolicyPlace',
  () => RetentionPolicyPlaceType,
  'Datasets that the scope of a policy names, by name.',
);
