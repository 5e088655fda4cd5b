import type { EntityManager } from '@mikro-orm/postgresql';
import type { EdgeGraph } from '../../domain/lineage/edge-graph.ts';
import type { PlaceName } from '../../domain/lineage/event-value.ts';
import { endOf, type LineageDirection, type LineageStep, type WalkEnd } from '../../domain/lineage/graph.ts';
import { hopsAmong, inForce, rowsAmong, type WalkLimits, walkGraph } from '../../domain/lineage/graph-walk.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { nativeStatements, numberArray, textArray } from '../sql.ts';
import { assertFilterSize, type DatasetFilter, datasetCondition, platformColumn } from './dataset-filter.ts';
import type { LineageGraphs } from './lineage-graphs.ts';

export interface LineageQuestion extends WalkLimits {
  readonly startDatasetId: string;
  /** Narrows what is answered, not what is walked; the start is always there. */
  readonly filter?: DatasetFilter | undefined;
  /** Platforms whose datasets are walked through as if they were not there. */
  readonly ignoreAsHops?: readonly string[] | undefined;
}

/** A way between two datasets that only goes over ones that are stepped over. */
export interface LineageHop {
  readonly sourceDatasetId: string;
  readonly targetDatasetId: string;
}

/** What a walk reached; edges and jobs are read when they are asked for. */
export interface LineageWalk extends WalkEnd {
  readonly nodes: readonly { readonly datasetId: string; readonly depth: number }[];
  readonly frontier: readonly string[];
  /** Datasets that were walked through and are kept from who asks. */
  readonly restricted: readonly { readonly depth: number }[];
  steps(): Promise<readonly LineageStep[]>;
  hops(): readonly LineageHop[];
  /** Jobs that stand between these datasets, at most 10,000. */
  jobs(): Promise<{ readonly jobs: readonly PlaceName[]; readonly complete: boolean }>;
}

/** What a step is of a row of `lineage_edge`: its times, which take the longest to read, are not asked for. */
export const stepColumns = `id, source_dataset_id as "sourceDatasetId", target_dataset_id as "targetDatasetId", job,
  job_namespace as "jobNamespace"`;

/** The sides by which jobs stand between datasets of a walk, those included that read and write nothing further. */
const jobSides: Readonly<Record<LineageDirection, readonly string[]>> = {
  DOWNSTREAM: ['INPUT'],
  UPSTREAM: ['OUTPUT'],
  BOTH: ['INPUT', 'OUTPUT'],
};
const jobsMax = 10_000;

/** Where data goes and where it comes from. */
export class LineageReadModel {
  readonly #em: EntityManager;
  readonly #graphs: LineageGraphs;

  constructor(deps: { readonly em: EntityManager; readonly graphs: LineageGraphs }) {
    this.#em = deps.em;
    this.#graphs = deps.graphs;
  }

  /** @throws LinewardError NOT_FOUND for an unknown start, BAD_INPUT for limits out of range. */
  async walk(question: LineageQuestion): Promise<LineageWalk> {
    const { asOf, filter = {}, startDatasetId } = question;
    const start = await this.numberOf(startDatasetId, 'start');
    const now = new Date();
    const steppedOver = await this.#onPlatforms(question.ignoreAsHops ?? []);
    const graph = await this.#graphs.datasets();
    const passes = inForce(graph, asOf);
    const reached = walkGraph(graph, { ...question, starts: [start], passes, steppedOver });
    const found = await this.#found([...reached.depths.keys()], filter);
    const shown = new Map([...reached.depths].filter(([node]) => node === start || found.get(node)?.shown === true));
    const idOf = (node: number): string => found.get(node)?.id ?? '';
    const kept = [...reached.depths].filter(([node]) => !found.has(node));
    const hops = () => hopsAmong(graph, shown, passes, new Set([...steppedOver, ...kept.map(([node]) => node)]));
    let jobs: ReturnType<LineageWalk['jobs']> | undefined;
    return {
      nodes: [...shown].map(([node, depth]) => ({ datasetId: idOf(node), depth })),
      frontier: reached.frontier.filter((node) => found.has(node)).map(idOf),
      restricted: kept.map(([, depth]) => ({ depth })),
      asOf: asOf ?? now,
      ...endOf(reached.truncatedReason, kept.length),
      steps: async () => [...(await this.stepsOf(graph, rowsAmong(graph, shown, passes))).values()],
      hops: () => hops().map(([from, to]) => ({ sourceDatasetId: idOf(from), targetDatasetId: idOf(to) })),
      jobs: () => {
        jobs ??= this.#jobs([...shown.keys()].map(idOf), question);
        return jobs;
      },
    };
  }

