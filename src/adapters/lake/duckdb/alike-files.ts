import type { DuckDBConnection } from '@duckdb/node-api';
import { reading } from './duckdb-failure.ts';
import { type Outcome, outcomesOf } from './outcome.ts';
import type { FileSchema } from './parquet-facts.ts';
import { perStatement, readSchemas } from './parquet-footers.ts';
import type { SelectionTables } from './selection-tables.ts';

/** Schemas of files in which the keys of a selection can be searched, or why one of them is none. */
export async function searchable(
  connection: DuckDBConnection,
  tables: SelectionTables,
  paths: readonly string[],
): Promise<readonly Outcome<FileSchema>[]> {
  const readers = await readSchemas(connection, paths);
  return outcomesOf(readers, async (read) => {
    const schema = await read();
    tables.checkKeys(schema);
    return schema;
  });
}

/** A question about the rows of some files; a file without rows may be missing in the answer. */
interface Scan<T> {
  readonly of: (paths: readonly string[]) => Promise<ReadonlyMap<string, T>>;
  /** What is true of a file without rows. */
  readonly nothing: T;
}

/**
 * Asks about the rows of several files by as few statements as can be: selectors are made into a hash table for each. Only files
 * whose keys have the same types share one: DuckDB reads a list of files with the first one's types, and a text key `01` read as
 * a number would match `1`. Where a statement fails its files are asked one by one, so that one does not hide the others.
 */
export async function scanAlike<T>(
  tables: SelectionTables,
  schemas: readonly FileSchema[],
  scan: Scan<T>,
): Promise<readonly Outcome<T>[]> {
  const answers = new Map<string, Outcome<T>>();
  for (const alike of Map.groupBy(schemas, (schema) => keyTypes(tables, schema)).values())
    for (const some of perStatement(alike)) {
      const paths = some.map(({ path }) => path);
      const scanned = await scanSome(paths, scan);
      for (const [index, path] of paths.entries()) answers.set(path, scanned[index] ?? { value: scan.nothing });
    }
  return schemas.map(({ path }) => answers.get(path) ?? { value: scan.nothing });
}

async function scanSome<T>(paths: readonly string[], scan: Scan<T>): Promise<readonly Outcome<T>[]> {
  try {
    const found = await scan.of(paths);
    return paths.map((path) => ({ value: found.get(path) ?? scan.nothing }));
  } catch {
    const alone = async (path: string) => (await reading(path, () => scan.of([path]))).get(path) ?? scan.nothing;
    return outcomesOf(paths, alone);
  }
}

const keyTypes = (tables: SelectionTables, { columns }: FileSchema): string =>
  JSON.stringify(tables.readColumns().map((key) => columns.find(({ name }) => name === key)?.type));
