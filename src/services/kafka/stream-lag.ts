import type { EntityManager } from '@mikro-orm/postgresql';
import { groupOf } from '../../domain/kafka/stream-name.ts';
import type { StreamLag } from '../../domain/kafka/stream-status.ts';
import type { StreamKind } from '../../entities/stream.entity.ts';
import { textArray } from '../sql.ts';
import type { KafkaGateway } from './ports.ts';

interface Source {
  readonly id: string;
  readonly kind: StreamKind;
  readonly topic: string;
  readonly positions: Readonly<Record<string, string>>;
}

/** How far streams are behind their source topics, as Kafka and the catalog know it, whoever runs them. */
export class StreamLags {
  readonly #em: EntityManager;
  readonly #kafka: KafkaGateway;

  constructor(deps: { readonly em: EntityManager; readonly kafka: KafkaGateway }) {
    this.#em = deps.em;
    this.#kafka = deps.kafka;
  }

  /** Null for a stream out of no topic, and where Kafka does not answer. */
  async of(streamIds: readonly string[]): Promise<ReadonlyMap<string, StreamLag | null>> {
    if (!this.#kafka.configured) return new Map();
    const sources = await this.#em.fork().execute<Source[]>(
      `select s.id, s.kind, d.name as topic,
              coalesce((select jsonb_object_agg(p.partition, p.next_offset::text) from stream_position p
                        where p.stream_id = s.id), '{}') as positions
       from stream s join dataset d on d.id = s.source_dataset_id
       where s.id = any(?::text[]) and d.namespace like 'kafka://%'`,
      [textArray(streamIds)],
    );
    const lags = await Promise.all(sources.map((source) => this.#lagOf(source).catch(() => null)));
    return new Map(sources.map(({ id }, index) => [id, lags[index] ?? null]));
  }

  async #lagOf({ id, kind, topic, positions }: Source): Promise<StreamLag> {
    const ranges = await this.#kafka.offsets(topic);
    const committed =
      kind === 'LANDING'
        ? new Map(Object.entries(positions).map(([partition, offset]) => [Number(partition), offset]))
        : await this.#kafka.committed(groupOf(id), topic);
    const partitions = ranges.map(({ partition, earliest, latest }) => {
      const position = furthest(committed.get(partition) ?? '0', earliest);
      const records = Math.max(0, Number(BigInt(latest) - BigInt(position)));
      return { partition, position, end: latest, records };
    });
    return { partitions, records: partitions.reduce((sum, { records }) => sum + records, 0) };
  }
}

const furthest = (one: string, other: string): string => (BigInt(one) > BigInt(other) ? one : other);
