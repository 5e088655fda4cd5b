import type { DuckDBConnection } from '@duckdb/node-api';
import type { Chunk, MergeRequest } from '../../../services/transform/ports.ts';
import { queryRow } from '../duckdb/duckdb-session.ts';
import { sqlName, sqlText } from '../duckdb/sql-text.ts';
import { fileColumn, keyList, placedList, statedOrder, survivors, wholeOrder } from './merge-sql.ts';

/** Where a row lies in the chunks. */
const idColumn = 'lineward_id';

export const chunksSql = (chunks: readonly string[]): string =>
  `read_parquet([${chunks.map(sqlText).join(', ')}], hive_partitioning = false)`;

/**
 * A relation over the rows of the chunks that stay among themselves. In the place of a file they have what is protected in them,
 * as a number below zero.
 *
 * To sort whole rows by key is what a merge costs most, the more so where they do not fit into memory. So the rows that lose are
 * found by what they are compared by alone, and only those that are equal by that are looked at as a whole. Where values of all
 * rows of a key go into the one that stays, all of them have to be there.
 */
export async function incomingRows(
  connection: DuckDBConnection,
  { chunks, plan }: MergeRequest,
  marks: readonly (string | null)[],
): Promise<string> {
  const numbers = chunks.map(({ mark }) => -1 - marks.indexOf(mark));
  const list = `${placedList(plan)}, ${fileOf(numbers)} AS ${fileColumn}`;
  if (plan.combine.length > 0) return `(${survivors(plan, `(SELECT ${list} FROM ${allOf(chunks)})`)})`;
  const rows = (columns: string): string =>
    `SELECT ${columns}, CAST(file_index AS BIGINT) * 4294967296 + file_row_number AS ${idColumn} FROM ${allOf(chunks)}`;
  const compared = new Set([...plan.key, ...plan.order.map(({ column }) => column)]);
  const window = `(PARTITION BY ${keyList(plan)}${plan.order.length === 0 ? '' : ` ORDER BY ${statedOrder(plan)}`})`;
  await connection.run(
    `CREATE TEMP TABLE lw_behind AS SELECT ${idColumn}, place = 1 AS is_tied FROM
       (SELECT ${idColumn}, row_number() OVER ${window} AS number, ${plan.order.length === 0 ? '1' : `rank() OVER ${window}`} AS place
        FROM (${rows([...compared].map(sqlName).join(', '))})) WHERE number > 1`,
  );
  const { tied } = await queryRow(connection, 'SELECT count(*) AS tied FROM lw_behind WHERE is_tied');
  if (Number(tied) > 0) await untie(connection, plan, rows(list));
  return `(SELECT ${placedList(plan)}, ${fileColumn} FROM (${rows(list)}) ANTI JOIN lw_behind USING (${idColumn}))`;
}

/** Decides between rows of a key that are equal by what the document compares: by all that they hold. */
async function untie(connection: DuckDBConnection, plan: MergeRequest['plan'], rows: string): Promise<void> {
  const keys = keyList(plan);
  await connection.run(
    `CREATE TEMP TABLE lw_tied AS SELECT ${idColumn}, row_number() OVER (PARTITION BY ${keys} ORDER BY ${wholeOrder(plan)}) = 1 AS stays
     FROM (${rows}) SEMI JOIN (SELECT ${keys} FROM (${rows}) SEMI JOIN (SELECT ${idColumn} FROM lw_behind WHERE is_tied) USING (${idColumn})) USING (${keys})
     ANTI JOIN (SELECT ${idColumn} FROM lw_behind WHERE NOT is_tied) USING (${idColumn})`,
  );
  await connection.run('DELETE FROM lw_behind WHERE is_tied');
  await connection.run(`INSERT INTO lw_behind SELECT ${idColumn}, TRUE FROM lw_tied WHERE NOT stays`);
  await connection.run('DROP TABLE lw_tied');
}

const allOf = (chunks: readonly Chunk[]): string => chunksSql(chunks.map(({ path }) => path));

/** The number of the chunk that a row is from, by the index of that. */
function fileOf(numbers: readonly number[]): string {
  const isOne = new Set(numbers).size === 1;
  return `CAST(${isOne ? numbers[0] : `list_extract([${numbers.join(', ')}], CAST(file_index AS INTEGER) + 1)`} AS INTEGER)`;
}
