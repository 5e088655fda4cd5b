import { Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { DateRange } from '../domain/governance/date-range.ts';
import {
  type Claim,
  type ClaimRule,
  claimRules,
  type Decision,
  type DecisionAction,
  decisionActions,
  type LostClaim,
} from '../domain/governance/decision.ts';
import { describedEnum } from './described-enum.ts';
import { DateRangeType } from './governance.type.ts';
import { SubjectSelectorInput } from './operation.input.ts';
import { MutationInput, MutationPayload } from './payload.type.ts';
import { Instant } from './scalars.ts';

const ClaimRuleEnum = describedEnum<ClaimRule>(
  'ClaimRule',
  'Who speaks about an item, the strongest first.',
  claimRules,
);

const DecisionActionEnum = describedEnum<DecisionAction>('DecisionAction', 'What becomes of an item.', decisionActions);

@ObjectType('Claim', { description: 'One voice about an item.' })
class ClaimType implements Claim {
  @Field(() => ClaimRuleEnum, { description: 'By which rule.' })
  rule!: ClaimRule;

  @Field(() => ID, {
    description:
      'The legal hold, the operation, the dataset of a retention rule; of a minimum or a policy its name; of a confidential hold CONFIDENTIAL, but for who may place holds.',
  })
  sourceId!: string;

  @Field(() => Instant, {
    nullable: true,
    description:
      'Of what keeps: until then; null: until it is released, or the item has no date. Of what deletes: due from then on; null: the item has no date, so it is kept.',
  })
  at!: Date | null;

  @Field(() => DateRangeType, {
    nullable: true,
    description:
      'Of a hold: only records of these dates; null for all, and of a confidential hold, but for who may place holds.',
  })
  dates?: DateRange | null | undefined;
}

@ObjectType('LostClaim', { description: 'A voice that another one goes before.' })
class LostClaimType implements LostClaim {
  @Field(() => ClaimType, { description: 'The voice.' })
  claim!: Claim;

  @Field(() => String, { description: 'Why it lost.' })
  reason!: string;
}

@ObjectType('Decision', { description: 'What becomes of an item, and why. See docs/governance.md.' })
export class DecisionType implements Decision {
  @Field(() => DecisionActionEnum, { description: 'What becomes of it.' })
  action!: DecisionAction;

  @Field(() => ClaimType, { nullable: true, description: 'The voice that decided; null when there is none.' })
  winner!: Claim | null;

  @Field(() => [LostClaimType], { description: 'All others.' })
  losers!: readonly LostClaim[];

  @Field(() => Instant, {
    nullable: true,
    description: 'When the answer will be another one by itself, where that is known.',
  })
  until!: Date | null;

  @Field(() => String, { description: 'The decision in words.' })
  reason!: string;
}

@InputType({ description: 'A record, as far as decisions need to know it.' })
export class DecisionItemInput extends SubjectSelectorInput {
  @Field(() => ID, { description: 'The place that it lies in, as a dataset: a lake table or a topic.' })
  datasetId!: string;

  @Field(() => Instant, {
    nullable: true,
    description:
      'Its date: of a row what stands in the date field of the rules, of a record its time stamp. Default: it has none.',
  })
  date?: Date;
}

@InputType({ description: 'A replay of the erasure ledger.' })
export class ReplayErasureLedgerInput extends MutationInput {}

@ObjectType({ description: 'The replay that has begun.' })
export class ReplayErasureLedgerPayload extends MutationPayload {
  @Field(() => ID, {
    nullable: true,
    description: 'Resource of the audit event `replayErasureLedger` that tells its outcome; null when refused.',
  })
  runId?: string | null;
}

@ObjectType('ErasureDeferral', { description: 'Why an erasure that ended waits, and until when.' })
export class ErasureDeferralType {
  @Field(() => Boolean, { description: 'A legal hold keeps data.' })
  byHold!: boolean;

  @Field(() => Boolean, { description: 'A minimum retention keeps data.' })
  byMinimum!: boolean;

  @Field(() => Instant, { description: 'When the plan was made that met what keeps the data.' })
  since!: Date;

  @Field(() => Instant, { nullable: true, description: 'When the minimum has run out for all that it kept, if known.' })
  until!: Date | null;

  @Field(() => Int, { description: 'Times that it was planned anew since.' })
  reopened!: number;
}
