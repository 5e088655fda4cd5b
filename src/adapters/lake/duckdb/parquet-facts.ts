import { stat } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import { LinewardError } from '../../../errors/lineward-error.ts';
import { readFailure } from './duckdb-failure.ts';
import { queryRows, type SqlRow } from './duckdb-session.ts';
import { caseCollisions, type SchemaNode, schemaNodes } from './parquet-schema.ts';
import { sqlText } from './sql-text.ts';

/** A top-level column; `type` is null for lists, maps and structs. */
export interface FileColumn {
  readonly name: string;
  readonly type: string | null;
}

export interface FileSchema {
  readonly path: string;
  readonly nodes: readonly SchemaNode[];
  readonly columns: readonly FileColumn[];
}

/** How a file was written, beside its schema. */
export interface FileLayout {
  readonly rows: number;
  /** COPY's name of the codec that holds most bytes. */
  readonly codec: string;
  /** Rows of the largest row group; 0 for a file without rows. */
  readonly rowGroupRows: number;
  /** Most entries that a dictionary of the file has, 0 when there is none; null when its writer does not tell. */
  readonly dictionaryEntries: number | null;
  readonly keyValues: readonly { readonly key: Uint8Array; readonly value: Uint8Array }[];
}

/** Reads a file's schema. LAKE_FILE_UNREADABLE; LAKE_TABLE_REFUSED if column names clash or it is encrypted. */
export async function readSchema(connection: DuckDBConnection, path: string): Promise<FileSchema> {
  return schemaOf(path, await readFooter(connection, path, 'parquet_schema'));
}

/** The schema of a file from its rows of `parquet_schema()`; refuses as {@link readSchema} does. */
export function schemaOf(path: string, rows: readonly SqlRow[]): FileSchema {
  const nodes = schemaNodes(rows.map(schemaElement));
  const collisions = caseCollisions(nodes);
  if (collisions.length > 0) {
    throw new LinewardError(
      'LAKE_TABLE_REFUSED',
      `The lake file ${path} has columns whose names differ only by case (${collisions.join(', ')}); rename them.`,
      { details: { path, reason: `columns differ only by case: ${collisions.join(', ')}`, columns: collisions } },
    );
  }
  const columns = nodes
    .filter((node) => node.depth === 0)
    .map(({ name, duckdbType, repetition }) => ({ name, type: repetition === 'REPEATED' ? null : duckdbType }));
  return { path, nodes, columns };
}

/** Reads what COPY needs to write the file's like. Refuses encrypted files. */
export async function readLayout(connection: DuckDBConnection, path: string): Promise<FileLayout> {
  const [file] = await readFooter(connection, path, 'parquet_file_metadata');
  const [groups] = await queryRows(connection, rowGroupsOf(sqlText(path)));
  const keyValues = await queryRows(connection, `SELECT key, value FROM parquet_kv_metadata(${sqlText(path)})`);
  return layoutOf(path, { file, groups, keyValues });
}

/** Largest row group, the codec of most bytes, and what is known of dictionaries, by file. */
export const rowGroupsOf = (files: string): string =>
  `SELECT file_name, max(row_group_num_rows) AS row_group_rows, arg_max(compression, bytes) AS codec,
          coalesce(max(entries), 0) AS entries, bool_or(untold) AS untold
   FROM (SELECT file_name, compression, max(row_group_num_rows) AS row_group_num_rows, sum(total_compressed_size) AS bytes,
                max(stats_distinct_count) FILTER (WHERE dictionary) AS entries,
                bool_or(dictionary AND stats_distinct_count IS NULL) AS untold
         FROM (SELECT *, encodings LIKE '%DICTIONARY%' AS dictionary FROM parquet_metadata(${files}))
         GROUP BY file_name, compression) GROUP BY file_name`;

/** The layout of a file from its rows of DuckDB's readers of footers; refuses encrypted files. */
export function layoutOf(
  path: string,
  {
    file,
    groups,
    keyValues,
  }: {
    readonly file: SqlRow | undefined;
    readonly groups: SqlRow | undefined;
    readonly keyValues: readonly SqlRow[];
  },
): FileLayout {
  if (typeof file?.encryption_algorithm === 'string') {
    throw new LinewardError('LAKE_TABLE_REFUSED', `The lake file ${path} is encrypted and cannot be rewritten.`, {
      details: { path, reason: 'it is encrypted' },
    });
  }
  return {
    rows: Number(file?.num_rows ?? 0),
    codec: typeof groups?.codec === 'string' ? groups.codec.toLowerCase() : 'zstd',
    rowGroupRows: Number(groups?.row_group_rows ?? 0),
    dictionaryEntries: groups === undefined || groups.untold === true ? null : Number(groups.entries),
    keyValues: keyValues.map((row) => ({ key: blobOf(row.key), value: blobOf(row.value) })),
  };
}

async function readFooter(
  connection: DuckDBConnection,
  path: string,
  reader: 'parquet_schema' | 'parquet_file_metadata',
): Promise<readonly SqlRow[]> {
  await expectFile(path);
  try {
    return await queryRows(connection, `SELECT * FROM ${reader}(${sqlText(path)})`);
  } catch (error) {
    throw readFailure(error, path);
  }
}

/** DuckDB takes the name of a missing file for a pattern and may read another file in its stead. */
export async function expectFile(path: string): Promise<void> {
  const isFile = await stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  );
  if (isFile) return;
  throw new LinewardError('LAKE_FILE_UNREADABLE', `The lake file ${path} cannot be read: there is no such file.`, {
    details: { path, reason: 'there is no such file' },
  });
}

function schemaElement(row: SqlRow) {
  const text = (value: unknown): string | null => (value === null || value === undefined ? null : String(value));
  return {
    name: String(row.name),
    type: text(row.type),
    repetition: text(row.repetition_type),
    children: Number(row.num_children ?? 0),
    convertedType: text(row.converted_type),
    logicalType: text(row.logical_type),
    fieldId: text(row.field_id),
    duckdbType: text(row.duckdb_type),
  };
}

const blobOf = (value: unknown): Uint8Array => (value instanceof Uint8Array ? value : new Uint8Array());
