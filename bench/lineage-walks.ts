import type { EntityManager } from '@mikro-orm/postgresql';
import type { Pool } from 'pg';
import { DatasetFieldReadModel } from '../src/services/lineage/dataset-field.read-model.ts';
import { LabelReadModel } from '../src/services/lineage/label.read-model.ts';
import { LineageReadModel } from '../src/services/lineage/lineage.read-model.ts';
import { LineageGraphs } from '../src/services/lineage/lineage-graphs.ts';
import { SemanticTypeReadModel } from '../src/services/privacy/semantic-type.read-model.ts';
import { type BenchCase, beside } from './harness.ts';
import { emptyGraph, seedGraph } from './lineage-data.ts';

/** Times of a work in milliseconds: on the clock, and of this process alone. */
interface Times {
  readonly p50: number;
  readonly p95: number;
  readonly cpu: number;
}

const rounds = 15;

/** Measures works turn by turn, each after one run that warms it. */
export async function timesOf<Name extends string>(
  works: Readonly<Record<Name, () => Promise<unknown>>>,
): Promise<Record<Name, Times>> {
  const names = Object.keys(works) as Name[];
  const walls = new Map<Name, number[]>(names.map((name) => [name, []]));
  const cpus = new Map<Name, number>();
  for (let round = -1; round < rounds; round += 1)
    for (const name of names) {
      const [start, cpu] = [performance.now(), process.cpuUsage()];
      await works[name]();
      if (round < 0) continue;
      walls.get(name)?.push(performance.now() - start);
      const { user, system } = process.cpuUsage(cpu);
      cpus.set(name, (cpus.get(name) ?? 0) + (user + system) / 1_000);
    }
  const times = names.map((name) => {
    const sorted = (walls.get(name) ?? []).sort((one, other) => one - other);
    const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
    return [name, { p50: at(0.5), p95: at(0.95), cpu: (cpus.get(name) ?? 0) / rounds }] as const;
  });
  return Object.fromEntries(times) as Record<Name, Times>;
}

function caseOf(about: string, { p50, p95, cpu }: Times, raw: Times): BenchCase {
  const text = `${about}: p50 ${p50.toFixed(1)}, p95 ${p95.toFixed(1)}, CPU ${cpu.toFixed(1)} ms`;
  return beside(text, 1_000 / p50, 'a second', { name: 'recursive SQL, ids only', value: 1_000 / raw.p50 });
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

const loaded = (about: string, ms: number): BenchCase => ({
  case: `${about}: first question, which reads the whole graph`,
  value: ms,
  unit: 'ms',
  reference: null,
  ratio: null,
});

const closure = `with recursive reach (id) as (
    select $1::text union
    select target_dataset_id from reach join lineage_edge on source_dataset_id = reach.id and valid_to is null
  ) select count(*) from reach`;

/** The closure of a dataset in a graph of so many jobs, of two inputs each. */
export async function walkCases(url: string, pool: Pool, em: EntityManager, jobs: number): Promise<BenchCase[]> {
  await emptyGraph(pool);
  const width = Math.min(500, jobs / 10);
  const { datasetId } = await seedGraph(pool, { layers: jobs / width, width, inputs: 2 });
  const lineage = new LineageReadModel({ em, graphs: new LineageGraphs({ em }) });
  const limits = { startDatasetId: datasetId, direction: 'DOWNSTREAM', maxDepth: 50, maxNodes: 10_000 } as const;
  const first = await timed(() => lineage.walk(limits));
  const { nodes, complete } = await lineage.walk(limits);
  const id = Buffer.from(`Dataset:${datasetId}`).toString('base64url');
  const ask = async (fields: string): Promise<void> => {
    const query = `{ lineage(start: "${id}", direction: DOWNSTREAM, maxDepth: 50, maxNodes: 10000) { complete ${fields} } }`;
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) });
    const text = await response.text();
    if (text.includes('"errors"')) throw new Error(text.slice(0, 500));
  };
  const times = await timesOf({
    walk: () => lineage.walk(limits),
    graphql: () => ask('nodes { depth }'),
    edges: () => ask('edges { job }'),
    changed: async () => {
      await pool.query(
        'update lineage_edge set recorded_at = now() where number = (select min(number) from lineage_edge)',
      );
      await lineage.walk(limits);
    },
    raw: () => pool.query(closure, [datasetId]),
  });
  const about = `${jobs} jobs, ${nodes.length} datasets${complete ? '' : ' (cut)'}`;
  return [
    loaded(about, first),
    caseOf(`${about}, walk`, times.walk, times.raw),
    caseOf(`${about}, GraphQL, depths`, times.graphql, times.raw),
    caseOf(`${about}, GraphQL, edges`, times.edges, times.raw),
    caseOf(`${about}, walk after a change of an edge`, times.changed, times.raw),
  ];
}

const columnClosure = `with recursive reach (id) as (
    select $1::text union
    select target_field_id from reach join column_edge on source_field_id = reach.id and valid_to is null and kind = 'DIRECT' and not masking
  ) select count(*) from reach`;

/** One label in a graph of so many edges between columns. */
export async function labelCases(pool: Pool, em: EntityManager, edges: number): Promise<BenchCase[]> {
  await emptyGraph(pool);
  const { fieldId } = await seedGraph(pool, { layers: edges / 1_000, width: 500, inputs: 2 });
  await pool.query(
    `insert into dataset_field_label (field_id, classifications, set_by, set_at) values ($1, '{PII}', 'bench', now())`,
    [fieldId],
  );
  const labels = new LabelReadModel({
    em,
    graphs: new LineageGraphs({ em }),
    datasetFields: new DatasetFieldReadModel({ em }),
    semanticTypes: new SemanticTypeReadModel({ em }),
  });
  const question = { classification: 'PII' };
  const first = await timed(() => labels.spread(question));
  const { labels: found, complete } = await labels.spread(question);
  const times = await timesOf({
    spread: () => labels.spread(question),
    page: async () => (await labels.spread(question)).placed({ limit: 100, offset: 0 }),
    all: async () => (await labels.spread(question)).placed({ limit: 10_000, offset: 0 }),
    changed: async () => {
      await pool.query('update column_edge set recorded_at = now() where id = (select min(id) from column_edge)');
      await labels.spread(question);
    },
    raw: () => pool.query(columnClosure, [fieldId]),
  });
  const about = `label over ${edges} column edges, ${found.length} fields${complete ? '' : ' (cut)'}`;
  return [
    loaded(about, first),
    caseOf(about, times.spread, times.raw),
    caseOf(`${about}, and 100 rows`, times.page, times.raw),
    caseOf(`${about}, and all rows`, times.all, times.raw),
    caseOf(`${about}, after a change of an edge`, times.changed, times.raw),
  ];
}
