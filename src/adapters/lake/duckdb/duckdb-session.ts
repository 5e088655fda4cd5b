import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { ChildSettings } from './engine-protocol.ts';

/**
 * Opens the in-memory database of a child. `build_side_probe_side` is off because it may swap the sides of a join, and
 * then the scanned file's row order is lost. No extension is fetched, no file is cached, times are UTC.
 */
export async function openDuckdb(settings: ChildSettings): Promise<DuckDBInstance> {
  return DuckDBInstance.create(':memory:', {
    memory_limit: `${settings.memoryLimitMb}MB`,
    threads: String(settings.threads),
    temp_directory: settings.tempDir,
    preserve_insertion_order: 'true',
    disabled_optimizers: 'build_side_probe_side',
    enable_external_file_cache: 'false',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
}

/** Runs work on a connection of its own: its temporary tables end with it. */
export async function withConnection<T>(
  instance: DuckDBInstance,
  work: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  const connection = await instance.connect();
  try {
    await prepareConnection(connection);
    return await work(connection);
  } finally {
    connection.closeSync();
  }
}

/** Settings that every connection needs: options of extensions (icu, parquet) are unknown until the database is open. */
export async function prepareConnection(connection: DuckDBConnection): Promise<void> {
  await connection.run("SET TimeZone = 'UTC'");
  await connection.run('SET enable_geoparquet_conversion = false');
}

export type SqlRow = Readonly<Record<string, unknown>>;

export async function queryRows(connection: DuckDBConnection, sql: string): Promise<readonly SqlRow[]> {
  const reader = await connection.runAndReadAll(sql);
  return reader.getRowObjectsJS();
}

/** The only row of an aggregate; its values by name. */
export async function queryRow(connection: DuckDBConnection, sql: string): Promise<SqlRow> {
  const [row] = await queryRows(connection, sql);
  return row ?? {};
}
