import type { ByteWriter } from '../byte-writer.ts';
import type { AvroFixed, AvroPrimitive } from './avro-type.ts';

/** How a primitive stands in Avro's JSON encoding, and in its binary one. */
interface PrimitiveForm {
  readonly expected: string;
  fits(value: unknown): boolean;
  /** Writes a value that fits. */
  write(out: ByteWriter, value: unknown): void;
}

/** JSON has no such numbers, so Avro spells them as text. */
const nonFinite = new Set<unknown>(['NaN', 'Infinity', '-Infinity']);

const isLong = (value: unknown): boolean =>
  typeof value === 'bigint' ? BigInt.asIntN(64, value) === value : Number.isSafeInteger(value);
const isFinite64 = (value: unknown): boolean =>
  typeof value === 'bigint' || (typeof value === 'number' && Number.isFinite(value));
/** Bytes stand as the characters U+0000 to U+00FF. */
const isByteText = (value: unknown): value is string => typeof value === 'string' && !/[^\0-\u00ff]/.test(value);
/** Half of a surrogate pair has no UTF-8. */
const isText = (value: unknown): boolean => typeof value === 'string' && value.isWellFormed();

export const primitiveForms: Readonly<Record<AvroPrimitive, PrimitiveForm>> = {
  null: { expected: 'null', fits: (value) => value === null, write: () => undefined },
  boolean: {
    expected: 'a boolean',
    fits: (value) => typeof value === 'boolean',
    write: (out, value) => out.byte(value === true ? 1 : 0),
  },
  int: {
    expected: 'a 32-bit integer',
    fits: (value) => typeof value === 'number' && (value | 0) === value,
    write: (out, value) => out.zigZag(Number(value)),
  },
  long: {
    expected: 'a 64-bit integer',
    fits: isLong,
    write: (out, value) => out.zigZag(typeof value === 'bigint' ? value : Number(value)),
  },
  float: {
    expected: 'a number in the range of float',
    fits: (value) => nonFinite.has(value) || (isFinite64(value) && Number.isFinite(Math.fround(Number(value)))),
    write: (out, value) => out.float(Number(value)),
  },
  double: {
    expected: 'a number',
    fits: (value) => nonFinite.has(value) || isFinite64(value),
    write: (out, value) => out.double(Number(value)),
  },
  bytes: {
    expected: 'bytes as text of the characters U+0000 to U+00FF',
    fits: isByteText,
    write: (out, value) => sized(out, Buffer.from(String(value), 'latin1')),
  },
  string: { expected: 'a string', fits: isText, write: (out, value) => sized(out, Buffer.from(String(value))) },
};

export function sized(out: ByteWriter, bytes: Uint8Array): void {
  out.zigZag(bytes.length).raw(bytes);
}

export function fitsFixed({ size }: AvroFixed, value: unknown): value is string {
  return isByteText(value) && value.length === size;
}
