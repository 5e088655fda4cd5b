import type { EntityManager } from '@mikro-orm/postgresql';
import type { SubjectName } from '../../domain/registry/subject-name.ts';
import { type SubjectVersion, subjectVersionColumns, subjectVersionRow } from './subject-rows.ts';

/** A version that is not read yet, and about how many bytes it will take. */
export interface VersionPlace {
  readonly context: string;
  readonly subject: string;
  readonly version: number;
  readonly bytes: number;
}

/** What is held of schemas at once: a batch is cut before it goes over, and has one version at least. */
const batchLimits = { bytesMax: 4 * 1024 * 1024, versionsMax: 200 } as const;

/** What `VersionPlace` reads, for statements over `subject_version` joined with `schema`. Sizes are known without reading. */
export const placeColumns = `subject_version.context, subject, version,
  octet_length(text) + coalesce(pg_column_size(schema_references), 0) + coalesce(pg_column_size(metadata), 0)
    + coalesce(pg_column_size(rule_set), 0) as bytes`;

/** Versions of a subject that are not deleted, newest first. */
export function placesOfSubject(em: EntityManager, { context, name }: SubjectName): Promise<readonly VersionPlace[]> {
  return em.execute<VersionPlace[]>(
    `select ${placeColumns} from subject_version
     join schema on schema.context = subject_version.context and schema.id = schema_id
     where subject_version.context = ? and subject = ? and deleted_at is null order by version desc`,
    [context, name],
  );
}

/** The versions in their order, batch by batch; what was deleted for good meanwhile is left out. */
export async function* versionBatches(
  em: EntityManager,
  places: readonly VersionPlace[],
): AsyncGenerator<readonly SubjectVersion[]> {
  for (const batch of batched(places)) {
    const rows = await em.execute(
      `select ${subjectVersionColumns}
       from jsonb_array_elements(?::jsonb) with ordinality as place (key, ordinal)
       join subject_version on subject_version.context = key->>'context' and subject_version.subject = key->>'subject'
         and subject_version.version = (key->>'version')::integer
       join schema on schema.context = subject_version.context and schema.id = schema_id
       order by ordinal`,
      [JSON.stringify(batch)],
    );
    yield rows.map(subjectVersionRow);
  }
}

function* batched(places: readonly VersionPlace[]): Generator<readonly VersionPlace[]> {
  let batch: VersionPlace[] = [];
  let bytes = 0;
  for (const place of places) {
    const isFull = bytes + place.bytes > batchLimits.bytesMax || batch.length >= batchLimits.versionsMax;
    if (isFull && batch.length > 0) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(place);
    bytes += place.bytes;
  }
  if (batch.length > 0) yield batch;
}
