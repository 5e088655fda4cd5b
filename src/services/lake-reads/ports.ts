import type { DayRange } from '../../domain/lake-reads/day-range.ts';
import type { ReadColumn } from '../../domain/lake-reads/read-column.ts';

/** What is read of one file. */
export interface RowsRequest {
  /** Local path. */
  readonly path: string;
  readonly columns: readonly Pick<ReadColumn, 'name' | 'type' | 'masked'>[];
  /** Only rows of these UTC days by a column. A row without a date is of no day. */
  readonly days: { readonly column: string; readonly range: DayRange } | null;
  /** Most rows; null for all. */
  readonly rowsMax: number | null;
}

/** Gets rows, each the text of a JSON array of values in the order of the columns; is waited for before more are read. */
export type GiveRows = (rows: readonly string[]) => Promise<void>;

/**
 * Reads rows of files, in a child process of its own with a memory cap. Masked columns are not read at all. Errors:
 * LAKE_FILE_UNREADABLE, LAKE_TABLE_REFUSED, LAKE_ENGINE_FAILED, CANCELLED.
 */
export interface RowReader {
  rows(request: RowsRequest, give: GiveRows, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** Opens a reader for each read: one that a slow client holds up must not hold up others. */
export interface RowEngine {
  open(): RowReader;
}
