import type { Gap } from '../../domain/operations/target.ts';
import type { ColumnTexts, ProfileResult } from './ports.ts';

/** What is counted while the values of one file are replaced. */
export class TransformTally {
  readonly counts: Record<string, number> = {};
  /** Rows that could not be changed, by the code that says why. */
  readonly failures: Record<string, number> = {};

  count(what: string, times = 1): void {
    if (times > 0) this.counts[what] = (this.counts[what] ?? 0) + times;
  }

  fail(code: string): void {
    this.failures[code] = (this.failures[code] ?? 0) + 1;
  }
}

/** What is done to one file. */
export interface FileTransform {
  readonly columns: readonly string[];
  readonly keyColumns: readonly string[];
  /** Written into a file in which no row failed and none was kept. */
  readonly metadata: Readonly<Record<string, string>>;
  transform(batch: ColumnTexts, tally: TransformTally): Promise<ColumnTexts>;
}

/** Replaces values in the rows of a table, by columns of text. */
export interface TableTransformation {
  /** Equal for equal work. */
  readonly mark: unknown;
  /** What is done to a file; null when nothing is to be done in it. With `forProof` also what only proves earlier work. */
  of(profile: ProfileResult, options?: { readonly forProof?: boolean }): FileTransform | null;
  /** What of a file cannot be done, by its columns. */
  gapsOf(profile: ProfileResult): readonly Pick<Gap, 'code' | 'reason'>[];
  /** True when a row must not be worked on twice, so that a file in which rows are kept has to wait. */
  readonly isOnceOnly: boolean;
}
