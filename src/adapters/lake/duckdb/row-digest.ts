import type { DuckDBConnection } from '@duckdb/node-api';
import { queryRow } from './duckdb-session.ts';
import type { FileColumn, FileSchema } from './parquet-facts.ts';
import { scanned } from './selection-tables.ts';
import { parquetFiles, sqlName } from './sql-text.ts';

export interface FileDigest {
  readonly rows: number;
  readonly matches: number;
  /** Digest of the rows that do not match. */
  readonly survivorsDigest: string;
}

/** Digest of no rows. */
export const emptyDigest = formatDigest(0n, 0n, 0n);

/**
 * Reads all columns of a file and digests the rows for which `hit` (SQL) is false. The digest is the count of rows and
 * the sums of the two halves of each row's MD5, so it does not depend on row order, and a row twice is not a row once.
 * MD5 because its definition is fixed: DuckDB's own `hash()` may change between versions and engines.
 */
export async function digestFile(connection: DuckDBConnection, schema: FileSchema, hit: string): Promise<FileDigest> {
  const row = await queryRow(
    connection,
    `SELECT count(*) AS total,
            count(*) FILTER (WHERE hit) AS matches,
            coalesce(sum((md5 >> 64)::HUGEINT) FILTER (WHERE NOT hit), 0)::VARCHAR AS high,
            coalesce(sum((md5 & 18446744073709551615::UHUGEINT)::HUGEINT) FILTER (WHERE NOT hit), 0)::VARCHAR AS low
     FROM (SELECT ${hit} AS hit, md5_number(concat(${schema.columns.map(columnText).join(', ')})) AS md5
           FROM ${parquetFiles([schema.path])} ${scanned})`,
  );
  const rows = Number(row.total);
  const matches = Number(row.matches);
  const survivorsDigest = formatDigest(BigInt(rows - matches), BigInt(String(row.high)), BigInt(String(row.low)));
  return { rows, matches, survivorsDigest };
}

/** `N` for NULL, else byte length and text: NULL, the empty text and moved column borders all differ. */
function columnText(column: FileColumn): string {
  const name = `${scanned}.${sqlName(column.name)}`;
  const text = column.type === null ? `CAST(to_json(${name}) AS VARCHAR)` : `CAST(${name} AS VARCHAR)`;
  return `coalesce(strlen(${text}) || ':' || ${text}, 'N')`;
}

function formatDigest(rows: bigint, high: bigint, low: bigint): string {
  return `md5-sum:${rows}:${high.toString(16)}:${low.toString(16)}`;
}
