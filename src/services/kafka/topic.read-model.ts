import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { Page, PageRequest } from '../../domain/page.ts';
import { type Topic, type TopicKind, topicKinds } from '../../entities/topic.entity.ts';
import { keysetPage, type SqlFragment } from '../keyset-page.ts';
import { textArray } from '../sql.ts';
import { booleanCondition, type Operators, type TextConditions, textCondition } from '../text-filter.ts';

const number = z.coerce.number().nullable();
const date = z.coerce.date().nullable();

const topicRow = z
  .object({
    id: z.string(),
    namespace: z.string(),
    name: z.string(),
    dataset_id: z.string(),
    topic_kind: z.enum(topicKinds),
    partition_count: z.number(),
    replica_count: z.number(),
    record_count: number,
    bytes: number,
    cleanup_policy: z.string().nullable(),
    retention_ms: z.string().nullable(),
    discovered_at: z.coerce.date(),
    seen_at: z.coerce.date(),
    gone_at: date,
    returned_at: date,
  })
  .transform(
    (row): Topic => ({
      id: row.id,
      namespace: row.namespace,
      name: row.name,
      datasetId: row.dataset_id,
      topicKind: row.topic_kind,
      partitionCount: row.partition_count,
      replicaCount: row.replica_count,
      recordCount: row.record_count,
      bytes: row.bytes,
      cleanupPolicy: row.cleanup_policy,
      retentionMs: row.retention_ms,
      discoveredAt: row.discovered_at,
      seenAt: row.seen_at,
      goneAt: row.gone_at,
      returnedAt: row.returned_at,
    }),
  );

/** Which topics. */
export interface TopicConditions extends Operators<TopicConditions> {
  readonly name?: TextConditions | undefined;
  readonly kind?: TopicKind | undefined;
  readonly gone?: boolean | undefined;
  readonly hasEntity?: boolean | undefined;
  readonly hasPersonalData?: boolean | undefined;
  readonly hasProtection?: boolean | undefined;
  readonly hasRetention?: boolean | undefined;
}

/** Answers to what is covered and what is not, over topics that are there. */
export interface TopicCoverage {
  readonly topics: number;
  readonly gone: number;
  readonly withoutEntity: number;
  readonly withPersonalData: number;
  readonly personalDataWithoutProtection: number;
  readonly personalDataWithoutRetention: number;
  readonly withoutRetention: number;
  /** Null before the first discovery. */
  readonly discoveredAt: Date | null;
}

const hasEntity = 'exists (select from mapping m where m.dataset_id = topic.dataset_id)';
/** A field of the newest version of an entity that the topic holds is classified. */
const hasPersonalData = `exists (select from mapping m join entity e on e.id = m.entity_id
  join entity_field f on f.version_id = e.latest_version_id and f.classifications <> '{}'
  where m.dataset_id = topic.dataset_id)`;
/** A stream protects what comes out of it, or what comes into it is protected. */
const hasProtection = `exists (select from stream s where s.kind = 'PROTECTION'
  and topic.dataset_id in (s.source_dataset_id, s.target_dataset_id))`;
const hasRetention = 'exists (select from topic_retention r where r.dataset_id = topic.dataset_id)';

const is =
  (sql: string) =>
  (wanted: boolean): SqlFragment => ({ sql: `(${sql}) = ?`, params: [wanted] });

const coverageRow = z.object({
  topics: z.number(),
  gone: z.number(),
  without_entity: z.number(),
  personal: z.number(),
  personal_unprotected: z.number(),
  personal_unretained: z.number(),
  without_retention: z.number(),
  discovered_at: date,
});

/** Questions about topics that were discovered. */
export class TopicReadModel {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  topics(request: PageRequest, filter: TopicConditions | undefined): Promise<Page<Topic>> {
    return keysetPage(this.#em.fork(), {
      table: 'topic',
      where: booleanCondition(filter, {
        name: textCondition('name'),
        kind: (kind) => ({ sql: 'topic_kind = ?', params: [kind] }),
        gone: is('gone_at is not null'),
        hasEntity: is(hasEntity),
        hasPersonalData: is(hasPersonalData),
        hasProtection: is(hasProtection),
        hasRetention: is(hasRetention),
      }),
      order: [
        { column: 'name', type: 'text' },
        { column: 'id', type: 'text' },
      ],
      request,
      parse: (row) => topicRow.parse(row),
    });
  }

  async topicsById(ids: readonly string[]): Promise<readonly Topic[]> {
    const rows = await this.#em.fork().execute('select * from topic where id = any(?::text[])', [textArray(ids)]);
    return rows.map((row) => topicRow.parse(row));
  }

  async coverage(): Promise<TopicCoverage> {
    const [row] = await this.#em.fork().execute(
      `with facts as (
         select gone_at is not null as is_gone, topic_kind, ${hasEntity} as mapped, ${hasPersonalData} as personal,
           ${hasProtection} as guarded, ${hasRetention} as retained from topic),
       there as (select * from facts where not is_gone and topic_kind in ('DATA', 'PROTECTED'))
       select count(*)::int as topics, (select count(*)::int from facts where is_gone) as gone,
         count(*) filter (where not mapped)::int as without_entity,
         count(*) filter (where personal)::int as personal,
         count(*) filter (where personal and not guarded)::int as personal_unprotected,
         count(*) filter (where personal and not retained)::int as personal_unretained,
         count(*) filter (where not retained)::int as without_retention,
         (select max(finished_at) from topic_discovery) as discovered_at from there`,
    );
    const found = coverageRow.parse(row);
    return {
      topics: found.topics,
      gone: found.gone,
      withoutEntity: found.without_entity,
      withPersonalData: found.personal,
      personalDataWithoutProtection: found.personal_unprotected,
      personalDataWithoutRetention: found.personal_unretained,
      withoutRetention: found.without_retention,
      discoveredAt: found.discovered_at,
    };
  }
}
