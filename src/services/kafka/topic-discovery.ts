import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { newId } from '../../domain/id.ts';
import type { Logger } from '../../domain/logger.ts';
import { Turns } from '../../domain/turns.ts';
import type { TopicKind } from '../../entities/topic.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import { deadLetterTopic } from './dead-letter.ts';
import type { ClusterTopic, KafkaCluster, PartitionRange, TopicSetting } from './ports.ts';

/** What a discovery has found. */
export interface TopicDiscoveryResult {
  /** Topics on the broker, without those that Kafka keeps for itself. */
  readonly topics: number;
  readonly discovered: number;
  readonly gone: number;
  readonly returned: number;
  readonly finishedAt: Date;
}

const namesInEvent = 100;
const settingNames = ['cleanup.policy', 'retention.ms'];

/**
 * Puts the topics of the cluster into the catalog, each as a dataset. A topic that is gone stays, marked as gone: its
 * mappings, lineage and policies are history that erasures and audits ask for.
 */
export class TopicDiscovery {
  readonly #em: EntityManager;
  readonly #cluster: Pick<KafkaCluster, 'describe' | 'settings' | 'sizes' | 'ranges'>;
  readonly #namespace: string | null;
  readonly #changed: () => Promise<void>;
  readonly #logger: Logger;
  /** Who waits for another in this process waits without a connection. */
  readonly #turns = new Turns(1);

  constructor(deps: {
    readonly em: EntityManager;
    readonly kafka: { readonly cluster: Pick<KafkaCluster, 'describe' | 'settings' | 'sizes' | 'ranges'> };
    readonly kafkaNamespace: string | null;
    /** Told where topics came or went: policies may be about them. */
    readonly changed: () => Promise<void>;
    readonly logger: Logger;
  }) {
    this.#em = deps.em;
    this.#changed = deps.changed;
    this.#logger = deps.logger;
    this.#cluster = deps.kafka.cluster;
    this.#namespace = deps.kafkaNamespace;
  }

  /** @throws LinewardError KAFKA_NOT_CONFIGURED, KAFKA_UNAVAILABLE, KAFKA_REFUSED; then nothing is changed. */
  async discover(actor: Actor): Promise<TopicDiscoveryResult> {
    const namespace = this.#namespace;
    if (namespace === null) throw new LinewardError('KAFKA_NOT_CONFIGURED');
    const found = await this.#turns.take(() => this.#discovered(actor, namespace));
    if (found.discovered + found.returned > 0)
      await this.#changed().catch((error: unknown) => {
        this.#logger.warn({ error }, 'new topics are compared with retention policies at the next interval only');
      });
    return found;
  }

  #discovered(actor: Actor, namespace: string): Promise<TopicDiscoveryResult> {
    return this.#em.fork().transactional(async (tx) => {
      // What another has seen later must not be taken for gone: the cluster is asked by one at a time.
      await tx.execute('select pg_advisory_xact_lock(hashtextextended(?, 0))', [`discovery:${namespace}`]);
      const found = await this.#found();
      const kinds = await kindsOf(tx, namespace);
      const rows = found.map((topic) => ({ ...topic, id: newId(), dataset_id: newId(), ...kinds(topic.name) }));
      await tx.execute(addDatasets, [namespace, JSON.stringify(rows)]);
      const written = await tx.execute<{ name: string; is_new: boolean; is_back: boolean }[]>(writeTopics, [
        namespace,
        JSON.stringify(rows),
      ]);
      const gone = await tx.execute<{ name: string }[]>(markGone, [namespace, JSON.stringify(rows)]);
      await tx.execute(
        `insert into topic_discovery (namespace, finished_at) values (?, now())
         on conflict (namespace) do update set finished_at = excluded.finished_at`,
        [namespace],
      );
      const changes = {
        discovered: written.filter((row) => row.is_new),
        returned: written.filter((row) => row.is_back),
        gone,
      };
      if (Object.values(changes).some((list) => list.length > 0))
        audit(tx, actor, {
          action: 'discoverTopics',
          resourceType: 'Topic',
          resourceId: null,
          details: Object.fromEntries(
            Object.entries(changes).flatMap(([what, list]) => [
              [what, list.length],
              [`${what}Names`, list.slice(0, namesInEvent).map(({ name }) => name)],
            ]),
          ),
        });
      return {
        topics: rows.length,
        discovered: changes.discovered.length,
        gone: gone.length,
        returned: changes.returned.length,
        finishedAt: new Date(),
      };
    });
  }

  async #found() {
    const { topics } = await this.#cluster.describe();
    const ours = topics.filter(({ name, isInternal }) => !isInternal && !name.startsWith('__'));
    const names = ours.map(({ name }) => name);
    const [settings, sizes, ranges] = await Promise.all([
      this.#cluster.settings(names, settingNames),
      this.#cluster.sizes(),
      this.#cluster.ranges(ours),
    ]);
    return ours.map((topic) => ({
      name: topic.name,
      partition_count: topic.partitions.length,
      replica_count: Math.max(0, ...topic.partitions.map(({ replicas }) => replicas.length)),
      record_count: recordsIn(topic, ranges.get(topic.name) ?? []),
      bytes: sizes.complete ? String(sumOf(sizes.bytes.get(topic.name)?.values() ?? [])) : null,
      ...settingsOf(settings.get(topic.name) ?? []),
    }));
  }
}

