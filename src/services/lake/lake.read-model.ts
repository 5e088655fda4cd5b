import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { type Partitioning, partitionings } from '../../domain/lake/partitioning.ts';
import { type LakeRegistration, LakeRegistrationSchema } from '../../entities/lake-registration.entity.ts';
import { type LakeRetention, lakeRetentionActions } from '../../entities/lake-retention.entity.ts';
import type { LakeTableOrigin } from '../../entities/lake-table.entity.ts';
import { textArray } from '../sql.ts';

/** The rule of a table, as it is shown. */
export type LakeTableRetention = Pick<
  LakeRetention,
  'dateField' | 'days' | 'action' | 'autoApprove' | 'setBy' | 'setAt'
>;

/** A lake table with the sum of its registered files, as last seen. */
export interface LakeTableSummary {
  readonly location: string;
  readonly origin: LakeTableOrigin;
  readonly partitioning: Partitioning;
  readonly dateField: string | null;
  readonly retention: LakeTableRetention | null;
  readonly files: number;
  readonly rows: number;
  readonly bytes: number;
  /** Files whose index segment is made for their present content. */
  readonly indexedFiles: number;
}

const summaryRow = z.object({
  dataset_id: z.string(),
  location: z.string(),
  origin: z.enum(['LANDED', 'REGISTERED']),
  partitioning: z.enum(partitionings),
  date_field: z.string().nullable(),
  retention: z
    .object({
      dateField: z.string(),
      days: z.number(),
      action: z.enum(lakeRetentionActions),
      autoApprove: z.boolean(),
      setBy: z.string(),
      setAt: z.coerce.date(),
    })
    .nullable(),
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
      `select t.dataset_id, t.location, t.origin, t.partitioning, t.date_field,
              (select jsonb_build_object('dateField', r.date_field, 'days', r.days, 'action', r.action,
                 'autoApprove', r.auto_approve, 'setBy', r.set_by, 'setAt', r.set_at)
               from lake_retention r where r.table_id = t.id) as retention, count(f.id) as files, coalesce(sum(f.rows), 0) as rows,
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

  registrationsById(ids: readonly string[]): Promise<readonly LakeRegistration[]> {
    return this.#em.fork().find(LakeRegistrationSchema, { id: { $in: [...ids] } });
  }
}
