import type { LookupPlan } from '../../domain/transform/lookup-plan.ts';
import type { MergePlan, ShapePlan } from '../../domain/transform/transform-plan.ts';
import type { ProfileRequest, ProfileResult } from '../lake/ports.ts';

/** Why a row does not get into a table. */
export const rejectCodes = [
  'UNREADABLE',
  'VALUE_INVALID',
  'PROTECTION_FAILED',
  'KEY_MISSING',
  'DATE_UNREADABLE',
  'CAST_FAILED',
  'TYPE_MISMATCH',
  'NOT_A_LIST',
  'LOOKUP_MISSING',
] as const;
export type RejectCode = (typeof rejectCodes)[number];

/** Rows that do not get into the table for one reason. Nothing of what they hold is told. */
export interface RejectedRows {
  readonly code: RejectCode;
  /** Field at fault; null where it is the whole record. */
  readonly field: string | null;
  readonly rows: number;
  /** Where some of them came from, as `<partition>:<offset>`, or `<path>:<row>` of a file. */
  readonly at: readonly string[];
}

/** How a file of a source is read. */
export interface SourceForm {
  readonly format: 'ndjson' | 'csv' | 'parquet' | 'avro';
  /** Of ndjson and csv. */
  readonly isGzip: boolean;
}

export interface ExtractRequest extends SourceForm {
  readonly path: string;
  /** Gets the lines; its directory is there. */
  readonly target: string;
  /** Members that are taken, where the format tells them apart; what the file does not have is left out. */
  readonly columns: readonly string[];
  /** Of these, those whose texts are JSON, as columns of tables hold nested values. */
  readonly jsonTexts: readonly string[];
  /** No more rows than these; all for null. */
  readonly rowsMax: number | null;
}

export interface ExtractResult {
  /** Lines of a CSV file that are no rows of it, counted, and numbers of some. */
  readonly refused: number;
  readonly refusedAt: readonly number[];
}

export interface LookupRequest {
  /** Lines of JSON objects. */
  readonly sources: readonly string[];
  /** Parquet file that gets one row for each key; its directory is there. */
  readonly target: string;
  readonly plan: LookupPlan;
}

export interface LookupResult {
  /** Keys of which rows give different values; the file is of no use then. */
  readonly ambiguous: number;
}

export interface ShapeRequest {
  /** Lines of JSON objects, each with where it came from. */
  readonly source: string;
  /** Parquet file that gets the rows; its directory is there. */
  readonly target: string;
  readonly plan: ShapePlan;
  /** Files that `lookup` wrote, by the numbers of the lookups. */
  readonly lookups: readonly string[];
}

export interface ShapeResult {
  readonly rows: number;
  readonly rejected: readonly RejectedRows[];
}

export interface HitsRequest {
  /** Files that `shape` wrote. */
  readonly chunks: readonly string[];
  /** Files of the table. */
  readonly base: readonly string[];
  readonly plan: MergePlan;
}

export interface HitsResult {
  /** Indices of those files of the table that have a row with a key of the chunks. */
  readonly files: readonly number[];
  /** Folders into which rows of the chunks belong; one, of an empty name, for a table without partitions. */
  readonly partitions: readonly string[];
}

/** A file of the table that may be put anew. */
export interface BaseFile {
  readonly path: string;
  /** Its folder below the table. */
  readonly partition: string;
  /** Too small to stay a file of its own where its partition gets rows. */
  readonly isSmall: boolean;
  /** What it says is protected in it. Rows of files that say different things never get into one file. */
  readonly mark: string | null;
}

/** A file that `shape` wrote, and what is protected in its rows. */
export interface Chunk {
  readonly path: string;
  readonly mark: string | null;
}

export interface MergeRequest {
  readonly chunks: readonly Chunk[];
  readonly base: readonly BaseFile[];
  readonly plan: MergePlan;
  /** Gets the files; it is there. */
  readonly directory: string;
}

export interface MergedFile {
  /** In the directory of the request. */
  readonly name: string;
  readonly partition: string;
  readonly rows: number;
  readonly bytes: number;
  /** What is protected in it; null for nothing. */
  readonly mark: string | null;
  /** SHA-256 of a file with a mark that its format has no place for, lower-case hex. */
  readonly sha256: string | null;
}

export interface MergeResult {
  readonly files: readonly MergedFile[];
  /** Indices of files of the table whose rows are in the new ones. */
  readonly replaced: readonly number[];
  /** Different keys of the chunks. */
  readonly keys: number;
  /** Of these, those that get a row, or another one. */
  readonly changed: number;
}

export interface PreviewRequest {
  /** As in a {@link ShapeRequest}, with the plan of each. */
  readonly sources: readonly { readonly source: string; readonly plan: ShapePlan }[];
  readonly lookups: readonly string[];
  readonly plan: MergePlan;
  readonly rowsMax: number;
}

export interface PreviewResult {
  /** Rows of the table as JSON objects, with the folder of each. */
  readonly rows: readonly { readonly json: string; readonly partition: string }[];
  readonly rejected: readonly RejectedRows[];
}

/**
 * Makes rows of tables, in a child process with a memory cap. All paths are local. Nothing is left of a request that fails but
 * half-written files under the names that were asked for. Errors: LAKE_FILE_UNREADABLE, LIMIT_EXCEEDED for more than 10,000
 * partitions at once, LAKE_ENGINE_FAILED (try again), CANCELLED.
 */
export interface TransformEngine {
  /** Writes the records of a file as lines of JSON, one for each in their order; what is no record of it is a line that is no JSON. */
  extract(request: ExtractRequest, signal?: AbortSignal): Promise<ExtractResult>;
  /** What a file tells of itself. */
  profile(request: ProfileRequest): Promise<ProfileResult>;
  /** Brings the records of a lookup into the form that rows are joined with. Rows without one of the keys are left out. */
  lookup(request: LookupRequest, signal?: AbortSignal): Promise<LookupResult>;
  shape(request: ShapeRequest, signal?: AbortSignal): Promise<ShapeResult>;
  hits(request: HitsRequest, signal?: AbortSignal): Promise<HitsResult>;
  merge(request: MergeRequest, signal?: AbortSignal): Promise<MergeResult>;
  preview(request: PreviewRequest, signal?: AbortSignal): Promise<PreviewResult>;
  close(): Promise<void>;
}
