import { Field, Int, ObjectType } from 'type-graphql';
import { connectionOf } from './connection.type.ts';

@ObjectType('KafkaBroker', { description: 'A broker of the cluster.' })
export class KafkaBrokerType {
  @Field(() => Int, { description: 'Its number.' })
  nodeId!: number;

  @Field(() => String, { description: 'Host that it tells clients.' })
  host!: string;

  @Field(() => Int, { description: 'Port that it tells clients.' })
  port!: number;

  @Field(() => String, { nullable: true, description: 'Its rack; null when it has none.' })
  rack!: string | null;
}

@ObjectType('GroupMember', { description: 'A consumer of a group.' })
export class GroupMemberType {
  @Field(() => String, { description: 'Name that the coordinator gave it.' })
  memberId!: string;

  @Field(() => String, { description: 'Name that it gave itself.' })
  clientId!: string;

  @Field(() => String, { description: 'Where it connected from.' })
  host!: string;

  @Field(() => Int, { description: 'Partitions that it was given.' })
  partitionCount!: number;
}

@ObjectType('GroupPosition', { description: 'Where a group stands in a partition.' })
export class GroupPositionType {
  @Field(() => String, { description: 'Topic.' })
  topic!: string;

  @Field(() => Int, { description: 'Partition.' })
  partition!: number;

  @Field(() => String, { nullable: true, description: 'Next offset that it has committed; null when it has not.' })
  committed!: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'Offset behind the last record that is settled; null when the partition does not tell.',
  })
  latest!: string | null;

  @Field(() => String, { nullable: true, description: 'Offsets that it is behind; null when that cannot be said.' })
  lag!: string | null;
}

@ObjectType('ConsumerGroup', { description: 'Consumers that share the partitions of topics.' })
export class ConsumerGroupType {
  @Field(() => String, { description: 'Its name.' })
  name!: string;

  @Field(() => String, {
    description:
      '`Stable`, `Empty`, `PreparingRebalance`, `CompletingRebalance`, or `Unknown`: groups that we may not see, and groups of Kafka’s newer consumer protocol, cannot be looked into.',
  })
  state!: string;

  @Field(() => String, { description: '`consumer`, or what else uses groups.' })
  protocolType!: string;

  @Field(() => Int, { description: 'Members.' })
  memberCount!: number;

  @Field(() => String, {
    nullable: true,
    description:
      'Offsets that it is behind in all partitions where that can be said; null when its positions are not told.',
  })
  lag!: string | null;
}

export const ConsumerGroupConnection = connectionOf(
  'ConsumerGroup',
  () => ConsumerGroupType,
  'Consumer groups, by name.',
);
export const GroupMemberConnection = connectionOf('GroupMember', () => GroupMemberType, 'Members of a group, by id.');
export const GroupPositionConnection = connectionOf(
  'GroupPosition',
  () => GroupPositionType,
  'Positions of a group, by topic and partition.',
);

@ObjectType('KafkaCluster', { description: 'The Kafka cluster that is configured, as it is now.' })
export class KafkaClusterType {
  @Field(() => String, { nullable: true, description: 'Id that the cluster has given itself.' })
  clusterId!: string | null;

  @Field(() => Int, { nullable: true, description: 'Broker that takes changes; null when there is none.' })
  controllerId!: number | null;

  @Field(() => [KafkaBrokerType], { description: 'Brokers that are up.' })
  brokers!: readonly KafkaBrokerType[];

  @Field(() => Int, { description: 'Topics that may be seen, those that Kafka keeps for itself included.' })
  topicCount!: number;

  @Field(() => Int, { description: 'Partitions of these.' })
  partitionCount!: number;

  @Field(() => Int, { description: 'Partitions of which a copy is not in sync.' })
  underReplicatedCount!: number;

  @Field(() => Int, { description: 'Partitions without a leader: they cannot be written or read.' })
  leaderlessCount!: number;
}