  /** The node of a dataset in the graph. @throws LinewardError NOT_FOUND */
  async numberOf(datasetId: string, argument: string): Promise<number> {
    const sql = await nativeStatements(this.#em);
    const [row] = await sql.execute<{ number: number }[]>('select number from dataset where id = ?', [datasetId]);
    if (row !== undefined) return row.number;
    throw new LinewardError('NOT_FOUND', `${argument}: there is no such dataset`, { path: [argument] });
  }

  async #onPlatforms(platforms: readonly string[]): Promise<ReadonlySet<number>> {
    assertFilterSize(['ignoreAsHops'], platforms);
    if (platforms.length === 0) return new Set();
    const sql = await nativeStatements(this.#em);
    const rows = await sql.execute<{ number: number }[]>(
      `select number from dataset where ${platformColumn} = any(?::text[])`,
      [textArray(platforms)],
    );
    return new Set(rows.map(({ number }) => number));
  }

  /** Ids of datasets, and whether the filter shows them. */
  async #found(
    nodes: readonly number[],
    filter: DatasetFilter,
  ): Promise<ReadonlyMap<number, { readonly id: string; readonly shown: boolean }>> {
    const condition = datasetCondition(filter);
    const sql = await nativeStatements(this.#em);
    const rows = await sql.execute<{ number: number; id: string; shown: boolean }[]>(
      `select number, id, ${condition.sql} as shown from dataset where number = any(?::int[])`,
      [...condition.params, numberArray(nodes)],
    );
    return new Map(rows.map(({ number, ...row }) => [number, row]));
  }

  /** Steps by the rows of their edges; one that is gone meanwhile is not there. */
  async stepsOf({ edges }: EdgeGraph, rows: readonly number[]): Promise<ReadonlyMap<number, LineageStep>> {
    const sql = await nativeStatements(this.#em);
    const found = await sql.execute<(LineageStep & { number: string })[]>(
      `select number, ${stepColumns} from lineage_edge where number = any(?::bigint[])`,
      [numberArray(new Set(rows.map((row) => edges.ids[row] ?? 0)))],
    );
    const byId = new Map(found.map(({ number, ...step }) => [Number(number), step]));
    return new Map(
      rows.flatMap((row) => {
        const step = byId.get(edges.ids[row] ?? 0);
        return step === undefined ? [] : [[row, step]];
      }),
    );
  }

  async #jobs(ids: readonly string[], { direction, asOf }: LineageQuestion): ReturnType<LineageWalk['jobs']> {
    const sql = await nativeStatements(this.#em);
    const at = asOf?.toISOString() ?? null;
    const rows = await sql.execute<{ namespace: string; name: string }[]>(
      `select namespace, name from lineage_job where id in (
         select job_id from lineage_job_io where dataset_id = any(?::text[]) and side = any(?::text[])
           and (?::timestamptz is null or valid_from <= ?))
       order by namespace, name limit ?`,
      [textArray(ids), textArray(jobSides[direction]), at, at, jobsMax + 1],
    );
    const jobs = rows.slice(0, jobsMax).map(({ namespace, name }) => ({ namespace, name }));
    return { jobs, complete: rows.length <= jobsMax };
  }

  async stepsById(ids: readonly string[]): Promise<readonly LineageStep[]> {
    return this.#em
      .fork()
      .execute<LineageStep[]>(`select ${stepColumns} from lineage_edge where id = any(?::text[])`, [textArray(ids)]);
  }

  /** Steps among all known datasets that leave any of the given ones. */
  async stepsFrom(datasetIds: readonly string[]): Promise<readonly LineageStep[]> {
    return this.#em
      .fork()
      .execute<LineageStep[]>(
        `select ${stepColumns} from lineage_edge where source_dataset_id = any(?::text[]) and valid_to is null`,
        [textArray(datasetIds)],
      );
  }
}
