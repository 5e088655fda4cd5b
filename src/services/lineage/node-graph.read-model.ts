import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { keyOf, type PlaceName } from '../../domain/lineage/event-value.ts';
import {
  type ColumnStep,
  type DatasetField,
  endOf,
  type LineageDirection,
  type WalkEnd,
} from '../../domain/lineage/graph.ts';
import { inForce, type Reached, rowsAmong, walkGraph } from '../../domain/lineage/graph-walk.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { nativeStatements, numberArray, type Statements, textArray } from '../sql.ts';
import { columnStepsOf } from './column-steps.ts';
import type { DatasetFieldReadModel } from './dataset-field.read-model.ts';
import type { LineageGraphs } from './lineage-graphs.ts';

/** A kind of node, and all that its text may mean: both parts of a name may hold the sign between them. */
export interface NodeName {
  readonly kind: 'DATASET' | 'JOB' | 'FIELD';
  readonly names: readonly (PlaceName & { readonly field?: string })[];
}

type Cut = Pick<WalkEnd, 'complete' | 'truncatedReason'>;

/** Datasets and the jobs between them; a link is a job that reads or writes a dataset. */
export interface NodeGraph extends Cut {
  readonly datasets: readonly PlaceName[];
  readonly jobs: readonly PlaceName[];
  readonly links: readonly {
    readonly dataset: PlaceName;
    readonly job: PlaceName;
    readonly side: 'INPUT' | 'OUTPUT';
  }[];
}

/** Fields with the dataset of each, and the steps between. */
export interface FieldGraph extends Cut {
  readonly fields: readonly (DatasetField & PlaceName)[];
  readonly steps: readonly ColumnStep[];
}

interface Starts {
  readonly job: (PlaceName & { readonly id: string }) | null;
  readonly upstream: readonly number[];
  readonly downstream: readonly number[];
}

const maxNodes = 10_000;
const linkRow = z.object({
  jobNamespace: z.string(),
  jobName: z.string(),
  namespace: z.string(),
  name: z.string(),
  side: z.enum(['INPUT', 'OUTPUT']),
});

/** Graphs of jobs and datasets around a node, both ways, for clients that draw them. */
export class NodeGraphReadModel {
  readonly #em: EntityManager;
  readonly #graphs: LineageGraphs;
  readonly #fields: DatasetFieldReadModel;

  constructor(deps: {
    readonly em: EntityManager;
    readonly graphs: LineageGraphs;
    readonly datasetFields: DatasetFieldReadModel;
  }) {
    this.#em = deps.em;
    this.#graphs = deps.graphs;
    this.#fields = deps.datasetFields;
  }

