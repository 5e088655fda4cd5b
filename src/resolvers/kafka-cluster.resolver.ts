import { Arg, Args, FieldResolver, Query, Resolver, Root } from 'type-graphql';
import { pageOf } from '../domain/page.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import {
  ConsumerGroupConnection,
  ConsumerGroupType,
  GroupMemberConnection,
  type GroupMemberType,
  GroupPositionConnection,
  type GroupPositionType,
  KafkaClusterType,
} from '../schema/kafka-cluster.type.ts';
import type { ClusterOverview, ClusterReadModel, ConsumerGroup } from '../services/kafka/cluster.read-model.ts';

@Resolver(() => KafkaClusterType)
export class KafkaClusterResolver {
  readonly #readModel: ClusterReadModel;

  constructor(deps: { readonly kafkaCluster: ClusterReadModel }) {
    this.#readModel = deps.kafkaCluster;
  }

  @Query(() => KafkaClusterType, { description: 'The Kafka cluster, asked now.' })
  kafkaCluster(): Promise<ClusterOverview> {
    return this.#readModel.overview();
  }

  @FieldResolver(() => ConsumerGroupConnection, { description: 'Consumer groups, by name.' })
  async consumerGroups(
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Arg('topic', () => String, {
      nullable: true,
      description: 'Only groups that read this topic or have offsets on it. Asks for all groups of the cluster.',
    })
    topic?: string,
  ) {
    return new ConsumerGroupConnection(await this.#readModel.groups(page, topic ?? null));
  }
}

@Resolver(() => ConsumerGroupType)
export class ConsumerGroupFields {
  @FieldResolver(() => GroupMemberConnection, { description: 'Its members.' })
  members(@Root() { name, members }: ConsumerGroup, @Args(() => ConnectionArgs) page: ConnectionArgs) {
    const items = members.map(
      ({ id, clientId, host, assigned }): GroupMemberType => ({
        ...{ memberId: id, clientId, host },
        partitionCount: [...assigned.values()].reduce((sum, partitions) => sum + partitions.length, 0),
      }),
    );
    return new GroupMemberConnection(
      pageOf(items, page, { scope: `members:${name}`, keyOf: ({ memberId }) => memberId }),
    );
  }

  @FieldResolver(() => GroupPositionConnection, { description: 'Where it stands.' })
  positions(@Root() { name, positions }: ConsumerGroup, @Args(() => ConnectionArgs) page: ConnectionArgs) {
    const text = (value: bigint | null): string | null => (value === null ? null : String(value));
    const items = positions.map(
      ({ topic, partition, committed, latest, lag }): GroupPositionType => ({
        ...{ topic, partition, committed: text(committed), latest: text(latest), lag: text(lag) },
      }),
    );
    const keyOf = ({ topic, partition }: GroupPositionType) => `${topic}/${String(partition).padStart(10, '0')}`;
    return new GroupPositionConnection(pageOf(items, page, { scope: `positions:${name}`, keyOf }));
  }
}
