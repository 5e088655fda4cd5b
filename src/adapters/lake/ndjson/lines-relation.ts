import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { isGzipped } from '../../../domain/lake/file-format.ts';
import { scanned, sqlName, sqlText } from '../duckdb/sql-text.ts';
import type { SelectedRows } from '../file-format.ts';
import type { RecordFile } from '../records/record-format.ts';
import { hashColumn, othersColumn, placeColumn, valueColumn } from '../records/record-proof.ts';
import { hasMark, withoutMark } from './line-keys.ts';
import { lineBytesMax, readLines } from './line-stream.ts';

/** A file as DuckDB reads it. */
interface LineFile {
  readonly path: string;
  readonly isGzip: boolean;
}

/**
 * The records of a file as DuckDB's own parser of JSON reads them. It knows no byte order mark: a file that begins with one is
 * copied without it for as long as the work takes.
 */
export async function linesRelation<T>(
  { tables, tempDir }: SelectedRows,
  { path, like, valued = [] }: RecordFile,
  work: (relation: string) => Promise<T>,
): Promise<T> {
  const file = { path, isGzip: isGzipped(like) };
  const columns = [...keysOf(tables.readColumns()), ...valuesOf(valued)];
  if (!(await beginsWithMark(file))) return work(relationOf(file, columns));
  const copy = join(tempDir, `${randomUUID()}.ndjson`);
  try {
    await pipeline(linesWithoutMark(file), createWriteStream(copy));
    return await work(relationOf({ path: copy, isGzip: false }, columns));
  } finally {
    await rm(copy, { force: true });
  }
}

const keysOf = (names: readonly string[]): readonly string[] =>
  [...new Set(names)].map((name) => `json_extract_string(json, ${sqlText(pointerTo(name))}) AS ${sqlName(name)}`);

/** A merge patch (RFC 7396) of nulls takes the valued members away, and keeps all others in their order, doubles too. */
function valuesOf(names: readonly string[]): readonly string[] {
  if (names.length === 0) return [];
  const patch = JSON.stringify(Object.fromEntries(names.map((name) => [name, null])));
  const others = `hash(CAST(json_merge_patch(json, ${sqlText(patch)}) AS VARCHAR)) AS ${sqlName(othersColumn)}`;
  const values = names.map((name, index) => {
    return `CAST(json_extract(json, ${sqlText(pointerTo(name))}) AS VARCHAR) AS ${sqlName(valueColumn(index))}`;
  });
  return [others, ...values];
}

/** JSON as DuckDB spells what it has read. */
export const writtenLine = (sql: string): string => `CAST(json_extract(CAST(${sql} AS JSON), '$') AS VARCHAR)`;

function relationOf({ path, isGzip }: LineFile, columns: readonly string[]): string {
  const values = columns.map((column) => `, ${column}`);
  const options = `compression = '${isGzip ? 'gzip' : 'uncompressed'}', maximum_object_size = ${2 * lineBytesMax}`;
  return `(SELECT row_number() OVER () AS ${sqlName(placeColumn)}, hash(CAST(json AS VARCHAR)) AS ${sqlName(hashColumn)}${values.join('')}
           FROM read_ndjson_objects([${sqlText(path)}], ${options})) ${scanned}`;
}

/** JSON Pointer (RFC 6901) to a member of an object. */
const pointerTo = (name: string): string => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;

async function beginsWithMark({ path, isGzip }: LineFile): Promise<boolean> {
  for await (const [first] of readLines(path, isGzip)) return first !== undefined && hasMark(first);
  return false;
}

async function* linesWithoutMark({ path, isGzip }: LineFile): AsyncGenerator<Buffer> {
  let isFirst = true;
  for await (const lines of readLines(path, isGzip))
    for (const line of lines) {
      yield isFirst ? withoutMark(line) : line;
      isFirst = false;
    }
}
