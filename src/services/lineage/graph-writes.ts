import type { EventFacts } from '../../domain/lineage/event-facts.ts';
import { type Statements, textArray } from '../sql.ts';
import type { IdOf } from './named-rows.ts';

/** The job of the edges between two names of the same data. */
const symlinkJob = 'symlink';

/** What grows with each run is folded when a job has more of it than `most`, but for the newest that are `kept`. */
export interface Unfolded {
  readonly most: number;
  readonly kept: number;
}

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
