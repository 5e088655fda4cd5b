import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { EdgeGraph } from '../../domain/lineage/edge-graph.ts';
import { type EdgeList, joinEdges, readEdges, replaceEdges } from '../../domain/lineage/edge-list.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { SharedLook } from '../shared-look.ts';
import { executePrepared, nativeTransaction, type PreparedStatement, prepared } from '../sql.ts';
import { twinFields } from './column-steps.ts';

/** A graph as one snapshot of the database showed it. */
interface Known {
  readonly snapshot: string;
  readonly edges: EdgeList;
  readonly twins: EdgeList;
  readonly graph: EdgeGraph;
}

/** How a graph is read. */
interface GraphSource {
  /** Its name in the log of changes, and that of the twins in it. */
  readonly name: string;
  readonly twinName: string;
  /** Id and bytes of each edge; this and `twins` end where a condition may follow. */
  readonly edges: string;
  readonly id: string;
  readonly twins: string;
}

/** The 36 bytes of an edge that {@link readEdges} reads. */
const bytesOf = (id: string, source: string, target: string, flags: string, from: string, to: string): string =>
  `float8send((${id})::float8) || int4send(${source}) || int4send(${target}) || int4send(${flags})
     || float8send(extract(epoch from ${from})::float8) || float8send(extract(epoch from ${to})::float8) as bytes`;
const until = `coalesce(valid_to, 'infinity')`;
const columnFlags = `case kind when 'INDIRECT' then 1 else 0 end + case when masking then 2 else 0 end`;

const datasetSource: GraphSource = {
  name: 'DATASET',
  twinName: 'NONE',
  id: 'edge.number',
  edges: `select edge.number as id, ${bytesOf('edge.number', 'source.number', 'target.number', '0', 'valid_from', until)}
    from lineage_edge edge join dataset source on source.id = source_dataset_id join dataset target on target.id = target_dataset_id`,
  twins: `select 0 as id, ''::bytea as bytes from (select where false) none`,
};
const columnSource: GraphSource = {
  name: 'COLUMN',
  twinName: 'TWIN',
  id: 'edge.id',
  edges: `select edge.id, ${bytesOf('edge.id', 'source.number', 'target.number', columnFlags, 'valid_from', until)}
    from column_edge edge join dataset_field source on source.id = source_field_id join dataset_field target on target.id = target_field_id`,
  twins: `select mine.number as id, ${bytesOf('-1', 'mine.number', 'twin.number', '0', `'-infinity'::timestamptz`, `'infinity'::timestamptz`)}
    from ${twinFields}`,
};

/** Rows of many edges each: a row for each edge costs more than the edge, and a value of the database is at most 1 GB. */
const chunksOf = (part: 'edges' | 'twins', rows: string): string =>
  `select '${part}' as part, place / 100000 as chunk, string_agg(bytes, '' order by place) as bytes
   from (select bytes, row_number() over (order by id, bytes) - 1 as place from (${rows}) edge_row) placed group by 2`;
/** At least one row, which has the snapshot. */
const allChunks = (edges: string, twins: string): string =>
  `(${chunksOf('edges', edges)} union all ${chunksOf('twins', twins)} union all select 'none', 0, null) chunks`;

const all = ({ edges, twins }: GraphSource): string =>
  `select pg_current_snapshot()::text as snapshot, part, bytes from ${allChunks(edges, twins)} order by part, chunk`;

/** What transactions changed that a snapshot did not show; `known` is false where that cannot be told. */
const changed = ({ name, twinName, edges, id, twins }: GraphSource): PreparedStatement =>
  prepared(
    `lineage_${name.toLowerCase()}_changed`,
    `with change as materialized (
       select graph, edge from lineage_change where graph in ('${name}', '${twinName}')
         and xid >= pg_snapshot_xmin(:snapshot::pg_snapshot) and not pg_visible_in_snapshot(xid, :snapshot::pg_snapshot)
     ), touched as materialized (select distinct edge from change where edge is not null),
     state as materialized (
       select pg_snapshot_xmin(:snapshot::pg_snapshot) >= (select xid from lineage_change_floor)
           and not exists (select from change where graph = '${name}' and edge is null) as known,
         (select array_agg(edge::float8) from touched) as touched,
         exists (select from change where graph = '${twinName}') as twinned
     )
     select pg_current_snapshot()::text as snapshot, known, touched, twinned, part, bytes
     from state, ${allChunks(
       `${edges} where ${id} = any(array(select edge from touched))`,
       `${twins} where (select twinned from state)`,
     )} order by part, chunk`,
  );

