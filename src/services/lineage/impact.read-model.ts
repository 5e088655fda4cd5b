import type { EntityManager } from '@mikro-orm/postgresql';
import type { EdgeGraph } from '../../domain/lineage/edge-graph.ts';
import type { PlaceName } from '../../domain/lineage/event-value.ts';
import { type DatasetField, endOf, type WalkEnd } from '../../domain/lineage/graph.ts';
import { inForce, rowsAmong, type WalkLimits, walkGraph } from '../../domain/lineage/graph-walk.ts';
import { nativeStatements, numberArray, type Statements, textArray } from '../sql.ts';
import type { DatasetFieldReadModel } from './dataset-field.read-model.ts';
import type { LabelReadModel } from './label.read-model.ts';
import type { LineageReadModel } from './lineage.read-model.ts';
import type { LineageGraphs } from './lineage-graphs.ts';

export interface ImpactQuestion extends Omit<WalkLimits, 'direction'> {
  readonly datasetId: string;
  /** One field of it; absent for all. */
  readonly field?: string | undefined;
}

/** So many of what is touched have this name. */
export interface NamedCount {
  readonly name: string;
  readonly count: number;
}

export interface ImpactNode {
  readonly datasetId: string;
  readonly depth: number;
}

/** What a change would touch downstream; the start itself is not counted. Names and counts are read when they are asked for. */
export interface Impact extends WalkEnd {
  readonly datasets: readonly ImpactNode[];
  /** Datasets made of the start of which nobody told the columns: they may be touched, or not. */
  readonly uncertain: readonly string[];
  readonly columnCount: number;
  columns(): Promise<readonly { readonly field: DatasetField; readonly depth: number }[]>;
  jobs(): Promise<readonly PlaceName[]>;
  owners(): Promise<readonly NamedCount[]>;
  classifications(): Promise<readonly NamedCount[]>;
}

/** Tells before something is changed what is made of it. */
export class ImpactReadModel {
  readonly #em: EntityManager;
  readonly #graphs: LineageGraphs;
  readonly #lineage: LineageReadModel;
  readonly #labels: LabelReadModel;
  readonly #fields: DatasetFieldReadModel;

  constructor(deps: {
    readonly em: EntityManager;
    readonly graphs: LineageGraphs;
    readonly lineage: LineageReadModel;
    readonly labels: LabelReadModel;
    readonly datasetFields: DatasetFieldReadModel;
  }) {
    this.#em = deps.em;
    this.#graphs = deps.graphs;
    this.#lineage = deps.lineage;
    this.#labels = deps.labels;
    this.#fields = deps.datasetFields;
  }

