import type { DuckDBConnection } from '@duckdb/node-api';
import type { KeysResult } from '../../../domain/lake/key-reading.ts';
import { refused, tooManyRows } from '../records/record-failure.ts';
import { readFailure } from './duckdb-failure.ts';
import { queryRow } from './duckdb-session.ts';
import type { EngineVerbs } from './engine-protocol.ts';
import { readSchema } from './parquet-facts.ts';
import { checkKeyColumns } from './selection-tables.ts';
import { parquetFiles, sqlName } from './sql-text.ts';

/** Values that cross from DuckDB at a time, as one text: each for itself would cost more than finding it. */
const valuesPerText = 1_000_000;

/** Reads the distinct values of key columns, in the text form that selectors are compared with. */
export async function listKeys(
  connection: DuckDBConnection,
  { path, columns, rowsMax }: EngineVerbs['keys']['request'],
): Promise<KeysResult> {
  checkKeyColumns(await readSchema(connection, path), columns);
  try {
    const counted = await queryRow(connection, `SELECT count(*) AS total FROM ${parquetFiles([path])}`);
    const rows = Number(counted.total);
    if (rows > rowsMax) throw refused(path, tooManyRows(rowsMax));
    const keys: { column: string; values: string[] }[] = [];
    for (const column of columns) keys.push({ column, values: await distinctIn(connection, { path, column, rows }) });
    return { rows, keys };
  } catch (error) {
    throw readFailure(error, path);
  }
}

async function distinctIn(
  connection: DuckDBConnection,
  { path, column, rows }: { readonly path: string; readonly column: string; readonly rows: number },
): Promise<string[]> {
  const name = sqlName(column);
  const parts = Math.max(1, Math.ceil(rows / valuesPerText));
  const values: string[] = [];
  for (let part = 0; part < parts; part += 1) {
    const inPart = parts === 1 ? '' : ` AND hash(CAST(${name} AS VARCHAR)) % ${parts} = ${part}`;
    const { text } = await queryRow(
      connection,
      `SELECT CAST(to_json(list(value)) AS VARCHAR) AS text
       FROM (SELECT DISTINCT CAST(${name} AS VARCHAR) AS value FROM ${parquetFiles([path])} WHERE ${name} IS NOT NULL${inPart})`,
    );
    for (const value of JSON.parse(String(text ?? '[]')) as string[]) values.push(value);
  }
  return values;
}
