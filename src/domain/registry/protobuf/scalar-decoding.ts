import { exactWhole } from '../../exact-json.ts';
import { strictUtf8 } from '../../strict-utf8.ts';
import { notProtobuf, WireReader } from './wire-reader.ts';

/** A value of a scalar type: text, number, bigint beyond 2^53, boolean, bytes. */
export type ScalarValue = string | number | bigint | boolean | Buffer;
type Read = (reader: WireReader) => ScalarValue;

const zigZag = (value: bigint): bigint => (value >> 1n) ^ -(value & 1n);
/** Varints below 2^49 are numbers, which most are: bigints cost several times as much. */
const signed64 = (value: number | bigint): number | bigint =>
  typeof value === 'number' ? value : exactWhole(BigInt.asIntN(64, value));
const int32: Read = (reader) => Number(BigInt.asIntN(32, BigInt(reader.varint())));
const text: Read = (reader) => {
  const read = strictUtf8(reader.take(reader.bytes.length - reader.at));
  if (read === null) throw notProtobuf();
  return read;
};

const readers: Readonly<Record<string, Read>> = {
  int32,
  int64: (reader) => signed64(reader.varint()),
  uint32: (reader) => Number(BigInt.asUintN(32, BigInt(reader.varint()))),
  uint64: (reader) => exactWhole(BigInt(reader.varint())),
  sint32: (reader) => Number(BigInt.asIntN(32, zigZag(BigInt.asUintN(32, BigInt(reader.varint()))))),
  sint64: (reader) => exactWhole(zigZag(BigInt(reader.varint()))),
  bool: (reader) => BigInt(reader.varint()) !== 0n,
  fixed32: (reader) => reader.take(4).readUInt32LE(),
  sfixed32: (reader) => reader.take(4).readInt32LE(),
  fixed64: (reader) => exactWhole(reader.take(8).readBigUInt64LE()),
  sfixed64: (reader) => exactWhole(reader.take(8).readBigInt64LE()),
  float: (reader) => reader.take(4).readFloatLE(),
  double: (reader) => reader.take(8).readDoubleLE(),
  string: text,
  bytes: (reader) => reader.take(reader.bytes.length - reader.at),
};

/** The value of a scalar type, or the number of an enum, whose bytes are these and no more. */
export function readScalar(type: string, content: Uint8Array): ScalarValue {
  const reader = new WireReader(content);
  const value = (readers[type] ?? int32)(reader);
  if (!reader.isAtEnd) throw notProtobuf();
  return value;
}

/** The numbers of a list that stand in one block. */
export function readPacked(type: string, content: Uint8Array): readonly ScalarValue[] {
  const reader = new WireReader(content);
  const values: ScalarValue[] = [];
  while (!reader.isAtEnd) values.push((readers[type] ?? int32)(reader));
  return values;
}

/** What a reader takes for a field that is not there. */
export function scalarDefault(type: string): ScalarValue {
  if (type === 'string') return '';
  if (type === 'bytes') return Buffer.alloc(0);
  return type === 'bool' ? false : 0;
}

/** A scalar as JSON messages carry it: bytes as base64, and what JSON has no number for by its name. */
export function jsonOfScalar(value: ScalarValue): unknown {
  if (Buffer.isBuffer(value)) return value.toString('base64');
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}
