import type { DuckDBConnection } from '@duckdb/node-api';
import { LinewardError } from '../../../errors/lineward-error.ts';
import { reading } from './duckdb-failure.ts';
import { queryRow } from './duckdb-session.ts';
import type { FileSchema } from './parquet-facts.ts';
import type { SelectionTables } from './selection-tables.ts';
import { parquetFiles, scanned, sqlName } from './sql-text.ts';

/** Table and variable of the marks of one connection. */
const marks = 'lw_marks';

/** The place of a row in its file, from 0, where the file is read as {@link numberedRows}. */
export const rowNumber = `${scanned}.file_row_number`;

/** Table function over one file whose rows know their places, under the alias of all scans. */
export const numberedRows = (path: string): string => `${parquetFiles([path], { rowNumbers: true })} ${scanned}`;

/** @throws LinewardError LAKE_TABLE_REFUSED for a file with a column of the name by which rows are numbered. */
export function expectNumberable({ path, columns }: FileSchema): void {
  const taken = columns.find(({ name }) => name.toLowerCase() === 'file_row_number');
  if (taken === undefined) return;
  const reason = `its column ${taken.name} has a name that the engine needs for itself; rename it`;
  throw new LinewardError('LAKE_TABLE_REFUSED', `The lake file ${path} cannot be rewritten: ${reason}.`, {
    details: { path, reason, column: taken.name },
  });
}

/** True or false, in SQL, for a row of the file whose rows {@link markRows} marked. */
export const isMarked = `(coalesce(get_bit(getvariable('${marks}'), CAST(${rowNumber} AS INTEGER)), 0) = 1)`;

/**
 * Counts the rows that fall under a selection, and keeps their places as one bit per row in the connection. Who writes rows
 * asks the bits and joins nothing: a join of DuckDB does not keep the order of rows once there are several row groups.
 */
export async function markRows(
  connection: DuckDBConnection,
  tables: SelectionTables,
  file: { readonly path: string; readonly rows: number },
): Promise<{ readonly rows: number; readonly found: number }> {
  // The range of places is given, so that files without a match and those with one have marks of the same length.
  const bits = file.rows === 0 ? 'CAST(NULL AS BIT)' : `bitstring_agg(place, 0, ${file.rows - 1}) FILTER (WHERE hit)`;
  return reading(file.path, async () => {
    await connection.run(
      `CREATE OR REPLACE TEMP TABLE ${marks} AS
       SELECT count(*) AS total, count(*) FILTER (WHERE hit) AS found, ${bits} AS bits
       FROM (SELECT ${rowNumber} AS place, ${tables.joinedHit()} AS hit
             FROM ${numberedRows(file.path)} ${tables.joins()})`,
    );
    await connection.run(`SET VARIABLE ${marks} = (SELECT bits FROM ${marks})`);
    const row = await queryRow(connection, `SELECT total, found FROM ${marks}`);
    return { rows: Number(row.total), found: Number(row.found) };
  });
}

/** What a lookup thinks of the rows that {@link markRows} judged by joins: its matches, and the rows that it judges otherwise. */
export async function secondOpinion(
  connection: DuckDBConnection,
  tables: SelectionTables,
  path: string,
): Promise<{ readonly rows: number; readonly matches: number; readonly disputed: number }> {
  const row = await queryRow(
    connection,
    `SELECT count(*) AS total, count(*) FILTER (WHERE hit) AS matches, count(*) FILTER (WHERE hit <> marked) AS disputed
     FROM (SELECT ${tables.scannedHit()} AS hit, ${isMarked} AS marked FROM ${numberedRows(path)})`,
  );
  return { rows: Number(row.total), matches: Number(row.matches), disputed: Number(row.disputed) };
}

/**
 * Places at which the copy of a file does not hold the row that the source has there, counting those rows of the source for
 * which `where` (SQL) is true. Rows are compared by a 64-bit hash, which is enough for what no adversary makes, and needs 8
 * bytes of memory per row.
 */
export async function misplacedRows(
  connection: DuckDBConnection,
  {
    source,
    copy,
    columns,
    where,
  }: { readonly source: string; readonly copy: string; readonly columns: readonly string[]; readonly where: string },
): Promise<number> {
  const hashed = `hash(${columns.map((name) => `${scanned}.${sqlName(name)}`).join(', ')}) AS hashed`;
  const row = await queryRow(
    connection,
    `SELECT count(*) FILTER (WHERE one.hashed IS DISTINCT FROM other.hashed) AS misplaced
     FROM (SELECT ${hashed} FROM ${numberedRows(source)} WHERE ${where}) one
     POSITIONAL JOIN (SELECT ${hashed} FROM ${parquetFiles([copy])} ${scanned}) other`,
  );
  return Number(row.misplaced);
}
