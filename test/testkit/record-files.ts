import { createWriteStream } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import avsc from 'avsc';
import { avroCodecs } from '../../src/adapters/lake/avro/avro-codecs.ts';

export type TestRecord = Readonly<Record<string, string | number | boolean | null | object>>;

const nullable = (type: string) => ['null', type];
/** A schema of messages, as most tests want it. */
const messageSchema = {
  type: 'record',
  name: 'Message',
  namespace: 'demo',
  fields: [
    { name: 'acc', type: nullable('string') },
    { name: 'phone', type: nullable('string'), default: null },
    { name: 'n', type: 'long' },
    { name: 'day', type: nullable('string'), default: null },
  ],
} as const;

/** Ways to write a file of records, as other programs do. */
export interface RecordWriter {
  readonly name: string;
  readonly ending: string;
  write(path: string, records: readonly TestRecord[]): Promise<void>;
  read(path: string): Promise<readonly TestRecord[]>;
}

export const ndjson = (records: readonly TestRecord[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('');

const linesIn = (text: string): readonly TestRecord[] =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as TestRecord);

export async function put(path: string, bytes: string | Uint8Array): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
  return path;
}

const lines: RecordWriter = {
  name: 'NDJSON',
  ending: 'ndjson',
  write: async (path, records) => void (await put(path, ndjson(records))),
  read: async (path) => linesIn(await readFile(path, 'utf8')),
};

const gzipped: RecordWriter = {
  name: 'gzipped NDJSON',
  ending: 'json.gz',
  write: async (path, records) => void (await put(path, gzipSync(ndjson(records)))),
  read: async (path) => linesIn(gunzipSync(await readFile(path)).toString()),
};

interface AvroOptions {
  readonly codec: string;
  readonly schema?: object;
  /** Bytes of records after which a block ends. */
  readonly blockSize?: number;
}

/** Writes an Avro container with avsc. */
export async function writeAvro(path: string, records: readonly TestRecord[], options: AvroOptions): Promise<void> {
  const { codec, schema = messageSchema, blockSize = 512 } = options;
  await mkdir(dirname(path), { recursive: true });
  const full = (record: TestRecord): object => ({ acc: null, phone: null, n: 0, day: null, ...record });
  const codecs = Object.fromEntries(
    [...avroCodecs].map(([name, { compress }]) => [
      name,
      (bytes: Buffer, done: (error: null, out: Buffer) => void) => done(null, compress(bytes)),
    ]),
  );
  const encoder = new avsc.streams.BlockEncoder(schema as avsc.Schema, {
    codec,
    codecs,
    blockSize,
    writeHeader: 'always',
  });
  const written = pipeline(encoder, createWriteStream(path));
  for (const record of records) encoder.write(schema === messageSchema ? full(record) : record);
  encoder.end();
  await written;
}

/** The records of an Avro container by avsc. */
export async function readAvro(path: string): Promise<readonly TestRecord[]> {
  const codecs = Object.fromEntries(
    [...avroCodecs].map(([name, { uncompress }]) => [
      name,
      (bytes: Buffer, done: (error: null, out: Buffer) => void) => done(null, uncompress(bytes)),
    ]),
  );
  const records: TestRecord[] = [];
  for await (const record of avsc.createFileDecoder(path, { codecs }) as AsyncIterable<TestRecord>)
    records.push({ ...record });
  return records;
}

const avro = (codec: string): RecordWriter => ({
  name: `Avro of codec ${codec}`,
  ending: 'avro',
  write: (path, records) => writeAvro(path, records, { codec }),
  read: readAvro,
});

export const recordWriters: readonly RecordWriter[] = [lines, gzipped, ...[...avroCodecs.keys()].map(avro)];
