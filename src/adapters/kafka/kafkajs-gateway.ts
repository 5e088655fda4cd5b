import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs, { type Admin, type Kafka, type PartitionMetadata } from 'kafkajs';
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
} from '../../services/kafka/ports.ts';
import { createClient, type KafkaClientOptions, type KafkaLogger } from './client.ts';
import { protocolType, toKafkaError, withinDeadline } from './faults.ts';
import { GroupConsumer } from './group-consumer.ts';
import { ProtocolCluster } from './protocol/cluster.ts';
import { RecordLanes } from './record-lanes.ts';
import { KafkajsTopicAdmin } from './topic-admin.ts';
import { scanTopic } from './topic-scan.ts';
import { startTransformStream } from './transform-stream.ts';

/** How long a topic's partitions are taken from memory when producing. */
const METADATA_AGE_MS = 30_000;
const READ_PARTITIONS_AT_ONCE = 4;

interface AdminSlot {
  readonly admin: Admin;
  readonly connected: Promise<void>;
  /** The call that is running or was the last. */
  last: Promise<unknown>;
}

/** `KafkaGateway` on kafkajs. Connects with the first call, so that the process starts without Kafka. */
export class KafkajsGateway implements KafkaGateway {
  readonly configured = true;
  readonly topics: KafkajsTopicAdmin;
  readonly cluster: ProtocolCluster;
  readonly #kafka: Kafka;
  readonly #logger: KafkaLogger | undefined;
  readonly #lanes: RecordLanes;
  readonly #partitionOf = kafkajs.Partitioners.DefaultPartitioner();
  readonly #metadata = new Map<string, { readonly partitions: PartitionMetadata[]; readonly readAt: number }>();
  readonly #streams = new Set<RunningStream>();
  #admin: AdminSlot | null = null;

  constructor(options: KafkaClientOptions) {
    this.#kafka = createClient(options);
    this.#logger = options.logger;
    this.#lanes = new RecordLanes(this.#kafka);
    this.cluster = new ProtocolCluster(options);
    this.topics = new KafkajsTopicAdmin({
      kafka: this.#kafka,
      ask: (doing, call) => this.#ask(doing, call),
      committed: (group, topic) => this.committed(group, topic),
    });
  }

  async ping(): Promise<void> {
    await this.#ask('asking for metadata', (admin) => admin.describeCluster());
  }

  async ensureTopic(spec: TopicSpec): Promise<void> {
    const doing = `creating topic ${spec.name}`;
    const configEntries = Object.entries(spec.config).map(([name, value]) => ({ name, value }));
    const { name: topic, partitions: numPartitions, replicas: replicationFactor = -1 } = spec;
    const topics = [{ topic, numPartitions, replicationFactor, configEntries }];
    // False is what the client answers when the topic exists, also when another call was faster.
    await this.#ask(doing, (admin) => admin.createTopics({ topics, waitForLeaders: false }));
    this.#metadata.delete(spec.name);
    // A topic is created before its leaders are known; callers expect to be able to write at once.
    await this.#ask(doing, (admin) => admin.fetchTopicOffsets(spec.name));
  }