const chunkRow = z.object({
  snapshot: z.string(),
  part: z.enum(['edges', 'twins', 'none']),
  bytes: z.instanceof(Uint8Array).nullable(),
});
const changeRow = chunkRow.extend({
  known: z.boolean(),
  touched: z.array(z.number()).nullable(),
  twinned: z.boolean(),
});
type ChunkRow = z.infer<typeof chunkRow>;

function edgesIn(rows: readonly ChunkRow[], part: ChunkRow['part']): EdgeList {
  return readEdges(rows.flatMap((row) => (row.part === part ? (row.bytes ?? []) : [])));
}

function rowsOf<Row>(found: readonly unknown[], row: z.ZodType<Row>): readonly [Row, ...Row[]] {
  const [first, ...more] = found.map((one) => row.parse(one));
  if (first === undefined) throw new LinewardError('INTERNAL', 'the graph was not answered');
  return [first, ...more];
}

/** So many changes are applied before those that all processes may have seen are forgotten. */
const appliedMax = 10_000;
const forget = prepared(
  'lineage_change_forget',
  `with gone as (delete from lineage_change where xid < pg_snapshot_xmin(:snapshot::pg_snapshot))
   update lineage_change_floor set xid = greatest(xid, pg_snapshot_xmin(:snapshot::pg_snapshot))`,
);

/**
 * The graphs of datasets and of columns in memory. Each question first asks the database what changed since the last one, in one
 * statement whose snapshot is the new state: what was committed before the question is in the answer. See ADR 0027.
 */
export class LineageGraphs {
  readonly #datasets: KeptGraph;
  readonly #columns: KeptGraph;

  constructor({ em }: { readonly em: EntityManager }) {
    this.#datasets = new KeptGraph(em, datasetSource);
    this.#columns = new KeptGraph(em, columnSource);
  }

  datasets(): Promise<EdgeGraph> {
    return this.#datasets.current();
  }

  columns(): Promise<EdgeGraph> {
    return this.#columns.current();
  }
}

class KeptGraph {
  readonly #em: EntityManager;
  readonly #all: string;
  readonly #changed: PreparedStatement;
  #known: Known | null = null;
  #applied = 0;
  /** It is kept for all, so it is read whole; what of it may be shown is asked of the tables. */
  readonly #looks = new SharedLook(() => this.#look());

  constructor(em: EntityManager, source: GraphSource) {
    this.#em = em;
    this.#all = all(source);
    this.#changed = changed(source);
  }

  current(): Promise<EdgeGraph> {
    return this.#looks.next();
  }

  async #look(): Promise<EdgeGraph> {
    const known = this.#known;
    const state = (known === null ? null : await this.#followed(known)) ?? (await this.#loaded());
    this.#known = state;
    return state.graph;
  }

  async #loaded(): Promise<Known> {
    const found = await nativeTransaction(this.#em, (tx) => tx.execute(this.#all), { without: 'nestloop' });
    const rows = rowsOf(found, chunkRow);
    const [edges, twins] = [edgesIn(rows, 'edges'), edgesIn(rows, 'twins')];
    return { snapshot: rows[0].snapshot, edges, twins, graph: new EdgeGraph(joinEdges(edges, twins)) };
  }

  /** Null where all has to be read again. */
  async #followed(known: Known): Promise<Known | null> {
    const found = await executePrepared(this.#em, this.#changed, { snapshot: known.snapshot });
    const rows = rowsOf(found, changeRow);
    const [{ snapshot, twinned, touched: ids, ...state }] = rows;
    if (!state.known) return null;
    const touched = ids ?? [];
    if (touched.length === 0 && !twinned) return { ...known, snapshot };
    const edges = touched.length === 0 ? known.edges : replaceEdges(known.edges, touched, edgesIn(rows, 'edges'));
    const twins = twinned ? edgesIn(rows, 'twins') : known.twins;
    const isSame = edges === known.edges && twins.ids.length === 0 && known.twins.ids.length === 0;
    const graph = isSame ? known.graph : new EdgeGraph(joinEdges(edges, twins));
    this.#applied += touched.length;
    if (this.#applied > appliedMax) {
      this.#applied = 0;
      await executePrepared(this.#em, forget, { snapshot });
    }
    return { snapshot, edges, twins, graph };
  }
}
