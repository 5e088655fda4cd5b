import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { assertRange } from '../../domain/assert-range.ts';
import type { EdgeGraph } from '../../domain/lineage/edge-graph.ts';
import { type DatasetField, endOf, type PlacedStep, type WalkEnd } from '../../domain/lineage/graph.ts';
import { type BlockedStep, type BlockReason, type CarriedLabel, propagate } from '../../domain/lineage/propagation.ts';
import { isViewNarrowed, readWhole } from '../access/reader.ts';
import type { SemanticTypeReadModel } from '../privacy/semantic-type.read-model.ts';
import { nativeStatements, numberArray } from '../sql.ts';
import { carriedFromAll } from './carried-fields.ts';
import { columnStepsOf } from './column-steps.ts';
import type { DatasetFieldReadModel } from './dataset-field.read-model.ts';
import type { LineageGraphs } from './lineage-graphs.ts';

export interface LabelQuestion {
  readonly semanticType?: string | undefined;
  readonly classification?: string | undefined;
  readonly asOf?: Date | undefined;
}

export interface Origin {
  readonly number: number;
  readonly semanticType: string | null;
  readonly classifications: readonly string[];
}

/** Labels by the numbers of fields; what is known of fields and steps is read for those that are asked for. */
export interface LabelSpread extends WalkEnd {
  readonly labels: readonly CarriedLabel[];
  readonly blocked: readonly BlockedStep[];
  readonly origins: ReadonlyMap<number, Origin>;
  /** @throws LinewardError BAD_INPUT for a page out of range. */
  placed(page: LabelPage): Promise<readonly PlacedLabel[]>;
  /** Steps that labels did not take, and what is not known of fields that carry one. */
  gaps(): Promise<readonly PlacedGap[]>;
}

export interface LabelPage {
  readonly limit: number;
  readonly offset: number;
}

export interface PlacedLabel extends Omit<Origin, 'number'> {
  readonly field: DatasetField;
  readonly origin: DatasetField;
  readonly depth: number;
  readonly via: PlacedStep | null;
}

export interface PlacedGap {
  readonly code: BlockReason | NonNullable<DatasetField['gap']>;
  readonly field: DatasetField;
  readonly edge: PlacedStep | null;
}

const originRow: z.ZodType<Origin> = z.object({
  number: z.number(),
  semanticType: z.string().nullable(),
  classifications: z.array(z.string()),
});

const labelsMax = 250_000;
const pageMax = 10_000;

// What people set on a field itself stands before what the entity of its dataset says of it.
const originsSql = `
  select number, (array_agg("semanticType" order by rank) filter (where "semanticType" is not null))[1] as "semanticType",
    array(select distinct unnest from unnest(string_to_array(string_agg(array_to_string(classifications, ','), ','), ',')) where unnest <> '' order by 1)
      as classifications
  from (
    select number, semantic_type as "semanticType", classifications, 1 as rank
    from dataset_field_label join dataset_field on dataset_field.id = field_id
    union all
    select dataset_field.number, entity_field.semantic_type, entity_field.classifications, 2
    from mapping join entity on entity.id = mapping.entity_id
      join entity_field on entity_field.version_id = entity.latest_version_id
      join dataset_field on dataset_field.dataset_id = mapping.dataset_id and dataset_field.path = entity_field.path
    where entity_field.semantic_type is not null or entity_field.classifications <> '{}'
  ) said
  where (?::text = '' or "semanticType" = ?) and (?::text = '' or ? = any(classifications))
  group by 1 order by 1`;

/** Which fields carry what people said of others: a label goes where its values go. */
export class LabelReadModel {
  readonly #em: EntityManager;
  readonly #graphs: LineageGraphs;
  readonly #semanticTypes: SemanticTypeReadModel;
  readonly #fields: DatasetFieldReadModel;

  constructor(deps: {
    readonly em: EntityManager;
    readonly graphs: LineageGraphs;
    readonly semanticTypes: SemanticTypeReadModel;
    readonly datasetFields: DatasetFieldReadModel;
  }) {
    this.#em = deps.em;
    this.#graphs = deps.graphs;
    this.#semanticTypes = deps.semanticTypes;
    this.#fields = deps.datasetFields;
  }

  /** Fields with the label, its origins included, and the steps that it did not take. Dropped datasets hold nothing. */
  async spread({ semanticType, classification = '', asOf }: LabelQuestion): Promise<LabelSpread> {
    const origins = await this.#origins(await this.#typeName(semanticType), classification);
    const now = new Date();
    const graph = await this.#graphs.columns();
    const { labels, blocked } = propagate(graph, [...origins.keys()], { asOf, labelsMax });
    const dropped = await this.#fields.dropped(labels.map(({ field }) => field));
    // A client that asks for one page only must not take it for all.
    const complete = labels.length <= pageMax && blocked.length <= pageMax;
    const living = labels.filter(({ field }) => !dropped.has(field));
    const kept = isViewNarrowed() ? await this.#visible(living) : living;
    const named = blocked.slice(0, pageMax);
    return {
      labels: kept,
      blocked: named,
      origins,
      asOf: asOf ?? now,
      ...endOf(complete ? null : 'MAX_NODES', living.length - kept.length),
      placed: ({ limit, offset }) => {
        assertRange('limit', limit, 0, pageMax);
        assertRange('offset', offset, 0, labelsMax);
        return this.#placed(graph, origins, kept.slice(offset, offset + limit));
      },
      gaps: () => this.#gaps(graph, named, kept),
    };
  }

