import type { SchemaDifference } from './parquet-schema.ts';

/** What was counted in a source file and in its rewritten copy. */
export interface RewriteEvidence {
  /** Rows of the source and matches in it, as the rewriting statement's joins see them. */
  readonly rows: number;
  readonly found: number;
  /** The source as the independent lookup sees it. */
  readonly source: { readonly rows: number; readonly matches: number; readonly survivorsDigest: string };
  /** The staged file read back. */
  readonly staged: {
    readonly rows: number;
    readonly hits: number;
    readonly digest: string;
    readonly schemaDifferences: readonly SchemaDifference[];
  };
}

/** Every rule that the copy breaks, in words; empty when it is exact. */
export function rewriteFaults({ rows, found, source, staged }: RewriteEvidence): string[] {
  const faults: string[] = [];
  if (source.rows !== rows) faults.push(`the source was read as ${rows} and as ${source.rows} rows`);
  if (source.matches !== found) faults.push(`the source has ${found} matches by join and ${source.matches} by lookup`);
  if (rows - staged.rows !== found) {
    faults.push(`${rows} rows less ${found} matches should leave ${rows - found}, the copy has ${staged.rows}`);
  }
  if (staged.hits !== 0) faults.push(`the copy still has ${staged.hits} matches`);
  if (staged.digest !== source.survivorsDigest) faults.push('the digest of the rows that stay differs');
  if (staged.schemaDifferences.length > 0) {
    faults.push(`the schema differs at ${staged.schemaDifferences.map(({ column }) => column).join(', ')}`);
  }
  return faults;
}
