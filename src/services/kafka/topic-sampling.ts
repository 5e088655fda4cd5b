import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { SampledTypes, type TypeSuggestion } from '../../domain/privacy/sampled-types.ts';
import type { Topic } from '../../entities/topic.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import type { SemanticTypeReadModel } from '../privacy/semantic-type.read-model.ts';
import type { KafkaGateway, KafkaMessage, PartitionRange, ScanRange } from './ports.ts';
import type { RecordReader } from './record-reader.ts';
import type { TopicReadModel } from './topic.read-model.ts';

export interface SampleTopic {
  readonly topicId: string;
  /** Most records that are read. */
  readonly records: number;
  /** Longest time, seconds. */
  readonly seconds: number;
}

/** What a look at some records of a topic suggests; nothing of the records is in it. */
export interface TopicSample {
  readonly topic: Topic;
  readonly records: number;
  /** Of these, tombstones. */
  readonly withoutValue: number;
  /** Of these, neither JSON objects nor records of a schema that is known. */
  readonly unreadable: number;
  /** False when the time was over first. */
  readonly complete: boolean;
  readonly suggestions: readonly TypeSuggestion[];
}

export interface TopicSamplingDeps {
  readonly em: EntityManager;
  readonly kafka: Pick<KafkaGateway, 'scan' | 'cluster'>;
  readonly topics: Pick<TopicReadModel, 'topicsById'>;
  readonly semanticTypes: Pick<SemanticTypeReadModel, 'known'>;
  readonly records: RecordReader;
}

const recordsMax = 1_000;
const secondsMax = 30;

/** Reads some of the newest records of a topic and suggests what its fields hold. People decide; see `acceptSemanticType`. */
export class TopicSampling {
  readonly #deps: TopicSamplingDeps;

  constructor(deps: TopicSamplingDeps) {
    this.#deps = deps;
  }

  /** @throws LinewardError BAD_INPUT, NOT_FOUND when it is not there, KAFKA_UNAVAILABLE, KAFKA_REFUSED */
  async sampleTopic(actor: Actor, input: SampleTopic): Promise<TopicSample> {
    assertWithin('records', input.records, recordsMax);
    assertWithin('seconds', input.seconds, secondsMax);
    const [topic] = await this.#deps.topics.topicsById([input.topicId]);
    if (topic === undefined) throw new LinewardError('NOT_FOUND', 'id: there is no such topic', { path: ['id'] });
    const sampled = new SampledTypes(await this.#deps.semanticTypes.known(), await this.#fieldsOf(topic.datasetId));
    const seen = await this.#read(topic.name, input, sampled);
    const sample = { topic, ...seen, suggestions: sampled.suggestions() };
    await this.#deps.em.fork().transactional(async (tx) => {
      audit(tx, actor, {
        action: 'sampleTopic',
        resourceType: 'Topic',
        resourceId: topic.id,
        details: { topic: topic.name, records: seen.records, suggestions: sample.suggestions.length },
      });
    });
    return sample;
  }

  /** Fields of the newest versions of the entities that the topic holds. */
  async #fieldsOf(datasetId: string) {
    const rows = await this.#deps.em.fork().execute<{ path: string; semantic_type: string | null }[]>(
      `select path, max(semantic_type) as semantic_type from mapping m join entity e on e.id = m.entity_id
       join entity_field f on f.version_id = e.latest_version_id where m.dataset_id = ? group by path`,
      [datasetId],
    );
    return rows.map(({ path, semantic_type: semanticType }) => ({ path, semanticType }));
  }

  async #read(
    name: string,
    { records: most, seconds }: SampleTopic,
    sampled: SampledTypes,
  ): Promise<Pick<TopicSample, 'records' | 'withoutValue' | 'unreadable' | 'complete'>> {
    const { topics, refused } = await this.#deps.kafka.cluster.describe([name]);
    const fault = refused.get(name);
    if (fault !== undefined) throw fault;
    if (topics.length === 0)
      throw new LinewardError('NOT_FOUND', 'id: Kafka has no such topic any more', { path: ['id'] });
    const ranges = (await this.#deps.kafka.cluster.ranges(topics)).get(name) ?? [];
    const pass = this.#deps.records.pass();
    const enough = new AbortController();
    const late = AbortSignal.timeout(seconds * 1_000);
    let [records, withoutValue, unreadable, complete] = [0, 0, 0, true];
    const each = async ({ value, headers }: KafkaMessage) => {
      if (records >= most) return enough.abort();
      records += 1;
      if (value === null) withoutValue += 1;
      const content = value === null ? null : await pass.read(value, headers);
      if (content?.ok === false) unreadable += 1;
      if (content?.ok === true) sampled.add(content.record);
    };
    try {
      await this.#deps.kafka.scan(name, each, AbortSignal.any([enough.signal, late]), newest(ranges, most));
    } catch (error) {
      if (!(error instanceof LinewardError) || error.code !== 'CANCELLED') throw error;
      complete = enough.signal.aborted;
    }
    return { records, withoutValue, unreadable, complete };
  }
}

function assertWithin(name: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= most) return;
  throw new LinewardError('BAD_INPUT', `${name}: must be between 1 and ${most}`, { path: [name] });
}

/** The end of each partition, and of no more partitions than records are wanted. */
function newest(ranges: readonly PartitionRange[], most: number): ScanRange {
  const filled = ranges.filter(({ earliest, latest }) => earliest < latest);
  const step = Math.max(1, filled.length / most);
  const chosen = new Set(Array.from({ length: Math.min(filled.length, most) }, (_, n) => filled[Math.floor(n * step)]));
  const share = BigInt(Math.ceil(most / Math.max(1, chosen.size)));
  return {
    from: new Map(
      [...chosen].flatMap((range) =>
        range === undefined ? [] : [[range.partition, later(range.earliest, range.latest - share)] as const],
      ),
    ),
    to: new Map(ranges.map((range) => [range.partition, chosen.has(range) ? range.latest : 0n])),
  };
}

const later = (one: bigint, other: bigint): bigint => (one > other ? one : other);