  /** Labels whose field and origin are shown to who asks. */
  async #visible(labels: readonly CarriedLabel[]): Promise<readonly CarriedLabel[]> {
    const sql = await nativeStatements(this.#em);
    const rows = await sql.execute<{ number: number }[]>(
      'select number from dataset_field where number = any(?::int[])',
      [numberArray(new Set(labels.flatMap(({ field, origin }) => [field, origin])))],
    );
    const visible = new Set(rows.map(({ number }) => number));
    return labels.filter(({ field, origin }) => visible.has(field) && visible.has(origin));
  }

  /** Datasets of which a field carries the classification, and those whose records have such a field. */
  async datasetsCarrying(classification: string): Promise<readonly string[]> {
    const { labels } = await this.spread({ classification });
    const sql = await nativeStatements(this.#em);
    const rows = await sql.execute<{ id: string }[]>(
      `select dataset_id as id from dataset_field where number = any(?::int[])
       union select dataset_id from mapping join entity on entity.id = entity_id
         join entity_field on entity_field.version_id = entity.latest_version_id where ? = any(classifications)`,
      [numberArray(new Set(labels.map(({ field }) => field))), classification],
    );
    return rows.map(({ id }) => id);
  }

  /**
   * Classifications that fields of a dataset carry, by path: all of them, whoever asks. What masks values must know of labels of
   * fields that the reader may not find, too, and must miss none for there being many.
   */
  labelsOf(datasetId: string): Promise<ReadonlyMap<string, readonly string[]>> {
    return readWhole(async () => {
      const sql = await nativeStatements(this.#em);
      const fields = await sql.execute<{ number: number; path: string }[]>(
        'select number, path from dataset_field where dataset_id = ?',
        [datasetId],
      );
      const [origins, graph] = [await this.#origins('', ''), await this.#graphs.columns()];
      const carried = await carriedFromAll(
        sql,
        graph,
        fields.map(({ number }) => [number]),
      );
      return new Map(
        fields.map(({ path }, index): [string, readonly string[]] => {
          const from = [...(carried[index] ?? [])];
          return [path, [...new Set(from.flatMap((one) => origins.get(one)?.classifications ?? []))]];
        }),
      );
    });
  }

  async #origins(type: string, classification: string): Promise<ReadonlyMap<number, Origin>> {
    const sql = await nativeStatements(this.#em);
    const rows = await sql.execute(originsSql, [type, type, classification, classification]);
    return new Map(rows.map((row) => originRow.parse(row)).map((origin) => [origin.number, origin]));
  }

  async #placed(
    graph: EdgeGraph,
    origins: ReadonlyMap<number, Origin>,
    labels: readonly CarriedLabel[],
  ): Promise<readonly PlacedLabel[]> {
    const rows = labels.flatMap(({ viaRow }) => viaRow ?? []);
    const { fields, steps } = await this.#around(
      graph,
      rows,
      labels.flatMap(({ field, origin }) => [field, origin]),
    );
    return labels.flatMap(({ field: number, origin: from, depth, viaRow }) => {
      const [field, origin, said] = [fields.get(number), fields.get(from), origins.get(from)];
      if (field === undefined || origin === undefined || said === undefined) return [];
      const { semanticType, classifications } = said;
      const via = viaRow === null ? null : (steps.get(viaRow) ?? null);
      return [{ field, origin, semanticType, classifications, depth, via }];
    });
  }

  async #gaps(
    graph: EdgeGraph,
    blocked: readonly BlockedStep[],
    labels: readonly CarriedLabel[],
  ): Promise<readonly PlacedGap[]> {
    const { steps } = await this.#around(
      graph,
      blocked.map(({ row }) => row),
      [],
    );
    const stopped = blocked.flatMap(({ row, reason }): readonly PlacedGap[] => {
      const edge = steps.get(row) ?? null;
      return edge?.target == null ? [] : [{ code: reason, field: edge.target, edge }];
    });
    const unknown = await this.#fields.gapsIn(labels.map(({ field }) => field));
    return [
      ...stopped,
      ...unknown.flatMap((field) => (field.gap === null ? [] : [{ code: field.gap, field, edge: null }])),
    ];
  }

  async #around(graph: EdgeGraph, rows: readonly number[], numbers: readonly number[]) {
    const { sources, targets } = graph.edges;
    const ends = rows.flatMap((row) => [sources[row] ?? 0, targets[row] ?? 0]);
    const fields = await this.#fields.byNumber([...numbers, ...ends]);
    const steps = await columnStepsOf(await nativeStatements(this.#em), graph, rows);
    const placed = [...steps].map(([row, step]): [number, PlacedStep] => [
      row,
      { ...step, source: fields.get(step.source) ?? null, target: fields.get(step.target) ?? null },
    ]);
    return { fields, steps: new Map(placed) };
  }

  /** As it is kept; a name that nobody defined may still stand in a schema. */
  async #typeName(given: string | undefined): Promise<string> {
    if (given === undefined) return '';
    return (await this.#semanticTypes.known()).find(given)?.name ?? given;
  }
}
