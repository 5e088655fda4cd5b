import type { LinewardError } from '../../../errors/lineward-error.ts';
import type {
  ClusterDescription,
  ClusterSizes,
  ClusterTopic,
  GroupFacts,
  GroupName,
  KafkaCluster,
  PartitionRange,
  TopicSetting,
} from '../../../services/kafka/ports.ts';
import type { KafkaClientOptions } from '../client.ts';
import { withinDeadline } from '../faults.ts';
import { scanGroupPrefix } from '../topic-admin.ts';
import { ProtocolConnection } from './connection.ts';
import { protocolFault } from './faults.ts';
import { describeGroups, fetchOffsets, type GroupAnswer, listGroups, readAssignment } from './group-requests.ts';
import { type MetadataAnswer, metadata } from './metadata-request.ts';
import {
  describeConfigs,
  describeLogDirs,
  incrementalAlterConfigs,
  listOffsets,
  type OffsetAnswer,
  type ProtocolRequest,
  type TopicPartitions,
} from './requests.ts';

/** One call may take a few requests to each broker. */
const callDeadlineMs = 15_000;
const topicsPerRequest = 200;
const groupsPerRequest = 100;
/** Requests for offsets of groups that wait for their answers on one connection. */
const groupsAtOnce = 50;
const groupGone = 69;
/** Of Kafka's ConfigSource. */
const [topicSource, defaultSource] = [1, 5];

/** `KafkaCluster` over requests of our own. Connects with the first call. */
export class ProtocolCluster implements KafkaCluster {
  readonly #options: KafkaClientOptions;
  #any: ProtocolConnection | null = null;
  /** By `host:port`. */
  readonly #brokers = new Map<string, ProtocolConnection>();
  #metadata: MetadataAnswer | null = null;

  constructor(options: KafkaClientOptions) {
    this.#options = options;
  }

