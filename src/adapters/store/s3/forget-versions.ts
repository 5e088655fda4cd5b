import type { KeptVersion } from '../../../services/lake/ports.ts';
import { isForbidden } from './s3-failure.ts';
import type { S3Objects, S3Version } from './s3-objects.ts';

const keptVersion: KeptVersion = {
  reason: 'the bucket keeps an older version of it, by an object lock or its policy',
  until: null,
};

/** Removes all versions of a key but the current one, whether that is ours or was written by somebody else since. */
export async function forgetVersions(
  objects: Pick<S3Objects, 'versions' | 'delete'>,
  key: string,
): Promise<readonly KeptVersion[]> {
  const kept: KeptVersion[] = [];
  const forget = (VersionId: string): Promise<boolean> =>
    objects.delete(key, { VersionId }).then(
      () => true,
      (error: unknown) => (isForbidden(error) ? false : Promise.reject(error)),
    );
  // Listed whole before any of it goes: the next page is asked for by the name of a version.
  const found: S3Version[] = [];
  for await (const version of objects.versions(key)) {
    // A prefix also names longer keys.
    if (version.key === key && !(version.isLatest && version.etag !== null)) found.push(version);
  }
  for (const { versionId, etag } of found) if (etag !== null && !(await forget(versionId))) kept.push(keptVersion);
  if (kept.length > 0) return kept;
  // Last, and not at all over something that stays: without its marker it would be current again.
  for (const { versionId, etag } of found) if (etag === null) await forget(versionId);
  return kept;
}