  /** @throws LinewardError NOT_FOUND for what is not known, BAD_INPUT for limits out of range. */
  async of({ datasetId, field, ...limits }: ImpactQuestion): Promise<Impact> {
    const sql = await nativeStatements(this.#em);
    const start = await this.#lineage.numberOf(datasetId, 'datasetId');
    const starts =
      field === undefined
        ? await fieldsOf(sql, datasetId)
        : [(await this.#fields.known(datasetId, field, 'field')).number];
    const now = new Date();
    const tables = reached(await this.#graphs.datasets(), [start], limits);
    const graph = await this.#graphs.columns();
    const columns = reached(graph, starts, limits);
    const places = await placesOf(sql, tables.depths, columns.depths);
    // Of one field what is known column by column counts; of a whole dataset all that is made of it.
    const datasets = (field === undefined ? places.made : places.told).filter((place) => place.datasetId !== datasetId);
    const affected = [...columns.depths].filter(([, depth]) => depth > 0);
    const touched = [datasetId, ...datasets.map((place) => place.datasetId)];
    const visible = affected.filter(([number]) => places.fields.has(number));
    const kept = tables.depths.size - places.made.length + affected.length - visible.length;
    return {
      datasets,
      uncertain: places.untold.filter((id) => id !== datasetId),
      columnCount: visible.length,
      asOf: limits.asOf ?? now,
      ...endOf(tables.truncatedReason ?? columns.truncatedReason, kept),
      columns: async () => {
        const fields = await this.#fields.byNumber(visible.map(([number]) => number));
        return visible.flatMap(([number, depth]) => {
          const known = fields.get(number);
          return known === undefined ? [] : [{ field: known, depth }];
        });
      },
      jobs: () =>
        field === undefined ? jobsReading(sql, touched, limits.asOf) : jobsOf(sql, graph, columns.depths, limits.asOf),
      owners: () => ownersOf(sql, touched),
      classifications: async () => {
        const { labels, origins } = await this.#labels.spread({ asOf: limits.asOf });
        const carried = labels.filter(
          (label) => places.fields.has(label.field) && (columns.depths.get(label.field) ?? 0) > 0,
        );
        return countsOf(
          carried.map(({ field: number, origin }) => [number, origins.get(origin)?.classifications ?? []]),
        );
      },
    };
  }
}

function reached(graph: EdgeGraph, starts: readonly number[], { asOf, ...limits }: Omit<WalkLimits, 'direction'>) {
  return walkGraph(graph, { ...limits, direction: 'DOWNSTREAM', starts, passes: inForce(graph, asOf) });
}

async function fieldsOf(sql: Statements, datasetId: string): Promise<readonly number[]> {
  const rows = await sql.execute<{ number: number }[]>('select number from dataset_field where dataset_id = ?', [
    datasetId,
  ]);
  return rows.map(({ number }) => number);
}

type Depths = ReadonlyMap<number, number>;

/** Datasets of a walk over datasets, those of them whose columns nobody told, and the datasets of columns. */
async function placesOf(sql: Statements, tables: Depths, columns: Depths) {
  const made = await sql.execute<{ id: string; number: number; told: boolean }[]>(
    `select id, number, exists (select from column_edge where dataset_id = dataset.id) as told
     from dataset where number = any(?::int[])`,
    [numberArray(tables.keys())],
  );
  const fields = await sql.execute<{ id: string; number: number }[]>(
    'select dataset_id as id, number from dataset_field where number = any(?::int[])',
    [numberArray(columns.keys())],
  );
  const told = new Map<string, number>();
  for (const { id, number } of fields) {
    const depth = columns.get(number) ?? 0;
    told.set(id, Math.min(depth, told.get(id) ?? depth));
  }
  const nodes = (all: readonly (readonly [string, number])[]): readonly ImpactNode[] =>
    all
      .map(([datasetId, depth]) => ({ datasetId, depth }))
      .sort((one, other) => one.depth - other.depth || (one.datasetId < other.datasetId ? -1 : 1));
  return {
    made: nodes(made.map(({ id, number }) => [id, tables.get(number) ?? 0])),
    untold: made.filter((row) => !row.told).map(({ id }) => id),
    told: nodes([...told]),
    /** Fields that may be shown. */
    fields: new Set(fields.map(({ number }) => number)),
  };
}

async function jobsReading(
  sql: Statements,
  datasetIds: readonly string[],
  asOf: Date | undefined,
): Promise<readonly PlaceName[]> {
  const at = asOf?.toISOString() ?? null;
  return sql.execute<PlaceName[]>(
    `select namespace, name from lineage_job where id in (
       select job_id from lineage_job_io where dataset_id = any(?::text[]) and side = 'INPUT' and (?::timestamptz is null or valid_from <= ?))
     order by namespace, name`,
    [textArray(datasetIds), at, at],
  );
}

/** Jobs that make one of the columns of another. */
async function jobsOf(
  sql: Statements,
  graph: EdgeGraph,
  columns: Depths,
  asOf: Date | undefined,
): Promise<readonly PlaceName[]> {
  const rows = rowsAmong(graph, columns, inForce(graph, asOf));
  return sql.execute<PlaceName[]>(
    `select namespace, name from lineage_job where id in (select stated_by from column_edge where id = any(?::bigint[]))
     order by namespace, name`,
    [numberArray(rows.map((row) => graph.edges.ids[row] ?? 0))],
  );
}

async function ownersOf(sql: Statements, datasetIds: readonly string[]): Promise<readonly NamedCount[]> {
  return sql.execute<NamedCount[]>(
    `select owner as name, count(distinct dataset_id)::int as count
     from mapping join entity on entity.id = entity_id, unnest(owners) owner where dataset_id = any(?::text[])
     group by 1 order by 2 desc, 1`,
    [textArray(datasetIds)],
  );
}

/** How many fields have each of the words that were said of them. */
function countsOf(said: readonly (readonly [number, readonly string[]])[]): readonly NamedCount[] {
  const fields = new Map<string, Set<number>>();
  for (const [number, words] of said)
    for (const word of words) fields.set(word, (fields.get(word) ?? new Set()).add(number));
  return [...fields]
    .map(([name, numbers]) => ({ name, count: numbers.size }))
    .sort((one, other) => other.count - one.count || (one.name < other.name ? -1 : 1));
}
