import type { SurveyedFile } from '../../../services/lake/ports.ts';
import type { SelectedRows } from '../file-format.ts';
import type { AskedColumns, KeyedRecord } from './row-judge.ts';

export interface CopiedRecords {
  readonly rows: number;
  readonly found: number;
}

/** What is known of a file that was read whole. */
export type RecordSurvey = Omit<Extract<SurveyedFile, { readonly rows: number }>, 'path'>;

/** A file at a path that need not tell its format, and one whose name tells how it is compressed. */
export interface RecordFile {
  readonly path: string;
  readonly like: string;
}

/** A format whose records are read one after the other, and copied as the bytes that they are. */
export interface RecordFormat {
  /** Calls `visit` for each record in order. Refuses keys that cannot be compared. */
  scan(path: string, asked: AskedColumns, visit: (record: KeyedRecord) => void): Promise<void>;
  /** Writes all but those records that `leaves` names; every other byte stays as it is. */
  copy(
    files: { readonly source: string; readonly staged: string },
    asked: AskedColumns,
    leaves: (record: KeyedRecord) => boolean,
  ): Promise<CopiedRecords>;
  /**
   * Hands the records of a file over to SQL, read by a parser of other make than that of `scan`: a table expression under the
   * alias of all scans, with the asked columns as text, `hashColumn` and `placeColumn`.
   */
  relation<T>(rows: SelectedRows, file: RecordFile, work: (relation: string) => Promise<T>): Promise<T>;
  survey(path: string, keyColumns: readonly string[]): Promise<RecordSurvey>;
  /** Why values cannot be replaced in place. */
  readonly transformRefusal: string;
}
