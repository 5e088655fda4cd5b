import { type FileHandle, open } from 'node:fs/promises';
import { AvroCursor } from '../../../domain/registry/avro/avro-cursor.ts';
import { parseAvroSchema } from '../../../domain/registry/avro/avro-schema.ts';
import type { AvroRecord } from '../../../domain/registry/avro/avro-type.ts';
import { zigZag } from '../../../domain/registry/byte-writer.ts';
import { strictUtf8 } from '../../../domain/strict-utf8.ts';
import { LinewardError } from '../../../errors/lineward-error.ts';
import { refused, unreadable } from '../records/record-failure.ts';
import { type AvroCodec, avroCodecs, blockBytesMax } from './avro-codecs.ts';

const magic = Buffer.from([0x4f, 0x62, 0x6a, 0x01]);
const syncBytes = 16;
/** Two numbers of 64 bits. */
const blockHeadBytesMax = 20;
const headerBytesFirst = 64 * 1024;
const headerBytesMax = 16 * 1024 * 1024;

/** A block as it lies in the file. */
export interface AvroBlock {
  readonly records: number;
  /** Head, data and sync marker. */
  readonly raw: Buffer;
  /** The data, compressed. */
  readonly data: Buffer;
  /** Where it begins. */
  readonly at: number;
}

/** Reads an Avro object container file block by block. */
export class AvroContainer {
  readonly path: string;
  readonly schema: AvroRecord;
  readonly schemaText: string;
  readonly codec: AvroCodec;
  readonly codecName: string;
  /** All before the first block: magic number, metadata, sync marker. */
  readonly header: Buffer;
  readonly metadata: ReadonlyMap<string, Buffer>;
  readonly #file: FileHandle;
  readonly #bytes: number;

  private constructor(file: FileHandle, of: Opened) {
    this.#file = file;
    this.#bytes = of.bytes;
    this.path = of.path;
    this.header = of.header;
    this.metadata = of.metadata;
    this.schema = of.schema;
    this.schemaText = of.schemaText;
    this.codec = of.codec;
    this.codecName = of.codecName;
  }

  /** @throws LinewardError LAKE_FILE_UNREADABLE; LAKE_TABLE_REFUSED for a codec or a schema that is not worked with. */
  static async using<T>(path: string, work: (container: AvroContainer) => Promise<T>): Promise<T> {
    const file = await open(path);
    try {
      const { size: bytes } = await file.stat();
      const { header, metadata } = await readHeader(file, path, bytes);
      return await work(new AvroContainer(file, { path, header, metadata, bytes, ...described(path, metadata) }));
    } finally {
      await file.close();
    }
  }

  get sync(): Buffer {
    return this.header.subarray(-syncBytes);
  }

  /** Blocks in order. With `headsOnly` their data is passed over: `raw` and `data` are empty. */
  async *blocks({ headsOnly = false }: { readonly headsOnly?: boolean } = {}): AsyncGenerator<AvroBlock> {
    let at = this.header.length;
    while (at < this.#bytes) {
      const cursor = new AvroCursor(await this.#read(at, Math.min(blockHeadBytesMax, this.#bytes - at)));
      const { records, size } = this.#headAt(cursor, at);
      const whole = cursor.at + size + syncBytes;
      if (at + whole > this.#bytes) throw unreadable(this.path, `its block at byte ${at} is cut off`);
      const raw = headsOnly ? Buffer.alloc(0) : await this.#read(at, whole);
      const sync = headsOnly ? await this.#read(at + whole - syncBytes, syncBytes) : raw.subarray(-syncBytes);
      if (!sync.equals(this.sync))
        throw unreadable(this.path, `its block at byte ${at} does not end with the sync marker of the file`);
      yield { records, raw, data: raw.subarray(cursor.at, raw.length - syncBytes), at };
      at += whole;
    }
  }

  /** The records of a block, one behind the other. */
  contentOf({ data, at }: AvroBlock): Buffer {
    try {
      return this.codec.uncompress(data);
    } catch {
      const reason = `the data of its block at byte ${at} is damaged, or more than ${blockBytesMax} bytes`;
      throw unreadable(this.path, reason);
    }
  }

  #headAt(cursor: AvroCursor, at: number): { readonly records: number; readonly size: number } {
    try {
      const [records, size] = [cursor.long(), cursor.long()];
      if (records >= 0 && size >= 0 && size <= blockBytesMax) return { records, size };
    } catch (error) {
      if (!(error instanceof LinewardError)) throw error;
    }
    throw unreadable(this.path, `its block at byte ${at} is damaged, or larger than ${blockBytesMax} bytes`);
  }

  async #read(from: number, count: number): Promise<Buffer> {
    return readAt(this.#file, this.path, { from, count });
  }
}

async function readAt(
  file: FileHandle,
  path: string,
  { from, count }: { readonly from: number; readonly count: number },
): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(count);
  let done = 0;
  while (done < count) {
    const { bytesRead } = await file.read(bytes, done, count - done, from + done);
    if (bytesRead === 0) throw unreadable(path, 'it is cut off');
    done += bytesRead;
  }
  return bytes;
}

