import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs, { type Admin, type GroupDescription, type Kafka, type Offsets, type Producer } from 'kafkajs';
import { Turns } from '../../domain/turns.ts';
import type { GroupOnTopic, KafkaGateway, TopicAdmin } from '../../services/kafka/ports.ts';
import { protocolType, throughMoves, withinDeadline } from './faults.ts';
import { abandon, claimProducer } from './transform-stream.ts';

const groupsAtOnce = 50;
const partitionsAtOnce = 16;
const moveDeadlineMs = 15_000;
const pollMs = 50;
/** Groups of scans commit nothing and end with them. */
export const scanGroupPrefix = 'lineward-scan-';

type Ask = <T>(doing: string, call: (admin: Admin) => Promise<T>) => Promise<T>;

/** What rewriting a topic asks of the broker beside reading and writing. */
export class KafkajsTopicAdmin implements TopicAdmin {
  readonly #kafka: Kafka;
  readonly #ask: Ask;
  readonly #committed: KafkaGateway['committed'];

  constructor(deps: { readonly kafka: Kafka; readonly ask: Ask; readonly committed: KafkaGateway['committed'] }) {
    this.#kafka = deps.kafka;
    this.#ask = deps.ask;
    this.#committed = deps.committed;
  }

  async groupsOn(topic: string): Promise<readonly GroupOnTopic[]> {
    const { groups } = await this.#ask('listing consumer groups', (admin) => admin.listGroups());
    const names = groups.map(({ groupId }) => groupId).filter((name) => !name.startsWith(scanGroupPrefix));
    const found: GroupOnTopic[] = [];
    for (let start = 0; start < names.length; start += groupsAtOnce) {
      const described = await this.#describe(names.slice(start, start + groupsAtOnce));
      for (const group of described) {
        const offsets = await this.#committed(group.groupId, topic);
        // Of members that tell nothing, be it during a rebalance or in another protocol, the group's offsets tell.
        const isActive = group.state !== 'Empty' && (reads(group, topic) ?? offsets.size > 0);
        if (isActive || offsets.size > 0) found.push({ group: group.groupId, isActive, offsets });
      }
    }
    return found.sort((one, other) => one.group.localeCompare(other.group));
  }

  async hasMembers(group: string): Promise<boolean> {
    const [described] = await this.#describe([group]);
    return described !== undefined && described.members.length > 0;
  }

  async fenceStream({ group, source }: { readonly group: string; readonly source: string }): Promise<void> {
    const ranges = await this.#ask(`reading the offsets of ${source}`, (admin) => admin.fetchTopicOffsets(source));
    const turns = new Turns(partitionsAtOnce);
    const fence = async (partition: number) => {
      const producer = await claimProducer(this.#kafka, { group, source, partition });
      await producer.disconnect();
    };
    await Promise.all(ranges.map(({ partition }) => turns.take(() => fence(partition))));
  }

  async moveStream(
    { group, source }: { readonly group: string; readonly source: string },
    offsets: ReadonlyMap<number, string>,
  ): Promise<void> {
    const turns = new Turns(partitionsAtOnce);
    const move = async (partition: number, offset: string) => {
      const producer = await claimProducer(this.#kafka, { group, source, partition });
      const topics = [{ topic: source, partitions: [{ partition, offset }] }];
      try {
        await this.#commit(producer, group, topics);
      } finally {
        await producer.disconnect().catch(() => undefined);
      }
    };
    const moves = [...offsets].map(([partition, offset]) =>
      turns.take(() => throughMoves(() => move(partition, offset))),
    );
    await Promise.all(moves);
    await withinDeadline(this.#toldAs(group, source, offsets), `moving the offsets of ${group}`, moveDeadlineMs);
  }

  async offsetsAt(topic: string, timestampMs: number): Promise<ReadonlyMap<number, string>> {
    const found = await this.#ask(`looking up ${topic} by time`, (admin) =>
      admin.fetchTopicOffsetsByTimestamp(topic, timestampMs),
    );
    return new Map(found.map(({ partition, offset }) => [partition, offset]));
  }

  async commitOffsets(group: string, topic: string, offsets: ReadonlyMap<number, string>): Promise<void> {
    const producer = this.#kafka.producer({
      transactionalId: `lineward-move.${group}.${topic}`,
      idempotent: true,
      maxInFlightRequests: 1,
    });
    const partitions = [...offsets].map(([partition, offset]) => ({ partition, offset }));
    const move = async () => {
      await producer.connect();
      await this.#commit(producer, group, [{ topic, partitions }]);
      await this.#toldAs(group, topic, offsets);
    };
    try {
      await withinDeadline(throughMoves(move), `moving the offsets of group ${group}`, moveDeadlineMs);
    } finally {
      await producer.disconnect().catch(() => undefined);
    }
  }

  async configureTopic(name: string, config: Readonly<Record<string, string>>): Promise<void> {
    const configEntries = Object.entries(config).map(([key, value]) => ({ name: key, value }));
    const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name, configEntries };
    await this.#ask(`configuring topic ${name}`, (admin) =>
      admin.alterConfigs({ validateOnly: false, resources: [resource] }),
    );
  }

  async deleteRecords(topic: string, ends: ReadonlyMap<number, string>): Promise<void> {
    const partitions = [...ends].map(([partition, offset]) => ({ partition, offset }));
    await this.#ask(`deleting records of ${topic}`, async (admin) => {
      // The client knows the leaders of topics that it was asked about.
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions });
    });
  }

  async deleteTopic(name: string): Promise<void> {
    await this.#ask(`deleting topic ${name}`, async (admin) => {
      const topics = await admin.listTopics();
      if (topics.includes(name)) await admin.deleteTopics({ topics: [name] });
    });
  }

  async deleteGroup(group: string): Promise<void> {
    await this.#ask(`deleting group ${group}`, (admin) => admin.deleteGroups([group])).catch((error: unknown) => {
      if (protocolType(error) !== 'GROUP_ID_NOT_FOUND' && (error as Error).name !== 'LinewardError') throw error;
    });
  }

  async #commit(producer: Producer, group: string, topics: Offsets['topics']): Promise<void> {
    const transaction = await producer.transaction();
    try {
      await transaction.sendOffsets({ consumerGroupId: group, topics });
      await transaction.commit();
    } catch (error) {
      await abandon(transaction);
      throw error;
    }
  }

  /** A commit is answered before the group's coordinator has heard of it. */
  async #toldAs(group: string, topic: string, offsets: ReadonlyMap<number, string>): Promise<void> {
    while (!isAt(await this.#committed(group, topic), offsets)) await sleep(pollMs);
  }

  async #describe(groups: readonly string[]): Promise<readonly GroupDescription[]> {
    const described = await this.#ask('describing consumer groups', (admin) => admin.describeGroups([...groups]));
    return described.groups;
  }
}

const isAt = (committed: ReadonlyMap<number, string>, wanted: ReadonlyMap<number, string>): boolean =>
  [...wanted].every(([partition, offset]) => committed.get(partition) === offset);

/** Whether a member reads the topic; null when no member does, as far as they tell, and one of them does not tell. */
function reads({ members }: GroupDescription, topic: string): boolean | null {
  const told = members.map(({ memberMetadata, memberAssignment }) => {
    try {
      const assigned = kafkajs.AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment ?? {};
      const subscribed = kafkajs.AssignerProtocol.MemberMetadata.decode(memberMetadata)?.topics ?? [];
      return topic in assigned || subscribed.includes(topic);
    } catch {
      return null;
    }
  });
  if (told.includes(true)) return true;
  return told.length > 0 && told.every((one) => one === false) ? false : null;
}
