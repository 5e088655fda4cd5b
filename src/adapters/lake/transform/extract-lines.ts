import { createWriteStream } from 'node:fs';
import { rm, stat, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import { printExactJson, readExactJson } from '../../../domain/exact-json.ts';
import { AvroCursor } from '../../../domain/registry/avro/avro-cursor.ts';
import { decodeAvro } from '../../../domain/registry/avro/avro-decoding.ts';
import type { ExtractRequest, ExtractResult } from '../../../services/transform/ports.ts';
import { AvroContainer } from '../avro/avro-container.ts';
import { readFailure } from '../duckdb/duckdb-failure.ts';
import { queryRow, queryRows } from '../duckdb/duckdb-session.ts';
import { parquetFiles, sqlName, sqlText } from '../duckdb/sql-text.ts';
import { readLines } from '../ndjson/line-stream.ts';
import { unreadable } from '../records/record-failure.ts';

/** Numbers of lines that are told of those that are no rows. */
const placesMax = 100;
/** The reader of CSV keeps several buffers for each thread, each of which has to hold a line. */
const csvLineBytesMax = 1024 * 1024;
const csvBufferBytes = 4 * csvLineBytesMax;
const none: ExtractResult = { refused: 0, refusedAt: [] };

/** Writes the records of a file of a source as lines of JSON. */
export async function extractLines(connection: DuckDBConnection, request: ExtractRequest): Promise<ExtractResult> {
  const { path, target, format } = request;
  try {
    if (format === 'csv') return await fromCsv(connection, request);
    if (format === 'parquet') await fromParquet(connection, request);
    else if (format === 'avro') await fromAvro(request);
    else await pipeline(Readable.from(plainLines(request)), createWriteStream(target));
    return none;
  } catch (error) {
    await rm(target, { force: true });
    throw readFailure(error, path);
  }
}

async function* plainLines({ path, isGzip, rowsMax }: ExtractRequest): AsyncGenerator<Buffer> {
  let left = rowsMax ?? Number.POSITIVE_INFINITY;
  for await (const lines of readLines(path, isGzip)) {
    yield Buffer.concat(lines.slice(0, left));
    left -= lines.length;
    if (left <= 0) return;
  }
}

/** Names of columns of the relation that are asked for, with their types. */
async function typesOf(connection: DuckDBConnection, relation: string, { columns, path }: ExtractRequest) {
  const wanted = new Set(columns);
  const found = await queryRows(connection, `DESCRIBE SELECT * FROM ${relation}`);
  const types = found
    .map((row) => ({ name: String(row.column_name), type: String(row.column_type) }))
    .filter(({ name }) => wanted.has(name));
  if (types.length > 0) return types;
  throw unreadable(path, 'it has none of the fields of its entity');
}

async function fromParquet(connection: DuckDBConnection, request: ExtractRequest): Promise<void> {
  const relation = parquetFiles([request.path]);
  const types = await typesOf(connection, relation, request);
  const list = types.map(({ name, type }) => `${parquetValue(name, type, request)} AS ${sqlName(name)}`);
  await copyLines(connection, `SELECT ${list.join(', ')} FROM ${relation}`, request);
}

/** As JSON messages carry it: bytes as base64, nothing for what JSON has no form for. */
function parquetValue(name: string, type: string, { jsonTexts }: ExtractRequest): string {
  const column = sqlName(name);
  if (type === 'BLOB') return `to_base64(${column})`;
  if (type === 'DOUBLE' || type === 'FLOAT') return `CASE WHEN isfinite(${column}) THEN ${column} END`;
  // A text that is no JSON stays a text: protection leaves such.
  if (type === 'VARCHAR' && jsonTexts.includes(name))
    return `coalesce(TRY_CAST(${column} AS JSON), to_json(${column}))`;
  return column;
}

async function fromCsv(connection: DuckDBConnection, request: ExtractRequest): Promise<ExtractResult> {
  const { path, isGzip } = request;
  if ((await stat(path)).size === 0) {
    await writeFile(request.target, '');
    return none;
  }
  const relation = `read_csv([${sqlText(path)}], header = true, all_varchar = true, delim = ',', quote = '"', escape = '"',
    allow_quoted_nulls = false, strict_mode = true, store_rejects = true, rejects_limit = 0, max_line_size = ${csvLineBytesMax}, buffer_size = ${csvBufferBytes},
    compression = '${isGzip ? 'gzip' : 'none'}', hive_partitioning = false)`;
  const types = await typesOf(connection, relation, request);
  await copyLines(connection, `SELECT ${types.map(({ name }) => sqlName(name)).join(', ')} FROM ${relation}`, request);
  const { lines, places } = await queryRow(
    connection,
    `SELECT count(DISTINCT line) AS lines, list_sort(list(DISTINCT CAST(line AS INTEGER)))[1:${placesMax}] AS places FROM reject_errors`,
  );
  const refusedAt = Array.isArray(places) ? places.map(Number) : [];
  return { refused: Number(lines), refusedAt };
}

async function copyLines(
  connection: DuckDBConnection,
  query: string,
  { target, rowsMax }: ExtractRequest,
): Promise<void> {
  const some = rowsMax === null ? '' : ` LIMIT ${rowsMax}`;
  await connection.run(`COPY (${query}${some}) TO ${sqlText(target)} (FORMAT json, COMPRESSION none)`);
}

function fromAvro(request: ExtractRequest): Promise<void> {
  const { path, target } = request;
  return AvroContainer.using(path, (container) =>
    pipeline(Readable.from(avroLines(container, request)), createWriteStream(target)),
  );
}

async function* avroLines(
  container: AvroContainer,
  { columns, jsonTexts, rowsMax }: ExtractRequest,
): AsyncGenerator<string> {
  const [wanted, texts] = [new Set(columns), new Set(jsonTexts)];
  let left = rowsMax ?? Number.POSITIVE_INFINITY;
  for await (const block of container.blocks()) {
    const content = container.contentOf(block);
    const cursor = new AvroCursor(content);
    const lines: string[] = [];
    for (let record = 0; record < block.records && left > 0; record += 1, left -= 1) {
      const members: [string, unknown][] = [];
      for (const { name, type } of container.schema.fields) {
        const start = cursor.at;
        cursor.skip(type);
        if (!wanted.has(name)) continue;
        const value = decodeAvro(type, content.subarray(start, cursor.at));
        members.push([name, texts.has(name) && typeof value === 'string' ? jsonIn(value) : value]);
      }
      lines.push(`${printExactJson(Object.fromEntries(members)) ?? '{}'}\n`);
    }
    yield lines.join('');
    if (left <= 0) return;
  }
}

function jsonIn(text: string): unknown {
  try {
    return readExactJson(text);
  } catch {
    return text;
  }
}