interface Header {
  readonly header: Buffer;
  readonly metadata: ReadonlyMap<string, Buffer>;
}

async function readHeader(file: FileHandle, path: string, bytes: number): Promise<Header> {
  for (let count = headerBytesFirst; ; count *= 4) {
    const start = await readAt(file, path, { from: 0, count: Math.min(count, bytes) });
    if (!start.subarray(0, magic.length).equals(magic)) throw unreadable(path, 'it is no Avro object container file');
    try {
      return headerIn(start);
    } catch (error) {
      if (!(error instanceof LinewardError)) throw error;
      if (count >= bytes || count >= headerBytesMax)
        throw unreadable(path, `its header is damaged, cut off, or larger than ${headerBytesMax} bytes`);
    }
  }
}

function headerIn(bytes: Buffer): Header {
  const cursor = new AvroCursor(bytes);
  cursor.take(magic.length);
  const metadata = new Map<string, Buffer>();
  cursor.blocks(() => {
    const key = cursor.text();
    metadata.set(key, cursor.take(cursor.long()));
  });
  cursor.take(syncBytes);
  return { header: bytes.subarray(0, cursor.at), metadata };
}

/** A header with some more metadata behind its own; of a key that is there the new value counts, in the old place. */
export function headerWith(
  { header, metadata, sync }: AvroContainer,
  added: Readonly<Record<string, string>>,
): { readonly bytes: Buffer; readonly metadata: ReadonlyMap<string, Buffer> } {
  const merged = new Map(metadata);
  for (const [key, value] of Object.entries(added)) merged.set(key, Buffer.from(value));
  if (Object.keys(added).length === 0) return { bytes: header, metadata };
  const entries = [...merged].flatMap(([key, value]) => [sized(Buffer.from(key)), sized(value)]);
  return { bytes: Buffer.concat([magic, zigZag(merged.size), ...entries, zigZag(0), sync]), metadata: merged };
}

const sized = (bytes: Buffer): Buffer => Buffer.concat([zigZag(bytes.length), bytes]);

type Opened = Pick<AvroContainer, 'path' | 'header' | 'metadata'> & { readonly bytes: number } & Described;

interface Described {
  readonly schema: AvroRecord;
  readonly schemaText: string;
  readonly codec: AvroCodec;
  readonly codecName: string;
}

function described(path: string, metadata: ReadonlyMap<string, Buffer>): Described {
  const codecName = metadata.get('avro.codec')?.toString('latin1') ?? 'null';
  const codec = avroCodecs.get(codecName);
  if (codec === undefined) {
    const shown = /^[\w-]{1,40}$/u.test(codecName) ? codecName : 'of an odd name';
    throw refused(path, `its codec ${shown} is none of ${[...avroCodecs.keys()].join(', ')}`);
  }
  const bytes = metadata.get('avro.schema');
  const schemaText = bytes === undefined ? null : strictUtf8(bytes);
  if (schemaText === null) throw unreadable(path, 'its header has no schema');
  return { schema: schemaIn(path, schemaText), schemaText, codec, codecName };
}

function schemaIn(path: string, text: string): AvroRecord {
  try {
    const { root } = parseAvroSchema({ text, references: [] });
    if (root.kind === 'record') return root;
  } catch (error) {
    if (!(error instanceof LinewardError)) throw error;
    throw refused(path, 'its schema is none that can be read');
  }
  throw refused(path, 'its schema is not that of a record');
}
