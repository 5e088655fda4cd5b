import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { EdgeGraph } from '../../domain/lineage/edge-graph.ts';
import { type EdgeList, joinEdges, readEdges, replaceEdges } from '../../domain/lineage/edge-list.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { executePrepared, type PreparedStatement, prepared } from '../sql.ts';
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
  /** Id and bytes of each edge; ends where a condition may follow. */
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
  twins: `select 0 as id, ''::bytea as bytes where false`,
};
const columnSource: GraphSource = {
  name: 'COLUMN',
  twinName: 'TWIN',
  id: 'edge.id',
  edges: `select edge.id, ${bytesOf('edge.id', 'source.number', 'target.number', columnFlags, 'valid_from', until)}
    from column_edge edge join dataset_field source on source.id = source_field_id join dataset_field target on target.id = target_field_id`,
  twins: `select 0 as id, ${bytesOf('-1', 'mine.number', 'twin.number', '0', `'-infinity'::timestamptz`, `'infinity'::timestamptz`)}
    from ${twinFields}`,
};

/** In chunks, because a value of the database is at most 1 GB. */
const chunked = (rows: string): string =>
  `(select array_agg(bytes order by chunk) from (
     select place / 100000 as chunk, string_agg(bytes, '' order by id) as bytes
     from (select id, bytes, row_number() over (order by id) - 1 as place from (${rows}) edge_row) placed group by 1
   ) chunked)`;

const all = ({ name, edges, twins }: GraphSource): PreparedStatement =>
  prepared(
    `lineage_${name.toLowerCase()}_all`,
    `select pg_current_snapshot()::text as snapshot, ${chunked(edges)} as edges, ${chunked(twins)} as twins`,
  );

/** What transactions changed that a snapshot did not show; `known` is false where that cannot be told. */
const changed = ({ name, twinName, edges, id, twins }: GraphSource): PreparedStatement =>
  prepared(
    `lineage_${name.toLowerCase()}_changed`,
    `with change as materialized (
       select graph, edge from lineage_change where graph in ('${name}', '${twinName}')
         and xid >= pg_snapshot_xmin(:snapshot::pg_snapshot) and not pg_visible_in_snapshot(xid, :snapshot::pg_snapshot)
     ), touched as materialized (select distinct edge from change where edge is not null)
     select pg_current_snapshot()::text as snapshot,
       pg_snapshot_xmin(:snapshot::pg_snapshot) >= (select xid from lineage_change_floor)
         and not exists (select from change where graph = '${name}' and edge is null) as known,
       (select array_agg(edge::float8) from touched) as touched,
       ${chunked(`${edges} where ${id} = any(array(select edge from touched))`)} as edges,
       case when exists (select from change where graph = '${twinName}') then coalesce(${chunked(twins)}, '{}') end as twins`,
  );

const chunks = z.array(z.instanceof(Uint8Array));
const allRow = z.object({ snapshot: z.string(), edges: chunks.nullable(), twins: chunks.nullable() });
const changedRow = allRow.extend({ known: z.boolean(), touched: z.array(z.number()).nullable() });

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
  readonly #all: PreparedStatement;
  readonly #changed: PreparedStatement;
  #known: Known | null = null;
  #applied = 0;
  #last: Promise<unknown> = Promise.resolve();
  #next: Promise<EdgeGraph> | null = null;

  constructor(em: EntityManager, source: GraphSource) {
    this.#em = em;
    this.#all = all(source);
    this.#changed = changed(source);
  }

  /** A look that began already may have missed what the caller saw committed; all who come meanwhile share the next one. */
  current(): Promise<EdgeGraph> {
    if (this.#next !== null) return this.#next;
    const look = this.#last.then(() => {
      this.#next = null;
      return this.#look();
    });
    this.#next = look;
    this.#last = look.catch(() => {});
    return look;
  }

  async #look(): Promise<EdgeGraph> {
    const known = this.#known;
    const state = (known === null ? null : await this.#followed(known)) ?? (await this.#loaded());
    this.#known = state;
    return state.graph;
  }

  async #loaded(): Promise<Known> {
    const row = allRow.parse(await this.#row(this.#all, {}));
    const edges = readEdges(row.edges ?? []);
    const twins = readEdges(row.twins ?? []);
    return { snapshot: row.snapshot, edges, twins, graph: new EdgeGraph(joinEdges(edges, twins)) };
  }

  /** Null where all has to be read again. */
  async #followed(known: Known): Promise<Known | null> {
    const row = changedRow.parse(await this.#row(this.#changed, { snapshot: known.snapshot }));
    if (!row.known) return null;
    const { snapshot } = row;
    if (row.touched === null && row.twins === null) return { ...known, snapshot };
    const touched = row.touched ?? [];
    const edges = touched.length === 0 ? known.edges : replaceEdges(known.edges, touched, readEdges(row.edges ?? []));
    const twins = row.twins === null ? known.twins : readEdges(row.twins);
    const isSame = edges === known.edges && twins.ids.length === 0 && known.twins.ids.length === 0;
    const graph = isSame ? known.graph : new EdgeGraph(joinEdges(edges, twins));
    this.#applied += touched.length;
    if (this.#applied > appliedMax) {
      this.#applied = 0;
      await executePrepared(this.#em, forget, { snapshot });
    }
    return { snapshot, edges, twins, graph };
  }

  async #row(statement: PreparedStatement, values: Readonly<Record<string, string>>): Promise<unknown> {
    const [row] = await executePrepared(this.#em, statement, values);
    if (row === undefined) throw new LinewardError('INTERNAL', 'the graph was not answered');
    return row;
  }
}
