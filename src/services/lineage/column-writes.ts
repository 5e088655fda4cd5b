import { createHash } from 'node:crypto';
import { newId } from '../../domain/id.ts';
import { linkKey } from '../../domain/lineage/column-facet.ts';
import type { ColumnFact, EventFacts } from '../../domain/lineage/event-facts.ts';
import { type Statements, textArray } from '../sql.ts';
import { writeColumnEdges } from './column-edges.ts';
import type { FactIds, Unfolded } from './graph-writes.ts';

/** Fields of datasets: the newest schema that names one says its type. */
export async function writeFields(tx: Statements, { fields }: EventFacts, ids: FactIds): Promise<void> {
  if (fields.length === 0) return;
  const rows = fields.map(({ dataset, ...field }) => ({ id: newId(), datasetId: ids.dataset(dataset), ...field }));
  await tx.execute(
    `insert into dataset_field (id, dataset_id, path, type, named_at)
     select id, "datasetId", path, type, "namedAt" from json_to_recordset(?::json) as given
       (id text, "datasetId" text, path text, type text, "namedAt" timestamptz)
     where coalesce((select given."namedAt" is not null and (known.named_at is null
         or (known.named_at, coalesce(known.type, '') collate "C") < (given."namedAt", coalesce(given.type, '')))
       from dataset_field known where known.dataset_id = "datasetId" and known.path = given.path), true)
     order by "datasetId", path
     on conflict (dataset_id, path) do update set type = excluded.type, named_at = excluded.named_at
     where excluded.named_at is not null and (dataset_field.named_at is null
       or (dataset_field.named_at, coalesce(dataset_field.type, '') collate "C") < (excluded.named_at, coalesce(excluded.type, '')))`,
    [JSON.stringify(rows)],
  );
}

interface StatementRow {
  readonly statedBy: string;
  readonly datasetId: string;
  readonly at: string;
  readonly setId: string;
}

/** What events said about columns, and the edges that follow from all that was ever said. */
export async function writeColumns(
  tx: Statements,
  { columns }: EventFacts,
  ids: FactIds,
  unfolded: Unfolded,
): Promise<void> {
  if (columns.length === 0) return;
  const sets = new Map<string, ColumnFact>();
  const rows = columns.map((fact): StatementRow => {
    const datasetId = ids.dataset(fact.dataset);
    const setId = setIdOf(datasetId, fact);
    sets.set(setId, fact);
    return { statedBy: fact.job === null ? '' : ids.job(fact.job), datasetId, at: fact.at, setId };
  });
  await writeSets(tx, sets, ids);
  const inserted = await tx.execute<{ statedBy: string; datasetId: string; at: string }[]>(
    `insert into column_statement (stated_by, dataset_id, at, set_id)
     select distinct "statedBy", "datasetId", at, "setId" from json_to_recordset(?::json) as given
       ("statedBy" text, "datasetId" text, at timestamptz, "setId" text) order by 2, 1, 3, 4
     on conflict do nothing
     returning stated_by as "statedBy", dataset_id as "datasetId", to_json(at) #>> '{}' as at`,
    [JSON.stringify(rows)],
  );
  if (inserted.length === 0) return;
  await writeColumnEdges(tx, inserted);
  await foldStatements(tx, inserted, unfolded);
}

/** Only the newest statements of a job about a dataset stand in rows of their own: those that the next one is compared with. */
async function foldStatements(
  tx: Statements,
  fresh: readonly { statedBy: string; datasetId: string }[],
  { most, kept }: Unfolded,
): Promise<void> {
  const pairs = fresh.map(({ statedBy, datasetId }) => ({ statedBy, datasetId }));
  await tx.execute(
    `with crowded as (
       select distinct "statedBy", "datasetId" from json_to_recordset(?::json) as given ("statedBy" text, "datasetId" text)
       where (select count(*) from (select from column_statement where stated_by = "statedBy" and dataset_id = "datasetId"
         limit ?) few) > ?
     ), ranked as (
       select statement.*, row_number() over (partition by stated_by, dataset_id order by at desc, set_id) as place
       from crowded join column_statement statement on stated_by = "statedBy" and dataset_id = "datasetId"
     ), gone as (
       delete from column_statement statement using ranked where place > ? and statement.stated_by = ranked.stated_by
         and statement.dataset_id = ranked.dataset_id and statement.at = ranked.at and statement.set_id = ranked.set_id
       returning statement.*
     )
     insert into column_repeat (stated_by, dataset_id, set_id, last_at, times)
     select stated_by, dataset_id, set_id, max(at), array_agg(at order by at) from gone group by 1, 2, 3`,
    [JSON.stringify(pairs), most + 1, most, kept],
  );
}

function setIdOf(datasetId: string, { links }: ColumnFact): string {
  const hash = createHash('sha256').update(datasetId);
  for (const key of links.map(linkKey).sort()) hash.update(`\0\0${key}`);
  return hash.digest('hex');
}

async function writeSets(tx: Statements, sets: ReadonlyMap<string, ColumnFact>, ids: FactIds): Promise<void> {
  const known = await tx.execute<{ id: string }[]>('select id from column_set where id = any(?::text[])', [
    textArray([...sets.keys()]),
  ]);
  const fresh = new Map(sets);
  for (const { id } of known) fresh.delete(id);
  if (fresh.size === 0) return;
  const rows = [...fresh].map(([id, { dataset }]) => ({ id, datasetId: ids.dataset(dataset) }));
  const links = [...fresh].flatMap(([id, fact]) =>
    fact.links.map(({ source, ...link }) => ({
      id,
      sourceId: ids.dataset(source),
      targetId: ids.dataset(fact.dataset),
      ...link,
    })),
  );
  await tx.execute(
    `insert into column_set (id, dataset_id)
     select id, "datasetId" from json_to_recordset(?::json) as given (id text, "datasetId" text) order by id`,
    [JSON.stringify(rows)],
  );
  await tx.execute(
    `insert into column_set_link (set_id, source_field_id, target_field_id, kind, subtype, masking)
     select given.id, source.id, target.id, kind, subtype, masking from json_to_recordset(?::json) as given
       (id text, "sourceId" text, "sourceField" text, "targetId" text, "targetField" text, kind text, subtype text, masking boolean)
     join dataset_field source on source.dataset_id = "sourceId" and source.path = "sourceField"
     join dataset_field target on target.dataset_id = "targetId" and target.path = "targetField"`,
    [JSON.stringify(links)],
  );
}
