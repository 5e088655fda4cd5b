import type { DuckDBConnection } from '@duckdb/node-api';
import type { FileFinding } from '../../../services/lake/ports.ts';
import { failedFinding } from './duckdb-failure.ts';
import { queryRows } from './duckdb-session.ts';
import type { EngineVerbs } from './engine-protocol.ts';
import { readSchema } from './parquet-facts.ts';
import type { SelectionTables } from './selection-tables.ts';
import { parquetFiles, scanned, sqlName } from './sql-text.ts';

/** Files of one statement: enough to spread its cost, few enough that one bad file repeats little work. */
const filesPerScan = 64;
const fileNameColumn = 'lw$file';

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
  const findings = new Map<string, FileFinding>();
  const alike = new Map<string, string[]>();
  for (const path of new Set(files)) {
    const signature = await keySignature(connection, tables, path);
    if (typeof signature !== 'string') findings.set(path, signature);
    else alike.set(signature, [...(alike.get(signature) ?? []), path]);
  }
  for (const group of alike.values()) {
    for (let start = 0; start < group.length; start += filesPerScan) {
      for (const finding of await scan(connection, tables, group.slice(start, start + filesPerScan))) {
        findings.set(finding.path, finding);
      }
    }
  }
  return files.flatMap((path) => findings.get(path) ?? []);
}

/**
 * The types of the file's key columns, or why it cannot be searched. Only files of one signature share a scan: DuckDB
 * reads a list of files with the first one's types, and a text key `01` read as a number would match `1`.
 */
async function keySignature(connection: DuckDBConnection, tables: SelectionTables, path: string) {
  try {
    const schema = await readSchema(connection, path);
    tables.checkKeys(schema);
    const keys = tables.readColumns();
    return JSON.stringify(keys.map((key) => schema.columns.find(({ name }) => name === key)?.type));
  } catch (error) {
    return failedFinding(error, path);
  }
}

async function scan(
  connection: DuckDBConnection,
  tables: SelectionTables,
  paths: readonly string[],
): Promise<readonly FileFinding[]> {
  const file = `${scanned}.${sqlName(fileNameColumn)}`;
  try {
    const left = tables.left();
    const rowsWith = (name: keyof typeof counts) => `count(*) FILTER (WHERE ${left?.[counts[name]]}) AS ${name}`;
    const age =
      left === null
        ? ''
        : `, ${countNames.map(rowsWith).join(', ')}, max(${left.daysLeft}) FILTER (WHERE ${left.retained}) AS days_left`;
    const rows = await queryRows(
      connection,
      `SELECT ${file} AS path, count(*) AS total, count(*) FILTER (WHERE ${tables.joinedHit()}) AS matches${age}
       FROM ${parquetFiles(paths, { fileNameColumn })} ${scanned} ${tables.joins()} GROUP BY ${file}`,
    );
    const byPath = new Map(rows.map((row) => [String(row.path), row]));
    return paths.map((path) => {
      const row = byPath.get(path);
      const counted = { path, rows: Number(row?.total ?? 0), matches: Number(row?.matches ?? 0) };
      if (left === null) return counted;
      const daysLeft = row?.days_left == null ? null : Number(row.days_left);
      const count = (name: keyof typeof counts): number => Number(row?.[name] ?? 0);
      const [held, undated, retained] = [count('held'), count('undated'), count('retained')];
      const [within, withinUndated] = [count('within_days'), count('within_undated')];
      return { ...counted, age: { held, undated, retained, daysLeft, within, withinUndated } };
    });
  } catch (error) {
    const [only, ...others] = paths;
    if (only !== undefined && others.length === 0) return [failedFinding(error, only)];
    const singles: FileFinding[] = [];
    for (const path of paths) singles.push(...(await scan(connection, tables, [path])));
    return singles;
  }
}
