import type { DuckDBConnection } from '@duckdb/node-api';
import type { ProfileResult, ValueForm } from '../../../services/lake/ports.ts';
import type { EngineVerbs } from './engine-protocol.ts';
import { keyText } from './parquet-copy.ts';
import { type FileColumn, readLayout, readSchema } from './parquet-facts.ts';

/** Reads what the footer of one file tells. */
export async function profileFile(
  connection: DuckDBConnection,
  { path }: EngineVerbs['profile']['request'],
): Promise<ProfileResult> {
  const schema = await readSchema(connection, path);
  const { rows, keyValues } = await readLayout(connection, path);
  return {
    rows,
    columns: schema.columns.map((column) => ({ name: column.name, form: formOf(column) })),
    metadata: Object.fromEntries(
      keyValues.map(({ key, value }) => [keyText(key), Buffer.from(value).toString('utf8')]),
    ),
  };
}

/** How the values of a column cross the border of the engine. */
function formOf({ type }: FileColumn): ValueForm {
  if (type === 'VARCHAR') return 'TEXT';
  return type === null || type === 'JSON' ? 'JSON' : 'OTHER';
}
