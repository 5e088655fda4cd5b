import kafkajs, { type Kafka, type PartitionMetadata } from 'kafkajs';
import { LinewardError } from '../../errors/lineward-error.ts';
import type {
  KafkaGateway,
  KafkaMessage,
  OutgoingMessage,
  RunningStream,
  ScanRange,
  SendResult,
  TopicDescription,
  TopicSpec,
  TransformStream,
} from '../../services/kafka/ports.ts';
import { AdminClient } from './admin-client.ts';
import { createClient, type KafkaClientOptions, type KafkaLogger } from './client.ts';
import { throughMoves } from './faults.ts';
import { GroupConsumer } from './group-consumer.ts';
import type { TopicLimits } from './output-sends.ts';
import { ProtocolCluster } from './protocol/cluster.ts';
import { RecordLanes } from './record-lanes.ts';
import { SharedReads } from './shared-reads.ts';
import { KafkajsTopicAdmin } from './topic-admin.ts';
import { scanTopic } from './topic-scan.ts';
import { startTransformStream } from './transform-stream.ts';

/** How long a topic's partitions are taken from memory when producing. */
const METADATA_AGE_MS = 30_000;
const READ_PARTITIONS_AT_ONCE = 4;
/** A thousand partitions take a broker some seconds. */
const LEADERS_MS = 30_000;

type OffsetRange = Awaited<ReturnType<KafkaGateway['offsets']>>[number];

/** `KafkaGateway` on kafkajs. Connects with the first call, so that the process starts without Kafka. */
export class KafkajsGateway implements KafkaGateway {
  readonly configured = true;
  readonly topics: KafkajsTopicAdmin;
  readonly cluster: ProtocolCluster;
  readonly #kafka: Kafka;
  readonly #admin: AdminClient;
  readonly #logger: KafkaLogger | undefined;
  readonly #lanes: RecordLanes;
  readonly #partitionOf = kafkajs.Partitioners.DefaultPartitioner();
  readonly #metadata = new Map<string, { readonly partitions: PartitionMetadata[]; readonly readAt: number }>();
  readonly #streams = new Set<RunningStream>();
  readonly #committedReads = new SharedReads<ReadonlyMap<number, string>>();
  readonly #partitionReads = new SharedReads<PartitionMetadata[]>();
  readonly #rangeReads = new SharedReads<readonly OffsetRange[]>();

  constructor(options: KafkaClientOptions) {
    this.#kafka = createClient(options);
    this.#admin = new AdminClient(this.#kafka);
    this.#logger = options.logger;
    this.#lanes = new RecordLanes(this.#kafka);
    this.cluster = new ProtocolCluster(options);
    this.topics = new KafkajsTopicAdmin({
      kafka: this.#kafka,
      ask: (doing, call) => this.#admin.ask(doing, call),
      committed: (group, topic) => this.committed(group, topic),
    });
  }

  async ping(): Promise<void> {
    await this.#admin.ask('asking for metadata', (admin) => admin.describeCluster());
  }

