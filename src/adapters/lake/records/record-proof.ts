import { queryRow } from '../duckdb/duckdb-session.ts';
import { scanned, sqlName } from '../duckdb/sql-text.ts';
import type { SelectedRows } from '../file-format.ts';

/** Column of a relation of records with a 64-bit hash of each as a whole. */
export const hashColumn = 'lw$hash';

/** A file as a parser of other make sees it. */
export interface CountedRecords {
  readonly rows: number;
  readonly matches: number;
}

/** Counts the records of a relation and those that fall under the selection, by lookup in SQL. */
export async function countRecords({ connection, tables }: SelectedRows, relation: string): Promise<CountedRecords> {
  const row = await queryRow(
    connection,
    `SELECT count(*) AS total, count(*) FILTER (WHERE ${tables.scannedHit()}) AS matches FROM ${relation}`,
  );
  return { rows: Number(row.total), matches: Number(row.matches) };
}

/** Places at which a copy does not hold the record that is to stay there of its source. */
export async function misplacedRecords(
  { connection, tables }: SelectedRows,
  { source, copy }: { readonly source: string; readonly copy: string },
): Promise<number> {
  const hashed = `${scanned}.${sqlName(hashColumn)} AS hashed`;
  const row = await queryRow(
    connection,
    `SELECT count(*) FILTER (WHERE one.hashed IS DISTINCT FROM other.hashed) AS misplaced
     FROM (SELECT ${hashed} FROM ${source} WHERE NOT ${tables.scannedHit()}) one
     POSITIONAL JOIN (SELECT ${hashed} FROM ${copy}) other`,
  );
  return Number(row.misplaced);
}
