import { Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { RetentionBlock, RetentionStep } from '../domain/kafka/topic-retention.ts';
import type { RetentionOutcome, TopicRetention } from '../entities/topic-retention.entity.ts';
import { connectionOf } from './connection.type.ts';
import { describedEnum } from './described-enum.ts';
import { NodeType } from './node.type.ts';
import { MutationInput, MutationPayload } from './payload.type.ts';
import { Instant } from './scalars.ts';

const RetentionOutcomeEnum = describedEnum<RetentionOutcome>(
  'RetentionOutcome',
  'How a topic was left when it was last compared with its retention.',
  {
    NOT_CHECKED: 'It was not compared yet, since the retention was set.',
    IN_FORCE: 'The broker goes by what the retention says.',
    NEEDS_APPROVAL: 'Something would be deleted sooner; read the plan and apply it.',
    HELD: 'A legal hold keeps its records: nothing is deleted by age or size.',
    REFUSED: 'The broker refused, or does not tell its settings.',
    TOPIC_GONE: 'There is no such topic.',
    REWRITING: 'An operation rewrites it; the retention takes up the next generation when that is whole.',
  },
);

const RetentionChangeEnum = describedEnum<RetentionStep['change']>(
  'RetentionChange',
  'What a change does to records.',
  {
    NONE: 'Nothing.',
    EXTEND: 'They stay longer.',
    SHORTEN: 'Some may be deleted sooner, perhaps at once.',
  },
);

const RetentionBlockEnum = describedEnum<RetentionBlock>(
  'RetentionBlock',
  'What keeps a setting from being as it is to be.',
  {
    NEEDS_APPROVAL: 'Nobody has approved that records are deleted sooner.',
    HELD: 'A legal hold.',
    MINIMUM: 'A regulation wants records to be kept longer (`setMinimumRetention`).',
    UNKNOWN_TO_BROKER: 'The broker does not know the setting.',
  },
);

@ObjectType('TopicSetting', { description: 'A setting of a topic.' })
export class TopicSettingType {
  @Field(() => String, { description: 'Kafka’s name of it, e.g. `retention.ms`.' })
  name!: string;

  @Field(() => String, { description: 'Its value, as Kafka writes it.' })
  value!: string;
}

@ObjectType('RetentionDeviation', { description: 'A setting that is not as it is to be.' })
export class RetentionDeviationType {
  @Field(() => String, { description: 'Kafka’s name of the setting.' })
  setting!: string;

  @Field(() => String, {
    nullable: true,
    description: 'What the broker goes by; null when it does not know the setting.',
  })
  onBroker!: string | null;

  @Field(() => String, { nullable: true, description: 'What the retention says; null when it does not speak of it.' })
  desired!: string | null;

  @Field(() => String, { description: 'Why it stays so.' })
  why!: string;
}

@ObjectType('RetentionSettingChange', { description: 'A setting that was changed.' })
export class RetentionSettingChangeType {
  @Field(() => String, { description: 'Kafka’s name of the setting.' })
  setting!: string;

  @Field(() => String, { nullable: true, description: 'What it was.' })
  from!: string | null;

  @Field(() => String, { nullable: true, description: 'What it became; null for the default of the broker.' })
  to!: string | null;
}

@ObjectType('RetentionStep', { description: 'One setting: how it is, how it is to be, and what an approval does.' })
class RetentionStepType implements RetentionStep {
  @Field(() => String, { description: 'Kafka’s name of the setting.' })
  setting!: RetentionStep['setting'];

  @Field(() => String, {
    nullable: true,
    description: 'What the broker goes by now; null when it does not know the setting.',
  })
  onBroker!: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'What the retention says; null when it does not speak of it, and only a hold moves it.',
  })
  desired!: string | null;

  @Field(() => String, { nullable: true, description: 'What it becomes; null for the default of the broker.' })
  target!: string | null;

  @Field(() => RetentionChangeEnum, { description: 'What that does to records.' })
  change!: RetentionStep['change'];

  @Field(() => RetentionBlockEnum, {
    nullable: true,
    description: 'Why it is not as the retention says; null when it is.',
  })
  blocked!: RetentionBlock | null;
}

@ObjectType('RetentionPlan', {
  description: 'A dry run: what applying a retention would do now. Nothing is changed by reading it.',
})
export class RetentionPlanType {
  @Field(() => String, { description: 'Name of the topic in force.' })
  topic!: string;

  @Field(() => [RetentionStepType], { description: 'The settings.' })
  steps!: readonly RetentionStep[];

  @Field(() => Int, {
    description:
      'Legal holds that concern records of the topic, or may do so: it was not looked through yet, or nobody can say whose its records are.',
  })
  holds!: number;

  @Field(() => String, { nullable: true, description: 'Why nothing can be planned now; null when it can.' })
  reason!: string | null;

  @Field(() => Int, {
    description:
      'Approvals that it takes by the approval policies of this moment, 1 or 2. More than one only where records go sooner by it.',
  })
  approvalsNeeded!: number;

  @Field(() => [String], { description: 'Who has approved this very plan, while it takes another approval.' })
  approvedBy!: readonly string[];

  @Field(() => String, { description: 'Names what stands here; `applyTopicRetention` takes it.' })
  hash!: string;
}