  describe(topics?: readonly string[]): Promise<ClusterDescription> {
    return this.#within('describing the cluster', async () => {
      const found = await this.#describe(topics ?? null);
      const { clusterId, controllerId, brokers } = found;
      const refused = found.topics.flatMap(({ error, name }) => {
        const fault = protocolFault(error, `describing topic ${name}`);
        return fault?.code === 'KAFKA_REFUSED' ? [[name, fault] as const] : [];
      });
      return {
        clusterId,
        controllerId: controllerId < 0 ? null : controllerId,
        brokers,
        topics: found.topics.filter(({ error, partitions }) => error === 0 || partitions.length > 0).map(topicOf),
        refused: new Map(refused),
      };
    });
  }

  settings(
    topics: readonly string[],
    names?: readonly string[],
  ): Promise<ReadonlyMap<string, readonly TopicSetting[] | LinewardError>> {
    const doing = 'reading settings of topics';
    return this.#within(doing, async () => {
      const answers = await Promise.all(
        chunks(topics, topicsPerRequest).map((some) => this.#ask(describeConfigs(some, names ?? null))),
      );
      return new Map(
        answers
          .flat()
          .map(({ topic, error, settings }) => [topic, protocolFault(error, doing) ?? settings.map(settingOf)]),
      );
    });
  }

  changeSettings(topic: string, changes: Readonly<Record<string, string | null>>, checkOnly = false): Promise<void> {
    const doing = `changing settings of topic ${topic}`;
    return this.#within(doing, async () => {
      const { controllerId } = await this.#known();
      const [answer] = await this.#askBroker(controllerId, incrementalAlterConfigs(topic, changes, checkOnly));
      const fault = protocolFault(answer?.error ?? 0, doing, answer?.reason);
      if (fault?.code === 'KAFKA_UNAVAILABLE') this.#metadata = null;
      if (fault !== null) throw fault;
    });
  }

  sizes(): Promise<ClusterSizes> {
    return this.#within('reading sizes of topics', async () => {
      const { brokers } = await this.#describe([]);
      const answers = await Promise.allSettled(brokers.map(({ id }) => this.#askBroker(id, describeLogDirs())));
      const dirs = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : []));
      const bytes = new Map<string, Map<number, bigint>>();
      for (const { topic, partition, bytes: more } of dirs.flat().flatMap(({ replicas }) => replicas))
        add(bytes, topic, partition, (bytes.get(topic)?.get(partition) ?? 0n) + more);
      // A client that may not see sizes is answered with no disk at all.
      const complete = dirs.every((found) => found.length > 0 && found.every(({ error }) => error === 0));
      return { complete, bytes };
    });
  }

  ranges(topics: readonly ClusterTopic[]): Promise<ReadonlyMap<string, readonly PartitionRange[]>> {
    return this.#within('reading offsets of topics', async () => {
      await this.#known();
      const byLeader = partitionsByLeader(topics);
      const asked = [...byLeader].flatMap(([leader, partitions]) =>
        (['EARLIEST', 'LATEST'] as const).map(async (end) => ({
          end,
          offsets: await this.#askBroker(leader, listOffsets(partitions, end)),
        })),
      );
      const answers = await Promise.all(asked);
      const side = (end: 'EARLIEST' | 'LATEST') =>
        offsetsByTopic(answers.filter((answer) => answer.end === end).flatMap(({ offsets }) => offsets));
      return rangesOf(topics, side('EARLIEST'), side('LATEST'));
    });
  }

  groups(): Promise<readonly GroupName[]> {
    return this.#within('listing consumer groups', async () => {
      const { brokers } = await this.#describe([]);
      const lists = await Promise.all(
        brokers.map(async ({ id }) => {
          const { error, groups } = await this.#askBroker(id, listGroups());
          const fault = protocolFault(error, 'listing consumer groups');
          if (fault !== null) throw fault;
          return groups.map((group) => ({ group, broker: id }));
        }),
      );
      return lists.flat().filter(({ group }) => !group.startsWith(scanGroupPrefix));
    });
  }

  describeGroups(groups: readonly GroupName[]): Promise<readonly GroupFacts[]> {
    return this.#within('describing consumer groups', async () => {
      await this.#known();
      const byBroker = Map.groupBy(groups, ({ broker }) => broker);
      const found = await Promise.all(
        [...byBroker].map(async ([broker, members]) => {
          const facts: GroupFacts[] = [];
          for (const names of chunks(members, groupsPerRequest)) {
            const answers = await this.#askBroker(broker, describeGroups(names.map(({ group }) => group)));
            for (const some of chunks(answers, groupsAtOnce))
              facts.push(...(await Promise.all(some.map((answer) => this.#groupFacts(broker, answer)))).flat());
          }
          return facts;
        }),
      );
      return found.flat();
    });
  }

  async close(): Promise<void> {
    const connections = [this.#any, ...this.#brokers.values()];
    await Promise.allSettled(connections.map((connection) => connection?.close()));
  }

  /** Nothing of a group that is gone meanwhile. */
  async #groupFacts(broker: number, { error, group, ...told }: GroupAnswer): Promise<readonly GroupFacts[]> {
    if (error === groupGone) return [];
    const fault = protocolFault(error, `describing group ${group}`);
    if (fault?.code === 'KAFKA_UNAVAILABLE') throw fault;
    if (fault !== null) return [{ group, state: 'Dead', protocolType: '', members: [], offsets: null }];
    const committed = await this.#askBroker(broker, fetchOffsets(group));
    const { state, protocolType } = told;
    const members = told.members.map(({ id, clientId, host, assignment }) => ({
      ...{ id, clientId, host },
      assigned: protocolType === 'consumer' && assignment.length > 0 ? readAssignment(assignment) : new Map(),
    }));
    const offsets = committed.offsets.filter(({ offset }) => offset >= 0n);
    return [{ group, state, protocolType, members, offsets: committed.error === 0 ? offsetsByTopic(offsets) : null }];
  }

  async #describe(topics: readonly string[] | null): Promise<MetadataAnswer> {
    const found = await this.#ask(metadata(topics));
    this.#metadata = found;
    return found;
  }

  async #known(): Promise<MetadataAnswer> {
    return this.#metadata ?? this.#describe([]);
  }

  #ask<Answer>(request: ProtocolRequest<Answer>): Promise<Answer> {
    this.#any ??= new ProtocolConnection(this.#options);
    return this.#any.send(request);
  }

  /** A broker that is not known is asked through any other, which says what is wrong with that. */
  async #askBroker<Answer>(id: number, request: ProtocolRequest<Answer>): Promise<Answer> {
    const broker = (await this.#known()).brokers.find((one) => one.id === id);
    if (broker === undefined) return this.#ask(request);
    const address = `${broker.host}:${broker.port}`;
    const connection = this.#brokers.get(address) ?? new ProtocolConnection({ ...this.#options, brokers: [address] });
    this.#brokers.set(address, connection);
    return connection.send(request);
  }

  /** What was known of brokers is asked anew after a fault: they may have moved. */
  async #within<T>(doing: string, call: () => Promise<T>): Promise<T> {
    try {
      return await withinDeadline(call(), doing, callDeadlineMs);
    } catch (error) {
      this.#metadata = null;
      throw error;
    }
  }
}