  /** Null for a node that nobody knows. */
  async around(node: NodeName, maxDepth: number): Promise<NodeGraph | null> {
    const sql = await nativeStatements(this.#em);
    const starts = await startsOf(sql, node);
    if (starts === null) return null;
    const graph = await this.#graphs.datasets();
    const limits = { maxDepth, maxNodes, passes: inForce(graph, undefined) };
    const up = walkGraph(graph, { ...limits, direction: 'UPSTREAM', starts: starts.upstream });
    const down = walkGraph(graph, { ...limits, direction: 'DOWNSTREAM', starts: starts.downstream });
    const all = [...new Set([...up.depths.keys(), ...down.depths.keys()])];
    const datasets = await sql.execute<PlaceName[]>(
      'select namespace, name from dataset where number = any(?::int[]) order by namespace, name',
      [numberArray(all)],
    );
    const { jobs, links } = await jobsBetween(sql, { up, down, all, job: starts.job });
    const end = endOf(up.truncatedReason ?? down.truncatedReason, all.length - datasets.length);
    return { datasets, jobs, links, ...end };
  }

  /** Null for a node that nobody knows. */
  async aroundFields(node: NodeName, maxDepth: number, direction: LineageDirection): Promise<FieldGraph | null> {
    const sql = await nativeStatements(this.#em);
    const starts = await fieldsOf(sql, node);
    if (starts === null) return null;
    const graph = await this.#graphs.columns();
    const passes = inForce(graph, undefined);
    const reached = walkGraph(graph, { direction, maxDepth, maxNodes, passes, starts });
    const fields = await this.#fields.byNumber(reached.depths.keys());
    const places = await sql.execute<(PlaceName & { id: string })[]>(
      'select id, namespace, name from dataset where id = any(?::text[])',
      [textArray([...new Set([...fields.values()].map(({ datasetId }) => datasetId))])],
    );
    const placeOf = new Map(places.map((place) => [place.id, place]));
    const steps = await columnStepsOf(sql, graph, rowsAmong(graph, reached.depths, passes));
    return {
      fields: [...fields.values()].flatMap((field) => {
        const place = placeOf.get(field.datasetId);
        return place === undefined ? [] : [{ ...field, namespace: place.namespace, name: place.name }];
      }),
      steps: [...steps.values()],
      ...endOf(reached.truncatedReason, reached.depths.size - fields.size),
    };
  }
}

const named = `json_to_recordset(?::json) as given (namespace text, name text, field text)`;

/** Of several meanings that exist the one with the longest namespace. */
async function startsOf(sql: Statements, { kind, names }: NodeName): Promise<Starts | null> {
  const json = JSON.stringify(names);
  if (kind === 'FIELD') throw new LinewardError('BAD_INPUT', 'nodeId: names a dataset or a job', { path: ['nodeId'] });
  if (kind === 'DATASET') {
    const [row] = await sql.execute<{ number: number }[]>(
      `select number from dataset join ${named} using (namespace, name) order by length(namespace) desc limit 1`,
      [json],
    );
    return row === undefined ? null : { job: null, upstream: [row.number], downstream: [row.number] };
  }
  const [job] = await sql.execute<(PlaceName & { id: string })[]>(
    `select id, namespace, name from lineage_job join ${named} using (namespace, name) order by length(namespace) desc limit 1`,
    [json],
  );
  if (job === undefined) return null;
  const io = await sql.execute<{ side: string; number: number }[]>(
    'select side, number from lineage_job_io join dataset on dataset.id = dataset_id where job_id = ?',
    [job.id],
  );
  const of = (side: string): number[] => io.filter((row) => row.side === side).map(({ number }) => number);
  return { job, upstream: of('INPUT'), downstream: of('OUTPUT') };
}

/** Fields to start from: the one that is named, all of a dataset, or all of what a job writes. */
async function fieldsOf(sql: Statements, { kind, names }: NodeName): Promise<readonly number[] | null> {
  const dataset = {
    FIELD: `dataset join ${named} using (namespace, name)`,
    DATASET: `dataset join ${named} using (namespace, name)`,
    JOB: `lineage_job join ${named} using (namespace, name) join lineage_job_io on job_id = lineage_job.id and side = 'OUTPUT'
      join dataset on dataset.id = lineage_job_io.dataset_id`,
  }[kind];
  const rows = await sql.execute<{ number: number | null }[]>(
    `select dataset_field.number from ${dataset} left join dataset_field on dataset_field.dataset_id = dataset.id
       ${kind === 'FIELD' ? 'and path = field' : ''}`,
    [JSON.stringify(names)],
  );
  const numbers = rows.flatMap(({ number }) => number ?? []);
  if (rows.length === 0 || (kind === 'FIELD' && numbers.length === 0)) return null;
  return numbers;
}

/** Jobs that write what is upstream or read what is downstream, and how they are linked with all of these datasets. */
async function jobsBetween(
  sql: Statements,
  { up, down, all, job }: { up: Reached; down: Reached; all: readonly number[]; job: Starts['job'] },
): Promise<Pick<NodeGraph, 'jobs' | 'links'>> {
  const rows = await sql.execute(
    `with job as materialized (
       select ?::text as id where ?::text is not null
       union select job_id from lineage_job_io join dataset on dataset.id = dataset_id
         where (side = 'OUTPUT' and number = any(?::int[])) or (side = 'INPUT' and number = any(?::int[]))
     )
     select lineage_job.namespace as "jobNamespace", lineage_job.name as "jobName", dataset.namespace, dataset.name, side
     from job join lineage_job on lineage_job.id = job.id join lineage_job_io on job_id = job.id
       join dataset on dataset.id = dataset_id where number = any(?::int[])
     order by 1, 2, 5, 3, 4`,
    [
      job?.id ?? null,
      job?.id ?? null,
      numberArray(up.depths.keys()),
      numberArray(down.depths.keys()),
      numberArray(all),
    ],
  );
  const links = rows.map((row) => {
    const { jobNamespace, jobName, side, ...dataset } = linkRow.parse(row);
    return { dataset, job: { namespace: jobNamespace, name: jobName }, side };
  });
  const own = job === null ? [] : [{ namespace: job.namespace, name: job.name }];
  const jobs = new Map([...own, ...links.map((link) => link.job)].map((one) => [keyOf(one), one]));
  return { jobs: [...jobs.values()], links };
}
