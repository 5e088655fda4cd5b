import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { StandingActor } from '../../domain/access/actor.ts';
import type { Page, PageRequest } from '../../domain/page.ts';
import type { RunSchedule } from '../../domain/transform/run-schedule.ts';
import {
  type RunDays,
  type RunOutputs,
  type RunPlan,
  type RunStatistics,
  transformRunModes,
  transformRunStatuses,
} from '../../domain/transform/run-state.ts';
import type { TransformRun } from '../../entities/transform-run.entity.ts';
import type { Transformer, TransformerVersion } from '../../entities/transformer.entity.ts';
import type { ErrorCode } from '../../errors/codes.ts';
import { keysetPage, keysetPages } from '../keyset-page.ts';
import { textArray } from '../sql.ts';
import { rejectCodes } from './ports.ts';

const transformerRow = z
  .object({
    id: z.string(),
    name: z.string(),
    created_by: z.string(),
    created_at: z.coerce.date(),
    retired_by: z.string().nullable(),
    retired_at: z.coerce.date().nullable(),
    schedule: z.custom<RunSchedule | null>(),
    schedule_owner: z.custom<StandingActor | null>(),
    due_at: z.coerce.date().nullable(),
  })
  .transform(
    (row): Transformer => ({
      id: row.id,
      name: row.name,
      createdBy: row.created_by,
      createdAt: row.created_at,
      retiredBy: row.retired_by,
      retiredAt: row.retired_at,
      schedule: row.schedule,
      scheduleOwner: row.schedule_owner,
      dueAt: row.due_at,
    }),
  );

const versionRow = z
  .object({
    id: z.string(),
    transformer_id: z.string(),
    number: z.number(),
    document: z.string(),
    orders: z.record(z.string(), z.array(z.string())),
    table_id: z.string(),
    dataset_id: z.string(),
    created_by: z.string(),
    created_at: z.coerce.date(),
  })
  .transform(
    (row): TransformerVersion => ({
      id: row.id,
      transformerId: row.transformer_id,
      number: row.number,
      document: row.document,
      orders: row.orders,
      tableId: row.table_id,
      datasetId: row.dataset_id,
      createdBy: row.created_by,
      createdAt: row.created_at,
    }),
  );

const runRow = z
  .object({
    id: z.string(),
    transformer_id: z.string(),
    version_id: z.string(),
    dataset_id: z.string(),
    number: z.number(),
    mode: z.enum(transformRunModes),
    days: z.custom<RunDays | null>(),
    status: z.enum(transformRunStatuses),
    plan: z.custom<RunPlan | null>(),
    outputs: z.custom<RunOutputs | null>(),
    statistics: z.custom<Partial<RunStatistics>>(),
    records_done: z.coerce.number(),
    records_total: z.coerce.number(),
    fencing_token: z.coerce.number(),
    cancel_requested: z.boolean(),
    code: z.string().nullable(),
    reason: z.string().nullable(),
    untold: z.string().nullable(),
    requested_by: z.string(),
    reads_as: z.custom<StandingActor>(),
    attempt: z.number(),
    created_at: z.coerce.date(),
    updated_at: z.coerce.date(),
    finished_at: z.coerce.date().nullable(),
  })
  .transform(
    (row): TransformRun => ({
      id: row.id,
      transformerId: row.transformer_id,
      versionId: row.version_id,
      datasetId: row.dataset_id,
      number: row.number,
      mode: row.mode,
      days: row.days,
      status: row.status,
      plan: row.plan,
      outputs: row.outputs,
      statistics: row.statistics,
      recordsDone: row.records_done,
      recordsTotal: row.records_total,
      fencingToken: row.fencing_token,
      cancelRequested: row.cancel_requested,
      code: row.code as ErrorCode | null,
      reason: row.reason,
      untold: row.untold,
      requestedBy: row.requested_by,
      readsAs: row.reads_as,
      attempt: row.attempt,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
      finishedAt: row.finished_at,
    }),
  );

const rejectRow = z.object({
  run_id: z.string(),
  source: z.number(),
  code: z.enum(rejectCodes),
  field: z.string().nullable(),
  rows: z.coerce.number(),
  places: z.array(z.string()),
});
/** Rows of one run that did not get in, for one reason. */
export type TransformReject = z.infer<typeof rejectRow>;

const newestFirst = [
  { column: 'number', type: 'integer', descending: true },
  { column: 'id', type: 'text' },
] as const;

/** Questions about transformers, their versions and runs. */
export class TransformerReadModel {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  transformers(request: PageRequest): Promise<Page<Transformer>> {
    return keysetPage(this.#em.fork(), {
      table: 'transformer',
      order: [
        { column: 'name', type: 'text' },
        { column: 'id', type: 'text' },
      ],
      request,
      parse: (row) => transformerRow.parse(row),
    });
  }

  async transformerNamed(name: string): Promise<Transformer | null> {
    if (name.includes('\0')) return null;
    const rows = await this.#em.fork().execute('select * from transformer where name = ?', [name]);
    return rows.map((row) => transformerRow.parse(row))[0] ?? null;
  }

  async transformersById(ids: readonly string[]): Promise<readonly Transformer[]> {
    const rows = await this.#em.fork().execute('select * from transformer where id = any(?::text[])', [textArray(ids)]);
    return rows.map((row) => transformerRow.parse(row));
  }

  async versionsById(ids: readonly string[]): Promise<readonly TransformerVersion[]> {
    const rows = await this.#em
      .fork()
      .execute('select * from transformer_version where id = any(?::text[])', [textArray(ids)]);
    return rows.map((row) => versionRow.parse(row));
  }

  async runsById(ids: readonly string[]): Promise<readonly TransformRun[]> {
    const rows = await this.#em
      .fork()
      .execute('select * from transform_run where id = any(?::text[])', [textArray(ids)]);
    return rows.map((row) => runRow.parse(row));
  }

  versionPages(
    transformerIds: readonly string[],
    request: PageRequest,
  ): Promise<(id: string) => Page<TransformerVersion>> {
    return keysetPages(this.#em.fork(), {
      table: 'transformer_version',
      parent: { column: 'transformer_id', ids: transformerIds },
      order: newestFirst,
      request,
      parse: (row) => versionRow.parse(row),
    });
  }

  runPages(transformerIds: readonly string[], request: PageRequest): Promise<(id: string) => Page<TransformRun>> {
    return keysetPages(this.#em.fork(), {
      table: 'transform_run',
      parent: { column: 'transformer_id', ids: transformerIds },
      order: newestFirst,
      request,
      parse: (row) => runRow.parse(row),
    });
  }

  /** By run. */
  async rejectsOfRuns(runIds: readonly string[]): Promise<ReadonlyMap<string, readonly TransformReject[]>> {
    const rows = await this.#em
      .fork()
      .execute('select * from transform_reject where run_id = any(?::text[]) order by source, code, field', [
        textArray(runIds),
      ]);
    return Map.groupBy(
      rows.map((row) => rejectRow.parse(row)),
      ({ run_id }) => run_id,
    );
  }
}
