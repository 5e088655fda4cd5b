import type { DuckDBConnection } from '@duckdb/node-api';
import type { KeysResult } from '../../../services/lake/ports.ts';
import { refused, tooManyRows } from '../records/record-failure.ts';
import { readFailure } from './duckdb-failure.ts';
import { queryRow, queryRows } from './duckdb-session.ts';
import type { EngineVerbs } from './engine-protocol.ts';
import { readSchema } from './parquet-facts.ts';
import { checkKeyColumns } from './selection-tables.ts';
import { parquetFiles, sqlName, told, untold } from './sql-text.ts';

/** Reads the distinct values of key columns, in the text form that selectors are compared with. */
export async function listKeys(
  connection: DuckDBConnection,
  { path, columns, rowsMax }: EngineVerbs['keys']['request'],
): Promise<KeysResult> {
  checkKeyColumns(await readSchema(connection, path), columns);
  const file = parquetFiles([path]);
  try {
    const { total } = await queryRow(connection, `SELECT count(*) AS total FROM ${file}`);
    if (Number(total) > rowsMax) throw refused(path, tooManyRows(rowsMax));
    const keys: { column: string; values: string[] }[] = [];
    for (const column of columns) {
      const name = sqlName(column);
      const found = await queryRows(
        connection,
        `SELECT DISTINCT ${told(`CAST(${name} AS VARCHAR)`)} AS value FROM ${file} WHERE ${name} IS NOT NULL`,
      );
      keys.push({ column, values: found.map(({ value }) => untold(value) ?? '') });
    }
    return { rows: Number(total), keys };
  } catch (error) {
    throw readFailure(error, path);
  }
}
