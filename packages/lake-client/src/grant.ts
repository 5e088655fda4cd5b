/**
 * How values of a column stand in rows. TEXT, BOOLEAN, NUMBER (what is no number of JSON is NaN or infinite), JSON: as they are;
 * BYTES: `Uint8Array`; EXACT: whole numbers of 64 bits and more as `bigint`; decimals, dates and times as text.
 */
export type ValueForm = 'TEXT' | 'EXACT' | 'NUMBER' | 'BOOLEAN' | 'BYTES' | 'JSON';

export interface LakeReadColumn {
  readonly name: string;
  /** As DuckDB names it; nested values are `JSON`. */
  readonly type: string;
  readonly form: ValueForm;
  readonly semanticType: string | null;
  /** What its values mean for governance, such as `PII`; `UNDESCRIBED` where no schema says what they are. */
  readonly classifications: readonly string[];
  /** Every row has `***` in it when it is a text, and null when it is none. */
  readonly masked: boolean;
}

export interface LakeReadFile {
  readonly format: 'PARQUET' | 'NDJSON' | 'AVRO';
  readonly bytes: number;
  /** Null where nobody has counted them. */
  readonly rows: number | null;
  /** URL of the file; null for readers who may not see all that is in it. */
  readonly location: string | null;
  /** What tells this content from a later one: `<inode>:<mtime in ns>` of a local file, the ETag of an object. */
  readonly version: string | null;
}

/** What the service lets this reader read. */
export interface LakeReadGrant {
  readonly id: string;
  /** FILES: files may be read where they are; ROWS: the service answers the rows. */
  readonly access: 'FILES' | 'ROWS';
  readonly entity: string;
  readonly entityVersion: number | null;
  readonly dataset: string;
  readonly table: string;
  readonly dateField: string | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly columns: readonly LakeReadColumn[];
  readonly files: readonly LakeReadFile[];
  /** Files that have none of the days. */
  readonly filesPruned: number;
  /** Path of the rows. */
  readonly rows: string;
  readonly expiresAt: string;
}
