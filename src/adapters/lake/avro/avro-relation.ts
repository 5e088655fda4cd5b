import { hash, randomUUID } from 'node:crypto';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { DuckDBAppender } from '@duckdb/node-api';
import avsc from 'avsc';
import type { AvroType } from '../../../domain/registry/avro/avro-type.ts';
import { scanned, sqlName } from '../duckdb/sql-text.ts';
import type { SelectedRows } from '../file-format.ts';
import { refused, unreadable } from '../records/record-failure.ts';
import type { RecordFile } from '../records/record-format.ts';
import { hashColumn, othersColumn, placeColumn, valueColumn } from '../records/record-proof.ts';
import { avroCodecs } from './avro-codecs.ts';
import { isoDate, logicalOf } from './avro-columns.ts';
import { AvroContainer } from './avro-container.ts';

/** Whole numbers of 64 bits as bigints: the parser's own are doubles. */
const long = avsc.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (one: bigint, other: bigint) => (one === other ? 0 : one < other ? -1 : 1),
});

const readSchema = (schema: avsc.Schema): avsc.Type => avsc.Type.forSchema(schema, { registry: { long } });

/** Why the parser that proves the work cannot read a file's schema; null when it can. */
export function secondReaderFault({ schemaText }: AvroContainer): string | null {
  try {
    readSchema(JSON.parse(schemaText) as avsc.Schema);
    return null;
  } catch {
    return 'its schema is read by one of two parsers alone';
  }
}

/**
 * The records of a file as avsc decodes them: values of the asked columns as text in a table of the connection, with a hash of
 * each record as avsc would encode it.
 */
export async function valuesRelation<T>(
  { connection, tables }: SelectedRows,
  { path, valued = [] }: Pick<RecordFile, 'path' | 'valued'>,
  work: (relation: string) => Promise<T>,
): Promise<T> {
  const table = `lw_records_${randomUUID().replaceAll('-', '')}`;
  const names = [...new Set(tables.readColumns())];
  const declared = names.map((name) => `${sqlName(name)} VARCHAR, `);
  const values = valued.map((_, index) => `, ${sqlName(valueColumn(index))} VARCHAR`);
  const others = valued.length === 0 ? '' : `, ${sqlName(othersColumn)} BIGINT${values.join('')}`;
  try {
    await connection.run(
      `CREATE TEMP TABLE ${table} (${declared.join('')}${sqlName(placeColumn)} BIGINT, ${sqlName(hashColumn)} BIGINT${others})`,
    );
    const appender = await connection.createAppender(table);
    await decode(path, { columns: await columnsOf(path, names), valued }, appender);
    appender.closeSync();
    return await work(`${table} ${scanned}`);
  } finally {
    await connection.run(`DROP TABLE IF EXISTS ${table}`);
  }
}

/** A column of the table; without a type when the file has no such field. */
interface ValueColumn {
  readonly name: string;
  readonly type: AvroType | null;
}

async function columnsOf(path: string, names: readonly string[]): Promise<readonly ValueColumn[]> {
  const fields = await AvroContainer.using(path, async (container) => {
    const fault = secondReaderFault(container);
    if (fault !== null) throw refused(path, fault);
    return container.schema.fields;
  });
  return names.map((name) => ({ name, type: fields.find((field) => field.name === name)?.type ?? null }));
}

async function decode(
  path: string,
  { columns, valued }: { readonly columns: readonly ValueColumn[]; readonly valued: readonly string[] },
  appender: DuckDBAppender,
): Promise<void> {
  let root: avsc.Type | null = null;
  const parseHook = (schema: avsc.Schema): avsc.Type => {
    root = readSchema(schema);
    return root;
  };
  const decoder = new avsc.streams.BlockDecoder({ parseHook, codecs });
  let place = 0n;
  const append = new Writable({
    objectMode: true,
    highWaterMark: 1_024,
    write(record: Readonly<Record<string, unknown>>, _encoding, done) {
      try {
        for (const { name, type } of columns) appendText(appender, record[name], type);
        const encoded = root === null ? Buffer.alloc(0) : root.toBuffer(record);
        place += 1n;
        appender.appendBigInt(place);
        appender.appendBigInt(hashOf(encoded));
        if (valued.length > 0) appendValues(appender, root, { record, valued });
        appender.endRow();
        done();
      } catch (error) {
        done(error instanceof Error ? error : new TypeError('no record'));
      }
    },
  });
  try {
    await AvroContainer.using(path, (container) => pipeline(withRecords(container), decoder, append));
  } catch (error) {
    throw unreadable(path, 'the parser that proves the work cannot decode it', error);
  }
}

/** A file without its blocks of no records: avsc waits for ever behind one, or ends at it. */
async function* withRecords(container: AvroContainer): AsyncGenerator<Buffer> {
  yield container.header;
  for await (const { records, raw } of container.blocks()) if (records > 0) yield raw;
}

const hashOf = (bytes: Buffer): bigint => hash('sha1', bytes, 'buffer').readBigInt64LE();

/** The hash of all other fields, and the valued ones as {@link writtenValue}, all as avsc would encode them. */
function appendValues(
  appender: DuckDBAppender,
  root: avsc.Type | null,
  { record, valued }: { readonly record: Readonly<Record<string, unknown>>; readonly valued: readonly string[] },
): void {
  const fields = root instanceof avsc.types.RecordType ? root.fields : [];
  const encoded = new Map(fields.map(({ name, type }) => [name, type.toBuffer(record[name])]));
  const others = [...encoded].filter(([name]) => !valued.includes(name)).map(([, bytes]) => bytes);
  appender.appendBigInt(hashOf(Buffer.concat(others)));
  for (const name of valued) appender.appendVarchar(writtenValue(encoded.get(name) ?? Buffer.alloc(0)));
}

/** A value as the text by which it is compared. */
export const writtenValue = (bytes: Buffer): string => bytes.toString('base64');

type Uncompress = (bytes: Buffer, done: (error: Error | null, bytes?: Buffer) => void) => void;

const codecs: Readonly<Record<string, Uncompress>> = Object.fromEntries(
  [...avroCodecs].map(([name, codec]): [string, Uncompress] => [
    name,
    (bytes, done) => {
      try {
        done(null, codec.uncompress(bytes));
      } catch (error) {
        done(error instanceof Error ? error : new RangeError('damaged data'));
      }
    },
  ]),
);

function appendText(appender: DuckDBAppender, value: unknown, type: AvroType | null): void {
  const text = value === null || value === undefined || type === null ? null : textOf(value, logicalOf(type));
  if (text === null) appender.appendNull();
  else appender.appendVarchar(text);
}

/** Fractions of a second by the end of a logical type's name. */
const unitsPerMs: Readonly<Record<string, number>> = { millis: 1, micros: 1_000, nanos: 1_000_000 };

function textOf(value: unknown, logical: string): string | null {
  if (logical === 'date') return isoDate(Number(value));
  const units = unitsPerMs[logical.split('-').at(-1) ?? ''];
  if (units === undefined) return String(value);
  // A time between two milliseconds is of the same day as the one before it.
  const instant = new Date(Math.floor(Number(value) / units));
  return Number.isNaN(instant.getTime()) ? null : instant.toISOString();
}
