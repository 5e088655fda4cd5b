import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { LakeColumn } from '../../../domain/lake/lake-column.ts';
import { protectionMark } from '../../../domain/privacy/plan-mark.ts';
import type { MergePlan } from '../../../domain/transform/transform-plan.ts';
import type { MergedFile } from '../../../services/transform/ports.ts';
import { fsyncFile, sha256OfFile } from '../../store/local/durable-file.ts';
import { reading } from '../duckdb/duckdb-failure.ts';
import { sqlName, sqlText } from '../duckdb/sql-text.ts';
import { readAvro, writeAvro } from './avro-rows.ts';
import { columnList, fileColumn } from './merge-sql.ts';

/** How far above its target a file may be before its rows are put into several. */
const oversize = 1.3;
const lineBytesMax = 8 * 1024 * 1024;

/** A relation over files of a table, with the columns of the plan and the number of the file that each row lies in. */
export async function withTableRows<T>(
  connection: DuckDBConnection,
  paths: readonly string[],
  plan: MergePlan,
  work: (relation: string) => Promise<T>,
): Promise<T> {
  if (plan.file.format === 'avro') return withAvroRows(connection, paths, plan, work);
  const numbers = `CAST(list_position([${paths.map(sqlText).join(', ')}], lineward_path) AS INTEGER) - 1 AS ${fileColumn}`;
  return work(`(SELECT ${columnList(plan)}, ${numbers} FROM ${filesSql(paths, plan)})`);
}

function filesSql(paths: readonly string[], { columns, file: { format, codec } }: MergePlan): string {
  const list = `[${paths.map(sqlText).join(', ')}]`;
  if (format === 'parquet')
    return `read_parquet(${list}, hive_partitioning = false, union_by_name = true, filename = 'lineward_path')`;
  const typed = columns.map(({ name, type }) => `${sqlText(name)}: '${type}'`).join(', ');
  return `read_json(${list}, format = 'newline_delimited', compression = '${codec === 'gzip' ? 'gzip' : 'uncompressed'}',
    maximum_object_size = ${lineBytesMax}, filename = 'lineward_path', columns = {${typed}})`;
}

async function withAvroRows<T>(
  connection: DuckDBConnection,
  paths: readonly string[],
  { columns, file: { recordName } }: MergePlan,
  work: (relation: string) => Promise<T>,
): Promise<T> {
  const table = `lw_avro_${randomUUID().replaceAll('-', '')}`;
  const list = columns.map(({ name, type }) => `${sqlName(name)} ${type}`).join(', ');
  await connection.run(`CREATE TEMP TABLE ${table} (${list}, ${fileColumn} INTEGER)`);
  try {
    const appender = await connection.createAppender(table);
    for (const [index, path] of paths.entries())
      await readAvro(
        path,
        { columns, recordName },
        {
          appender,
          endRow: () => {
            appender.appendInteger(index);
            appender.endRow();
          },
        },
      );
    appender.closeSync();
    return await work(table);
  } finally {
    await connection.run(`DROP TABLE IF EXISTS ${table}`);
  }
}

/** Rows of one folder, in an order that only the rows decide. */
export interface FolderRows {
  readonly partition: string;
  /** What its files are to say is protected in them. */
  readonly mark: string | null;
  readonly rows: number;
  /** Rows from `from` (counted from 0), `count` of them, by a column that numbers them. */
  slice(from: number, count: number): string;
}

/** Writes the rows of a folder to files of about the size that is asked for. */
export async function writeFolder(
  connection: DuckDBConnection,
  folder: FolderRows,
  plan: MergePlan,
  output: { readonly directory: string; readonly first: number },
): Promise<readonly MergedFile[]> {
  const { directory, first } = output;
  const { bytes: target } = plan.file;
  const write = (index: number, from: number, count: number): Promise<MergedFile> =>
    writeSlice(connection, folder.slice(from, count), plan, {
      directory,
      index: first + index,
      count,
      partition: folder.partition,
      mark: folder.mark,
    });
  const whole = await write(0, 0, folder.rows);
  if (whole.bytes <= target * oversize || folder.rows === 1) return [whole];
  const files: MergedFile[] = [];
  const parts = Math.min(folder.rows, Math.ceil(whole.bytes / target));
  const rowsEach = Math.ceil(folder.rows / parts);
  for (let from = 0; from < folder.rows; from += rowsEach)
    files.push(await write(files.length, from, Math.min(rowsEach, folder.rows - from)));
  return files;
}

async function writeSlice(
  connection: DuckDBConnection,
  query: string,
  plan: MergePlan,
  file: {
    readonly directory: string;
    readonly index: number;
    readonly count: number;
    readonly partition: string;
    readonly mark: string | null;
  },
): Promise<MergedFile> {
  const name = `${file.index}.staged`;
  const path = join(file.directory, name);
  const rows = `SELECT ${columnList(plan)} FROM (${query})`;
  const { format, codec, recordName } = plan.file;
  const { mark } = file;
  if (format === 'avro')
    await writeAvro(connection, rows, { path, columns: plan.columns, recordName, codec, metadata: metadataOf(mark) });
  else {
    const options =
      format === 'parquet'
        ? `FORMAT parquet, COMPRESSION ${sqlText(codec === 'none' ? 'uncompressed' : codec)}${mark === null ? '' : `, KV_METADATA {${sqlName(protectionMark)}: ${sqlText(mark)}}`}`
        : `FORMAT json, COMPRESSION ${codec === 'gzip' ? 'gzip' : 'none'}`;
    await reading(path, () => connection.run(`COPY (${rows}) TO ${sqlText(path)} (${options})`));
  }
  await fsyncFile(path);
  const sha256 = format === 'ndjson' && mark !== null ? await sha256OfFile(path) : null;
  return { name, partition: file.partition, rows: file.count, bytes: (await stat(path)).size, mark, sha256 };
}

const metadataOf = (mark: string | null): Readonly<Record<string, string>> =>
  mark === null ? {} : { [protectionMark]: mark };

/** Columns of a table with their types, as a temporary one is made. */
export const declared = (columns: readonly LakeColumn[]): string =>
  columns.map(({ name, type }) => `${sqlName(name)} ${type}`).join(', ');
