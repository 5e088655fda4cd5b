import type { KeptVersion } from '../../../services/lake/ports.ts';
import { isForbidden } from './s3-failure.ts';
import type { S3Objects, S3Version, VersionLock } from './s3-objects.ts';

type Objects = Pick<S3Objects, 'versions' | 'delete' | 'lockOf'>;

/** Removes all versions of a key but the current one, whether that is ours or was written by somebody else since. */
export async function forgetVersions(objects: Objects, key: string): Promise<readonly KeptVersion[]> {
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
  for (const { versionId, etag } of found)
    if (etag !== null && !(await forget(versionId))) kept.push(keptBy(await objects.lockOf(key, versionId)));
  if (kept.length > 0) return kept;
  // Last, and not at all over something that stays: without its marker it would be current again.
  for (const { versionId, etag } of found) if (etag === null) await forget(versionId);
  return kept;
}

/** S3 says of a lock and of a missing permission the same; only the version itself tells which it is. */
function keptBy({ until, legalHold, known }: VersionLock): KeptVersion {
  if (legalHold) {
    const retained = until === null ? '' : `, and its retention until ${until}`;
    return {
      reason: `a legal hold in the bucket keeps an older version of it${retained}`,
      until: null,
      locked: true,
    };
  }
  if (until !== null) return { reason: 'an object lock keeps an older version of it', until, locked: true };
  const mend = known
    ? 'no lock is on it, so the credentials lack s3:DeleteObjectVersion'
    : 'whether a lock is on it could not be asked; the credentials lack s3:GetObjectRetention or s3:GetObjectLegalHold, and perhaps s3:DeleteObjectVersion';
  return {
    reason: `an older version of it could not be removed: ${mend}; grant that, and try again`,
    until: null,
    locked: false,
  };
}
