import { digestOf } from '../../domain/canonical-json.ts';
import type { Saying } from '../../domain/lineage/description.ts';
import type { Statements } from '../sql.ts';

/** A saying to be kept. */
export interface SayingRow extends Saying {
  readonly datasetId: string;
  /** ISO 8601. */
  readonly saidAt: string;
}

/** Who says it: `people`, `events`, or `import:` and the name of a source. */
export interface Speaker {
  readonly saidBy: string;
  /** Who did that, where somebody did. */
  readonly actorId: string | null;
}

/**
 * Keeps what was said last by a speaker, of each part: whatever the order in which it comes. Of two at the same time that with
 * the greater digest stays, so that both orders come to the same.
 */
export async function writeSayings(
  tx: Statements,
  sayings: readonly SayingRow[],
  { saidBy, actorId }: Speaker,
): Promise<void> {
  if (sayings.length === 0) return;
  await tx.execute(
    `insert into dataset_description (dataset_id, path, part, said_by, value, digest, said_at, actor_id)
     select "datasetId", path, part, ?, nullif(value, 'null'), digest, "saidAt", ? from jsonb_to_recordset(?::jsonb) as given
       ("datasetId" text, path text, part text, value jsonb, digest text, "saidAt" timestamptz) order by 1, 2, 3
     on conflict (dataset_id, path, part, said_by) do update
       set value = excluded.value, digest = excluded.digest, said_at = excluded.said_at, actor_id = excluded.actor_id
     where (dataset_description.said_at, dataset_description.digest) < (excluded.said_at, excluded.digest)`,
    [saidBy, actorId, JSON.stringify(sayings.map((saying) => ({ ...saying, digest: digestOf(saying.value) })))],
  );
}
