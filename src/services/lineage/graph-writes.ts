import type { EventFacts, RunFact } from '../../domain/lineage/event-facts.ts';
import { type Statements, textArray } from '../sql.ts';
import type { IdOf } from './named-rows.ts';

/** The job of the edges between two names of the same data. */
const symlinkJob = 'symlink';

export interface FactIds {
  readonly dataset: IdOf;
  readonly job: IdOf;
}

/**
 * Keeps the newest that was said of each dataset. Every writer updates the row of each dataset that it speaks of, which makes
 * those with a dataset in common take turns: each sees all that the one before has written.
 */
export async function writeDatasetStates(tx: Statements, facts: EventFacts, ids: FactIds): Promise<void> {
  const rows = facts.datasets.map(({ dataset, isNamedOnly: _, ...times }) => ({ id: ids.dataset(dataset), ...times }));
  await tx.execute(
    `insert into dataset_state (dataset_id, seen_at, dropped_at, schema_at)
     select id, "seenAt", "droppedAt", "schemaAt" from json_to_recordset(?::json) as given
       (id text, "seenAt" timestamptz, "droppedAt" timestamptz, "schemaAt" timestamptz) order by id
     on conflict (dataset_id) do update set seen_at = greatest(dataset_state.seen_at, excluded.seen_at),
       dropped_at = greatest(dataset_state.dropped_at, excluded.dropped_at),
       schema_at = greatest(dataset_state.schema_at, excluded.schema_at)`,
    [JSON.stringify(rows)],
  );
  await tx.execute('update dataset set named_only = false where id = any(?::text[]) and named_only', [
    textArray(facts.datasets.filter((fact) => !fact.isNamedOnly).map(({ dataset }) => ids.dataset(dataset))),
  ]);
  const symlinks = facts.symlinks.flatMap(([one, other]) => {
    const [id, otherId] = [ids.dataset(one), ids.dataset(other)];
    return [
      { id, otherId },
      { id: otherId, otherId: id },
    ];
  });
  if (symlinks.length === 0) return;
  await tx.execute(
    `with given as (
       select distinct id, "otherId" from json_to_recordset(?::json) as given (id text, "otherId" text) order by 1, 2
     ), linked as (
       insert into dataset_symlink (dataset_id, other_id) select id, "otherId" from given on conflict do nothing
     )
     insert into lineage_edge (id, source_dataset_id, target_dataset_id, job, valid_from)
     select gen_random_uuid()::text, id, "otherId", ?, '-infinity' from given
     on conflict (source_dataset_id, target_dataset_id, job_namespace, job) where valid_to is null do nothing`,
    [JSON.stringify(symlinks), symlinkJob],
  );
}

/**
 * Runs, what they read and wrote, and the edges between. A run may tell its inputs in one event and its outputs in another: its
 * row is updated by each writer, so the second of two sees what the first has left.
 */
export async function writeRuns(tx: Statements, { runs, io }: EventFacts, ids: FactIds): Promise<void> {
  if (runs.length === 0) return;
  const keyed = runs.map(({ runId, job, startedAt }) => ({ runId, jobId: ids.job(job), startedAt }));
  await tx.execute(
    `insert into lineage_run (run_id, job_id, started_at)
     select "runId", "jobId", "startedAt" from json_to_recordset(?::json) as given ("runId" text, "jobId" text, "startedAt" timestamptz)
     order by 1, 2
     on conflict (run_id, job_id) do update set started_at = least(lineage_run.started_at, excluded.started_at)`,
    [JSON.stringify(keyed)],
  );
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
