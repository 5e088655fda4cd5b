import { LinewardError } from '../../../errors/lineward-error.ts';
import type { SchemaDifference } from './parquet-schema.ts';

/** What was counted in a source file and in its rewritten copy. */
export interface RewriteEvidence {
  /** Rows of the source and matches in it, as the marks say that tell the copy what to leave out. */
  readonly rows: number;
  readonly found: number;
  /** The source as an independent lookup sees it; `disputed` rows are matches to one of the two alone. */
  readonly source: { readonly rows: number; readonly matches: number; readonly disputed: number };
  /** The staged file read back; `misplaced` places do not hold the row that the source has there. */
  readonly staged: {
    readonly rows: number;
    readonly hits: number;
    readonly misplaced: number;
    readonly schemaDifferences: readonly SchemaDifference[];
  };
}

/** Every rule that the copy breaks, in words; empty when it is exact. */
export function rewriteFaults({ rows, found, source, staged }: RewriteEvidence): string[] {
  const faults: string[] = [];
  if (source.rows !== rows) faults.push(`the source was read as ${rows} and as ${source.rows} rows`);
  if (source.matches !== found || source.disputed !== 0) {
    faults.push(`the source has ${found} matches by join and ${source.matches} by lookup`);
  }
  if (rows - staged.rows !== found) {
    faults.push(`${rows} rows less ${found} matches should leave ${rows - found}, the copy has ${staged.rows}`);
  }
  if (staged.hits !== 0) faults.push(`the copy still has ${staged.hits} matches`);
  if (staged.misplaced !== 0) faults.push(`${staged.misplaced} places hold another row than the source has there`);
  if (staged.schemaDifferences.length > 0) {
    faults.push(`the schema differs at ${staged.schemaDifferences.map(({ column }) => column).join(', ')}`);
  }
  return faults;
}

/** The error of a copy that breaks rules. */
export function inexact(path: string, faults: readonly string[]): LinewardError {
  return new LinewardError(
    'LAKE_CHECK_FAILED',
    `The rewritten copy of ${path} is not exact (${faults.join('; ')}); the original is untouched.`,
    { details: { path, faults } },
  );
}
