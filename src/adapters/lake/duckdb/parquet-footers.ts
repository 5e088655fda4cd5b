import type { DuckDBConnection } from '@duckdb/node-api';
import { LinewardError } from '../../../errors/lineward-error.ts';
import { queryRows, type SqlRow } from './duckdb-session.ts';
import {
  expectFile,
  type FileLayout,
  type FileSchema,
  layoutOf,
  readLayout,
  readSchema,
  rowGroupsOf,
  schemaOf,
} from './parquet-facts.ts';
import { sqlText } from './sql-text.ts';

/** The end of one file, read when it is asked for; that it is none is said then. */
export type FooterReader = () => Promise<{ readonly schema: FileSchema; readonly layout: FileLayout }>;

/** Reads the ends of some files by one statement of each kind; one by one where that fails, since it fails for all. */
export async function readFooters(
  connection: DuckDBConnection,
  paths: readonly string[],
): Promise<readonly FooterReader[]> {
  try {
    return await readTogether(connection, paths);
  } catch {
    return paths.map((path) => async () => {
      const schema = await readSchema(connection, path);
      return { schema, layout: await readLayout(connection, path) };
    });
  }
}

async function readTogether(connection: DuckDBConnection, paths: readonly string[]): Promise<readonly FooterReader[]> {
  for (const path of paths) await expectFile(path);
  const files = `[${paths.map(sqlText).join(', ')}]`;
  const byFile = async (sql: string): Promise<ReadonlyMap<unknown, readonly SqlRow[]>> =>
    Map.groupBy(await queryRows(connection, sql), ({ file_name }) => file_name);
  const schemas = await byFile(`SELECT * FROM parquet_schema(${files})`);
  // A name that DuckDB takes for a pattern would be answered under other names.
  if (paths.some((path) => !schemas.has(path))) throw new LinewardError('INTERNAL', 'a file has no schema');
  const metadata = await byFile(`SELECT * FROM parquet_file_metadata(${files})`);
  const groups = await byFile(rowGroupsOf(files));
  const keyValues = await byFile(`SELECT * FROM parquet_kv_metadata(${files})`);
  return paths.map((path) => async () => ({
    schema: schemaOf(path, schemas.get(path) ?? []),
    layout: layoutOf(path, {
      file: metadata.get(path)?.[0],
      groups: groups.get(path)?.[0],
      keyValues: keyValues.get(path) ?? [],
    }),
  }));
}
