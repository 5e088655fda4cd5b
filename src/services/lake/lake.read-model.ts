import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { type Partitioning, partitionings } from '../../domain/lake/partitioning.ts';
import { type LakeRegistration, LakeRegistrationSchema } from '../../entities/lake-registration.entity.ts';
import { type LakeRetention, lakeRetentionActions } from '../../entities/lake-retention.entity.ts';
import type { LakeTableOrigin } from '../../entities/lake-table.entity.ts';
import type { ErrorCode } from '../../errors/codes.ts';
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
  /** Files that could not be indexed as they are. */
  readonly indexLeftFiles: number;
  readonly indexBytes: number;
  /** Time of the look at the table that the index has caught up with. */
  readonly indexedAsOf: Date | null;
  readonly indexFault: ErrorCode | null;
}

const summaryRow = z.object({
  dataset_id: z.string(),
  location: z.string(),
  origin: z.enum(['LANDED', 'REGISTERED', 'TRANSFORMED']),
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
  index_left: z.coerce.number(),
  index_bytes: z.coerce.number(),
  as_of: z.coerce.date().nullable(),
  fault: z.string().nullable(),
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
              coalesce(sum(f.bytes), 0) as bytes, count(*) filter (where f.indexed_version = f.version) as indexed,
              count(*) filter (where f.index_fault_version = f.version and f.indexed_version is null) as index_left,
              coalesce(sum(f.segment_bytes), 0) as index_bytes, i.as_of, i.fault
       from lake_table t left join lake_file f on f.table_id = t.id and f.standing <> 'MISSING'
         left join lake_index i on i.id = t.id
       where t.dataset_id = any(?::text[]) group by t.id, i.id`,
      [textArray(datasetIds)],
    );
    return new Map(
      found.map((raw) => {
        const { dataset_id, date_field, indexed, index_left, index_bytes, as_of, fault, ...sums } =
          summaryRow.parse(raw);
        const index = {
          indexedFiles: indexed,
          indexLeftFiles: index_left,
          indexBytes: index_bytes,
          indexedAsOf: as_of,
          indexFault: fault as ErrorCode | null,
        };
        return [dataset_id, { ...sums, dateField: date_field, ...index }];
      }),
    );
  }

  registrationsById(ids: readonly string[]): Promise<readonly LakeRegistration[]> {
    return this.#em.fork().find(LakeRegistrationSchema, { id: { $in: [...ids] } });
  }
}