  async ensureTopic(spec: TopicSpec): Promise<void> {
    const doing = `creating topic ${spec.name}`;
    const configEntries = Object.entries(spec.config).map(([name, value]) => ({ name, value }));
    const { name: topic, partitions: numPartitions, replicas: replicationFactor = -1 } = spec;
    const topics = [{ topic, numPartitions, replicationFactor, configEntries }];
    // False is what the client answers when the topic exists, also when another call was faster.
    await this.#admin.ask(doing, (admin) => admin.createTopics({ topics, waitForLeaders: false }));
    this.#metadata.delete(spec.name);
    // A topic is created before its leaders are known; callers expect to be able to write at once.
    await throughMoves(() => this.#admin.ask(doing, (admin) => admin.fetchTopicOffsets(spec.name)), LEADERS_MS);
  }

  async describeTopic(name: string): Promise<TopicDescription | null> {
    try {
      const partitions = await this.#readPartitions(name);
      const config = await this.#admin.ask(`describing topic ${name}`, (admin) =>
        admin.describeConfigs({
          includeSynonyms: false,
          resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name }],
        }),
      );
      const entries = config.resources[0]?.configEntries ?? [];
      const own = entries.filter(({ configSource }) => configSource === kafkajs.ConfigSource.TOPIC_CONFIG);
      const replicas = Math.max(1, ...partitions.map((partition) => partition.replicas.length));
      return { name, partitions: partitions.length, replicas, config: valuesOf(entries), own: valuesOf(own) };
    } catch (error) {
      if (error instanceof LinewardError && error.code === 'NOT_FOUND') return null;
      throw error;
    }
  }

  async offsets(topic: string): Promise<readonly OffsetRange[]> {
    const ranges = await this.#admin.ask(`reading the offsets of ${topic}`, (admin) => admin.fetchTopicOffsets(topic));
    return ranges
      .map(({ partition, low, high }) => ({ partition, earliest: low, latest: high }))
      .sort((a, b) => a.partition - b.partition);
  }

  async committed(group: string, topic: string): Promise<ReadonlyMap<number, string>> {
    const [answer] = await this.#admin.ask(`reading the offsets of group ${group}`, (admin) =>
      admin.fetchOffsets({ groupId: group, topics: [topic] }),
    );
    const committed = (answer?.partitions ?? []).filter(({ offset }) => BigInt(offset) >= 0n);
    return new Map(committed.map(({ partition, offset }) => [partition, offset]));
  }

  async produce(topic: string, messages: readonly OutgoingMessage[]): Promise<readonly SendResult[]> {
    if (messages.length === 0) return [];
    const partitions = await this.#partitions(topic);
    const sends = messages.map((message): Promise<SendResult> => {
      const partition = message.partition ?? this.#choosePartition(topic, partitions, message);
      if (partition >= 0 && partition < partitions.length) return this.#lanes.send(topic, { ...message, partition });
      const text = `Topic ${topic} has no partition ${partition}; it has ${partitions.length}.`;
      return Promise.resolve({ ok: false, code: 'NOT_FOUND', message: text });
    });
    const results = await Promise.all(sends);
    const [first] = results;
    if (results.some((result) => !result.ok && result.code === 'NOT_FOUND')) this.#metadata.delete(topic);
    if (first && !first.ok && results.every((result) => !result.ok && result.code === 'KAFKA_UNAVAILABLE')) {
      throw new LinewardError('KAFKA_UNAVAILABLE', first.message);
    }
    return results;
  }

  async scan(
    topic: string,
    each: (message: KafkaMessage) => void | Promise<void>,
    signal?: AbortSignal,
    within?: ScanRange,
  ): Promise<void> {
    await scanTopic({
      kafka: this.#kafka,
      topic,
      each,
      signal,
      within,
      offsets: () => this.offsets(topic),
      deleteGroup: async (group) => {
        await this.#admin.ask('deleting the group of a scan', (admin) => admin.deleteGroups([group]));
      },
    });
  }

  async transformStream(stream: TransformStream): Promise<RunningStream> {
    const deps = {
      kafka: this.#kafka,
      logger: this.#logger,
      // Asked for by each partition on its own, and answered for all of them.
      startOf: async (group: string, topic: string, partition: number) => {
        const read = () => this.committed(group, topic);
        const committed = await this.#committedReads.read(JSON.stringify([group, topic]), read);
        return committed.get(partition) ?? this.#earliest(topic, partition);
      },
      limitsOf: (topic: string) => this.#limitsOf(topic),
    };
    return this.#register(startTransformStream(deps, stream));
  }

  async readStream(stream: Parameters<KafkaGateway['readStream']>[0]): Promise<RunningStream> {
    const { group, source } = stream;
    const consumer = GroupConsumer.start({
      kafka: this.#kafka,
      logger: this.#logger,
      group,
      topic: source,
      partitionsAtOnce: READ_PARTITIONS_AT_ONCE,
      positionOf: async (partition) =>
        (await stream.positionOf(partition)) ?? (await this.#earliest(source, partition)),
      process: async (batch, signal) => {
        await stream.handle({ partition: batch.partition, messages: batch.messages }, signal);
        batch.commitForDisplay();
      },
    });
    return this.#register(consumer);
  }

  /** Stops the streams that still run, waits for what is being produced, and disconnects. */
  async close(): Promise<void> {
    await Promise.all([...this.#streams].map((stream) => stream.stop()));
    await this.#lanes.close();
    await this.cluster.close();
    await this.#admin.close();
  }

  #register(stream: RunningStream): RunningStream {
    const registered: RunningStream = {
      get fault() {
        return stream.fault;
      },
      get partitions() {
        return stream.partitions;
      },
      stop: async () => {
        this.#streams.delete(registered);
        await stream.stop();
      },
    };
    this.#streams.add(registered);
    return registered;
  }

  async #earliest(topic: string, partition: number): Promise<string> {
    const ranges = await this.#rangeReads.read(topic, () => this.offsets(topic));
    return ranges.find((range) => range.partition === partition)?.earliest ?? '0';
  }

  async #limitsOf(topic: string): Promise<TopicLimits> {
    const { config = {} } = (await this.describeTopic(topic)) ?? {};
    const messageBytes = Number(config['max.message.bytes'] ?? Number.POSITIVE_INFINITY);
    return { messageBytes, needsKeys: (config['cleanup.policy'] ?? '').includes('compact') };
  }

  #choosePartition(topic: string, partitionMetadata: PartitionMetadata[], message: OutgoingMessage): number {
    return this.#partitionOf({ topic, partitionMetadata, message: { key: message.key, value: message.value } });
  }

  async #partitions(topic: string): Promise<PartitionMetadata[]> {
    // Thousands may ask at once when what is known has become old.
    return this.#known(topic) ?? this.#partitionReads.read(topic, () => this.#learnPartitions(topic));
  }

  #known(topic: string): PartitionMetadata[] | null {
    const known = this.#metadata.get(topic);
    return known !== undefined && Date.now() - known.readAt < METADATA_AGE_MS ? known.partitions : null;
  }

  async #learnPartitions(topic: string): Promise<PartitionMetadata[]> {
    const known = this.#known(topic);
    if (known !== null) return known;
    const partitions = await this.#readPartitions(topic);
    this.#metadata.set(topic, { partitions, readAt: Date.now() });
    return partitions;
  }

  async #readPartitions(topic: string): Promise<PartitionMetadata[]> {
    const { topics } = await this.#admin.ask(`reading the partitions of ${topic}`, (admin) =>
      admin.fetchTopicMetadata({ topics: [topic] }),
    );
    return topics[0]?.partitions ?? [];
  }
}

const valuesOf = (entries: readonly { configName: string; configValue: string }[]): Record<string, string> =>
  Object.fromEntries(entries.map(({ configName, configValue }) => [configName, configValue]));
