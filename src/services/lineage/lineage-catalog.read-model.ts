import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { PlaceName } from '../../domain/lineage/event-value.ts';
import { nativeStatements, type Statements, textArray } from '../sql.ts';
import { schemaFields } from './dataset-field.read-model.ts';

export interface OffsetPage {
  readonly limit: number;
  readonly offset: number;
}

export interface Listed<Row> {
  readonly rows: readonly Row[];
  readonly total: number;
}

const place = z.object({ namespace: z.string(), name: z.string() });
const namespaceRow = z.object({ name: z.string(), createdAt: z.coerce.date(), updatedAt: z.coerce.date() });
const datasetRow = place.extend({
  id: z.string(),
  createdAt: z.coerce.date(),
  updatedAt: z.coerce.date(),
  schemaAt: z.coerce.date().nullable(),
  isDropped: z.boolean(),
  fields: z.array(z.object({ name: z.string(), type: z.string().nullable(), tags: z.array(z.string()) })),
});
const runRow = z.object({
  runId: z.string(),
  job: place,
  startedAt: z.coerce.date(),
  state: z.string().nullable(),
  stateAt: z.coerce.date().nullable(),
});
const jobRow = place.extend({
  id: z.string(),
  createdAt: z.coerce.date(),
  inputs: z.array(place),
  outputs: z.array(place),
  runs: z.array(runRow),
});
const hitRow = place.extend({ type: z.enum(['DATASET', 'JOB']), updatedAt: z.coerce.date() });
export type CatalogNamespace = z.infer<typeof namespaceRow>;
export type CatalogDataset = z.infer<typeof datasetRow>;
export type CatalogJob = z.infer<typeof jobRow>;
export type CatalogRun = z.infer<typeof runRow>;
export type CatalogHit = z.infer<typeof hitRow>;

/** Runs that a job is answered with. */
const latestRuns = 10;

const datasetColumns = `dataset.id, namespace, name, created_at as "createdAt", coalesce(seen_at, created_at) as "updatedAt",
  schema_at as "schemaAt", coalesce(dropped_at is not null and (seen_at is null or seen_at <= dropped_at), false) as "isDropped",
  (${schemaFields}) as fields`;
const datasetTable = 'dataset left join dataset_state on dataset_state.dataset_id = dataset.id';
const runObject = `json_build_object('runId', run_id, 'job', json_build_object('namespace', namespace, 'name', name),
  'startedAt', started_at, 'state', state, 'stateAt', state_at)`;
const namesOf = (side: string): string =>
  `(select coalesce(json_agg(json_build_object('namespace', dataset.namespace, 'name', dataset.name) order by dataset.namespace, dataset.name), '[]')
    from lineage_job_io io join dataset on dataset.id = dataset_id where io.job_id = lineage_job.id and side = '${side}')`;
const jobColumns = `id, namespace, name, created_at as "createdAt", ${namesOf('INPUT')} as inputs, ${namesOf('OUTPUT')} as outputs,
  (select coalesce(json_agg(${runObject} order by started_at desc, run_id), '[]') from (
     select * from lineage_run where job_id = lineage_job.id order by started_at desc, run_id limit ${latestRuns}
   ) run) as runs`;
const every = `select namespace, name, 'DATASET' as type, coalesce(seen_at, created_at) as "updatedAt" from ${datasetTable} where not named_only
  union all select namespace, name, 'JOB', coalesce((select max(started_at) from lineage_run where job_id = lineage_job.id), created_at)
  from lineage_job`;

/** Namespaces, datasets, jobs and runs as lists by offset, for clients that know no cursors. */
export class LineageCatalogReadModel {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** Names of jobs by id. */
  async jobNames(ids: readonly string[]): Promise<ReadonlyMap<string, PlaceName>> {
    const rows = await this.#em
      .fork()
      .execute<(PlaceName & { id: string })[]>(
        'select id, namespace, name from lineage_job where id = any(?::text[])',
        [textArray(ids)],
      );
    return new Map(rows.map(({ id, namespace, name }) => [id, { namespace, name }]));
  }

  async namespaces(page: OffsetPage, name: string | null = null): Promise<Listed<CatalogNamespace>> {
    const all = `(select namespace as name, min("createdAt") as "createdAt", max("updatedAt") as "updatedAt" from (
        select namespace, created_at as "createdAt", coalesce(seen_at, created_at) as "updatedAt" from ${datasetTable} where not named_only
        union all select namespace, created_at, created_at from lineage_job
      ) every where ?::text is null or namespace = ? group by 1) named`;
    return this.#listed({ table: all, values: [name, name], order: 'name', columns: '*', page }, namespaceRow);
  }

