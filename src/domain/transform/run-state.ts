/**
 * INCREMENTAL: on from where the last run ended; BATCH: all that there is, merged into what the table has; BACKFILL: of all that there
 * is the rows of some days, beside the others and without a step forward.
 */
export const transformRunModes = ['INCREMENTAL', 'BATCH', 'BACKFILL'] as const;
export type TransformRunMode = (typeof transformRunModes)[number];

/**
 * READING and MERGING make files aside, and begin anew after a kill. PUBLISHING puts them into the table, beside those that they
 * replace; with its end the run is decided, and its positions count. SETTLING takes away what was replaced.
 */
export const transformRunStatuses = [
  'REQUESTED',
  'READING',
  'MERGING',
  'PUBLISHING',
  'SETTLING',
  'COMPLETED',
  'FAILED',
  'CANCELLED',
] as const;
export type TransformRunStatus = (typeof transformRunStatuses)[number];

export const isOpenRun = (status: TransformRunStatus): boolean =>
  !['COMPLETED', 'FAILED', 'CANCELLED'].includes(status);

/** Records of one partition of a source: from one offset up to, and without, another. Decimal texts. */
export interface ReadRange {
  readonly source: number;
  readonly topic: string;
  readonly partition: number;
  readonly from: string;
  readonly to: string;
}

/** A file of a source, as it was when the run was planned. */
export interface SourceFile {
  readonly source: number;
  readonly path: string;
  readonly bytes: number;
  readonly version: string;
}

/** A file of a lookup; `source` is the one whose rows look things up. */
export interface LookupFile extends SourceFile {
  readonly lookup: number;
}

/** UTC days from one (`yyyy-mm-dd`) up to, and without, another. */
export interface RunDays {
  readonly from: string;
  readonly to: string;
}

export interface RunPlan {
  readonly ranges: readonly ReadRange[];
  readonly files: readonly SourceFile[];
  /** What lookups are made of, for all tries. */
  readonly lookups: readonly LookupFile[];
}

export interface RunOutputs {
  /** Files that were made aside, and what they become. */
  readonly files: readonly { readonly staged: string; readonly path: string; readonly rows: number }[];
  /** Files whose rows are in the new ones. */
  readonly replaced: readonly string[];
}

export interface RunStatistics {
  /** Records with a value that were read. */
  readonly read: number;
  /** Of persons and accounts that were erased since. */
  readonly suppressed: number;
  /** Rows that did not get in, with a reason each. */
  readonly rejected: number;
  /** Rows that came to the merge; filters and lists make less and more of them than records. */
  readonly rows: number;
  /** Different keys of these. */
  readonly keys: number;
  /** Keys that got a row, or another one. */
  readonly changed: number;
  readonly filesWritten: number;
  readonly filesReplaced: number;
  readonly bytesWritten: number;
}

export const noStatistics: RunStatistics = {
  read: 0,
  suppressed: 0,
  rejected: 0,
  rows: 0,
  keys: 0,
  changed: 0,
  filesWritten: 0,
  filesReplaced: 0,
  bytesWritten: 0,
};

/** Name of a file of a run in its folder, without what tells the format. Runs of a transformer are numbered. */
export const runFileName = (run: number, index: number): string =>
  `part-${String(run).padStart(8, '0')}-${String(index).padStart(5, '0')}`;

const runFile = /^part-(\d{8})-\d{5}\./u;

/** True for a file that the run has put into the table. */
export const isFileOfRun = (path: string, run: number): boolean =>
  Number(runFile.exec(path.slice(path.lastIndexOf('/') + 1))?.[1] ?? -1) === run;
