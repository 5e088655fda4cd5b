import { type LinkInterval, linkIntervals } from '../../domain/lineage/column-intervals.ts';
import { type Statements, textArray } from '../sql.ts';

interface Pair {
  readonly statedBy: string;
  readonly datasetId: string;
}

interface LinkRow {
  readonly setId: string;
  readonly sourceId: string;
  readonly targetId: string;
  readonly kind: string;
  readonly subtype: string;
  readonly masking: boolean;
}

const instant = (column: string): string => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
const givenPairs = `json_to_recordset(?::json) as given ("statedBy" text, "datasetId" text)`;

/** Brings the edges into datasets in line with statements that are new. */
export async function writeColumnEdges(
  tx: Statements,
  fresh: readonly (Pair & { readonly at: string })[],
): Promise<void> {
  // A job that says the same again changes no edge, and that is what nearly all events do.
  const changed = await tx.execute<Pair[]>(
    `select distinct "statedBy", "datasetId" from (
       select given.*, (select array_agg(set_id order by set_id) from column_statement
           where stated_by = "statedBy" and dataset_id = "datasetId" and at = given.at) as sets,
         (select array_agg(set_id order by set_id) from column_statement
           where stated_by = "statedBy" and dataset_id = "datasetId" and at = (select max(at) from column_statement
             where stated_by = "statedBy" and dataset_id = "datasetId" and at < given.at)) as before
       from json_to_recordset(?::json) as given ("statedBy" text, "datasetId" text, at timestamptz)
     ) compared where sets is distinct from before or cardinality(sets) > 1 or exists (select from column_repeat
       where stated_by = "statedBy" and dataset_id = "datasetId" and last_at >= compared.at)`,
    [JSON.stringify(fresh)],
  );
  if (changed.length === 0) return;
  const wanted = await intervalsOf(tx, changed);
  const known = await knownEdges(tx, changed);
  const gone = [...known].filter(([key]) => !wanted.has(key)).map(([, id]) => id);
  const added = [...wanted].filter(([key]) => !known.has(key)).map(([, row]) => row);
  await tx.execute('delete from column_edge where id = any(?::bigint[])', [textArray(gone)]);
  await tx.execute(
    `insert into column_edge
       (source_field_id, target_field_id, dataset_id, stated_by, kind, subtype, masking, valid_from, valid_to)
     select "sourceId", "targetId", "datasetId", "statedBy", kind, subtype, masking, "from", "to"
     from json_to_recordset(?::json) as given ("sourceId" text, "targetId" text, "datasetId" text, "statedBy" text, kind text,
       subtype text, masking boolean, "from" timestamptz, "to" timestamptz)`,
    [JSON.stringify(added)],
  );
}

type EdgeRow = Pair & Omit<LinkRow, 'setId'> & Omit<LinkInterval, 'link'>;

const edgeKey = (edge: EdgeRow): string =>
  JSON.stringify([
    edge.statedBy,
    edge.datasetId,
    edge.sourceId,
    edge.targetId,
    edge.kind,
    edge.subtype,
    edge.masking,
    edge.from,
    edge.to,
  ]);

async function intervalsOf(tx: Statements, pairs: readonly Pair[]): Promise<ReadonlyMap<string, EdgeRow>> {
  // Of statements in a row that say the same only the first counts.
  const turns = await tx.execute<(Pair & { at: string; sets: string[] })[]>(
    `select "statedBy", "datasetId", ${instant('at')} as at, sets from (
       select *, lag(sets) over (partition by "statedBy", "datasetId" order by at) as before from (
         select "statedBy", "datasetId", at, array_agg(set_id order by set_id) as sets
         from ${givenPairs}, lateral (
           select at, set_id from column_statement where stated_by = "statedBy" and dataset_id = "datasetId"
           union select unnest(times), set_id from column_repeat where stated_by = "statedBy" and dataset_id = "datasetId"
         ) every group by 1, 2, 3
       ) said
     ) turn where sets is distinct from before`,
    [JSON.stringify(pairs)],
  );
  const links = await tx.execute<LinkRow[]>(
    `select set_id as "setId", source_field_id as "sourceId", target_field_id as "targetId", kind, subtype, masking
     from column_set_link where set_id = any(?::text[])`,
    [textArray([...new Set(turns.flatMap(({ sets }) => sets))])],
  );
  const byKey = new Map<string, Omit<LinkRow, 'setId'>>();
  const bySet = new Map<string, string[]>();
  for (const { setId, ...link } of links) {
    const key = JSON.stringify(Object.values(link));
    byKey.set(key, link);
    const keys = bySet.get(setId);
    if (keys === undefined) bySet.set(setId, [key]);
    else keys.push(key);
  }
  const edges = new Map<string, EdgeRow>();
  for (const said of Map.groupBy(turns, ({ statedBy, datasetId }) => `${statedBy}\0${datasetId}`).values()) {
    const { statedBy = '', datasetId = '' } = said[0] ?? {};
    const statements = said.map(({ at, sets }) => ({ at, links: sets.flatMap((id) => bySet.get(id) ?? []) }));
    for (const { link, from, to } of linkIntervals(statements)) {
      const row = byKey.get(link);
      if (row === undefined) continue;
      const edge = { statedBy, datasetId, ...row, from, to };
      edges.set(edgeKey(edge), edge);
    }
  }
  return edges;
}

async function knownEdges(tx: Statements, pairs: readonly Pair[]): Promise<ReadonlyMap<string, string>> {
  const rows = await tx.execute<(EdgeRow & { id: string })[]>(
    `select id::text, "statedBy", "datasetId", source_field_id as "sourceId", target_field_id as "targetId", kind, subtype,
       masking, ${instant('valid_from')} as "from", ${instant('valid_to')} as "to"
     from ${givenPairs} join column_edge on stated_by = "statedBy" and dataset_id = "datasetId"`,
    [JSON.stringify(pairs)],
  );
  return new Map(rows.map((row) => [edgeKey(row), row.id]));
}
