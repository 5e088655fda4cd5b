import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { type HistoryType, historyParts, type PartValue, type ValueChange } from '../../domain/changes/value-change.ts';
import type { Page, PageRequest } from '../../domain/page.ts';
import { keysetPages } from '../keyset-page.ts';
import { textArray } from '../sql.ts';

const textOf = (value: unknown): string | null => (value === null ? null : JSON.stringify(value));
const changeRow = z
  .object({
    id: z.number(),
    part: z.string(),
    before: z.unknown(),
    after: z.unknown(),
    actor_id: z.string(),
    at: z.coerce.date(),
  })
  .transform(
    ({ actor_id, before, after, ...row }): ValueChange => ({
      ...row,
      actorId: actor_id,
      before: textOf(before),
      after: textOf(after),
    }),
  );
const valueRow = z.object({ id: z.string(), part: z.string(), value: z.unknown() });

/** What is in force by now: `id` and `parts`, an object, of rows whose `id` is among the given ones. */
const deprecation = (table: string): string => `case when ${table}.deprecated_at is null then null
  else jsonb_build_object('reason', deprecation_reason, 'replacementId', replacement_id) end`;
const list = (column: string): string => `case when cardinality(${column}) = 0 then null else to_jsonb(${column}) end`;
const word = `select id, jsonb_build_object('description', description, 'owners', ${list('owners')}, 'parent',
  (select to_jsonb(above.name) from vocabulary above where above.id = vocabulary.parent_id)) as parts from vocabulary`;
const inForce: Readonly<Record<HistoryType, string>> = {
  Entity: `select id, jsonb_build_object('documentation', documentation, 'owners', ${list('owners')}, 'tags', ${list('tags')},
    'aliases', (select jsonb_agg(alias order by alias collate "C") from entity_alias where entity_id = entity.id),
    'deprecation', ${deprecation('entity')}) as parts from entity`,
  EntityVersion: `select id, jsonb_build_object('deprecation', ${deprecation('entity_version')}) as parts from entity_version`,
  DatasetField: `select id, jsonb_build_object('label', case when field_id is null then null
    else jsonb_build_object('semanticType', semantic_type, 'classifications', to_jsonb(classifications)) end) as parts
    from dataset_field left join dataset_field_label on field_id = dataset_field.id`,
  GlossaryTerm: word,
  Domain: word,
};

/** What was said before of what people describe, and what was in force at a moment. */
export class ValueHistoryReadModel {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** Changes of each, newest first. */
  changesOf(
    type: HistoryType,
    ids: readonly string[],
    request: PageRequest,
  ): Promise<(id: string) => Page<ValueChange>> {
    return keysetPages(this.#em.fork(), {
      table: 'value_change',
      parent: { column: 'resource_id', ids },
      where: { sql: 'resource_type = ?', params: [type] },
      order: [{ column: 'id', type: 'integer', descending: true }],
      request,
      parse: (row) => changeRow.parse(row),
    });
  }

  /**
   * All parts of each as they were at `asOf`, in milliseconds, in which the API tells times: what the last change until then left,
   * else what the first one after it found, else what is in force now.
   */
  async valuesAsOf(
    type: HistoryType,
    ids: readonly string[],
    asOf: Date,
  ): Promise<ReadonlyMap<string, readonly PartValue[]>> {
    const asked = textArray(ids);
    const rows = await this.#em.fork().execute(
      `with changed as (
         select resource_id, part, before, after, date_trunc('milliseconds', at) <= ? as is_past, id
         from value_change where resource_type = ? and resource_id = any(?::text[])
       ), told as (
         select distinct on (resource_id, part) resource_id, part, case when is_past then after else before end as value
         from changed order by resource_id, part, is_past desc, case when is_past then -id else id end
       )
       select current.id, entry.key as part,
         case when told.part is null then nullif(entry.value, 'null') else told.value end as value
       from (${inForce[type]}) current cross join lateral jsonb_each(current.parts) entry
       left join told on told.resource_id = current.id and told.part = entry.key
       where current.id = any(?::text[])`,
      [asOf, type, asked, asked],
    );
    const byId = Map.groupBy(
      rows.map((row) => valueRow.parse(row)),
      ({ id }) => id,
    );
    const valueIn = (found: readonly z.infer<typeof valueRow>[], part: string): PartValue => ({
      part,
      value: textOf(found.find((one) => one.part === part)?.value ?? null),
    });
    return new Map([...byId].map(([id, found]) => [id, historyParts[type].map((part) => valueIn(found, part))]));
  }
}