function topicOf({ name, id, isInternal, partitions }: MetadataAnswer['topics'][number]): ClusterTopic {
  const parts = partitions.map(({ partition, leader, replicas, inSync }) => ({
    partition,
    leader: leader < 0 ? null : leader,
    replicas,
    inSync,
  }));
  return { name, id, isInternal, partitions: parts.sort((one, other) => one.partition - other.partition) };
}

function settingOf(setting: {
  readonly name: string;
  readonly value: string | null;
  readonly source: number;
  readonly isSensitive: boolean;
}): TopicSetting {
  const { name, source } = setting;
  const level = source === topicSource ? 'TOPIC' : source === defaultSource ? 'DEFAULT' : 'BROKER';
  return { name, value: setting.isSensitive ? null : setting.value, source: level };
}

function partitionsByLeader(topics: readonly ClusterTopic[]): ReadonlyMap<number, TopicPartitions> {
  const byLeader = new Map<number, Map<string, number[]>>();
  for (const { name, partitions } of topics)
    for (const { partition, leader } of partitions) {
      if (leader === null) continue;
      const ofLeader = byLeader.get(leader) ?? new Map<string, number[]>();
      const numbers = ofLeader.get(name) ?? [];
      numbers.push(partition);
      byLeader.set(leader, ofLeader.set(name, numbers));
    }
  return byLeader;
}

type ByTopic = ReadonlyMap<string, ReadonlyMap<number, bigint>>;

function offsetsByTopic(offsets: readonly OffsetAnswer[]): ByTopic {
  const byTopic = new Map<string, Map<number, bigint>>();
  for (const { topic, partition, error, offset } of offsets) if (error === 0) add(byTopic, topic, partition, offset);
  return byTopic;
}

function add(byTopic: Map<string, Map<number, bigint>>, topic: string, partition: number, value: bigint): void {
  const ofTopic = byTopic.get(topic) ?? new Map<number, bigint>();
  byTopic.set(topic, ofTopic.set(partition, value));
}

function rangesOf(
  topics: readonly ClusterTopic[],
  earliest: ByTopic,
  latest: ByTopic,
): ReadonlyMap<string, readonly PartitionRange[]> {
  return new Map(
    topics.map(({ name, partitions }) => [
      name,
      partitions.flatMap(({ partition }) => {
        const [from, to] = [earliest.get(name)?.get(partition), latest.get(name)?.get(partition)];
        return from === undefined || to === undefined ? [] : [{ partition, earliest: from, latest: to }];
      }),
    ]),
  );
}

function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
