import { Arg, Args, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import { localId } from '../domain/global-id.ts';
import { pageOf } from '../domain/page.ts';
import type { Dataset } from '../entities/dataset.entity.ts';
import type { Topic } from '../entities/topic.entity.ts';
import type { TopicRetention } from '../entities/topic-retention.entity.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import { DatasetType } from '../schema/dataset.type.ts';
import {
  BrokerSettingType,
  DiscoverTopicsInput,
  DiscoverTopicsPayload,
  TopicConnection,
  TopicCoverageType,
  TopicFilter,
  TopicPartitionConnection,
  type TopicPartitionType,
  TopicType,
} from '../schema/topic.type.ts';
import { TopicRetentionType } from '../schema/topic-retention.type.ts';
import {
  AcceptSemanticTypeInput,
  AcceptSemanticTypePayload,
  SampleTopicInput,
  SampleTopicPayload,
} from '../schema/topic-sample.type.ts';
import type { TopicPartition } from '../services/kafka/cluster.read-model.ts';
import type { TopicReadModel } from '../services/kafka/topic.read-model.ts';
import type { TopicDiscovery } from '../services/kafka/topic-discovery.ts';
import type { TopicSampling } from '../services/kafka/topic-sampling.ts';
import type { SemanticTypeAcceptance } from '../services/registry/semantic-type-acceptance.ts';
import { Acting } from './acting.ts';
import type { RequestContext } from './context.ts';
import { mutationPayload } from './mutation-payload.ts';

const [recordsDefault, secondsDefault] = [200, 10];

@Resolver(() => TopicType)
export class TopicResolver {
  readonly #topics: TopicReadModel;
  readonly #discovery: TopicDiscovery;
  readonly #sampling: TopicSampling;
  readonly #acceptance: SemanticTypeAcceptance;

  constructor(deps: {
    readonly topics: TopicReadModel;
    readonly topicDiscovery: TopicDiscovery;
    readonly topicSampling: TopicSampling;
    readonly semanticTypeAcceptance: SemanticTypeAcceptance;
  }) {
    this.#topics = deps.topics;
    this.#discovery = deps.topicDiscovery;
    this.#sampling = deps.topicSampling;
    this.#acceptance = deps.semanticTypeAcceptance;
  }

  @Query(() => TopicConnection, { description: 'Topics that were discovered, by name.' })
  async topics(
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Arg('filter', () => TopicFilter, { nullable: true, description: 'Which topics.' }) filter?: TopicFilter,
  ) {
    return new TopicConnection(await this.#topics.topics(page, filter));
  }

  @Query(() => TopicCoverageType, { description: 'How many topics are known, protected and kept in bounds.' })
  topicCoverage(): Promise<TopicCoverageType> {
    return this.#topics.coverage();
  }

  @Mutation(() => DiscoverTopicsPayload, {
    description: 'Looks for topics on the broker now. New ones become datasets; those that are gone stay, marked so.',
  })
  discoverTopics(
    @Acting() actor: Actor,
    @Arg('input', () => DiscoverTopicsInput, { description: 'The discovery.' }) input: DiscoverTopicsInput,
  ) {
    return mutationPayload(input, async () => ({ discovery: await this.#discovery.discover(actor) }));
  }

  @Mutation(() => SampleTopicPayload, {
    description:
      'Reads some of the newest records and suggests what their fields hold. Changes nothing; it is audited.',
  })
  sampleTopic(
    @Acting() actor: Actor,
    @Arg('input', () => SampleTopicInput, { description: 'The topic and how much of it.' }) input: SampleTopicInput,
  ) {
    return mutationPayload(input, async () => ({
      sample: await this.#sampling.sampleTopic(actor, {
        topicId: localId('Topic', input.id),
        records: input.records ?? recordsDefault,
        seconds: input.seconds ?? secondsDefault,
      }),
    }));
  }

  @Mutation(() => AcceptSemanticTypePayload, {
    description:
      'Says what a field holds, in the next version of the entity: its schema with a tag beside it. Records that name earlier schemas go by those.',
  })
  acceptSemanticType(
    @Acting() actor: Actor,
    @Arg('input', () => AcceptSemanticTypeInput, { description: 'The field and its type.' })
    input: AcceptSemanticTypeInput,
  ) {
    return mutationPayload(input, () =>
      this.#acceptance.acceptSemanticType(actor, {
        ...input,
        entityId: localId('Entity', input.entityId, ['entityId']),
      }),
    );
  }

  @FieldResolver(() => DatasetType, { nullable: true, description: 'Dataset of all its generations.' })
  dataset(@Root() topic: Topic, @Ctx() { loaders }: RequestContext): Promise<Dataset | null> {
    return loaders.dataset.load(topic.datasetId);
  }

  @FieldResolver(() => TopicRetentionType, {
    nullable: true,
    description: 'How long its records stay; null when nobody said.',
  })
  retention(@Root() topic: Topic, @Ctx() { loaders }: RequestContext): Promise<TopicRetention | null> {
    return loaders.retentionOfDataset.load(topic.datasetId);
  }

  @FieldResolver(() => [BrokerSettingType], {
    nullable: true,
    description: 'All settings that it goes by, asked now; null when it is not there.',
  })
  async brokerSettings(@Root() topic: Topic, @Ctx() { loaders }: RequestContext) {
    return loaders.topicSettings.load(topic.name);
  }

  @FieldResolver(() => TopicPartitionConnection, {
    description: 'Its partitions, asked now; none when it is not there.',
  })
  async partitions(
    @Root() topic: Topic,
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Ctx() { loaders }: RequestContext,
  ) {
    const items = (await loaders.topicPartitions.load(topic.name)).map(partitionOf);
    const keyOf = ({ partition }: TopicPartitionType) => String(partition).padStart(10, '0');
    return new TopicPartitionConnection(pageOf(items, page, { scope: `partitions:${topic.name}`, keyOf }));
  }
}

function partitionOf({ range, bytes, ...facts }: TopicPartition): TopicPartitionType {
  const text = (value: bigint | undefined | null): string | null => (value == null ? null : String(value));
  return { ...facts, earliest: text(range?.earliest), latest: text(range?.latest), bytes: text(bytes) };
}
