import { LinewardError } from '../../../errors/lineward-error.ts';

/** The errno name of a file system error, or null if it is something else. */
export function errnoOf(error: unknown): string | null {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return typeof code === 'string' ? code : null;
}

/** Tells a file system error in our words; `path` is relative to the lake's root. */
export function fileFailure(error: unknown, path: string): LinewardError {
  if (error instanceof LinewardError) return error;
  const errno = errnoOf(error) ?? 'UNKNOWN';
  const options = { cause: error, details: { path, errno } };
  switch (errno) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new LinewardError(
        'LAKE_ENGINE_FAILED',
        `The lake's disk is full; free some space and try again (at ${path}).`,
        options,
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new LinewardError(
        'LAKE_TABLE_REFUSED',
        `The lake may not be changed at ${path}: give the user that runs Lineward write access to the file and its folder.`,
        options,
      );
    case 'ENOENT':
      return new LinewardError('NOT_FOUND', `There is no lake file at ${path}.`, options);
    case 'ENAMETOOLONG':
      return new LinewardError('BAD_INPUT', 'The lake path is longer than the file system allows.', options);
    default:
      return new LinewardError('LAKE_ENGINE_FAILED', `The lake's file system failed at ${path} (${errno}).`, options);
  }
}
