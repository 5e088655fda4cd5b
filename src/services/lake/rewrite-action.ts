import type { Selection } from '../../domain/governance/selection.ts';
import type { TargetPlace } from '../../domain/operations/target.ts';
import type { LakeTable } from '../../entities/lake-table.entity.ts';
import type { OperationFileFacts } from '../../entities/operation-file.entity.ts';
import type { FileSearched } from './file-search.ts';
import type { FileIdentity, RewriteResult } from './ports.ts';

/** On which table, and on whose records in it. */
export interface ActionScope {
  readonly table: LakeTable;
  readonly place: Pick<TargetPlace, 'accountField' | 'name'>;
  readonly selection: Selection;
  readonly signal?: AbortSignal | undefined;
}

/** A staged copy. */
export interface StagedFile extends RewriteResult {
  /** What a receipt should tell beside counts of rows. */
  readonly facts?: OperationFileFacts | undefined;
  /** What is to be known of the copy, where its format has no place to say it. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** A file read back. */
export interface FileSeen {
  readonly rows: number;
  /** Rows on which the action would still have to act. */
  readonly left: number;
  /** Rows of those that had to stay. */
  readonly kept: number;
  /** SHA-256 of the file, lower-case hex. */
  readonly sha256: string;
}

/**
 * What an operation does to the files of a table. Finding, staging, swapping and proving are the same for all; what becomes
 * of rows is the action's.
 */
export interface RewriteAction {
  /** Equal for equal work: a file that was judged by one mark is judged again by another. */
  readonly mark: unknown;
  /** Files that may be staged, or seen, at one time: the engine then goes through the selectors once for all of them. */
  readonly filesAtOnce: number;
  /** True when the receipt counts its rows as erased, false for changed. */
  readonly erases: boolean;
  /** Files with rows to act on, and those that cannot be told. */
  search(files: readonly FileIdentity[], scope: ActionScope): Promise<readonly FileSearched[]>;
  /** Stages what the file becomes; absolute paths. `found` 0: there was nothing to do. */
  stage(paths: { readonly source: string; readonly staged: string }, scope: ActionScope): Promise<StagedFile>;
  /** Reads a file back by other means than `stage`. */
  see(path: string, scope: ActionScope): Promise<FileSeen>;
}
