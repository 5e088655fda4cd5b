import type { EntityManager } from '@mikro-orm/postgresql';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { VisibleThings } from '../access/visible-things.ts';
import type { ClusterBroker, ClusterTopic, KafkaCluster, PartitionRange, TopicSetting } from './ports.ts';
import type { TopicNames } from './topic-names.ts';

/**
 * Topics as clients of a REST Proxy look at them before they produce: by each name that can be produced to. A topic that
 * was rewritten still has the names of its earlier generations.
 */
export class ProxiedTopics {
  readonly #em: EntityManager;
  readonly #cluster: KafkaCluster;
  readonly #kafkaNamespace: string | null;
  readonly #names: TopicNames;
  readonly #visible: Pick<VisibleThings, 'topicsAmong'>;

  constructor(deps: {
    readonly em: EntityManager;
    readonly kafka: { readonly cluster: KafkaCluster };
    readonly kafkaNamespace: string | null;
    readonly names: TopicNames;
    readonly visibleThings: Pick<VisibleThings, 'topicsAmong'>;
  }) {
    this.#visible = deps.visibleThings;
    this.#em = deps.em;
    this.#cluster = deps.kafka.cluster;
    this.#kafkaNamespace = deps.kafkaNamespace;
    this.#names = deps.names;
  }

  async brokers(): Promise<readonly ClusterBroker[]> {
    return (await this.#cluster.describe([])).brokers;
  }

  /** By name. */
  async topics(): Promise<readonly ClusterTopic[]> {
    const { topics } = await this.#cluster.describe();
    const byName = new Map(topics.map((topic) => [topic.name, topic]));
    for (const { alias, name } of await this.#aliases()) {
      const topic = byName.get(name);
      if (topic !== undefined && !byName.has(alias)) byName.set(alias, { ...topic, name: alias });
    }
    const visible = await this.#visible.topicsAmong([...byName.keys()]);
    return [...byName.values()]
      .filter(({ name }) => visible.has(name))
      .sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  /** Under the name that was asked for. @throws LinewardError NOT_FOUND, KAFKA_REFUSED */
  async topic(asked: string): Promise<ClusterTopic> {
    return { ...(await this.#inForce(asked)), name: asked };
  }

  /** @throws LinewardError NOT_FOUND, KAFKA_REFUSED */
  async settings(asked: string): Promise<readonly TopicSetting[]> {
    const { name } = await this.#inForce(asked);
    const told = (await this.#cluster.settings([name])).get(name) ?? notFound();
    if (told instanceof LinewardError) throw told;
    return told;
  }

  /** Null for a partition without a leader. @throws LinewardError NOT_FOUND, KAFKA_REFUSED */
  async range(asked: string, partition: number): Promise<PartitionRange | null> {
    const topic = await this.#inForce(asked);
    const partitions = topic.partitions.filter((one) => one.partition === partition);
    const ranges = await this.#cluster.ranges([{ ...topic, partitions }]);
    return ranges.get(topic.name)?.[0] ?? null;
  }

  async #inForce(asked: string): Promise<ClusterTopic> {
    const namespace = this.#kafkaNamespace;
    // What no topic can be called is not asked for.
    if (namespace === null || !/^(?!\.{1,2}$)[\w.-]{1,249}$/.test(asked)) throw notFound();
    const name = (await this.#names.find({ namespace, name: asked }))?.name ?? asked;
    const { topics, refused } = await this.#cluster.describe([name]);
    const [topic] = topics;
    if (topic === undefined) throw refused.get(name) ?? notFound();
    return topic;
  }

  async #aliases(): Promise<readonly { readonly alias: string; readonly name: string }[]> {
    return this.#em
      .fork()
      .execute<{ alias: string; name: string }[]>(
        'select a.name as alias, d.name from topic_alias a join dataset d on d.id = a.dataset_id where a.namespace = ?',
        [this.#kafkaNamespace],
      );
  }
}

const notFound = (): LinewardError => new LinewardError('NOT_FOUND', 'There is no such topic.');