  async describeTopic(name: string): Promise<TopicDescription | null> {
    try {
      const partitions = await this.#readPartitions(name);
      const config = await this.#ask(`describing topic ${name}`, (admin) =>
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

  async offsets(topic: string): Promise<readonly { partition: number; earliest: string; latest: string }[]> {
    const ranges = await this.#ask(`reading the offsets of ${topic}`, (admin) => admin.fetchTopicOffsets(topic));
    return ranges
      .map(({ partition, low, high }) => ({ partition, earliest: low, latest: high }))
      .sort((a, b) => a.partition - b.partition);
  }

  async committed(group: string, topic: string): Promise<ReadonlyMap<number, string>> {
    const [answer] = await this.#ask(`reading the offsets of group ${group}`, (admin) =>
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
        await this.#ask('deleting the group of a scan', (admin) => admin.deleteGroups([group]));
      },
    });
  }

  async transformStream(stream: Parameters<KafkaGateway['transformStream']>[0]): Promise<RunningStream> {
    const deps = {
      kafka: this.#kafka,
      logger: this.#logger,
      startOf: async (group: string, topic: string, partition: number) =>
        (await this.committed(group, topic)).get(partition) ?? this.#earliest(topic, partition),
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
    const slot = this.#admin;
    this.#admin = null;
    await slot?.admin.disconnect().catch(() => undefined);
  }

  #register(stream: RunningStream): RunningStream {
    const registered: RunningStream = {
      get fault() {
        return stream.fault;
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
    return (await this.offsets(topic)).find((range) => range.partition === partition)?.earliest ?? '0';
  }

  #choosePartition(topic: string, partitionMetadata: PartitionMetadata[], message: OutgoingMessage): number {
    return this.#partitionOf({ topic, partitionMetadata, message: { key: message.key, value: message.value } });
  }

  async #partitions(topic: string): Promise<PartitionMetadata[]> {
    const known = this.#metadata.get(topic);
    if (known && Date.now() - known.readAt < METADATA_AGE_MS) return known.partitions;
    const partitions = await this.#readPartitions(topic);
    this.#metadata.set(topic, { partitions, readAt: Date.now() });
    return partitions;
  }

  async #readPartitions(topic: string): Promise<PartitionMetadata[]> {
    const { topics } = await this.#ask(`reading the partitions of ${topic}`, (admin) =>
      admin.fetchTopicMetadata({ topics: [topic] }),
    );
    return topics[0]?.partitions ?? [];
  }

  /**
   * Runs one admin call. A client that has seen a topic which is deleted since says of every other that there is none, so
   * only a fresh one is believed.
   */
  async #ask<T>(doing: string, call: (admin: Admin) => Promise<T>): Promise<T> {
    const before = this.#admin;
    try {
      return await this.#askOnce(doing, call);
    } catch (error) {
      if (!(error instanceof LinewardError) || error.code !== 'NOT_FOUND' || before === null) throw error;
      if (this.#admin === before) {
        this.#admin = null;
        void before.last.then(() => before.admin.disconnect()).catch(() => undefined);
      }
      return await this.#askOnce(doing, call);
    }
  }

  /** Within the deadline. A client that Kafka did not answer is dropped, the next call connects anew. */
  async #askOnce<T>(doing: string, call: (admin: Admin) => Promise<T>): Promise<T> {
    const slot = this.#admin ?? this.#connectAdmin();
    this.#admin = slot;
    const work = slot.connected.then(() => inTurn(slot, () => throughLeaderMoves(() => call(slot.admin))));
    try {
      return await withinDeadline(work, doing);
    } catch (error) {
      const fault = toKafkaError(error, doing);
      if (fault.code === 'KAFKA_UNAVAILABLE' && this.#admin === slot) {
        this.#admin = null;
        // Not before the call has ended, because its retries would connect the client again.
        void Promise.allSettled([work])
          .then(() => slot.admin.disconnect())
          .catch(() => undefined);
      }
      throw fault;
    }
  }

  #connectAdmin(): AdminSlot {
    const admin = this.#kafka.admin();
    return { admin, connected: admin.connect(), last: Promise.resolve() };
  }
}

const valuesOf = (entries: readonly { configName: string; configValue: string }[]): Record<string, string> =>
  Object.fromEntries(entries.map(({ configName, configValue }) => [configName, configValue]));

/**
 * One call of an admin client after the other: calls about different topics change the metadata that a running one works
 * with, and kafkajs then trips over partitions it no longer finds.
 */
function inTurn<T>(slot: AdminSlot, call: () => Promise<T>): Promise<T> {
  const turn = slot.last.then(call, call);
  slot.last = turn.catch(() => undefined);
  return turn;
}

/** A new or moving partition has no leader for a moment; kafkajs gives up on some calls at once. */
async function throughLeaderMoves<T>(call: () => Promise<T>): Promise<T> {
  for (let triesLeft = 20; ; triesLeft -= 1) {
    try {
      return await call();
    } catch (error) {
      const type = protocolType(error);
      if (triesLeft === 0 || (type !== 'NOT_LEADER_FOR_PARTITION' && type !== 'LEADER_NOT_AVAILABLE')) throw error;
      await sleep(100);
    }
  }
}
