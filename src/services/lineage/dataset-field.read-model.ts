import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { DatasetField } from '../../domain/lineage/graph.ts';
import type { Page, PageRequest } from '../../domain/page.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { keysetPages } from '../keyset-page.ts';
import { nativeStatements, numberArray, textArray } from '../sql.ts';

const fieldRow: z.ZodType<DatasetField> = z.object({
  id: z.string(),
  number: z.number(),
  datasetId: z.string(),
  path: z.string(),
  type: z.string().nullable(),
  isInSchema: z.boolean(),
  semanticType: z.string().nullable(),
  classifications: z.array(z.string()),
  gap: z.enum(['DATASET_UNKNOWN', 'SCHEMA_UNKNOWN', 'FIELD_UNKNOWN']).nullable(),
  isDropped: z.boolean(),
});

const droppedMax = 10_000;

/** True of a dataset that was dropped and of which nothing was heard since. */
const isDropped = 'dropped_at is not null and (seen_at is null or seen_at <= dropped_at)';
// The newest schema names exactly the fields that no later schema has left out.
const isInSchema = 'named_at is not null and named_at = schema_at';
const fields = `(select dataset_field.id, dataset_field.number, dataset_field.dataset_id, path, type, dataset_field.dataset_id as "datasetId",
    coalesce(${isInSchema}, false) as "isInSchema", semantic_type as "semanticType",
    coalesce(dataset_field_label.classifications, '{}') as classifications, coalesce(${isDropped}, false) as "isDropped",
    case when named_only then 'DATASET_UNKNOWN' when schema_at is null then 'SCHEMA_UNKNOWN'
      when path <> '' and not coalesce(${isInSchema}, false) then 'FIELD_UNKNOWN' end as gap
  from dataset_field join dataset on dataset.id = dataset_field.dataset_id
    left join dataset_state on dataset_state.dataset_id = dataset.id
    left join dataset_field_label on field_id = dataset_field.id) known_field`;

/** Fields of the newest schema of a row of `dataset` with its `dataset_state`, as JSON. */
export const schemaFields = `select coalesce(json_agg(json_build_object('name', path, 'type', type, 'tags',
    coalesce(dataset_field_label.classifications, '{}')) order by dataset_field.number), '[]')
  from dataset_field left join dataset_field_label on field_id = dataset_field.id
  where dataset_field.dataset_id = dataset.id and path <> '' and named_at = schema_at`;

/** Fields of datasets, as events and people speak of them. */
export class DatasetFieldReadModel {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** Fields by path. */
  fieldsOf(datasetIds: readonly string[], request: PageRequest): Promise<(datasetId: string) => Page<DatasetField>> {
    return keysetPages(this.#em.fork(), {
      table: fields,
      parent: { column: 'dataset_id', ids: datasetIds },
      where: { sql: `path <> ''`, params: [] },
      order: [{ column: 'path', type: 'text' }],
      request,
      parse: (row) => fieldRow.parse(row),
    });
  }

  async byNumber(numbers: Iterable<number>): Promise<ReadonlyMap<number, DatasetField>> {
    const sql = await nativeStatements(this.#em);
    const rows = await sql.execute(`select * from ${fields} where number = any(?::int[])`, [
      numberArray(new Set(numbers)),
    ]);
    return new Map(rows.map((row) => fieldRow.parse(row)).map((field) => [field.number, field]));
  }

  async byIds(ids: readonly string[]): Promise<readonly DatasetField[]> {
    const rows = await this.#em.fork().execute(`select * from ${fields} where id = any(?::text[])`, [textArray(ids)]);
    return rows.map((row) => fieldRow.parse(row));
  }

  /** Those of the given ones of which something is not known. */
  async gapsIn(numbers: Iterable<number>): Promise<readonly DatasetField[]> {
    const sql = await nativeStatements(this.#em);
    const rows = await sql.execute(
      `select * from ${fields} where number = any(?::int[]) and gap is not null order by number`,
      [numberArray(new Set(numbers))],
    );
    return rows.map((row) => fieldRow.parse(row));
  }

  /** Fields of dropped datasets, at least those of them that are among the given ones. */
  async dropped(numbers: Iterable<number>): Promise<ReadonlySet<number>> {
    const sql = await nativeStatements(this.#em);
    const dropped = `select number from dataset_field join dataset_state using (dataset_id) where ${isDropped}`;
    // As a rule there are few of them, and then the given ones need not be sent.
    const few = await sql.execute<{ number: number }[]>(`${dropped} limit ${droppedMax + 1}`);
    const rows =
      few.length <= droppedMax
        ? few
        : await sql.execute<{ number: number }[]>(`${dropped} and number = any(?::int[])`, [
            numberArray(new Set(numbers)),
          ]);
    return new Set(rows.map(({ number }) => number));
  }

  /** The numbers of fields, of those that somebody spoke of. */
  async numbersOf(named: readonly { readonly datasetId: string; readonly path: string }[]): Promise<readonly number[]> {
    const rows = await this.#em.fork().execute<{ number: number }[]>(
      `select number from dataset_field
       join unnest(?::text[], ?::text[]) as named (dataset_id, path) using (dataset_id, path) order by number`,
      [textArray(named.map(({ datasetId }) => datasetId)), textArray(named.map(({ path }) => path))],
    );
    return rows.map(({ number }) => number);
  }

  async ofPath(datasetId: string, path: string): Promise<DatasetField | null> {
    const rows = await this.#em
      .fork()
      .execute(`select * from ${fields} where dataset_id = ? and path = ?`, [datasetId, path]);
    return rows.map((row) => fieldRow.parse(row))[0] ?? null;
  }

  /** @throws LinewardError NOT_FOUND for a field that nobody spoke of, with the argument that names it. */
  async known(datasetId: string, path: string, argument: string): Promise<DatasetField> {
    const field = await this.ofPath(datasetId, path);
    if (field !== null) return field;
    throw new LinewardError('NOT_FOUND', `${argument}: no event speaks of such a field of the dataset`, {
      path: [argument],
    });
  }

  /** When datasets were dropped of which nothing was heard since. */
  async dropsOf(datasetIds: readonly string[]): Promise<ReadonlyMap<string, Date>> {
    const rows = await this.#em
      .fork()
      .execute<{ id: string; at: string }[]>(
        `select dataset_id as id, dropped_at as at from dataset_state where dataset_id = any(?::text[]) and ${isDropped}`,
        [textArray(datasetIds)],
      );
    return new Map(rows.map(({ id, at }) => [id, new Date(at)]));
  }
}
