import type { DuckDBConnection } from '@duckdb/node-api';
import type { VerifyResult } from '../../../services/lake/ports.ts';
import { sha256OfFile } from '../../store/local/durable-file.ts';
import { readFailure } from './duckdb-failure.ts';
import { queryRow } from './duckdb-session.ts';
import type { EngineVerbs } from './engine-protocol.ts';
import { readSchema } from './parquet-facts.ts';
import type { SelectionTables } from './selection-tables.ts';
import { parquetFiles, scanned } from './sql-text.ts';

/** Judges each row by lookup, not by the joins that a rewrite uses. */
export async function verifyFile(
  connection: DuckDBConnection,
  tables: SelectionTables,
  { path }: Pick<EngineVerbs['verify']['request'], 'path'>,
): Promise<VerifyResult> {
  const schema = await readSchema(connection, path);
  tables.checkKeys(schema);
  try {
    const row = await queryRow(
      connection,
      `SELECT count(*) AS total, count(*) FILTER (WHERE ${tables.scannedHit()}) AS matches
       FROM ${parquetFiles([path])} ${scanned}`,
    );
    return { rows: Number(row.total), matches: Number(row.matches), sha256: await sha256OfFile(path) };
  } catch (error) {
    throw readFailure(error, path);
  }
}
