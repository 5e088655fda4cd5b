import { rm } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { LookupPlan } from '../../../domain/transform/lookup-plan.ts';
import type { LookupStep } from '../../../domain/transform/transform-plan.ts';
import type { LookupRequest, LookupResult } from '../../../services/transform/ports.ts';
import { reading } from '../duckdb/duckdb-failure.ts';
import { queryRow } from '../duckdb/duckdb-session.ts';
import { parquetFiles, sqlName, sqlText } from '../duckdb/sql-text.ts';
import { linesOf } from './record-lines.ts';

const keyColumn = (index: number): string => `lineward_on_${index}`;
const valueColumn = (index: number): string => `lineward_value_${index}`;
/** TRUE in rows that a match was found for. */
const foundColumn = 'lineward_found';

/** Brings the records of a lookup into a file with one row for each key; rows that say the same are one. */
export async function lookupRows(
  connection: DuckDBConnection,
  { sources, target, plan }: LookupRequest,
): Promise<LookupResult> {
  try {
    return await reading(sources[0] ?? target, async () => {
      await connection.run(`CREATE OR REPLACE TEMP TABLE lw_lookup AS ${rowsSql(sources, plan)}`);
      const keys = plan.keys.map((_, index) => keyColumn(index)).join(', ');
      const { ambiguous } = await queryRow(
        connection,
        `SELECT count(*) AS ambiguous FROM (SELECT ${keys} FROM lw_lookup GROUP BY ${keys} HAVING count(*) > 1)`,
      );
      await connection.run(`COPY lw_lookup TO ${sqlText(target)} (FORMAT parquet, COMPRESSION uncompressed)`);
      return { ambiguous: Number(ambiguous) };
    });
  } catch (error) {
    await rm(target, { force: true });
    throw error;
  }
}

/** Keys are compared as texts, as all values are until a column wants another type. */
function rowsSql(sources: readonly string[], { fields, keys, values }: LookupPlan): string {
  const forms = new Map(fields.map(({ name, form }) => [name, form]));
  const key = (name: string): string => (forms.get(name) === 'JSON' ? `(${sqlName(name)} ->> '$')` : sqlName(name));
  const type = (name: string): string => (forms.get(name) === 'JSON' ? 'JSON' : 'VARCHAR');
  const columns = [
    ...keys.map((name, index) => ({ sql: key(name), type: 'VARCHAR', column: keyColumn(index) })),
    ...values.map((name, index) => ({ sql: sqlName(name), type: type(name), column: valueColumn(index) })),
  ];
  if (sources.length === 0)
    return `SELECT ${columns.map((one) => `CAST(NULL AS ${one.type}) AS ${one.column}`).join(', ')} WHERE FALSE`;
  const list = columns.map(({ sql, column }) => `${sql} AS ${column}`).join(', ');
  const isWhole = keys.map((name) => `${key(name)} IS NOT NULL`).join(' AND ');
  return `SELECT DISTINCT ${list} FROM ${linesOf(sources, fields)} WHERE ${isWhole}`;
}

/** A relation with its rows beside the one row of the lookup with their keys, where there is one. */
export function joined(relation: string, lookup: string, keys: readonly string[]): string {
  const on = keys.map((sql, index) => `${sql} = ${keyColumn(index)}`).join(' AND ');
  return `SELECT * FROM (${relation}) LEFT JOIN (SELECT *, TRUE AS ${foundColumn} FROM ${parquetFiles([lookup])}) ON ${on}`;
}

/** The value of a new field, after a join. */
export function joinedValue({ fields }: LookupStep, index: number): string {
  const { form, otherwise } = fields[index] ?? { form: 'TEXT', otherwise: null };
  const value = valueColumn(index);
  if (otherwise === null) return value;
  const text = sqlText(otherwise);
  return `CASE WHEN ${foundColumn} THEN ${value} ELSE ${form === 'JSON' ? `CAST(${text} AS JSON)` : text} END`;
}

export const isMissing = `${foundColumn} IS NULL`;
