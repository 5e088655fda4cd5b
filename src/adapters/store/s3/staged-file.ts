import { stat } from 'node:fs/promises';
import type { FileIdentity } from '../../../services/lake/ports.ts';
import { errnoOf } from '../local/file-failure.ts';

/** Staged files are on the local disk. */
export const isStaged = (path: string): boolean => path.endsWith('.staged');

export async function stagedIdentity(path: string, local: string): Promise<FileIdentity | null> {
  const stats = await stat(local, { bigint: true }).catch((error: unknown) => {
    ignoreMissing(error);
    return null;
  });
  return stats === null ? null : { path, bytes: Number(stats.size), version: String(stats.mtimeNs) };
}

/** Nothing, where there is no such file or folder. */
export function ignoreMissing(error: unknown): readonly never[] {
  const errno = errnoOf(error);
  if (errno === 'ENOENT' || errno === 'ENOTDIR') return [];
  throw error;
}
