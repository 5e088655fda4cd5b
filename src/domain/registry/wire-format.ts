import { LinewardError } from '../../errors/lineward-error.ts';
import { zigZag } from './byte-writer.ts';
import type { ProtoType } from './protobuf/proto-file.ts';
import type { ProtobufSchema } from './protobuf/protobuf-schema.ts';

/** First byte of a payload whose schema is named by an id, and of a header that names it by a GUID. */
const magic = { id: 0x00, guid: 0x01 } as const;
const headBytes = 5;
/** The magic byte and a GUID. */
const guidHeaderBytes = 17;
/** Most nested messages that an index path may name. */
const indexesMax = 64;

/** Largest number of four bytes, signed: of a schema id, and of a message index. */
const numberMax = 2 ** 31 - 1;

/** Names of the Kafka headers that carry the GUID of a schema, so that the payload needs no prefix. */
export const schemaIdHeaders = { key: '__key_schema_id', value: '__value_schema_id' } as const;

/** A payload with what its prefix says. */
export interface WireFrame {
  readonly schemaId: number;
  /** Path to the message among the messages of a Protobuf file, `[0]` for the first; null for other languages. */
  readonly messageIndexes: readonly number[] | null;
  readonly payload: Uint8Array;
}

function broken(message: string): LinewardError {
  return new LinewardError('MESSAGE_INVALID', `The payload is not in the registry's wire format: ${message}.`);
}

/**
 * Frames a payload as Confluent's serializers do: a zero byte, the schema id as four bytes big-endian, for Protobuf the message
 * indexes as zig-zag varints (`[0]` is the single byte 0), the payload.
 * @throws LinewardError MESSAGE_INVALID for an id or indexes that no reader would take.
 */
export function frameMessage(frame: WireFrame): Uint8Array {
  const { schemaId, messageIndexes, payload } = frame;
  if (!Number.isInteger(schemaId) || schemaId < 1 || schemaId > numberMax)
    throw new LinewardError('MESSAGE_INVALID', `The schema id is not a whole number from 1 to ${numberMax}.`);
  const head = Buffer.alloc(headBytes);
  head.writeUInt8(magic.id, 0);
  head.writeInt32BE(schemaId, 1);
  const indexes = messageIndexes === null ? Buffer.alloc(0) : Buffer.from(indexBytes(messageIndexes));
  return Buffer.concat([head, indexes, payload]);
}

function indexBytes(indexes: readonly number[]): readonly number[] {
  const isIndex = (index: number): boolean => Number.isInteger(index) && index >= 0 && index <= numberMax;
  if (indexes.length === 0 || indexes.length > indexesMax || !indexes.every(isIndex))
    throw new LinewardError('MESSAGE_INVALID', `Message indexes are 1 to ${indexesMax} whole numbers from 0 up.`);
  if (indexes.length === 1 && indexes[0] === 0) return [0];
  return [indexes.length, ...indexes].flatMap((number) => [...zigZag(number)]);
}

/**
 * Reads a framed payload; `hasIndexes` says that the schema is Protobuf.
 * @throws LinewardError MESSAGE_INVALID for payloads without the prefix, or cut short.
 */
export function readFrame(bytes: Uint8Array, hasIndexes: boolean): WireFrame {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < headBytes) throw broken(`it has ${buffer.length} bytes and the prefix alone has ${headBytes}`);
  if (buffer.readUInt8(0) !== magic.id) throw broken('the first byte is not zero');
  const schemaId = buffer.readInt32BE(1);
  if (schemaId < 1) throw broken('the schema id is not positive');
  if (!hasIndexes) return { schemaId, messageIndexes: null, payload: buffer.subarray(headBytes) };
  const { indexes, end } = readIndexes(buffer, headBytes);
  return { schemaId, messageIndexes: indexes, payload: buffer.subarray(end) };
}

function readIndexes(buffer: Buffer, start: number): { readonly indexes: readonly number[]; readonly end: number } {
  const count = readVarint(buffer, start);
  if (count.value === 0) return { indexes: [0], end: count.end };
  if (count.value < 0 || count.value > indexesMax) throw broken(`it names more than ${indexesMax} message indexes`);
  const indexes: number[] = [];
  let { end } = count;
  for (let index = 0; index < count.value; index += 1) {
    const next = readVarint(buffer, end);
    if (next.value < 0) throw broken('a message index is negative');
    if (next.value > numberMax) throw broken('a message index has more than 31 bits');
    indexes.push(next.value);
    end = next.end;
  }
  return { indexes, end };
}

function readVarint(buffer: Buffer, start: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let index = 0; index < 5; index += 1) {
    const byte = buffer[start + index];
    if (byte === undefined) throw broken('it ends within its message indexes');
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value: value % 2 === 0 ? value / 2 : -(value + 1) / 2, end: start + index + 1 };
  }
  throw broken('a message index has more than five bytes');
}

/**
 * The header value that names a schema by its GUID: a byte 1 and the 16 bytes of the GUID, then message indexes if any.
 * @throws LinewardError MESSAGE_INVALID for a text that is no GUID, or indexes that no reader would take.
 */
export function guidHeader(guid: string, messageIndexes: readonly number[] | null = null): Uint8Array {
  if (!/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(guid))
    throw new LinewardError('MESSAGE_INVALID', 'The schema GUID is not 32 hexadecimal digits in groups of 8-4-4-4-12.');
  const bytes = Buffer.from(guid.replaceAll('-', ''), 'hex');
  const indexes = messageIndexes === null ? [] : indexBytes(messageIndexes);
  return Buffer.concat([Buffer.from([magic.guid]), bytes, Buffer.from(indexes)]);
}

/**
 * The GUID of a header value.
 * @throws LinewardError MESSAGE_INVALID
 */
export function readGuidHeader(bytes: Uint8Array): string {
  if (bytes[0] !== magic.guid || bytes.length < guidHeaderBytes)
    throw new LinewardError('MESSAGE_INVALID', 'The schema header is not a byte 1 and the 16 bytes of a GUID.');
  const hex = Buffer.from(bytes.subarray(1, guidHeaderBytes)).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/**
 * The message indexes behind the GUID of a header value whose schema is Protobuf.
 * @throws LinewardError MESSAGE_INVALID for a header that is none, carries no indexes, or more than them.
 */
export function readHeaderIndexes(bytes: Uint8Array): readonly number[] {
  readGuidHeader(bytes);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { indexes, end } = readIndexes(buffer, guidHeaderBytes);
  if (end < buffer.length) throw broken('its header goes on behind the message indexes');
  return indexes;
}

/** Index path of a message of a Protobuf file by its full name; null when the file has no such message. */
export function messageIndexesOf({ types }: ProtobufSchema, fullName: string): readonly number[] | null {
  const prefix = types.file.package === '' ? '' : `${types.file.package}.`;
  if (!fullName.startsWith(prefix)) return null;
  let level: readonly ProtoType[] = types.file.types;
  const path: number[] = [];
  for (const name of fullName.slice(prefix.length).split('.')) {
    const messages = level.filter((type) => type.kind === 'message');
    const index = messages.findIndex((type) => type.name === name);
    const found = messages[index];
    if (found === undefined) return null;
    path.push(index);
    level = found.types;
  }
  return path;
}

/** Full name of the message that an index path names; null when there is none. */
export function messageNameOf({ reading }: ProtobufSchema, indexes: readonly number[]): string | null {
  return reading.message(indexes)?.scope ?? null;
}
