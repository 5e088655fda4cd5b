import { type Page, type PageRequest, pageOf } from '../../domain/page.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { VisibleThings } from '../access/visible-things.ts';
import type { ClusterBroker, GroupFacts, GroupMember, KafkaCluster, PartitionRange, TopicSetting } from './ports.ts';

/** A cluster at one glance. */
export interface ClusterOverview {
  readonly clusterId: string | null;
  readonly controllerId: number | null;
  readonly brokers: readonly (Omit<ClusterBroker, 'id'> & { readonly nodeId: number })[];
  readonly topicCount: number;
  readonly partitionCount: number;
  /** Partitions of which not all copies are in sync. */
  readonly underReplicatedCount: number;
  readonly leaderlessCount: number;
}

/** A partition as it is now. */
export interface TopicPartition {
  readonly partition: number;
  readonly leader: number | null;
  readonly replicas: readonly number[];
  readonly inSync: readonly number[];
  /** Null where the leader did not tell. */
  readonly range: PartitionRange | null;
  /** On all brokers; null where one did not tell. */
  readonly bytes: bigint | null;
}

/** Where a group stands in a partition. */
export interface GroupPosition {
  readonly topic: string;
  readonly partition: number;
  /** Null before it has committed. */
  readonly committed: bigint | null;
  readonly latest: bigint | null;
  /** Offsets that it is behind; null where one of both is not known. */
  readonly lag: bigint | null;
}

export interface ConsumerGroup {
  readonly name: string;
  readonly state: string;
  readonly protocolType: string;
  readonly memberCount: number;
  readonly members: readonly GroupMember[];
  readonly positions: readonly GroupPosition[];
  /** Offsets, as text: they exceed 2^53. Null when its positions are not told. */
  readonly lag: string | null;
}

type Facts = Pick<GroupFacts, 'members' | 'offsets'>;

/** Kafka's word for a group that is gone; what is listed and said to be so cannot be looked into. */
const dead = 'Dead';

/** Questions that Kafka answers, not the catalog. Each is a few requests, however long the list. */
export class ClusterReadModel {
  readonly #cluster: KafkaCluster;

  readonly #visible: Pick<VisibleThings, 'topicsAmong'>;

  constructor(deps: {
    readonly kafka: { readonly cluster: KafkaCluster };
    readonly visibleThings: Pick<VisibleThings, 'topicsAmong'>;
  }) {
    this.#cluster = deps.kafka.cluster;
    this.#visible = deps.visibleThings;
  }

  async overview(): Promise<ClusterOverview> {
    const { clusterId, controllerId, brokers, topics } = await this.#cluster.describe();
    const partitions = topics.flatMap((topic) => topic.partitions);
    return {
      clusterId,
      controllerId,
      brokers: brokers.map(({ id: nodeId, ...place }) => ({ nodeId, ...place })),
      topicCount: topics.length,
      partitionCount: partitions.length,
      underReplicatedCount: partitions.filter(({ replicas, inSync }) => inSync.length < replicas.length).length,
      leaderlessCount: partitions.filter(({ leader }) => leader === null).length,
    };
  }

