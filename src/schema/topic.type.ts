import { Field, InputType, Int, ObjectType } from 'type-graphql';
import type { Topic, TopicKind } from '../entities/topic.entity.ts';
import { StringFilter } from './catalog-filter.input.ts';
import { connectionOf } from './connection.type.ts';
import { describedEnum } from './described-enum.ts';
import { NodeType } from './node.type.ts';
import { MutationInput, MutationPayload } from './payload.type.ts';
import { Instant } from './scalars.ts';

const TopicKindEnum = describedEnum<TopicKind>('TopicKind', 'What a topic is to the product.', {
  DATA: 'A topic that others made, or that streams read.',
  PROTECTED: 'A topic that a protection stream writes.',
  DEAD_LETTER: 'Notices of messages that a stream could not deal with; nothing of their contents.',
  GENERATION: 'A copy that a rewrite fills, or has left behind; not in force.',
  REPLACED: 'A topic whose next generation is in force; it is deleted when nobody uses it.',
});

const SettingSourceEnum = describedEnum<'TOPIC' | 'BROKER' | 'DEFAULT'>(
  'SettingSource',
  'Where a setting comes from.',
  {
    TOPIC: 'It was set for the topic.',
    BROKER: 'It was set for the broker or the cluster.',
    DEFAULT: 'Kafka’s default.',
  },
);

@ObjectType('Topic', {
  implements: NodeType,
  description:
    'A topic as it was found on the broker by the last discovery. Its dataset is the same for all its generations.',
})
export class TopicType
  extends NodeType
  implements
    Pick<
      Topic,
      | 'namespace'
      | 'name'
      | 'topicKind'
      | 'partitionCount'
      | 'replicaCount'
      | 'recordCount'
      | 'bytes'
      | 'cleanupPolicy'
      | 'retentionMs'
    >
{
  @Field(() => String, { description: 'Cluster that it is in, as its dataset names it.' })
  namespace!: string;

  @Field(() => String, { description: 'Its name.' })
  name!: string;

  @Field(() => TopicKindEnum, { description: 'What it is to the product.' })
  topicKind!: TopicKind;

  @Field(() => Int, { description: 'Partitions.' })
  partitionCount!: number;

  @Field(() => Int, { description: 'Copies of each partition.' })
  replicaCount!: number;

  @Field(() => Number, {
    nullable: true,
    description: 'Offsets between start and end: at most so many records. Null when a partition did not tell.',
  })
  recordCount!: number | null;

  @Field(() => Number, {
    nullable: true,
    description: 'Bytes of all copies on all brokers; null when one did not tell.',
  })
  bytes!: number | null;

  @Field(() => String, { nullable: true, description: '`cleanup.policy`; null when it was not told.' })
  cleanupPolicy!: string | null;

  @Field(() => String, { nullable: true, description: '`retention.ms`; null when it was not told.' })
  retentionMs!: string | null;

  @Field(() => Instant, { description: 'When it was first found.' })
  discoveredAt!: Date;

  @Field(() => Instant, { description: 'When it was last found.' })
  seenAt!: Date;

  @Field(() => Instant, { nullable: true, description: 'When it was first missed; null while it is there.' })
  goneAt!: Date | null;

  @Field(() => Instant, {
    nullable: true,
    description: 'When it was last there again after it was gone; null when it never was.',
  })
  returnedAt!: Date | null;
}

@ObjectType('TopicPartition', { description: 'A partition of a topic, as it is now.' })
export class TopicPartitionType {
  @Field(() => Int, { description: 'Its number.' })
  partition!: number;

  @Field(() => Int, { nullable: true, description: 'Broker that leads it; null while there is none.' })
  leader!: number | null;

  @Field(() => [Int], { description: 'Brokers that keep a copy.' })
  replicas!: readonly number[];

  @Field(() => [Int], { description: 'Of these, the ones that are in sync.' })
  inSync!: readonly number[];

  @Field(() => String, { nullable: true, description: 'First offset; null when the leader did not tell.' })
  earliest!: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'Offset behind the last record that is settled; null when the leader did not tell.',
  })
  latest!: string | null;

  @Field(() => String, { nullable: true, description: 'Bytes of all copies; null when a broker did not tell.' })
  bytes!: string | null;
}

