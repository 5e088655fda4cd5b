import type { DuckDBConnection } from '@duckdb/node-api';
import type { VerifyResult } from '../../../services/lake/ports.ts';
import { sha256OfFile } from '../../store/local/durable-file.ts';
import { scanAlike, searchable } from './alike-files.ts';
import { reading } from './duckdb-failure.ts';
import { queryRows } from './duckdb-session.ts';
import { goingOn, type Outcome, outcomesOf } from './outcome.ts';
import type { SelectionTables } from './selection-tables.ts';
import { fileNameColumn, fileOf, parquetFiles, scanned } from './sql-text.ts';

/** Judges each row by lookup, not by the joins that a rewrite uses. */
export async function verifyFiles(
  connection: DuckDBConnection,
  tables: SelectionTables,
  paths: readonly string[],
): Promise<readonly Outcome<VerifyResult>[]> {
  const schemas = await searchable(connection, tables, paths);
  const counted = await goingOn(schemas, async (some) => {
    const counts = await scanAlike(tables, some, {
      of: (asked) => countedIn(connection, tables, asked),
      nothing: { rows: 0, matches: 0 },
    });
    return counts.map((one, index) =>
      one.error === undefined ? { value: { path: some[index]?.path ?? '', ...one.value } } : one,
    );
  });
  return goingOn(counted, (some) =>
    outcomesOf(some, async ({ path, rows, matches }) => {
      const sha256 = await reading(path, () => sha256OfFile(path));
      return { rows, matches, sha256 };
    }),
  );
}

async function countedIn(
  connection: DuckDBConnection,
  tables: SelectionTables,
  paths: readonly string[],
): Promise<ReadonlyMap<string, { readonly rows: number; readonly matches: number }>> {
  const rows = await queryRows(
    connection,
    `SELECT ${fileOf()} AS path, count(*) AS total, count(*) FILTER (WHERE ${tables.scannedHit()}) AS matches
     FROM ${parquetFiles(paths, { fileNameColumn })} ${scanned} GROUP BY ${fileOf()}`,
  );
  return new Map(
    rows.map(({ path, total, matches }) => [String(path), { rows: Number(total), matches: Number(matches) }]),
  );
}
