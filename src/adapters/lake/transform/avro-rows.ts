import { randomBytes } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { DuckDBAppender, DuckDBConnection } from '@duckdb/node-api';
import type { LakeColumn } from '../../../domain/lake/lake-column.ts';
import { AvroCursor } from '../../../domain/registry/avro/avro-cursor.ts';
import { avroCodecs } from '../avro/avro-codecs.ts';
import { AvroContainer } from '../avro/avro-container.ts';
import { sqlName, told, untold } from '../duckdb/sql-text.ts';
import { refused, unreadable } from '../records/record-failure.ts';

const magic = Buffer.from([0x4f, 0x62, 0x6a, 0x01]);
/** Bytes of records that make a block. */
const blockBytes = 256 * 1024;

const avroTypes: Readonly<Record<LakeColumn['type'], string>> = {
  VARCHAR: 'string',
  INTEGER: 'int',
  BIGINT: 'long',
  DOUBLE: 'double',
  BOOLEAN: 'boolean',
  // As JSON text: any value may stand there.
  JSON: 'string',
};

/** The schema of files of a table; every field may be missing. */
function avroSchemaOf(recordName: string, columns: readonly LakeColumn[]): string {
  const dot = recordName.lastIndexOf('.');
  return JSON.stringify({
    type: 'record',
    name: recordName.slice(dot + 1),
    ...(dot > 0 ? { namespace: recordName.slice(0, dot) } : {}),
    fields: columns.map(({ name, type }) => ({ name, type: ['null', avroTypes[type]], default: null })),
  });
}

export interface AvroOutput {
  readonly path: string;
  readonly columns: readonly LakeColumn[];
  readonly recordName: string;
  readonly codec: string;
  /** What it tells of itself beside. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Writes the rows of a query, which answers the columns in their order, to an object container file. */
export async function writeAvro(connection: DuckDBConnection, query: string, output: AvroOutput): Promise<number> {
  const { path, columns } = output;
  const texts = columns.map(({ name, type }) =>
    isText(type) ? told(`CAST(${sqlName(name)} AS VARCHAR)`) : sqlName(name),
  );
  const stream = await connection.stream(`SELECT ${texts.join(', ')} FROM (${query})`);
  const file = await open(path, 'w');
  try {
    const blocks = new AvroBlocks(file, output);
    await blocks.begin();
    for (let chunk = await stream.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await stream.fetchChunk())
      for (const row of chunk.getRows()) {
        blocks.add(row, columns);
        if (blocks.isFull) await blocks.flush();
      }
    await blocks.flush();
    return blocks.rows;
  } finally {
    await file.close();
  }
}

const isText = (type: LakeColumn['type']): boolean => type === 'VARCHAR' || type === 'JSON';

class AvroBlocks {
  rows = 0;
  readonly #file: FileHandle;
  readonly #output: AvroOutput;
  readonly #sync = randomBytes(16);
  #records = 0;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(file: FileHandle, output: AvroOutput) {
    this.#file = file;
    this.#output = output;
  }

  get isFull(): boolean {
    return this.#bytes >= blockBytes;
  }

  async begin(): Promise<void> {
    const { recordName, columns, codec, metadata } = this.#output;
    const all: readonly [string, string][] = [
      ['avro.schema', avroSchemaOf(recordName, columns)],
      ['avro.codec', codec],
      ...Object.entries(metadata),
    ];
    const entries = all.flatMap(([key, value]) => [bytesOf(key), bytesOf(value)]);
    await this.#file.write(Buffer.concat([magic, long(all.length), ...entries, long(0), this.#sync]));
  }

  add(row: readonly unknown[], columns: readonly LakeColumn[]): void {
    for (const [index, { type }] of columns.entries()) this.#put(row[index], type);
    this.#records += 1;
    this.rows += 1;
  }

  async flush(): Promise<void> {
    if (this.#records === 0) return;
    const codec = avroCodecs.get(this.#output.codec);
    const data = Buffer.concat(this.#parts);
    const packed = codec === undefined ? data : codec.compress(data);
    await this.#file.write(Buffer.concat([long(this.#records), long(packed.length), packed, this.#sync]));
    [this.#records, this.#parts, this.#bytes] = [0, [], 0];
  }

  #put(value: unknown, type: LakeColumn['type']): void {
    const encoded = value === null || value === undefined ? [long(0)] : [long(1), encode(value, type)];
    for (const part of encoded) {
      this.#parts.push(part);
      this.#bytes += part.length;
    }
  }
}

function encode(value: unknown, type: LakeColumn['type']): Buffer {
  switch (type) {
    case 'INTEGER':
    case 'BIGINT':
      return long(BigInt(value as bigint));
    case 'DOUBLE': {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleLE(Number(value));
      return bytes;
    }
    case 'BOOLEAN':
      return Buffer.from([value === true ? 1 : 0]);
    default:
      return bytesOf(untold(value) ?? '');
  }
}

function bytesOf(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([long(bytes.length), bytes]);
}

const branches = [Buffer.from([0]), Buffer.from([2])];

/** Zig-zag, seven bits a byte. */
function long(value: number | bigint): Buffer {
  const small = value === 0 ? branches[0] : value === 1 ? branches[1] : undefined;
  if (small !== undefined) return small;
  const whole = BigInt(value);
  let rest = BigInt.asUintN(64, (whole << 1n) ^ (whole >> 63n));
  const bytes: number[] = [];
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

/** Appends the rows of a file that `writeAvro` wrote, whatever an operation left out of it since. */
export async function readAvro(
  path: string,
  { columns, recordName }: Pick<AvroOutput, 'columns' | 'recordName'>,
  append: { readonly appender: DuckDBAppender; endRow(): void },
): Promise<void> {
  await AvroContainer.using(path, async (container) => {
    if (container.schemaText !== avroSchemaOf(recordName, columns))
      throw refused(path, 'its schema is not the one that this transformer writes');
    for await (const block of container.blocks()) {
      const cursor = new AvroCursor(container.contentOf(block));
      for (let record = 0; record < block.records; record += 1) {
        for (const { type } of columns) appendNext(append.appender, cursor, type, path);
        append.endRow();
      }
    }
  });
}

function appendNext(appender: DuckDBAppender, cursor: AvroCursor, type: LakeColumn['type'], path: string): void {
  const branch = cursor.long();
  if (branch !== 0 && branch !== 1) throw unreadable(path, 'a record in it is damaged');
  if (branch === 0) appender.appendNull();
  else appenders[type](appender, cursor);
}

const appenders: Readonly<Record<LakeColumn['type'], (appender: DuckDBAppender, cursor: AvroCursor) => void>> = {
  INTEGER: (appender, cursor) => appender.appendInteger(cursor.long()),
  BIGINT: (appender, cursor) => appender.appendBigInt(cursor.bigLong()),
  DOUBLE: (appender, cursor) => appender.appendDouble(cursor.take(8).readDoubleLE()),
  BOOLEAN: (appender, cursor) => appender.appendBoolean(cursor.take(1)[0] === 1),
  VARCHAR: (appender, cursor) => appender.appendVarchar(cursor.text()),
  JSON: (appender, cursor) => appender.appendVarchar(cursor.text()),
};
