import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { textArray } from '../sql.ts';

/** A lake table with the sum of its registered files, as last seen. */
export interface LakeTableSummary {
  readonly location: string;
  readonly dateField: string;
  readonly files: number;
  readonly rows: number;
  readonly bytes: number;
  /** Files whose index segment is made for their present content. */
  readonly indexedFiles: number;
}

const summaryRow = z.object({
  dataset_id: z.string(),
  location: z.string(),
  date_field: z.string(),
  files: z.coerce.number(),
  rows: z.coerce.number(),
  bytes: z.coerce.number(),
  indexed: z.coerce.number(),
});

/** What the lake holds. */
export class LakeReadModel {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** Tables by dataset id, in one statement; datasets that are not lake tables are absent. */
  async summaryOfDatasets(datasetIds: readonly string[]): Promise<ReadonlyMap<string, LakeTableSummary>> {
    const found = await this.#em.fork().execute(
      `select t.dataset_id, t.location, t.date_field, count(f.id) as files, coalesce(sum(f.rows), 0) as rows,
              coalesce(sum(f.bytes), 0) as bytes, count(*) filter (where f.indexed_version = f.version) as indexed
       from lake_table t left join lake_file f on f.table_id = t.id
       where t.dataset_id = any(?::text[]) group by t.id`,
      [textArray(datasetIds)],
    );
    return new Map(
      found.map((raw) => {
        const { dataset_id, date_field, indexed, ...sums } = summaryRow.parse(raw);
        return [dataset_id, { ...sums, dateField: date_field, indexedFiles: indexed }];
      }),
    );
  }
}
