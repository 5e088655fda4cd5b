import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { LinewardError } from '../../../errors/lineward-error.ts';
import { errnoOf } from './file-failure.ts';

/**
 * Absolute local path of a path relative to the lake's root. BAD_INPUT if it is absolute, has empty, `.` or `..` parts,
 * backslashes or control characters; LAKE_TABLE_REFUSED if any part of it is a symbolic link, because a link could
 * lead the service to rewrite files outside the lake.
 */
export function localLakePath(root: string, path: string): string {
  const parts = path.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..' || /[\\\p{Cc}]/u.test(part))) {
    throw new LinewardError(
      'BAD_INPUT',
      'A lake path is relative to the root of the lake and has no empty, "." or ".." parts, backslashes or control characters.',
    );
  }
  let local = root;
  for (const part of parts) {
    local = join(local, part);
    if (isLink(local)) {
      throw new LinewardError('LAKE_TABLE_REFUSED', `The lake path ${path} leads through a symbolic link.`, {
        details: { path },
      });
    }
  }
  return local;
}

function isLink(local: string): boolean {
  try {
    return lstatSync(local).isSymbolicLink();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return false;
    throw error;
  }
}
