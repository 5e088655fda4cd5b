import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { KnownDataset, KnownJob } from '../../domain/lineage/catalog-diff.ts';
import { type DescriptionValue, descriptionParts } from '../../domain/lineage/description.ts';
import { keyOf, type PlaceName } from '../../domain/lineage/event-value.ts';
import { nativeStatements, type Statements, textArray } from '../sql.ts';

const place = z.object({ namespace: z.string(), name: z.string() });
const datasetRow = place.extend({
  id: z.string(),
  isDropped: z.boolean(),
  fields: z.array(z.object({ path: z.string(), type: z.string().nullable() })).nullable(),
  said: z.array(
    z.object({ path: z.string(), part: z.enum(descriptionParts), value: z.custom<DescriptionValue | null>() }),
  ),
});
const jobRow = place.extend({ inputs: z.array(place), outputs: z.array(place) });
const memberRow = place.extend({ id: z.string(), isElsewhere: z.boolean() });

const named = `json_to_recordset(?::json) as asked (namespace text, name text)`;

/** What is known of datasets, and what a speaker said of them. */
export async function knownDatasets(
  em: EntityManager,
  saidBy: string,
  places: readonly PlaceName[],
): Promise<(place: PlaceName) => KnownDataset | null> {
  const sql = await nativeStatements(em);
  const rows = await sql.execute(
    `select dataset.id, asked.namespace, asked.name,
       coalesce(dropped_at is not null and (seen_at is null or seen_at <= dropped_at), false) as "isDropped",
       case when schema_at is not null then (
         select coalesce(json_agg(json_build_object('path', path, 'type', type) order by dataset_field.number), '[]')
         from dataset_field where dataset_field.dataset_id = dataset.id and path <> '' and named_at = schema_at
       ) end as fields,
       (select coalesce(json_agg(json_build_object('path', path, 'part', part, 'value', value)), '[]')
        from dataset_description where dataset_description.dataset_id = dataset.id and said_by = ?) as said
     from ${named}
     join lateral (
       select id from dataset where (dataset.namespace, dataset.name) = (asked.namespace, asked.name) and not named_only
       union all select dataset_id from topic_alias where (topic_alias.namespace, topic_alias.name) = (asked.namespace, asked.name)
     ) dataset on true
     left join dataset_state on dataset_state.dataset_id = dataset.id`,
    [saidBy, JSON.stringify(places)],
  );
  return byPlace(rows.map((row) => datasetRow.parse(row)));
}

/** What jobs are known to read and write. */
export async function knownJobs(
  em: EntityManager,
  places: readonly PlaceName[],
): Promise<(place: PlaceName) => KnownJob | null> {
  const sql = await nativeStatements(em);
  const names = (side: string): string =>
    `(select coalesce(json_agg(json_build_object('namespace', dataset.namespace, 'name', dataset.name)), '[]')
      from lineage_job_io io join dataset on dataset.id = dataset_id where io.job_id = lineage_job.id and side = '${side}')`;
  const rows = await sql.execute(
    `select namespace, name, ${names('INPUT')} as inputs, ${names('OUTPUT')} as outputs
     from lineage_job join ${named} using (namespace, name)`,
    [JSON.stringify(places)],
  );
  return byPlace(rows.map((row) => jobRow.parse(row)));
}

/** Notes that a source names datasets. */
export async function keepMembers(tx: Statements, source: string, ids: readonly string[]): Promise<void> {
  await tx.execute(
    `insert into catalog_import_member (source, dataset_id) select ?, id from unnest(?::text[]) id order by id
     on conflict do nothing`,
    [source, textArray(ids)],
  );
}

/** Datasets that a source named before and that are not among `seen`; `isElsewhere` where another source names them. */
export async function missingMembers(
  em: EntityManager,
  source: string,
  seen: ReadonlySet<string>,
): Promise<readonly z.infer<typeof memberRow>[]> {
  const sql = await nativeStatements(em);
  const rows = await sql.execute(
    `select dataset.id, namespace, name,
       exists (select from catalog_import_member other where other.dataset_id = dataset.id and other.source <> member.source) as "isElsewhere"
     from catalog_import_member member join dataset on dataset.id = member.dataset_id
     where member.source = ? order by namespace, name`,
    [source],
  );
  return rows.map((row) => memberRow.parse(row)).filter((row) => !seen.has(keyOf(row)));
}

/** Notes that a source names datasets no longer. */
export async function leaveMembers(em: EntityManager, source: string, ids: readonly string[]): Promise<void> {
  await em
    .fork()
    .execute('delete from catalog_import_member where source = ? and dataset_id = any(?::text[])', [
      source,
      textArray(ids),
    ]);
}

function byPlace<Row extends PlaceName>(rows: readonly Row[]): (place: PlaceName) => Row | null {
  const found = new Map(rows.map((row) => [keyOf(row), row]));
  return (asked) => found.get(keyOf(asked)) ?? null;
}