@ObjectType('BrokerSetting', { description: 'A setting that a topic goes by.' })
export class BrokerSettingType {
  @Field(() => String, { description: 'Kafka’s name of it.' })
  name!: string;

  @Field(() => String, { nullable: true, description: 'Its value; null when it is a secret.' })
  value!: string | null;

  @Field(() => SettingSourceEnum, { description: 'Where it comes from.' })
  source!: 'TOPIC' | 'BROKER' | 'DEFAULT';
}

@ObjectType('TopicCoverage', {
  description:
    'What is covered of the topics that are there, `DATA` and `PROTECTED` ones. Ask `topics` which they are.',
})
export class TopicCoverageType {
  @Field(() => Int, { description: 'Topics.' })
  topics!: number;

  @Field(() => Int, { description: 'Topics of any kind that are gone.' })
  gone!: number;

  @Field(() => Int, { description: 'Topics that no entity is mapped to: nobody knows what is in them.' })
  withoutEntity!: number;

  @Field(() => Int, { description: 'Topics that hold an entity with classified fields.' })
  withPersonalData!: number;

  @Field(() => Int, { description: 'Of these, the ones that no protection stream reads or writes.' })
  personalDataWithoutProtection!: number;

  @Field(() => Int, { description: 'Of these, the ones without a retention.' })
  personalDataWithoutRetention!: number;

  @Field(() => Int, { description: 'Topics without a retention.' })
  withoutRetention!: number;

  @Field(() => Instant, { nullable: true, description: 'When topics were last discovered; null before.' })
  discoveredAt!: Date | null;
}

@InputType({ description: 'Which topics; all given conditions hold.' })
export class TopicFilter {
  @Field(() => StringFilter, { nullable: true, description: 'By name.' })
  name?: StringFilter;

  @Field(() => TopicKindEnum, { nullable: true, description: 'Of this kind.' })
  kind?: TopicKind;

  @Field(() => Boolean, { nullable: true, description: 'True: only those that are gone. False: none of these.' })
  gone?: boolean;

  @Field(() => Boolean, { nullable: true, description: 'Whether an entity is mapped to it.' })
  hasEntity?: boolean;

  @Field(() => Boolean, { nullable: true, description: 'Whether an entity that it holds has classified fields.' })
  hasPersonalData?: boolean;

  @Field(() => Boolean, { nullable: true, description: 'Whether a protection stream reads or writes it.' })
  hasProtection?: boolean;

  @Field(() => Boolean, { nullable: true, description: 'Whether it has a retention.' })
  hasRetention?: boolean;

  @Field(() => [TopicFilter], { nullable: true, description: 'All of these.' })
  and?: TopicFilter[];

  @Field(() => [TopicFilter], { nullable: true, description: 'At least one of these.' })
  or?: TopicFilter[];

  @Field(() => TopicFilter, { nullable: true, description: 'None of this.' })
  not?: TopicFilter;
}

@InputType({ description: 'A discovery of topics.' })
export class DiscoverTopicsInput extends MutationInput {}

@ObjectType('TopicDiscovery', { description: 'What a discovery has found.' })
export class TopicDiscoveryType {
  @Field(() => Int, { description: 'Topics on the broker, without those that Kafka keeps for itself.' })
  topics!: number;

  @Field(() => Int, { description: 'Of these, new ones.' })
  discovered!: number;

  @Field(() => Int, { description: 'Topics that are not there any more.' })
  gone!: number;

  @Field(() => Int, { description: 'Topics that were gone and are there again.' })
  returned!: number;

  @Field(() => Instant, { description: 'When.' })
  finishedAt!: Date;
}

@ObjectType({ description: 'What was found.' })
export class DiscoverTopicsPayload extends MutationPayload {
  @Field(() => TopicDiscoveryType, { nullable: true, description: 'What was found; null when refused.' })
  discovery?: TopicDiscoveryType | null;
}

export const TopicConnection = connectionOf('Topic', () => TopicType, 'Topics, by name.');
export const TopicPartitionConnection = connectionOf(
  'TopicPartition',
  () => TopicPartitionType,
  'Partitions, by number.',
);
