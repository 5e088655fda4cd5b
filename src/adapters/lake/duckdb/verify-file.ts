import type { DuckDBConnection } from '@duckdb/node-api';
import type { VerifyResult } from '../../../services/lake/ports.ts';
import { readFailure } from './duckdb-failure.ts';
import type { EngineVerbs } from './engine-protocol.ts';
import { readSchema } from './parquet-facts.ts';
import { digestFile } from './row-digest.ts';
import { SelectionTables } from './selection-tables.ts';

/** Reads a whole file back and judges each row by lookup, not by the joins that a rewrite uses. */
export async function verifyFile(
  connection: DuckDBConnection,
  { path, selection }: EngineVerbs['verify']['request'],
): Promise<VerifyResult> {
  const tables = await SelectionTables.load(connection, selection);
  const schema = await readSchema(connection, path);
  tables.checkKeys(schema);
  try {
    return await digestFile(connection, schema, tables.scannedHit());
  } catch (error) {
    throw readFailure(error, path);
  }
}
