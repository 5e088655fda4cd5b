import type { KeptRange } from '../../domain/governance/date-range.ts';
import type { ContentIdentity } from '../../domain/lake/file-state.ts';
import type { IndexRequest, IndexResult, KeysRequest, KeysResult } from '../../domain/lake/key-reading.ts';
import type { LakeColumn } from '../../domain/lake/lake-column.ts';
import type { AgeFinding, AgeLimit } from '../../domain/lake/retention.ts';

/**
 * What identifies the exact content of a file: a rewrite or an append changes it. `version` is
 * `<inode>:<mtime ns>` for a local file and the ETag for an S3 object.
 */
export interface FileIdentity extends ContentIdentity {
  readonly path: string;
}

/** A record matches when its account equals and, if given, the subject column equals, compared as text. */
export interface EngineSelector {
  readonly account: string;
  readonly subject?: { readonly column: string; readonly value: string } | undefined;
}

export interface EngineSelection {
  readonly accountColumn: string;
  /** Every record matches, whoever it is about, but for those of `keep`; `act` is empty then. */
  readonly everyone?: boolean | undefined;
  readonly act: readonly EngineSelector[];
  readonly keep: readonly EngineSelector[];
  /** Of these only records whose UTC day is before a limit. One without a date, or with a text that is none of ISO 8601, matches nothing. */
  readonly olderThan?: AgeLimit | undefined;
  readonly keepWithin?: EngineKeptDays | undefined;
}

/** Records of somebody (null: of anybody) that stay: their UTC day in `column` lies in a range, or they have no date. */
export interface EngineKeptDays {
  readonly column: string;
  readonly ranges: readonly KeptRange<EngineSelector>[];
}

/**
 * What `find` saw in one file. UNREADABLE: damaged, missing or too large for the engine; REFUSED: intact, but its keys
 * cannot be compared safely. `reason` holds no data.
 */
export type FileFinding =
  | {
      readonly path: string;
      readonly rows: number;
      readonly matches: number;
      /** There for a selection with `olderThan` or `keepWithin`. */
      readonly age?: AgeFinding | undefined;
      readonly error?: undefined;
    }
  | { readonly path: string; readonly error: 'UNREADABLE' | 'REFUSED'; readonly reason: string };

export interface RewriteResult {
  readonly rowsBefore: number;
  readonly rowsAfter: number;
  /** Rows that matched the selection when the source was read. */
  readonly found: number;
  readonly bytesAfter: number;
  /** SHA-256 of the staged file, lower-case hex; null when no file was staged, since no row stays or nothing was replaced. */
  readonly stagedSha256: string | null;
  /** SHA-256 of the source as it was copied, where its format has no place for metadata. */
  readonly sourceSha256?: string | undefined;
}

export interface VerifyResult {
  readonly rows: number;
  readonly matches: number;
  /** SHA-256 of the file, lower-case hex. */
  readonly sha256: string;
}

/** `signal` stops the work at once; the call then fails with CANCELLED. Paths are absolute local paths. */
interface EngineRequest {
  readonly signal?: AbortSignal | undefined;
}

