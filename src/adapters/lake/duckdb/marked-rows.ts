import type { DuckDBConnection } from '@duckdb/node-api';
import { LinewardError } from '../../../errors/lineward-error.ts';
import { scanAlike } from './alike-files.ts';
import { queryRow, queryRows } from './duckdb-session.ts';
import type { Outcome } from './outcome.ts';
import type { FileSchema } from './parquet-facts.ts';
import type { SelectionTables } from './selection-tables.ts';
import { fileNameColumn, fileOf, parquetFiles, scanned, sqlName, sqlText } from './sql-text.ts';

/** Table and variable of the marks of one connection, and the table of second opinions. */
const marks = 'lw_marks';
const opinions = 'lw_opinions';

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

/** True or false, in SQL, for a row of the file whose marks {@link useMarks} brought up. */
export const isMarked = `(coalesce(get_bit(getvariable('${marks}'), CAST(${rowNumber} AS INTEGER)), 0) = 1)`;

/** A file whose rows are judged; `rows` as its footer says. */
interface JudgedFile {
  readonly schema: FileSchema;
  readonly rows: number;
}

/**
 * Counts the rows of files that fall under a selection, and keeps their places as one bit per row in the connection. Who writes
 * rows asks the bits and joins nothing: a join of DuckDB does not keep the order of rows once there are several row groups.
 */
export async function markRows(
  connection: DuckDBConnection,
  tables: SelectionTables,
  files: readonly JudgedFile[],
): Promise<readonly Outcome<{ readonly rows: number; readonly found: number }>[]> {
  const judged = await judge(connection, tables, files, {
    table: marks,
    hits: (some) =>
      `SELECT ${fileOf()} AS path, ${rowNumber} AS place, ${tables.joinedHit()} AS hit FROM ${some} ${tables.joins()}`,
  });
  return judged.map((one) =>
    one.error === undefined ? { value: { rows: one.value.rows, found: one.value.hits } } : one,
  );
}

/**
 * What a lookup thinks of the rows that {@link markRows} judged by joins: its matches, and the rows that it judges otherwise. It
 * reads the files again.
 */
export async function secondOpinions(
  connection: DuckDBConnection,
  tables: SelectionTables,
  files: readonly JudgedFile[],
): Promise<readonly Outcome<{ readonly rows: number; readonly matches: number; readonly disputed: number }>[]> {
  const judged = await judge(connection, tables, files, {
    table: opinions,
    hits: (some) => `SELECT ${fileOf()} AS path, ${rowNumber} AS place, ${tables.scannedHit()} AS hit FROM ${some}`,
  });
  const disputed = await queryRows(
    connection,
    `SELECT path, CASE WHEN one.bits IS NULL THEN other.hits WHEN other.bits IS NULL THEN one.hits
                       ELSE bit_count(xor(one.bits, other.bits)) END AS disputed
     FROM ${marks} one FULL JOIN ${opinions} other USING (path)`,
  );
  const byPath = new Map(disputed.map((row) => [row.path, Number(row.disputed)]));
  return judged.map((one, index) => {
    if (one.error !== undefined) return one;
    const { rows, hits: matches } = one.value;
    return { value: { rows, matches, disputed: byPath.get(files[index]?.schema.path) ?? 0 } };
  });
}

/** Makes `isMarked` speak of the rows of a file that was marked. */
export async function useMarks(connection: DuckDBConnection, path: string): Promise<void> {
  await connection.run(`SET VARIABLE ${marks} = (SELECT bits FROM ${marks} WHERE path = ${sqlText(path)})`);
}

async function judge(
  connection: DuckDBConnection,
  tables: SelectionTables,
  files: readonly JudgedFile[],
  { table, hits }: { readonly table: string; hits(scan: string): string },
): Promise<readonly Outcome<{ readonly rows: number; readonly hits: number }>[]> {
  await connection.run(`CREATE OR REPLACE TEMP TABLE ${table} (path VARCHAR, total BIGINT, hits BIGINT, bits BIT)`);
  // The range of places is given, so that bits of files without a match and of those with one are of the same length.
  const last = Math.max(1, ...files.map(({ rows }) => rows)) - 1;
  const of = async (paths: readonly string[]) => {
    const counted = await queryRows(
      connection,
      `INSERT INTO ${table}
       SELECT path, count(*), count(*) FILTER (WHERE hit), bitstring_agg(place, 0, ${last}) FILTER (WHERE hit)
       FROM (${hits(`${parquetFiles(paths, { fileNameColumn, rowNumbers: true })} ${scanned}`)}) GROUP BY path
       RETURNING path, total, hits`,
    );
    return new Map(
      counted.map(({ path, total, hits: matches }) => [String(path), { rows: Number(total), hits: Number(matches) }]),
    );
  };
  const schemas = files.map(({ schema }) => schema);
  return scanAlike(tables, schemas, { of, nothing: { rows: 0, hits: 0 } });
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
