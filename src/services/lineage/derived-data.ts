import type { EntityManager } from '@mikro-orm/postgresql';
import { edgeFlags } from '../../domain/lineage/edge-list.ts';
import type { LineageStep } from '../../domain/lineage/graph.ts';
import { inForce, walkGraph } from '../../domain/lineage/graph-walk.ts';
import { textArray } from '../sql.ts';
import type { DatasetFieldReadModel } from './dataset-field.read-model.ts';
import { stepColumns } from './lineage.read-model.ts';
import type { LineageGraphs } from './lineage-graphs.ts';

/** Steps that are looked at; a plan that needs more is about everything. */
const stepsMax = 100_000;
const walkMax = { maxDepth: 50, maxNodes: 10_000 } as const;

/** A dataset and the fields by which rows of it are found. */
export interface KeyedDataset {
  readonly datasetId: string;
  readonly keys: readonly string[];
}

/** What is made of datasets, however many steps away. */
export interface DerivedData {
  /** Steps that are in force, from the datasets and from all that is made of them. */
  readonly steps: readonly LineageStep[];
  /** False where there are more than were looked at. */
  readonly complete: boolean;
}

/** Where values of keys went, unmasked. */
export interface CarriedKeys {
  /** Columns by dataset. */
  readonly columns: ReadonlyMap<string, readonly string[]>;
  /** False where there are more than were looked at. */
  readonly complete: boolean;
}

/** Finds where data goes on from places that somebody acts on. */
export class DerivedDataReadModel {
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

  async derivedFrom(datasetIds: readonly string[]): Promise<DerivedData> {
    const rows = await this.#em.fork().execute<LineageStep[]>(
      `with recursive reached (id) as (
         select unnest(?::text[])
         union
         select target_dataset_id from lineage_edge join reached on source_dataset_id = reached.id where valid_to is null
       )
       select ${stepColumns} from lineage_edge
       where source_dataset_id in (select id from reached) and valid_to is null order by id limit ${stepsMax + 1}`,
      [textArray(datasetIds)],
    );
    return { steps: rows.slice(0, stepsMax), complete: rows.length <= stepsMax };
  }

  /** The columns that hold values of the keys, those of the datasets themselves among them. */
  async carriedFrom(datasets: readonly KeyedDataset[]): Promise<CarriedKeys> {
    const starts = await this.#fields.numbersOf(
      datasets.flatMap(({ datasetId, keys }) => keys.map((path) => ({ datasetId, path }))),
    );
    if (starts.length === 0) return { columns: new Map(), complete: true };
    const graph = await this.#graphs.columns();
    const isInForce = inForce(graph, new Date());
    const stops = edgeFlags.indirect | edgeFlags.masking;
    const reached = walkGraph(graph, {
      ...walkMax,
      starts,
      direction: 'DOWNSTREAM',
      passes: (row) => ((graph.edges.flags[row] ?? 0) & stops) === 0 && isInForce(row),
    });
    const fields = await this.#fields.byNumber(reached.depths.keys());
    const byDataset = Map.groupBy(fields.values(), ({ datasetId }) => datasetId);
    const columns = new Map([...byDataset].map(([id, found]) => [id, found.map(({ path }) => path).sort()]));
    return { columns, complete: reached.truncatedReason === null };
  }
}
