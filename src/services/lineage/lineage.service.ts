import type { EntityManager } from '@mikro-orm/postgresql';
import { newId } from '../../domain/id.ts';

/** Records, in the caller's transaction, that `job` moves data from one dataset to another from now on. */
export async function recordEdge(
  tx: EntityManager,
  edge: { sourceDatasetId: string; targetDatasetId: string; job: string },
): Promise<void> {
  await tx.execute(
    `insert into lineage_edge (id, source_dataset_id, target_dataset_id, job, valid_from) values (?, ?, ?, ?, now())
     on conflict (source_dataset_id, target_dataset_id, job) where valid_to is null do nothing`,
    [newId(), edge.sourceDatasetId, edge.targetDatasetId, edge.job],
  );
}
