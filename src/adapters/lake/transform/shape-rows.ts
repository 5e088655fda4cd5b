import { rename, rm } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import { originColumn, type ShapePlan } from '../../../domain/transform/transform-plan.ts';
import type { RejectCode, RejectedRows, ShapeRequest, ShapeResult } from '../../../services/transform/ports.ts';
import { reading } from '../duckdb/duckdb-failure.ts';
import { queryRow, queryRows } from '../duckdb/duckdb-session.ts';
import { parquetFiles, sqlText } from '../duckdb/sql-text.ts';
import { prepareDates, prepareZones } from './date-sql.ts';
import { placedList } from './merge-sql.ts';
import { linesOf } from './record-lines.ts';
import { faultColumn, ShapeSql } from './shape-sql.ts';

/** Places that are told of each kind of rejected rows. */
const placesMax = 100;
/** Values of a column that a dictionary is made of. */
const dictionaryMax = 1_000;

/** Brings lines of records into the form of a table, as Parquet that only we read again. */
export async function shapeRows(
  connection: DuckDBConnection,
  { source, target, plan, lookups }: ShapeRequest,
): Promise<ShapeResult> {
  const all = `${target}.all`;
  try {
    return await reading(source, async () => {
      // At once into a file, with the faults: a table in between would cost as much as the checks do.
      const origin = `CASE WHEN ${faultColumn} IS NOT NULL THEN ${originColumn} END AS ${originColumn}`;
      const shaped = `SELECT ${placedList(plan)}, ${faultColumn}, ${origin} FROM (${await shapedSql(connection, { source, plan, lookups })})`;
      await copyTo(connection, shaped, all);
      const rejected = await rejectedIn(connection, parquetFiles([all]));
      if (rejected.length === 0) await rename(all, target);
      else {
        const good = `SELECT ${placedList(plan)} FROM ${parquetFiles([all])} WHERE ${faultColumn} IS NULL`;
        await copyTo(connection, good, target);
      }
      const { rows } = await queryRow(connection, `SELECT count(*) AS rows FROM ${parquetFiles([target])}`);
      return { rows: Number(rows), rejected };
    });
  } catch (error) {
    await rm(target, { force: true });
    throw error;
  } finally {
    await rm(all, { force: true });
  }
}

/** Dictionaries are for columns with few values: to look for one in others takes longer than to write them. */
const copyTo = (connection: DuckDBConnection, query: string, path: string) =>
  connection.run(
    `COPY (${query}) TO ${sqlText(path)} (FORMAT parquet, COMPRESSION uncompressed, DICTIONARY_SIZE_LIMIT ${dictionaryMax})`,
  );

/** Leaves the rows in the temporary table `lw_shaped`. */
export async function shapedTable(connection: DuckDBConnection, lines: ShapedLines): Promise<void> {
  const shaped = await shapedSql(connection, lines);
  await connection.run(`CREATE OR REPLACE TEMP TABLE lw_shaped AS ${shaped}`);
}

type ShapedLines = Omit<ShapeRequest, 'target'>;

async function shapedSql(connection: DuckDBConnection, { source, plan, lookups }: ShapedLines): Promise<string> {
  await prepareDates(connection);
  if (plan.steps.some(asksZones)) await prepareZones(connection);
  return ShapeSql.of(linesOf([source], plan.fields), plan, lookups);
}

const asksZones = (step: ShapePlan['steps'][number]): boolean =>
  step.type === 'localizeDates' && typeof step.zone === 'object' && 'field' in step.zone;

/** Rows with a fault, by what it is. */
export async function rejectedIn(connection: DuckDBConnection, relation: string): Promise<readonly RejectedRows[]> {
  const found = await queryRows(
    connection,
    `SELECT ${faultColumn} AS fault, count(*) AS rows, list_sort(list(${originColumn}))[1:${placesMax}] AS places
     FROM ${relation} WHERE ${faultColumn} IS NOT NULL GROUP BY ALL ORDER BY fault`,
  );
  return found.map(({ fault, rows, places }) => {
    const text = String(fault);
    const colon = text.indexOf(':');
    return {
      code: text.slice(0, colon) as RejectCode,
      field: text.slice(colon + 1),
      rows: Number(rows),
      at: (places as readonly unknown[]).map(String),
    };
  });
}