  async datasets(namespace: string, page: OffsetPage): Promise<Listed<CatalogDataset>> {
    const table = `${datasetTable} where not named_only and namespace = ?`;
    return this.#listed({ table, values: [namespace], order: 'name', columns: datasetColumns, page }, datasetRow);
  }

  /** Datasets by name, those that only columns speak of left out. */
  async datasetsNamed(names: readonly PlaceName[]): Promise<readonly CatalogDataset[]> {
    const rows = await (await this.#sql()).execute(
      `select ${datasetColumns} from ${datasetTable} where not named_only
         and (namespace, name) in (select * from unnest(?::text[], ?::text[]))`,
      namesAsArrays(names),
    );
    return rows.map((row) => datasetRow.parse(row));
  }

  async jobs(namespace: string | null, page: OffsetPage): Promise<Listed<CatalogJob>> {
    const table = 'lineage_job where (?::text is null or namespace = ?)';
    const values = [namespace, namespace];
    return this.#listed({ table, values, order: 'namespace, name', columns: jobColumns, page }, jobRow);
  }

  async jobsNamed(names: readonly PlaceName[]): Promise<readonly CatalogJob[]> {
    const rows = await (await this.#sql()).execute(
      `select ${jobColumns} from lineage_job where (namespace, name) in (select * from unnest(?::text[], ?::text[]))`,
      namesAsArrays(names),
    );
    return rows.map((row) => jobRow.parse(row));
  }

  /** Newest first. */
  async runs(jobId: string, page: OffsetPage): Promise<Listed<CatalogRun>> {
    const table = 'lineage_run join lineage_job on lineage_job.id = job_id where job_id = ?';
    const columns = `${runObject} as run`;
    const listed = await this.#listed(
      { table, values: [jobId], order: 'started_at desc, run_id', columns, page },
      z.object({ run: runRow }),
    );
    return { total: listed.total, rows: listed.rows.map(({ run }) => run) };
  }

  /** Runs of one id: of one job, as a rule. */
  async runsOf(runId: string): Promise<readonly CatalogRun[]> {
    const rows = await (await this.#sql()).execute<{ run: unknown }[]>(
      `select ${runObject} as run from lineage_run join lineage_job on lineage_job.id = job_id where run_id = ? order by started_at, job_id`,
      [runId],
    );
    return rows.map(({ run }) => runRow.parse(run));
  }

  /** Datasets and jobs with a text in their names, in any case of letters. */
  async search(
    question: {
      readonly text: string;
      readonly type: string | null;
      readonly namespace: string | null;
      readonly byTime: boolean;
    },
    page: OffsetPage,
  ): Promise<Listed<CatalogHit>> {
    const { text, type, namespace } = question;
    const table = `(${every}) every where strpos(lower(name), lower(?)) > 0 and (?::text is null or type = ?)
      and (?::text is null or namespace = ?)`;
    const values = [text, type, type, namespace, namespace];
    const order = question.byTime ? '"updatedAt" desc, name, namespace, type' : 'name, namespace, type';
    return this.#listed({ table, values, order, columns: '*', page }, hitRow);
  }

  /** Words by which people classified fields. */
  async tags(): Promise<readonly string[]> {
    const rows = await (await this.#sql()).execute<{ name: string }[]>(
      'select distinct unnest(classifications) as name from dataset_field_label order by 1',
    );
    return rows.map(({ name }) => name);
  }

  #sql(): Promise<Statements> {
    return nativeStatements(this.#em);
  }

  async #listed<Row>(
    list: { table: string; values: unknown[]; order: string; columns: string; page: OffsetPage },
    row: z.ZodType<Row>,
  ): Promise<Listed<Row>> {
    const { table, values, order, columns, page } = list;
    const sql = await this.#sql();
    const rows = await sql.execute(`select ${columns} from ${table} order by ${order} limit ? offset ?`, [
      ...values,
      page.limit,
      page.offset,
    ]);
    const [count] = await sql.execute<{ total: number }[]>(`select count(*)::int as total from ${table}`, values);
    return { rows: rows.map((one) => row.parse(one)), total: count?.total ?? 0 };
  }
}

const namesAsArrays = (names: readonly PlaceName[]): string[] => [
  textArray(names.map(({ namespace }) => namespace)),
  textArray(names.map(({ name }) => name)),
];