/** An upper bound: compaction leaves gaps in the numbers, and transactions take some. */
function recordsIn({ partitions }: ClusterTopic, ranges: readonly PartitionRange[]): string | null {
  if (ranges.length < partitions.length) return null;
  return String(sumOf(ranges.map(({ earliest, latest }) => latest - earliest)));
}

const sumOf = (values: Iterable<bigint>): bigint => [...values].reduce((sum, value) => sum + value, 0n);

function settingsOf(settings: readonly TopicSetting[] | LinewardError) {
  const value = (wanted: string): string | null =>
    settings instanceof LinewardError ? null : (settings.find(({ name }) => name === wanted)?.value ?? null);
  return { cleanup_policy: value('cleanup.policy'), retention_ms: value('retention.ms') };
}

interface TopicPlace {
  readonly topic_kind: TopicKind;
  /** Dataset of the topic in force, for a name that is not its own; else null. */
  readonly of_dataset: string | null;
}

/** What each name is: the product's own topics are known by the streams and rewrites that made them. */
async function kindsOf(tx: EntityManager, namespace: string): Promise<(name: string) => TopicPlace> {
  const rewrites = await tx.execute<{ source: string; generation: string; dataset_id: string; name: string }[]>(
    `select r.source, r.generation, r.dataset_id, d.name from topic_rewrite r
     join dataset d on d.id = r.dataset_id where d.namespace = ? order by r.created_at`,
    [namespace],
  );
  const aliases = await tx.execute<{ name: string; dataset_id: string }[]>(
    'select name, dataset_id from topic_alias where namespace = ?',
    [namespace],
  );
  const streams = await tx.execute<{ kind: string; source: string; target: string }[]>(
    `select stream.kind, s.name as source, t.name as target from stream
     join dataset s on s.id = source_dataset_id join dataset t on t.id = target_dataset_id where s.namespace = ?`,
    [namespace],
  );
  const own = new Map<string, TopicPlace>();
  for (const { generation, dataset_id, name } of rewrites)
    if (generation !== name) own.set(generation, { topic_kind: 'GENERATION', of_dataset: dataset_id });
  for (const { source, dataset_id, name } of rewrites)
    if (source !== name) own.set(source, { topic_kind: 'REPLACED', of_dataset: dataset_id });
  for (const { name, dataset_id } of aliases) {
    own.set(name, { topic_kind: 'REPLACED', of_dataset: dataset_id });
    // What a stream could not deal with before the switch stays beside the old name.
    own.set(deadLetterTopic(name), { topic_kind: 'DEAD_LETTER', of_dataset: null });
  }
  for (const { kind, source, target } of streams) {
    if (kind === 'PROTECTION') own.set(target, { topic_kind: 'PROTECTED', of_dataset: null });
    own.set(deadLetterTopic(kind === 'PROTECTION' ? target : source), { topic_kind: 'DEAD_LETTER', of_dataset: null });
  }
  return (name) => own.get(name) ?? { topic_kind: 'DATA', of_dataset: null };
}

const given = `jsonb_to_recordset(?::jsonb) found(id text, dataset_id text, name text, topic_kind text, of_dataset text,
  partition_count integer, replica_count integer, record_count bigint, bytes bigint, cleanup_policy text, retention_ms text)`;

const addDatasets = `
  insert into dataset (id, namespace, name, created_at)
  select found.dataset_id, ?, found.name, now() from ${given}
  where found.of_dataset is null on conflict (namespace, name) do nothing`;

const writeTopics = `
  insert into topic as known (id, namespace, name, dataset_id, topic_kind, partition_count, replica_count, record_count,
    bytes, cleanup_policy, retention_ms, discovered_at, seen_at)
  select found.id, dataset.namespace, found.name, dataset.id, found.topic_kind, found.partition_count,
    found.replica_count, found.record_count, found.bytes, found.cleanup_policy, found.retention_ms, now(), now()
  from (select ?::text as namespace) here cross join ${given}
  join dataset on dataset.id = found.of_dataset
    or (found.of_dataset is null and dataset.namespace = here.namespace and dataset.name = found.name)
  on conflict (namespace, name) do update set
    dataset_id = excluded.dataset_id, topic_kind = excluded.topic_kind, partition_count = excluded.partition_count,
    replica_count = excluded.replica_count, record_count = excluded.record_count, bytes = excluded.bytes,
    cleanup_policy = excluded.cleanup_policy, retention_ms = excluded.retention_ms, seen_at = now(),
    returned_at = case when known.gone_at is null then known.returned_at else now() end, gone_at = null
  returning name, discovered_at = now() as is_new, returned_at = now() as is_back`;

const markGone = `
  update topic set gone_at = now() where namespace = ? and gone_at is null and name not in (select name from ${given})
  returning name`;
