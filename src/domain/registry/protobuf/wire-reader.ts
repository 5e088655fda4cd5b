import { LinewardError } from '../../../errors/lineward-error.ts';
import { maxFieldNumber } from './proto-file.ts';

/** Deepest nesting of messages that is read. */
export const messageDepthMax = 100;

/** Says that bytes are no message of their schema; it never quotes them. */
export function notProtobuf(): LinewardError {
  return new LinewardError('VALUE_INVALID', 'The bytes are not data of this Protobuf schema.');
}

/** One field as it stands in a message. */
export interface WireField {
  readonly number: number;
  /** 0 varint, 1 eight bytes, 2 a length and so many bytes, 3 a group, 5 four bytes. */
  readonly wireType: number;
  /** The value without tag, length and end of group. */
  readonly content: Buffer;
  /** All of it. */
  readonly raw: Buffer;
}

/** Reads Protobuf's binary form from a place onwards. */
export class WireReader {
  readonly bytes: Buffer;
  /** The next byte. */
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.at === this.bytes.length;
  }

  /** Up to 64 bits, unsigned; a bigint only where a number could not hold it. */
  varint(): number | bigint {
    let value = 0;
    for (let index = 0; index < 7; index += 1) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return value;
    }
    return this.#longVarint(BigInt(value));
  }

  #longVarint(low: bigint): number | bigint {
    let value = low;
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw notProtobuf();
  }

  #byte(): number {
    const byte = this.bytes[this.at];
    if (byte === undefined) throw notProtobuf();
    this.at += 1;
    return byte;
  }

  /** The next bytes, as a view. */
  take(count: number | bigint): Buffer {
    if (typeof count === 'bigint' || this.at + count > this.bytes.length) throw notProtobuf();
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  /** The next field of a message; null at its end. */
  field(): WireField | null {
    if (this.isAtEnd) return null;
    const start = this.at;
    const { number, wireType } = this.#tag();
    const content = this.#content(number, wireType, 0);
    return { number, wireType, content, raw: this.bytes.subarray(start, this.at) };
  }

  #tag(): { readonly number: number; readonly wireType: number } {
    const tag = Number(this.varint());
    const number = Math.floor(tag / 8);
    if (number < 1 || number > maxFieldNumber) throw notProtobuf();
    return { number, wireType: tag % 8 };
  }

  #content(number: number, wireType: number, depth: number): Buffer {
    const start = this.at;
    if (wireType === 0) this.varint();
    else if (wireType === 1) this.take(8);
    else if (wireType === 2) return this.take(this.varint());
    else if (wireType === 3) return this.#group(number, depth);
    else if (wireType === 5) this.take(4);
    else throw notProtobuf();
    return this.bytes.subarray(start, this.at);
  }

  /** What stands before the end of a group, which has the number of its beginning. */
  #group(number: number, depth: number): Buffer {
    if (depth > messageDepthMax) throw notProtobuf();
    const start = this.at;
    for (;;) {
      const end = this.at;
      const tag = this.#tag();
      if (tag.wireType === 4) {
        if (tag.number !== number) throw notProtobuf();
        return this.bytes.subarray(start, end);
      }
      this.#content(tag.number, tag.wireType, depth + 1);
    }
  }
}

/** The fields of a message in the order in which they stand. */
export function wireFields(bytes: Uint8Array): readonly WireField[] {
  const reader = new WireReader(bytes);
  const fields: WireField[] = [];
  for (let field = reader.field(); field !== null; field = reader.field()) fields.push(field);
  return fields;
}
