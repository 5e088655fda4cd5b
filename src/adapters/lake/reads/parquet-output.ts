import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { LinewardError } from '../../../errors/lineward-error.ts';
import { sqlName, sqlText } from '../duckdb/sql-text.ts';

/** Writes a relation, which `bind` makes and names, to a Parquet file. Answers its rows. */
export async function writeParquet(
  path: string,
  bind: (connection: Pick<DuckDBConnection, 'run'>) => Promise<string>,
): Promise<number> {
  const instance = await DuckDBInstance.create(':memory:', { autoinstall_known_extensions: 'false' });
  const connection = await instance.connect();
  try {
    const name = await bind(connection);
    const copied = await connection
      .runAndReadAll(`COPY (SELECT * FROM ${sqlName(name)}) TO ${sqlText(path)} (FORMAT parquet)`)
      .catch((cause: unknown) => {
        throw new LinewardError('BAD_INPUT', `${path} cannot be written`, { cause });
      });
    return Number(copied.getRows()[0]?.[0] ?? 0);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