export interface WriteRequest extends EngineRequest {
  readonly path: string;
  readonly columns: readonly LakeColumn[];
  /** Values by column name; JSON columns take any JSON value, BIGINT also bigint or decimal text. Absent is NULL. */
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

export interface FindRequest extends EngineRequest {
  readonly files: readonly string[];
  readonly selection: EngineSelection;
}

export interface RewriteRequest extends EngineRequest {
  readonly source: string;
  readonly staged: string;
  readonly selection: EngineSelection;
}

export interface VerifyRequest extends EngineRequest {
  readonly path: string;
  readonly selection: EngineSelection;
}

/**
 * How values of a column are handed over. TEXT: as they are; JSON: as JSON text, nested values too, and all of lines of JSON;
 * OTHER: as the engine writes them, for numbers, times and the like.
 */
export type ValueForm = 'TEXT' | 'JSON' | 'OTHER';

export interface SurveyRequest extends EngineRequest {
  /** Of Parquet only the end is read, and need be there; files of other formats are read whole. */
  readonly files: readonly string[];
  /** Columns by which records are to be found; the first names accounts. */
  readonly keyColumns: readonly string[];
}

/** A top-level column of a file, with its type as DuckDB names it; `NESTED` for lists, maps and structs. */
export interface SurveyedColumn {
  readonly name: string;
  readonly type: string;
}

/**
 * What one file tells of itself: `refusals` say why rows of it cannot be rewritten, or not be found by the keys, and are
 * empty when nothing is in the way. UNREADABLE and REFUSED as in a {@link FileFinding}.
 */
export type SurveyedFile =
  | {
      readonly path: string;
      readonly rows: number;
      readonly codec: string;
      readonly columns: readonly SurveyedColumn[];
      readonly refusals: readonly string[];
      readonly error?: undefined;
    }
  | { readonly path: string; readonly error: 'UNREADABLE' | 'REFUSED'; readonly reason: string };

export interface ProfileRequest extends EngineRequest {
  readonly path: string;
}

/** What a file tells of itself. */
export interface ProfileResult {
  readonly rows: number;
  readonly columns: readonly { readonly name: string; readonly form: ValueForm }[];
  /** Key-value metadata as UTF-8. */
  readonly metadata: Readonly<Record<string, string>>;
  /** SHA-256 of the file, where its format has no place for metadata: by that digest others may keep some for it. */
  readonly contentSha256?: string | undefined;
}

/** Values of some rows by column, in the order of the rows; null is NULL. */
export type ColumnTexts = Readonly<Record<string, readonly (string | null)[]>>;

export interface TransformRequest extends EngineRequest {
  readonly source: string;
  /** Null counts what would be replaced, and writes nothing. */
  readonly staged: string | null;
  readonly selection: EngineSelection;
  /** Columns whose values are replaced. */
  readonly columns: readonly string[];
  /** Columns that are read beside them. */
  readonly keyColumns: readonly string[];
  /** Key-value metadata of the copy beside the source's own; a key that is there gets the new value. Lines of JSON have none. */
  readonly metadata: Readonly<Record<string, string>>;
  /** New values of `columns` for a batch of rows, in the same order and number. Called for one batch after the other. */
  transform(batch: ColumnTexts): Promise<ColumnTexts>;
}

/**
 * Reads and writes lake files, in a child process with a memory cap. The format of a file is what its name tells (`formatOf`);
 * a staged file is of its source's. Manifest in, result out; it never touches the
 * table's own files: the service swaps. Folders of the paths it writes are made as needed.
 * Errors: LAKE_FILE_UNREADABLE and LAKE_TABLE_REFUSED (`details.path`), LAKE_ENGINE_FAILED (try again), CANCELLED.
 */
export interface LakeEngine {
  /** Writes rows to a Parquet file at `path` (replaced if there, fsynced), in the order given. VALUE_INVALID: `details.row`, `.column`. */
  write(request: WriteRequest): Promise<{ readonly rows: number; readonly bytes: number }>;
  /** Rows per file that match, in the order of `files`; reads key columns only. A bad file does not hide the others. */
  find(request: FindRequest): Promise<readonly FileFinding[]>;
  /**
   * Stages a copy of `source` without the matching rows; schema, codec, key-value metadata and row order kept. Of lines of JSON
   * and of Avro records those that stay are byte for byte the source's.
   * LAKE_TABLE_REFUSED if a rewrite would change the schema, LAKE_CHECK_FAILED if the copy is not exact; nothing is
   * left at `staged` then.
   */
  rewrite(request: RewriteRequest): Promise<RewriteResult>;
  /** What files are and what a rewrite of them would refuse, in the order of `files`. A bad file does not hide the others. */
  survey(request: SurveyRequest): Promise<readonly SurveyedFile[]>;
  /** What one file tells of itself. Of lines of JSON and Avro a column is a member or field of the records. */
  profile(request: ProfileRequest): Promise<ProfileResult>;
  /**
   * Stages a copy of `source` in which `transform` has replaced values in the matching rows; schema, codec, row order and
   * all other values kept. `found` counts the rows in which something was replaced; no file is staged when it is 0.
   * LAKE_TABLE_REFUSED also for a replaced column whose values do not come back exactly from their text, LAKE_CHECK_FAILED if the
   * copy is not exact; what `transform` throws ends the work.
   */
  transform(request: TransformRequest): Promise<RewriteResult>;
  /** What is in the key columns of one file; refuses key columns as `find` does. */
  keys(request: KeysRequest): Promise<KeysResult>;
  /** The same as a segment of the index, so that keys of those whom nobody asked about stay where they are read. */
  index(request: IndexRequest): Promise<IndexResult>;
  /** Independent read-back of one file by other SQL than `rewrite`'s. */
  verify(request: VerifyRequest): Promise<VerifyResult>;
  close(): Promise<void>;
}

/** An older content of a path that the store keeps although it was to go. */
export interface KeptVersion {
  readonly reason: string;
  /** When a lock ends (ISO 8601), if that is known. */
  readonly until: string | null;
  /** True where a lock keeps it; false where nothing but a permission is missing. */
  readonly locked: boolean;
}

/** How many older contents of a path the store still holds. */
export interface OlderVersions {
  readonly path: string;
  readonly count: number;
}

/** What is directly in a folder. Symbolic links are not in it. */
export interface FolderContent {
  readonly folders: readonly string[];
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
  /** False when there is more than was asked for. */
  readonly complete: boolean;
}

/** Something below a prefix that is not listed: a link or device, or a name that lake tools skip, with all below it. */
export interface PassedOver {
  readonly path: string;
  readonly kind: 'LINK' | 'HIDDEN';
}

/**
 * The place that lake files are kept: a local directory, or a bucket of S3. All paths, staged ones too, are relative to its
 * root, with `/`; a name that ends in `.staged` is that of a staged file, which is always local. A path that leaves the root
 * is BAD_INPUT; one through a symbolic link is LAKE_TABLE_REFUSED. A store that does not answer is LAKE_STORE_UNAVAILABLE.
 */
export interface LakeStore {
  readonly url: string;
  /** Namespace of datasets in it, as OpenLineage names them: `file`, or `s3://bucket`. */
  readonly namespace: string;
  /** Bytes that may be read at once; what is read from afar has to fit on a disk. */
  readonly readBytesMax: number;
  /**
   * Data files below a prefix, explicit and sorted. Names beginning with `_` (unless `_key=value`) or `.` are not data;
   * symbolic links are not followed.
   */
  list(prefix: string): Promise<readonly FileIdentity[]>;
  /** What `list` passes over below a prefix, sorted; nothing of what is within it. */
  passedOver(prefix: string): Promise<readonly PassedOver[]>;
  /** What is directly in a folder, or in the root for null, sorted; as much as is asked for, or a little more. */
  look(folder: string | null, entriesMax: number): Promise<FolderContent>;
  /** Names directly in a folder, sorted, those that are not data too; none if there is no such folder. */
  names(folder: string): Promise<readonly string[]>;
  stat(path: string): Promise<FileIdentity | null>;
  /** SHA-256 of the content, lower-case hex; null when there is no such file. */
  sha256(path: string): Promise<string | null>;
  /**
   * Runs work on the contents of some files, which it finds at local paths in the same order. Copies that were made for it
   * are gone when it ends. A file that is not there is not at its path either.
   */
  reading<T>(paths: readonly string[], work: (locals: readonly string[]) => Promise<T>): Promise<T>;
  /**
   * As `reading`, for work that reads of Parquet files no more than their footers: of their copies only those need be right.
   * Other files are there whole.
   */
  readingFooters<T>(paths: readonly string[], work: (locals: readonly string[]) => Promise<T>): Promise<T>;
  /** The local path of a staged file, for engines to write. */
  stagingPath(staged: string): string;
  /** Writes a small staged file, replaced if there, durable on return. */
  stage(staged: string, content: Uint8Array): Promise<void>;
  /** Whole contents of small files, in the same order; null for one that is not there or cannot be read. */
  contents(paths: readonly string[]): Promise<readonly (Buffer | null)[]>;
  /** Publishes a staged file under a new name; ALREADY_EXISTS if the name exists with other content. */
  publish(staged: string, path: string): Promise<FileIdentity>;
  /** Replaces `expected` by the staged file, or fails with LAKE_FILE_CHANGED; durable on return. */
  swapIf(expected: FileIdentity, staged: string): Promise<FileIdentity>;
  /** Removes `expected`, or fails with LAKE_FILE_CHANGED; durable on return. */
  removeIf(expected: FileIdentity): Promise<void>;
  /** Removes a file, or a folder if it is empty; nothing there is fine. */
  remove(path: string): Promise<void>;
  /**
   * Removes what the store keeps of a path beside its current content, whoever wrote that, and answers what may not be
   * removed. Again it does nothing.
   */
  forgetVersions(path: string): Promise<readonly KeptVersion[]>;
  /** Paths below a prefix of which the store keeps older contents, by name. */
  olderVersions(prefix: string): Promise<readonly OlderVersions[]>;
}
