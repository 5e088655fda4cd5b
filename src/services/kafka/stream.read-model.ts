import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { Page, PageRequest } from '../../domain/page.ts';
import { type Stream, streamKinds } from '../../entities/stream.entity.ts';
import { keysetPage } from '../keyset-page.ts';
import type { PlanKeys } from '../privacy/protection.read-model.ts';
import { textArray } from '../sql.ts';

const streamRow = z
  .object({
    id: z.string(),
    kind: z.enum(streamKinds),
    entity_id: z.string(),
    source_dataset_id: z.string(),
    target_dataset_id: z.string(),
    state: z.enum(['RUNNING', 'PAUSED']),
    state_since: z.coerce.date(),
    created_at: z.coerce.date(),
  })
  .transform(
    (row): Stream => ({
      id: row.id,
      kind: row.kind,
      entityId: row.entity_id,
      sourceDatasetId: row.source_dataset_id,
      targetDatasetId: row.target_dataset_id,
      state: row.state,
      stateSince: row.state_since,
      createdAt: row.created_at,
    }),
  );

const runnableRow = z.object({
  id: z.string(),
  kind: z.enum(streamKinds),
  entity_id: z.string(),
  source_namespace: z.string(),
  source_name: z.string(),
  target_name: z.string(),
  table_id: z.string().nullable(),
  account_field: z.string(),
  subject_fields: z.array(z.string()),
});

/** A stream with everything its consumer needs to know. */
export interface RunnableStream {
  readonly id: string;
  readonly kind: Stream['kind'];
  readonly entityId: string;
  readonly source: { readonly namespace: string; readonly name: string };
  readonly targetName: string;
  /** Set when the target is a lake table. */
  readonly tableId: string | null;
  readonly accountField: string;
  readonly subjectFields: readonly string[];
}

const runnableSql = `
  select stream.id, stream.kind, stream.entity_id, source.namespace as source_namespace, source.name as source_name,
         target.name as target_name, lake_table.id as table_id, mapping.account_field, mapping.subject_fields
  from stream
  join dataset source on source.id = stream.source_dataset_id
  join dataset target on target.id = stream.target_dataset_id
  join mapping on mapping.dataset_id = target.id and mapping.entity_id = stream.entity_id
  left join lake_table on lake_table.dataset_id = target.id
  where stream.state = 'RUNNING' and not exists (select 1 from topic_rewrite r
    where r.phase = 'SWITCHING' and r.dataset_id in (source.id, target.id))`;

/** Questions about streams. */
export class StreamReadModel {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  streams(request: PageRequest): Promise<Page<Stream>> {
    return keysetPage(this.#em.fork(), {
      table: 'stream',
      order: [{ column: 'id', type: 'text' }],
      request,
      parse: (row) => streamRow.parse(row),
    });
  }

  async streamsById(ids: readonly string[]): Promise<readonly Stream[]> {
    const rows = await this.#em.fork().execute('select * from stream where id = any(?::text[])', [textArray(ids)]);
    return rows.map((row) => streamRow.parse(row));
  }

  async streamsFrom(datasetId: string): Promise<readonly Stream[]> {
    const rows = await this.#em
      .fork()
      .execute('select * from stream where source_dataset_id = ? order by id', [datasetId]);
    return rows.map((row) => streamRow.parse(row));
  }

  async streamsInto(datasetId: string): Promise<readonly Stream[]> {
    const rows = await this.#em
      .fork()
      .execute('select * from stream where target_dataset_id = ? order by id', [datasetId]);
    return rows.map((row) => streamRow.parse(row));
  }

  /** Streams out of a dataset into one that the current round of an operation does not act on. */
  async streamsBesides(datasetId: string, operationId: string): Promise<readonly Stream[]> {
    const rows = await this.#em.fork().execute(
      `select stream.* from stream where source_dataset_id = ? and not exists (
         select 1 from operation_target t join operation o on o.id = t.operation_id and o.round = t.round
         where o.id = ? and t.dataset_id = stream.target_dataset_id) order by stream.id`,
      [datasetId, operationId],
    );
    return rows.map((row) => streamRow.parse(row));
  }

  /**
   * Per partition of a stream's source topic, an offset behind the last tombstone that an erasure wrote there; of those
   * that were copied into the generation in force, its ends at the switch.
   */
  async erasedUpTo(streamId: string): Promise<ReadonlyMap<number, bigint>> {
    const rows = await this.#em.fork().execute<{ partition: number; latest: string }[]>(
      `with buried as (
         select t.receipt->'evidence' as evidence, s.source_dataset_id as dataset_id
         from stream s join operation_target t on t.dataset_id = s.source_dataset_id and t.role = 'TOPIC'
         where s.id = ? and (t.receipt->>'recordsErased')::bigint > 0 and t.estimate->>'action' = 'TOMBSTONE')
       select partition, max(latest)::text as latest from (
         select (e->>'partition')::int as partition, (e->>'latest')::bigint as latest
         from buried cross join jsonb_array_elements(evidence) e
         union all
         select e.key::int, e.value::bigint from topic_rewrite r join dataset d on d.id = r.dataset_id and d.name = r.generation
         cross join jsonb_each_text(r.generation_ends) e
         where r.dataset_id in (select dataset_id from buried)) ends group by partition`,
      [streamId],
    );
    return new Map(rows.map((row) => [row.partition, BigInt(row.latest)]));
  }

  async runnable(): Promise<readonly RunnableStream[]> {
    const rows = await this.#em.fork().execute(`${runnableSql} order by stream.id`);
    return rows.map((row) => toRunnable(runnableRow.parse(row)));
  }

  /** The running landing that takes records of an entity by HTTP. */
  async directLanding(entityId: string, namespace: string): Promise<RunnableStream | null> {
    const rows = await this.#em
      .fork()
      .execute(`${runnableSql} and stream.entity_id = ? and source.namespace = ? order by stream.id limit 1`, [
        entityId,
        namespace,
      ]);
    const row = rows[0];
    return row === undefined ? null : toRunnable(runnableRow.parse(row));
  }

  /** Next offset per partition of a landing. */
  async positionsOf(streamId: string): Promise<ReadonlyMap<number, bigint>> {
    const rows = await this.#em
      .fork()
      .execute<{ partition: number; next_offset: string }[]>(
        'select partition, next_offset::text from stream_position where stream_id = ?',
        [streamId],
      );
    return new Map(rows.map((row) => [row.partition, BigInt(row.next_offset)]));
  }
}

/** How the records of a stream name whose they are: the person by the first of its key fields. */
export function keysOf({
  accountField,
  subjectFields,
}: Pick<RunnableStream, 'accountField' | 'subjectFields'>): PlanKeys {
  return { accountField, subjectField: subjectFields[0] ?? null };
}

function toRunnable(row: z.infer<typeof runnableRow>): RunnableStream {
  return {
    id: row.id,
    kind: row.kind,
    entityId: row.entity_id,
    source: { namespace: row.source_namespace, name: row.source_name },
    targetName: row.target_name,
    tableId: row.table_id,
    accountField: row.account_field,
    subjectFields: row.subject_fields,
  };
}
