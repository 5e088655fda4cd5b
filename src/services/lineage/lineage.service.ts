import type { EntityManager } from '@mikro-orm/postgresql';
import { newId } from '../../domain/id.ts';
import { idsOfJobs } from './named-rows.ts';

/** Namespace of the jobs that are our own. */
export const ownNamespace = 'lineward';

/** Records, in the caller's transaction, that `job` moves data from one dataset to another from now on. */
export async function recordEdge(
  tx: EntityManager,
  edge: { sourceDatasetId: string; targetDatasetId: string; job: string },
): Promise<void> {
  const { sourceDatasetId, targetDatasetId, job } = edge;
  const name = { namespace: ownNamespace, name: job };
  const idOf = await idsOfJobs(tx, [name]);
  await tx.execute(
    `insert into lineage_job_io (job_id, side, dataset_id, valid_from) values (?, 'INPUT', ?, now()), (?, 'OUTPUT', ?, now())
     on conflict do nothing`,
    [idOf(name), sourceDatasetId, idOf(name), targetDatasetId],
  );
  await tx.execute(
    `insert into lineage_edge (id, source_dataset_id, target_dataset_id, job_namespace, job, valid_from) values (?, ?, ?, ?, ?, now())
     on conflict (source_dataset_id, target_dataset_id, job_namespace, job) where valid_to is null do nothing`,
    [newId(), sourceDatasetId, targetDatasetId, ownNamespace, job],
  );
}
