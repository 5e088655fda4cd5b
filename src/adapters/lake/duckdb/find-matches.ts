import type { DuckDBConnection } from '@duckdb/node-api';
import type { FileFinding } from '../../../services/lake/ports.ts';
import { scanAlike, searchable } from './alike-files.ts';
import { failedFinding } from './duckdb-failure.ts';
import { queryRows, type SqlRow } from './duckdb-session.ts';
import type { EngineVerbs } from './engine-protocol.ts';
import { goingOn } from './outcome.ts';
import type { SelectionTables } from './selection-tables.ts';
import { fileNameColumn, fileOf, parquetFiles, scanned } from './sql-text.ts';

/** Columns of the answer, by what they count. */
const counts = {
  held: 'held',
  undated: 'undated',
  retained: 'retained',
  within_days: 'within',
  within_undated: 'withinUndated',
} as const;
const countNames = Object.keys(counts) as readonly (keyof typeof counts)[];

/** Counts rows and matching rows per file from key columns alone; a file that fails is reported beside the others. */
export async function findMatches(
  connection: DuckDBConnection,
  tables: SelectionTables,
  { files }: Pick<EngineVerbs['find']['request'], 'files'>,
): Promise<readonly FileFinding[]> {
  const paths = [...new Set(files)];
  const of = (some: readonly string[]) => matchesIn(connection, tables, some);
  const outcomes = await goingOn(await searchable(connection, tables, paths), (schemas) =>
    scanAlike<SqlRow>(tables, schemas, { of, nothing: {} }),
  );
  const findings = new Map(
    paths.map((path, index) => {
      const outcome = outcomes[index];
      return [
        path,
        outcome?.error === undefined
          ? findingOf(path, outcome?.value ?? {}, tables)
          : failedFinding(outcome.error, path),
      ];
    }),
  );
  return files.flatMap((path) => findings.get(path) ?? []);
}

async function matchesIn(
  connection: DuckDBConnection,
  tables: SelectionTables,
  paths: readonly string[],
): Promise<ReadonlyMap<string, SqlRow>> {
  const left = tables.left();
  const rowsWith = (name: keyof typeof counts) => `count(*) FILTER (WHERE ${left?.[counts[name]]}) AS ${name}`;
  const age =
    left === null
      ? ''
      : `, ${countNames.map(rowsWith).join(', ')}, max(${left.daysLeft}) FILTER (WHERE ${left.retained}) AS days_left`;
  const rows = await queryRows(
    connection,
    `SELECT ${fileOf()} AS path, count(*) AS total, count(*) FILTER (WHERE ${tables.joinedHit()}) AS matches${age}
     FROM ${parquetFiles(paths, { fileNameColumn })} ${scanned} ${tables.joins()} GROUP BY ${fileOf()}`,
  );
  return new Map(rows.map((row) => [String(row.path), row]));
}

function findingOf(path: string, row: SqlRow, tables: SelectionTables): FileFinding {
  const counted = { path, rows: Number(row.total ?? 0), matches: Number(row.matches ?? 0) };
  if (tables.left() === null) return counted;
  const daysLeft = row.days_left == null ? null : Number(row.days_left);
  const count = (name: keyof typeof counts): number => Number(row[name] ?? 0);
  const [held, undated, retained] = [count('held'), count('undated'), count('retained')];
  const [within, withinUndated] = [count('within_days'), count('within_undated')];
  return { ...counted, age: { held, undated, retained, daysLeft, within, withinUndated } };
}