@ObjectType('TopicRetention', {
  implements: NodeType,
  description: 'How long the records of a topic stay. It follows the topic into its next generations.',
})
export class TopicRetentionType
  extends NodeType
  implements
    Pick<
      TopicRetention,
      | 'policyVersion'
      | 'placedBy'
      | 'approvedVersion'
      | 'approvedBy'
      | 'approvedAt'
      | 'outcome'
      | 'outcomeReason'
      | 'checkedAt'
    >
{
  @Field(() => Int, { description: 'Grows with each change of the settings.' })
  policyVersion!: number;

  @Field(() => String, {
    name: 'placedByPolicy',
    nullable: true,
    description: 'Name of the retention policy that placed it; null for one that was set for this topic.',
  })
  placedBy!: string | null;

  @Field(() => Int, { nullable: true, description: 'Version that was approved last; null when none was.' })
  approvedVersion!: number | null;

  @Field(() => String, { nullable: true, description: 'Who approved; null before.' })
  approvedBy!: string | null;

  @Field(() => Instant, { nullable: true, description: 'When it was approved; null before.' })
  approvedAt!: Date | null;

  @Field(() => RetentionOutcomeEnum, { name: 'lastOutcome', description: 'How the topic was left at the last look.' })
  outcome!: RetentionOutcome;

  @Field(() => String, { nullable: true, description: 'More about the outcome; null when there is nothing to say.' })
  outcomeReason!: string | null;

  @Field(() => Instant, { nullable: true, description: 'When it was last looked at; null before.' })
  checkedAt!: Date | null;

  @Field(() => [RetentionDeviationType], { description: 'Settings that were left other than they are to be.' })
  deviations!: readonly RetentionDeviationType[];

  @Field(() => Instant, { nullable: true, description: 'Since when there are deviations; null when there are none.' })
  deviatingSince!: Date | null;

  @Field(() => [RetentionSettingChangeType], { description: 'What was changed last.' })
  lastChanges!: readonly RetentionSettingChangeType[];

  @Field(() => Instant, { nullable: true, description: 'When that was; null when nothing was ever changed.' })
  changedAt!: Date | null;

  @Field(() => Instant, { description: 'When it was first set.' })
  createdAt!: Date;
}

@ObjectType('TopicRetentionVersion', { description: 'A retention as it was set once.' })
export class TopicRetentionVersionType {
  @Field(() => Int, { description: 'Number of the version.' })
  policyVersion!: number;

  @Field(() => String, { description: 'Who set it.' })
  createdBy!: string;

  @Field(() => Instant, { description: 'When.' })
  createdAt!: Date;
}

@InputType({ description: 'A setting of a topic.' })
class TopicSettingInput {
  @Field(() => String, {
    description:
      '`retention.ms`, `retention.bytes`, `segment.ms`, `max.compaction.lag.ms`, `message.timestamp.type` or `cleanup.policy`.',
  })
  name!: string;

  @Field(() => String, { description: 'Its value, as Kafka writes it; -1 for no limit of age or size.' })
  value!: string;
}

@InputType({ description: 'How long the records of a topic are to stay.' })
export class SetTopicRetentionInput extends MutationInput {
  @Field(() => ID, { description: 'Dataset of the topic.' })
  datasetId!: string;

  @Field(() => [TopicSettingInput], {
    description: 'Settings, `retention.ms` among them. What is not named is left as it is on the broker.',
  })
  settings!: TopicSettingInput[];

  @Field(() => Int, {
    nullable: true,
    description: '`policyVersion` that the change was made upon, 0 for none; another one by now is a CONFLICT.',
  })
  expectedVersion?: number;
}

@InputType({ description: 'A retention to take away.' })
export class DeleteTopicRetentionInput extends MutationInput {
  @Field(() => ID, { description: 'The retention.' })
  id!: string;
}

@InputType({ description: 'A retention to approve and put in force.' })
export class ApplyTopicRetentionInput extends MutationInput {
  @Field(() => ID, { description: 'The retention.' })
  id!: string;

  @Field(() => String, { description: '`hash` of the plan that was read. Another plan by now is PLAN_CHANGED.' })
  planHash!: string;
}

@ObjectType({ description: 'The retention after the change.' })
export class TopicRetentionPayload extends MutationPayload {
  @Field(() => TopicRetentionType, { nullable: true, description: 'The retention; null when refused.' })
  topicRetention?: TopicRetention | null;
}

@ObjectType({ description: 'What was taken away.' })
export class DeleteTopicRetentionPayload extends MutationPayload {
  @Field(() => ID, { nullable: true, description: 'Id of the retention; null when refused.' })
  deletedId?: string | null;
}

@InputType({ description: 'Which retentions; all given conditions hold.' })
export class TopicRetentionFilter {
  @Field(() => Boolean, {
    nullable: true,
    description: 'Only those of topics that are other than they are to be, or only the rest.',
  })
  deviating?: boolean;

  @Field(() => RetentionOutcomeEnum, { nullable: true, description: 'With this outcome.' })
  outcome?: RetentionOutcome;
}

export const TopicRetentionConnection = connectionOf(
  'TopicRetention',
  () => TopicRetentionType,
  'Retentions of topics, oldest first.',
);
export const TopicRetentionVersionConnection = connectionOf(
  'TopicRetentionVersion',
  () => TopicRetentionVersionType,
  'Versions of a retention, newest first.',
);
