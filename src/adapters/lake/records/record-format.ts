import type { ProfileResult, SurveyedFile } from '../../../services/lake/ports.ts';
import type { SelectedRows } from '../file-format.ts';
import type { AskedColumns, KeyedRecord } from './row-judge.ts';

export interface CopiedRecords {
  readonly rows: number;
  readonly found: number;
  /** SHA-256 of the source as it was read; only of a format without metadata. */
  readonly sourceSha256?: string | undefined;
}

/** What is known of a file that was read whole. */
export type RecordSurvey = Omit<Extract<SurveyedFile, { readonly rows: number }>, 'path'>;

/** A file at a path that need not tell its format, and one whose name tells how it is compressed. */
export interface RecordFile {
  readonly path: string;
  readonly like: string;
  /** Columns of which the relation has the values, and without which it has a hash of each record. */
  readonly valued?: readonly string[] | undefined;
}

/** New values of a record by the place of their columns; undefined for one that stays. */
export type NewTexts = readonly (string | null | undefined)[];

/** Bytes with new values in them, and what was written of each, by record and column; null for a value that stayed. */
export interface RenderedPiece {
  readonly bytes: Buffer;
  readonly written: ReadonlyMap<number, readonly (string | null)[]>;
}

/** Some records of a file, one behind the other, with all that lies between them. */
export interface RecordPiece {
  /** Bytes of memory that it needs, about. */
  readonly size: number;
  readonly records: readonly KeyedRecord[];
  /** Texts of the valued columns of one record. */
  textsAt(index: number): readonly (string | null)[];
  /** Refuses a text that is no value of its column. */
  rendered(news: ReadonlyMap<number, NewTexts>): RenderedPiece;
}

export interface WalkRequest {
  readonly path: string;
  readonly asked: AskedColumns;
  readonly valued: readonly string[];
  /** Gets every byte of the file, for formats without metadata. */
  readonly onBytes?: ((bytes: Buffer) => void) | undefined;
}

export interface CopyPaths {
  readonly source: string;
  readonly staged: string;
}

/** A format whose records are read one after the other, and copied as the bytes that they are. */
export interface RecordFormat {
  /** Calls `visit` for each record in order. Refuses keys that cannot be compared. */
  scan(path: string, asked: AskedColumns, visit: (record: KeyedRecord) => void): Promise<void>;
  /** Writes all but those records that `leaves` names; every other byte stays as it is. */
  copy(files: CopyPaths, asked: AskedColumns, leaves: (record: KeyedRecord) => boolean): Promise<CopiedRecords>;
  /** Calls `visit` for each piece of a file in order, and waits for it. No byte but those of the file's own head is missing. */
  walk(request: WalkRequest, visit: (piece: RecordPiece) => Promise<void>): Promise<void>;
  /** Writes a file like the source, its head first, with some more metadata where it has any. */
  write(
    files: CopyPaths,
    metadata: Readonly<Record<string, string>>,
    work: (write: (bytes: Buffer) => Promise<void>) => Promise<void>,
  ): Promise<void>;
  /** Why the head of a copy is not that of its source with some more metadata; null when it is. */
  headFault(files: CopyPaths, metadata: Readonly<Record<string, string>>): Promise<string | null>;
  /**
   * Hands the records of a file over to SQL, read by a parser of other make than that of `scan`: a table expression under the
   * alias of all scans, with the asked columns as text, `hashColumn` and `placeColumn`; of valued columns also `othersColumn` and a
   * `valueColumn` each.
   */
  relation<T>(rows: SelectedRows, file: RecordFile, work: (relation: string) => Promise<T>): Promise<T>;
  /** What was written of a value, in SQL, as a `valueColumn` has it. */
  written(sql: string): string;
  survey(path: string, keyColumns: readonly string[]): Promise<RecordSurvey>;
  profile(path: string): Promise<ProfileResult>;
  /** False for a format that has no place for metadata. */
  readonly hasMetadata: boolean;
}
