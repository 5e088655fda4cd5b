import type { DuckDBConnection } from '@duckdb/node-api';
import { maskOf, readFormOf } from '../../../domain/lake-reads/read-column.ts';
import type { RowsRequest } from '../../../services/lake-reads/ports.ts';
import { queryRows } from '../duckdb/duckdb-session.ts';
import { olderByInstant, undated } from '../duckdb/row-age.ts';
import { parquetFiles, scanned, sqlName, sqlText } from '../duckdb/sql-text.ts';

/** The rows of a Parquet file as texts of JSON arrays; null when it can have none of the days that are asked for. */
export async function rowsSql(
  connection: DuckDBConnection,
  { path, columns, days, rowsMax }: RowsRequest,
): Promise<string | null> {
  const files = parquetFiles([path]);
  const described = await queryRows(connection, `DESCRIBE SELECT * FROM ${files}`);
  const types = new Map(described.map(({ column_name, column_type }) => [String(column_name), String(column_type)]));
  // A file from before the column was added.
  if (days !== null && !types.has(days.column)) return null;
  const values = columns.map((column) => valueSql(column, types.get(column.name)));
  const limit = rowsMax === null ? '' : ` LIMIT ${rowsMax}`;
  return `SELECT CAST(json_array(${values.join(', ')}) AS VARCHAR) FROM ${files} ${scanned}${daysSql(days)}${limit}`;
}

/** `held`: type of the column in the file, undefined when it has none of that name. */
function valueSql({ name, type, masked }: RowsRequest['columns'][number], held: string | undefined): string {
  if (masked) {
    const mask = maskOf(type);
    return mask === null ? 'NULL' : sqlText(mask);
  }
  if (held === undefined) return 'NULL';
  const value = `${scanned}.${sqlName(name)}`;
  switch (readFormOf(type)) {
    case 'NUMBER':
      return type === 'DOUBLE' || type === 'FLOAT' ? finite(`CAST(${value} AS ${type})`) : `CAST(${value} AS ${type})`;
    case 'BOOLEAN':
      return `CAST(${value} AS BOOLEAN)`;
    case 'BYTES':
      return held === 'BLOB' ? `base64(${value})` : `CAST(${value} AS VARCHAR)`;
    case 'JSON':
      return nested(value, held);
    case 'EXACT':
      return `CAST(${/INT$/u.test(type) ? `CAST(${value} AS ${type})` : value} AS VARCHAR)`;
    default:
      return `CAST(${value} AS VARCHAR)`;
  }
}

const finite = (value: string): string =>
  `CASE WHEN isfinite(${value}) THEN to_json(${value}) ELSE to_json(CAST(${value} AS VARCHAR)) END`;

function nested(value: string, held: string): string {
  if (held === 'JSON') return value;
  if (held !== 'VARCHAR') return `to_json(${value})`;
  return `CASE WHEN json_valid(${value}) THEN CAST(${value} AS JSON) ELSE to_json(${value}) END`;
}

function daysSql(days: RowsRequest['days']): string {
  if (days === null) return '';
  const { column, range } = days;
  const older = (before: string): string => olderByInstant({ column, before });
  const conditions = [
    `NOT ${undated({ column })}`,
    ...(range.from === null ? [] : [`NOT ${older(range.from)}`]),
    ...(range.to === null ? [] : [older(range.to)]),
  ];
  return ` WHERE ${conditions.join(' AND ')}`;
}
