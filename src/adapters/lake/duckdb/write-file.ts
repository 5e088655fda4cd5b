import { mkdir, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DuckDBAppender, DuckDBConnection } from '@duckdb/node-api';
import { printExactJson } from '../../../domain/exact-json.ts';
import { columnFault, type LakeColumn } from '../../../domain/lake/lake-column.ts';
import { LinewardError } from '../../../errors/lineward-error.ts';
import { fsyncFile } from '../../store/local/durable-file.ts';
import { writeFailure } from './duckdb-failure.ts';
import type { EngineVerbs } from './engine-protocol.ts';
import { sqlName, sqlText } from './sql-text.ts';

/** Writes rows to a Parquet file (zstd) in the order given, flushed to the disk. */
export async function writeFile(
  connection: DuckDBConnection,
  { path, columns, rows }: EngineVerbs['write']['request'],
): Promise<EngineVerbs['write']['result']> {
  checkColumns(columns);
  try {
    const list = columns.map(({ name, type }) => `${sqlName(name)} ${type}`).join(', ');
    await connection.run(`CREATE TEMP TABLE lw_rows (${list})`);
    const appender = await connection.createAppender('lw_rows');
    for (const [index, row] of rows.entries()) {
      for (const column of columns) appendValue(appender, column, row[column.name], index);
      appender.endRow();
    }
    appender.closeSync();
    await mkdir(dirname(path), { recursive: true });
    await connection.run(`COPY lw_rows TO ${sqlText(path)} (FORMAT parquet, COMPRESSION zstd)`);
    await fsyncFile(path);
    return { rows: rows.length, bytes: (await stat(path)).size };
  } catch (error) {
    await rm(path, { force: true });
    throw writeFailure(error, path);
  }
}

function checkColumns(columns: readonly LakeColumn[]): void {
  const names = new Set(columns.map(({ name }) => name.toLowerCase()));
  if (columns.length > 0 && names.size === columns.length && !names.has('')) return;
  throw new LinewardError(
    'BAD_INPUT',
    'A lake table needs columns whose names are not empty and differ by more than case.',
    { path: ['columns'] },
  );
}

function appendValue(appender: DuckDBAppender, column: LakeColumn, value: unknown, index: number): void {
  if (value === null || value === undefined) {
    appender.appendNull();
    return;
  }
  const fault = columnFault(column.type, value);
  if (fault !== null) {
    throw new LinewardError(
      'VALUE_INVALID',
      `The value of column ${column.name} in row ${index} ${fault}; mend the record or the column.`,
      { path: ['rows', String(index), column.name], details: { row: index, column: column.name } },
    );
  }
  appenders[column.type](appender, value);
}

/** Called with values that fit the column. */
const appenders: Readonly<Record<LakeColumn['type'], (appender: DuckDBAppender, value: unknown) => void>> = {
  VARCHAR: (appender, value) => appender.appendVarchar(String(value)),
  INTEGER: (appender, value) => appender.appendInteger(Number(value)),
  BIGINT: (appender, value) => appender.appendBigInt(BigInt(String(value))),
  DOUBLE: (appender, value) => appender.appendDouble(Number(value)),
  BOOLEAN: (appender, value) => appender.appendBoolean(value === true),
  JSON: (appender, value) => appender.appendVarchar(printExactJson(value) ?? 'null'),
};
