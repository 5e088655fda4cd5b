import type { EntityManager } from '@mikro-orm/postgresql';
import type { TargetPlace } from '../../domain/operations/target.ts';
import { textArray } from '../sql.ts';
import type { LakeStore } from './ports.ts';

/**
 * Removes older contents of a table's files that an operation was not permitted to remove, whichever it was: permissions may have
 * been given since. What is still refused stays on record, and the verification names it.
 */
export async function forgetRefused(
  { em, store }: { readonly em: EntityManager; readonly store: Pick<LakeStore, 'forgetVersions'> },
  { datasetId }: Pick<TargetPlace, 'datasetId'>,
): Promise<void> {
  const refused = await em.fork().execute<{ path: string; targetIds: string[] }[]>(
    `select f.path, array_agg(f.target_id) as "targetIds" from operation_file f join operation_target t on t.id = f.target_id
     where t.dataset_id = ? and f.facts @> '{"versionsKept": [{"locked": false}]}'
     group by f.path order by f.path`,
    [datasetId],
  );
  for (const { path, targetIds } of refused) {
    const kept = await store.forgetVersions(path);
    await em.fork().execute(
      `update operation_file set facts = facts || jsonb_build_object('versionsKept', ?::jsonb)
       where path = ? and target_id = any(?::text[])`,
      [JSON.stringify(kept), path, textArray(targetIds)],
    );
  }
}
