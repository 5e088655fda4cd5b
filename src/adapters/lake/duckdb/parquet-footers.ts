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

/** Files of one statement: enough to spread its cost, few enough that one bad file repeats little work. */
const filesPerStatement = 64;

/** The files, in order, as statements take them. */
export function* perStatement<File>(files: readonly File[]): Generator<readonly File[]> {
  for (let start = 0; start < files.length; start += filesPerStatement)
    yield files.slice(start, start + filesPerStatement);
}

/** The end of one file, read when it is asked for; that it is none is said then. */
export type FooterReader = () => Promise<{ readonly schema: FileSchema; readonly layout: FileLayout }>;
type SchemaReader = () => Promise<FileSchema>;

/** Reads the ends of files by statements over many; one by one where that fails, since it fails for all. */
export async function readFooters(
  connection: DuckDBConnection,
  paths: readonly string[],
): Promise<readonly FooterReader[]> {
  const readers: FooterReader[] = [];
  for (const some of perStatement(paths)) readers.push(...(await footerReaders(connection, some)));
  return readers;
}

async function footerReaders(connection: DuckDBConnection, paths: readonly string[]): Promise<readonly FooterReader[]> {
  try {
    return await readTogether(connection, paths);
  } catch {
    return paths.map((path) => async () => {
      const schema = await readSchema(connection, path);
      return { schema, layout: await readLayout(connection, path) };
    });
  }
}

/** As {@link readFooters}, for schemas alone. */
export async function readSchemas(
  connection: DuckDBConnection,
  paths: readonly string[],
): Promise<readonly SchemaReader[]> {
  const readers: SchemaReader[] = [];
  for (const some of perStatement(paths)) readers.push(...(await schemaReaders(connection, some)));
  return readers;
}

async function schemaReaders(connection: DuckDBConnection, paths: readonly string[]): Promise<readonly SchemaReader[]> {
  try {
    const schemas = await schemasTogether(connection, paths);
    return paths.map((path) => async () => schemaOf(path, schemas.get(path) ?? []));
  } catch {
    return paths.map((path) => () => readSchema(connection, path));
  }
}

type RowsByFile = ReadonlyMap<unknown, readonly SqlRow[]>;

const byFile = async (connection: DuckDBConnection, sql: string): Promise<RowsByFile> =>
  Map.groupBy(await queryRows(connection, sql), ({ file_name }) => file_name);

const listOf = (paths: readonly string[]): string => `[${paths.map(sqlText).join(', ')}]`;

async function schemasTogether(connection: DuckDBConnection, paths: readonly string[]): Promise<RowsByFile> {
  for (const path of paths) await expectFile(path);
  const schemas = await byFile(connection, `SELECT * FROM parquet_schema(${listOf(paths)})`);
  // A name that DuckDB takes for a pattern would be answered under other names.
  if (paths.some((path) => !schemas.has(path))) throw new LinewardError('INTERNAL', 'a file has no schema');
  return schemas;
}

async function readTogether(connection: DuckDBConnection, paths: readonly string[]): Promise<readonly FooterReader[]> {
  const schemas = await schemasTogether(connection, paths);
  const files = listOf(paths);
  const metadata = await byFile(connection, `SELECT * FROM parquet_file_metadata(${files})`);
  const groups = await byFile(connection, rowGroupsOf(files));
  const keyValues = await byFile(connection, `SELECT * FROM parquet_kv_metadata(${files})`);
  return paths.map((path) => async () => ({
    schema: schemaOf(path, schemas.get(path) ?? []),
    layout: layoutOf(path, {
      file: metadata.get(path)?.[0],
      groups: groups.get(path)?.[0],
      keyValues: keyValues.get(path) ?? [],
    }),
  }));
}
