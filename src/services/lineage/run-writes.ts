import type { EventFacts, RunFact } from '../../domain/lineage/event-facts.ts';
import { type Statements, textArray } from '../sql.ts';
import type { FactIds, Unfolded } from './graph-writes.ts';

/**
 * Runs, what they read and wrote, and the edges between. A run may tell its inputs in one event and its outputs in another: its
 * row is updated by each writer, so the second of two sees what the first has left.
 */
export async function writeRuns(
  tx: Statements,
  { runs, io }: EventFacts,
  ids: FactIds,
  unfolded: Unfolded,
): Promise<void> {
  if (runs.length === 0) return;
  const keyed = runs.map(({ job, ...run }) => ({ ...run, jobId: ids.job(job) }));
  await tx.execute(
    `insert into lineage_run (run_id, job_id, started_at, state, state_at)
     select "runId", "jobId", "startedAt", state, "stateAt" from json_to_recordset(?::json) as given
       ("runId" text, "jobId" text, "startedAt" timestamptz, state text, "stateAt" timestamptz) order by 1, 2
     on conflict (run_id, job_id) do update set started_at = least(lineage_run.started_at, excluded.started_at),
       state = case when ${isLater} then excluded.state else lineage_run.state end,
       state_at = case when ${isLater} then excluded.state_at else lineage_run.state_at end`,
    [JSON.stringify(keyed)],
  );
  await unfoldRuns(tx, keyed);
  const sides = io.map(({ runId, job, side, dataset }) => ({
    runId,
    jobId: ids.job(job),
    side,
    datasetId: ids.dataset(dataset),
  }));
  await tx.execute(
    `insert into lineage_run_io (run_id, job_id, side, dataset_id)
     select "runId", "jobId", side, "datasetId"
     from json_to_recordset(?::json) as given ("runId" text, "jobId" text, side text, "datasetId" text) order by 1, 2, 3, 4
     on conflict do nothing`,
    [JSON.stringify(sides)],
  );
  await writeEdges(tx, keyed);
  await foldRuns(tx, [...new Set(keyed.map(({ jobId }) => jobId))], unfolded);
}

/** A run that is over stays so; else the newest word counts. The same order as that of the facts of a batch. */
const rankOf = (row: string): string =>
  `(coalesce(${row}.state <> 'RUNNING', false), coalesce(${row}.state_at, '-infinity'), coalesce(${row}.state, '') collate "C")`;
const isLater = `${rankOf('excluded')} > ${rankOf('lineage_run')}`;

/** What old runs read and wrote comes back into rows when one of them is spoken of again. */
async function unfoldRuns(tx: Statements, runs: readonly { readonly runId: string; readonly jobId: string }[]) {
  await tx.execute(
    `with folded as (
       select run_id, job_id, io_set_id from lineage_run
       join json_to_recordset(?::json) as given ("runId" text, "jobId" text) on run_id = "runId" and job_id = "jobId"
       where io_set_id is not null
     ), back as (
       insert into lineage_run_io (run_id, job_id, side, dataset_id)
       select run_id, job_id, side, dataset_id from folded join lineage_io_set_member on set_id = io_set_id on conflict do nothing
     )
     update lineage_run set io_set_id = null from folded
     where lineage_run.run_id = folded.run_id and lineage_run.job_id = folded.job_id`,
    [JSON.stringify(runs.map(({ runId, jobId }) => ({ runId, jobId })))],
  );
}

/** Old runs of a job share what they read and wrote. A run that another writer has at hand is left for later. */
async function foldRuns(tx: Statements, jobIds: readonly string[], { most, kept }: Unfolded): Promise<void> {
  await tx.execute(
    `with crowded as (
       select job_id from unnest(?::text[]) job_id where (select count(*) from (select from lineage_run
         where lineage_run.job_id = job_id.job_id and io_set_id is null limit ?) few) > ?
     ), old as materialized (
       select run.run_id, run.job_id from crowded, lateral (
         select run_id, job_id from lineage_run where lineage_run.job_id = crowded.job_id and io_set_id is null
         order by started_at desc, run_id offset ? for update skip locked
       ) run
     ), digest as materialized (
       select run_id, job_id, encode(sha256(convert_to(coalesce(
         string_agg(side || ' ' || dataset_id, ',' order by side, dataset_id), ''), 'UTF8')), 'hex') as set_id
       from old left join lineage_run_io using (run_id, job_id) group by 1, 2
     ), sets as (
       insert into lineage_io_set (id) select distinct set_id from digest order by 1 on conflict do nothing
     ), members as (
       insert into lineage_io_set_member (set_id, side, dataset_id)
       select distinct set_id, side, dataset_id from digest join lineage_run_io using (run_id, job_id) order by 1, 2, 3
       on conflict do nothing
     ), gone as (
       delete from lineage_run_io io using digest where io.run_id = digest.run_id and io.job_id = digest.job_id
     )
     update lineage_run set io_set_id = set_id from digest
     where lineage_run.run_id = digest.run_id and lineage_run.job_id = digest.job_id`,
    [textArray(jobIds), most + 1, most, kept],
  );
}

/**
 * Edges are as old as the earliest run that made them; only what is new or older than known is written. What is known is looked up
 * row by row: as a join it is planned by statistics that a first large batch outdates.
 */
async function writeEdges(
  tx: Statements,
  runs: readonly (Pick<RunFact, 'runId'> & { readonly jobId: string })[],
): Promise<void> {
  const touched = `with touched as materialized (
      select lineage_run.run_id, lineage_run.job_id, started_at from lineage_run
      join json_to_recordset(?::json) as given ("runId" text, "jobId" text) on run_id = "runId" and job_id = "jobId"
    )`;
  const given = JSON.stringify(runs.map(({ runId, jobId }) => ({ runId, jobId })));
  await tx.execute(
    `${touched}
     insert into lineage_job_io (job_id, side, dataset_id, valid_from)
     select * from (
       select job_id, side, dataset_id, min(started_at) as valid_from
       from touched join lineage_run_io using (run_id, job_id) group by 1, 2, 3
     ) io where io.valid_from < coalesce((select known.valid_from from lineage_job_io known where known.dataset_id = io.dataset_id
       and known.side = io.side and known.job_id = io.job_id), 'infinity')
     order by dataset_id, side, job_id
     on conflict (dataset_id, side, job_id) do update set valid_from = least(lineage_job_io.valid_from, excluded.valid_from)`,
    [given],
  );
  await tx.execute(
    `${touched}, pair as (
       select input.dataset_id as source, output.dataset_id as target, touched.job_id, min(started_at) as valid_from
       from touched join lineage_run_io input using (run_id, job_id) join lineage_run_io output using (run_id, job_id)
       where input.side = 'INPUT' and output.side = 'OUTPUT' and input.dataset_id <> output.dataset_id
       group by 1, 2, 3
     )
     insert into lineage_edge (id, source_dataset_id, target_dataset_id, job_namespace, job, valid_from)
     select gen_random_uuid()::text, source, target, namespace, name, valid_from
     from pair join lineage_job on lineage_job.id = job_id
     where pair.valid_from < coalesce((select known.valid_from from lineage_edge known where source_dataset_id = source
       and target_dataset_id = target and known.job_namespace = lineage_job.namespace and known.job = lineage_job.name
       and known.valid_to is null), 'infinity')
     order by source, target, namespace, name
     on conflict (source_dataset_id, target_dataset_id, job_namespace, job) where valid_to is null
       do update set valid_from = least(lineage_edge.valid_from, excluded.valid_from)`,
    [given],
  );
}
