import { LinewardError } from '../../../errors/lineward-error.ts';

/** A file that cannot be read whole; `reason` quotes nothing of it. */
export function unreadable(path: string, reason: string, cause?: unknown): LinewardError {
  return new LinewardError('LAKE_FILE_UNREADABLE', `The lake file ${path} cannot be read: ${reason}.`, {
    details: { path, reason },
    cause,
  });
}

/** An intact file on whose records nobody can act safely. */
export function refused(path: string, reason: string, column?: string): LinewardError {
  return new LinewardError('LAKE_TABLE_REFUSED', `The lake file ${path} cannot be worked on: ${reason}.`, {
    details: { path, reason, ...(column !== undefined && { column }) },
  });
}

/** A new value that cannot stand in its column; it is not quoted. */
export const unfit = (path: string, column: string): LinewardError =>
  refused(path, `what its column ${column} is to hold does not fit the type of the column`, column);

/** Why a key column is refused that a file does not have. */
export const noKeyColumn = (column: string): string => `it has no key column ${column}`;

/** Why the keys of a file are not listed. */
export const tooManyRows = (rowsMax: number): string => `it has more than ${rowsMax} rows`;
