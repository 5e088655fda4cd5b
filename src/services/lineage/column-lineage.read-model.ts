import type { EntityManager } from '@mikro-orm/postgresql';
import type { EdgeGraph } from '../../domain/lineage/edge-graph.ts';
import { edgeFlags } from '../../domain/lineage/edge-list.ts';
import { type ColumnStep, type DatasetField, endOf, type WalkEnd } from '../../domain/lineage/graph.ts';
import { inForce, type Passes, rowsAmong, type WalkLimits, walkGraph } from '../../domain/lineage/graph-walk.ts';
import { nativeStatements } from '../sql.ts';
import { columnStepsOf } from './column-steps.ts';
import type { DatasetFieldReadModel } from './dataset-field.read-model.ts';
import type { LineageGraphs } from './lineage-graphs.ts';

export interface ColumnQuestion extends WalkLimits {
  readonly datasetId: string;
  readonly path: string;
  /** False leaves out what only decides which rows there are. */
  readonly withIndirect: boolean;
}

export interface ColumnWalk extends WalkEnd {
  readonly nodes: readonly { readonly field: DatasetField; readonly depth: number }[];
  readonly fields: ReadonlyMap<number, DatasetField>;
  readonly frontier: readonly DatasetField[];
  /** Steps among these fields. */
  steps(): Promise<readonly ColumnStep[]>;
}

/** Where a column comes from and where it goes. */
export class ColumnLineageReadModel {
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

  /** @throws LinewardError NOT_FOUND for a field that nobody spoke of, BAD_INPUT for limits out of range. */
  async walk(question: ColumnQuestion): Promise<ColumnWalk> {
    const start = await this.#fields.known(question.datasetId, question.path, 'field');
    const asOf = question.asOf ?? new Date();
    const graph = await this.#graphs.columns();
    const passes = passesOf(graph, question);
    const reached = walkGraph(graph, { ...question, starts: [start.number], passes });
    const fields = await this.#fields.byNumber(reached.depths.keys());
    const known = (number: number): readonly DatasetField[] =>
      [fields.get(number)].filter((field) => field !== undefined);
    return {
      nodes: [...reached.depths].flatMap(([number, depth]) => known(number).map((field) => ({ field, depth }))),
      fields,
      frontier: reached.frontier.flatMap(known),
      asOf,
      ...endOf(reached.truncatedReason, reached.depths.size - fields.size),
      steps: async () => {
        const sql = await nativeStatements(this.#em);
        return [...(await columnStepsOf(sql, graph, rowsAmong(graph, reached.depths, passes))).values()];
      },
    };
  }
}

function passesOf(graph: EdgeGraph, { withIndirect, asOf }: ColumnQuestion): Passes {
  const isInForce = inForce(graph, asOf);
  if (withIndirect) return isInForce;
  return (row) => ((graph.edges.flags[row] ?? 0) & edgeFlags.indirect) === 0 && isInForce(row);
}