  /** By topic; nothing of one that is not there, and the reason for one that may not be seen. */
  async partitionsOf(
    topics: readonly string[],
  ): Promise<ReadonlyMap<string, readonly TopicPartition[] | LinewardError>> {
    const { topics: found, refused } = await this.#cluster.describe(topics);
    if (found.length === 0) return refused;
    const [ranges, sizes] = await Promise.all([this.#cluster.ranges(found), this.#cluster.sizes()]);
    return new Map<string, readonly TopicPartition[] | LinewardError>([
      ...refused,
      ...found.map(({ name, partitions }) => {
        const byPartition = new Map((ranges.get(name) ?? []).map((range) => [range.partition, range]));
        return [
          name,
          partitions.map((one) => ({
            ...one,
            range: byPartition.get(one.partition) ?? null,
            bytes: sizes.complete ? (sizes.bytes.get(name)?.get(one.partition) ?? 0n) : null,
          })),
        ] as const;
      }),
    ]);
  }

  /** By topic: its settings, null when it is not there, or why they are not told. */
  async settingsOf(
    topics: readonly string[],
  ): Promise<ReadonlyMap<string, readonly TopicSetting[] | LinewardError | null>> {
    const found = await this.#cluster.settings(topics);
    return new Map(
      [...found].map(([name, told]) => [
        name,
        told instanceof LinewardError && told.code === 'NOT_FOUND' ? null : told,
      ]),
    );
  }

  /** Groups by name; only those that read a topic, or have offsets there, where one is given. */
  async groups(request: PageRequest, topic: string | null): Promise<Page<ConsumerGroup>> {
    const isHidden = topic !== null && !(await this.#visible.topicsAmong([topic])).has(topic);
    const names = isHidden ? [] : await this.#cluster.groups();
    const all = topic === null ? null : await this.#cluster.describeGroups(names);
    const listed = all?.filter((facts) => topicsOf(facts).has(topic ?? '')) ?? names;
    const page = pageOf<{ readonly name: string }>(
      listed.map(({ group: name }) => ({ name })),
      request,
      { scope: `groups:${topic ?? ''}`, keyOf: ({ name }) => name },
    );
    const wanted = new Set(page.items.map(({ name }) => name));
    const facts = all ?? (await this.#cluster.describeGroups(names.filter(({ group }) => wanted.has(group))));
    const byName = new Map(facts.map((one) => [one.group, one]));
    // A group that is gone meanwhile is left out.
    const there = page.items.flatMap(({ name }) => byName.get(name) ?? []);
    const visible = await this.#visible.topicsAmong([...new Set(there.flatMap((one) => [...topicsOf(one)]))]);
    const found = there.map((one) => withTopics(one, visible));
    const topics = [...visible];
    const described = topics.length === 0 ? [] : (await this.#cluster.describe(topics)).topics;
    const ranges = await this.#cluster.ranges(described);
    return { ...page, items: found.map((one) => groupOf(one, ranges)) };
  }
}

/** The facts without topics that are hidden from who asks. */
function withTopics(facts: GroupFacts, visible: ReadonlySet<string>): GroupFacts {
  const among = <T>(byTopic: ReadonlyMap<string, T>) => new Map([...byTopic].filter(([topic]) => visible.has(topic)));
  return {
    ...facts,
    members: facts.members.map((member) => ({ ...member, assigned: among(member.assigned) })),
    offsets: facts.offsets === null ? null : among(facts.offsets),
  };
}

function groupOf(facts: GroupFacts, ranges: ReadonlyMap<string, readonly PartitionRange[]>): ConsumerGroup {
  const { group: name, protocolType, members } = facts;
  const positions = positionsOf(facts, ranges);
  const behind = positions.reduce((sum, position) => sum + (position.lag ?? 0n), 0n);
  const lag = facts.offsets === null ? null : String(behind);
  const state = facts.state === dead ? 'Unknown' : facts.state;
  return { name, state, protocolType, memberCount: members.length, members, positions, lag };
}

const topicsOf = ({ members, offsets }: Facts): ReadonlySet<string> =>
  new Set([...(offsets?.keys() ?? []), ...members.flatMap(({ assigned }) => [...assigned.keys()])]);

function positionsOf(facts: Facts, ranges: ReadonlyMap<string, readonly PartitionRange[]>): readonly GroupPosition[] {
  return [...topicsOf(facts)].sort().flatMap((topic) => {
    const committed = facts.offsets?.get(topic);
    const assigned = facts.members.flatMap((member) => member.assigned.get(topic) ?? []);
    const latest = new Map((ranges.get(topic) ?? []).map((range) => [range.partition, range.latest]));
    const partitions = new Set([...(committed?.keys() ?? []), ...assigned]);
    return [...partitions]
      .sort((one, other) => one - other)
      .map((partition) => {
        const [at, end] = [committed?.get(partition) ?? null, latest.get(partition) ?? null];
        const lag = at === null || end === null ? null : end > at ? end - at : 0n;
        return { topic, partition, committed: at, latest: end, lag };
      });
  });
}
