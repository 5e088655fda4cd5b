import { readFrame, readGuidHeader, readHeaderIndexes } from './wire-format.ts';

/** A schema of the default context by its id, or by its GUID. */
export type SchemaName = number | string;

/** A record that names its schema: before its bytes, or in a header beside them. */
export interface FramedRecord {
  readonly schema: SchemaName;
  readonly bytes: Uint8Array;
  /** The header that names the schema; null where the bytes begin with its id. */
  readonly header: Uint8Array | null;
}

/** What a framed record carries. The payload is the end of its bytes. */
export interface FrameContent {
  /** Null where the schema is not Protobuf. */
  readonly messageIndexes: readonly number[] | null;
  readonly payload: Uint8Array;
}

/**
 * How a record names its schema; null when it names none. A header comes first, as readers of it have it: bytes beside one have
 * no prefix, and may begin with a zero. What is JSON is to be read as such before this is asked.
 */
export function framedRecord(bytes: Uint8Array, header: Uint8Array | undefined): FramedRecord | null {
  const guid = header === undefined ? null : orNull(() => readGuidHeader(header));
  if (guid !== null && header !== undefined) return { schema: guid, bytes, header };
  // No JSON begins with a zero byte.
  if (bytes[0] !== 0) return null;
  const frame = orNull(() => readFrame(bytes, false));
  return frame === null ? null : { schema: frame.schemaId, bytes, header: null };
}

/** True for bytes that begin as the text of a JSON object does. */
export function beginsLikeJson(bytes: Uint8Array): boolean {
  let at = 0;
  while (blanks.includes(bytes[at] ?? brace)) at += 1;
  return bytes[at] === brace;
}

const blanks = [0x20, 0x09, 0x0a, 0x0d];
const brace = 0x7b;

/**
 * The content of a record; `isProtobuf` says that its schema is.
 * @throws LinewardError MESSAGE_INVALID for message indexes that cannot be read.
 */
export function frameContent({ bytes, header }: FramedRecord, isProtobuf: boolean): FrameContent {
  if (header === null) return readFrame(bytes, isProtobuf);
  return { messageIndexes: isProtobuf ? readHeaderIndexes(header) : null, payload: bytes };
}

function orNull<Value>(read: () => Value): Value | null {
  try {
    return read();
  } catch {
    return null;
  }
}
