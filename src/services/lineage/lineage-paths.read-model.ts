import type { EntityManager } from '@mikro-orm/postgresql';
import { assertRange } from '../../domain/assert-range.ts';
import type { EdgeGraph } from '../../domain/lineage/edge-graph.ts';
import {
  type DatasetField,
  endOf,
  type LineageStep,
  type PlacedStep,
  type WalkEnd,
} from '../../domain/lineage/graph.ts';
import { inForce, type Passes } from '../../domain/lineage/graph-walk.ts';
import { findPaths } from '../../domain/lineage/path-search.ts';
import { nativeStatements, numberArray } from '../sql.ts';
import { columnStepsOf } from './column-steps.ts';
import type { DatasetFieldReadModel } from './dataset-field.read-model.ts';
import type { LineageReadModel } from './lineage.read-model.ts';
import type { LineageGraphs } from './lineage-graphs.ts';

interface PathLimits {
  readonly maxDepth: number;
  readonly maxPaths: number;
  readonly asOf?: Date | undefined;
}

export interface DatasetPathQuestion extends PathLimits {
  readonly fromDatasetId: string;
  readonly toDatasetId: string;
}

export interface FieldName {
  readonly datasetId: string;
  readonly path: string;
}

export interface ColumnPathQuestion extends PathLimits {
  readonly from: FieldName;
  readonly to: FieldName;
}

/** Datasets in their order, and all edges between one and the next. */
export interface DatasetPath {
  readonly length: number;
  readonly datasetIds: readonly string[];
  readonly edges: readonly LineageStep[];
}

/** Fields in their order, and all steps between one and the next. */
export interface ColumnPath {
  readonly length: number;
  readonly fields: readonly DatasetField[];
  readonly edges: readonly PlacedStep[];
  /** True when at each step there is one by which the values themselves come over. */
  readonly carriesValues: boolean;
}

export interface LineagePaths<Path> extends WalkEnd {
  readonly paths: readonly Path[];
}

/** By what ways data comes from one place to another. */
export class LineagePathsReadModel {
  readonly #em: EntityManager;
  readonly #graphs: LineageGraphs;
  readonly #lineage: LineageReadModel;
  readonly #fields: DatasetFieldReadModel;

  constructor(deps: {
    readonly em: EntityManager;
    readonly graphs: LineageGraphs;
    readonly lineage: LineageReadModel;
    readonly datasetFields: DatasetFieldReadModel;
  }) {
    this.#em = deps.em;
    this.#graphs = deps.graphs;
    this.#lineage = deps.lineage;
    this.#fields = deps.datasetFields;
  }

  /** Nodes are ids of datasets. @throws LinewardError NOT_FOUND for an unknown end, BAD_INPUT for limits out of range. */
  async ofDatasets(question: DatasetPathQuestion): Promise<LineagePaths<DatasetPath>> {
    const from = await this.#lineage.numberOf(question.fromDatasetId, 'from');
    const to = await this.#lineage.numberOf(question.toDatasetId, 'to');
    const graph = await this.#graphs.datasets();
    const { numbered, ...end } = this.#search(graph, { ...question, from, to });
    const sql = await nativeStatements(this.#em);
    const rows = await sql.execute<{ id: string; number: number }[]>(
      'select id, number from dataset where number = any(?::int[])',
      [numberArray(new Set(numbered.flatMap(({ nodes }) => nodes)))],
    );
    const idOf = new Map(rows.map(({ id, number }) => [number, id]));
    const steps = await this.#lineage.stepsOf(
      graph,
      numbered.flatMap(({ rows: all }) => all),
    );
    const shown = numbered.filter(({ nodes }) => nodes.every((node) => idOf.has(node)));
    return {
      asOf: end.asOf,
      ...endOf(end.truncatedReason, numbered.length - shown.length),
      paths: shown.map(({ nodes, rows: own }) => ({
        length: nodes.length - 1,
        datasetIds: nodes.flatMap((node) => idOf.get(node) ?? []),
        edges: own.flatMap((row) => steps.get(row) ?? []),
      })),
    };
  }

  /** @throws LinewardError NOT_FOUND for an unknown end, BAD_INPUT for limits out of range. */
  async ofColumns(question: ColumnPathQuestion): Promise<LineagePaths<ColumnPath>> {
    const from = await this.#fields.known(question.from.datasetId, question.from.path, 'fromField');
    const to = await this.#fields.known(question.to.datasetId, question.to.path, 'toField');
    const graph = await this.#graphs.columns();
    const { numbered, ...end } = this.#search(graph, { ...question, from: from.number, to: to.number });
    const fields = await this.#fields.byNumber(numbered.flatMap(({ nodes }) => nodes));
    const steps = await columnStepsOf(
      await nativeStatements(this.#em),
      graph,
      numbered.flatMap(({ rows }) => rows),
    );
    const field = (number: number): DatasetField | null => fields.get(number) ?? null;
    const shown = numbered.filter(({ nodes }) => nodes.every((node) => fields.has(node)));
    return {
      asOf: end.asOf,
      ...endOf(end.truncatedReason, numbered.length - shown.length),
      paths: shown.map(({ nodes, rows }) => ({
        length: nodes.length - 1,
        fields: nodes.flatMap((node) => field(node) ?? []),
        edges: rows.flatMap((row) => {
          const step = steps.get(row);
          return step === undefined ? [] : [{ ...step, source: field(step.source), target: field(step.target) }];
        }),
        carriesValues: carriesValues(graph, rows, nodes.length - 1),
      })),
    };
  }

  #search(graph: EdgeGraph, { asOf, ...question }: PathLimits & { readonly from: number; readonly to: number }) {
    assertRange('maxDepth', question.maxDepth, 1, 50);
    assertRange('maxPaths', question.maxPaths, 1, 100);
    const passes = inForce(graph, asOf);
    const { paths, truncatedReason } = findPaths(graph, { ...question, passes });
    const numbered = paths.map((nodes) => ({ nodes, rows: rowsAlong(graph, nodes, passes) }));
    return { numbered, truncatedReason, asOf: asOf ?? new Date() };
  }
}

function rowsAlong(graph: EdgeGraph, nodes: readonly number[], passes: Passes): readonly number[] {
  return nodes.flatMap((node, index) => {
    const next = nodes[index + 1];
    return [...graph.outgoing(node)].filter((row) => graph.edges.targets[row] === next && passes(row));
  });
}

function carriesValues({ edges }: EdgeGraph, rows: readonly number[], length: number): boolean {
  const open = rows.filter((row) => edges.flags[row] === 0);
  return new Set(open.map((row) => edges.sources[row])).size === length;
}
