import { LinewardError } from '../../../errors/lineward-error.ts';
import { exactWhole } from '../../exact-json.ts';
import type { AvroRecord, AvroType, AvroUnion } from './avro-type.ts';

/** Deepest nesting of data that is read. */
const depthMax = 256;
/** Items that a block may always have, however few bytes there are. */
const itemsMin = 1_000;

/** Says that bytes are no data of their schema; it never quotes them. */
export function notAvro(): LinewardError {
  return new LinewardError('VALUE_INVALID', 'The bytes are not data of this Avro schema.');
}

/** The head of a block of items. */
export interface BlockHead {
  readonly count: number;
  /** The size of the items as it was written, and where; null where the block has none, which only readers that skip need. */
  readonly size: { readonly bytes: number; readonly start: number; readonly end: number } | null;
}

/** Walks over Avro's binary encoding (1.12). What is skipped costs no value, and is checked to lie within the bytes. */
export class AvroCursor {
  readonly bytes: Buffer;
  /** The next byte. */
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** A zig-zag number of up to 64 bits that a double can hold. */
  long(): number {
    const value = this.bigLong();
    if (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER) throw notAvro();
    return Number(value);
  }

  bigLong(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.bytes[this.at];
      if (byte === undefined) throw notAvro();
      this.at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
    }
    throw notAvro();
  }

  /** The next bytes, as a view. */
  take(count: number): Buffer {
    if (count < 0 || this.at + count > this.bytes.length) throw notAvro();
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  branch(union: AvroUnion): { readonly index: number; readonly type: AvroType } {
    const index = this.long();
    const type = union.branches[index];
    if (type === undefined) throw notAvro();
    return { index, type };
  }

  /** Calls `item` for each item of an array or map, whose encoding is blocks of a count and items. */
  blocks(item: () => void): void {
    for (let head = this.blockHead(); head !== null; head = this.blockHead())
      for (let index = 0; index < head.count; index += 1) item();
  }

  /** What stands before the items of a block; null at the end of the array or map. */
  blockHead(): BlockHead | null {
    const count = this.long();
    if (count === 0) return null;
    // Items of a type without bytes could be counted without end.
    if (Math.abs(count) > Math.max(this.bytes.length, itemsMin)) throw notAvro();
    if (count > 0) return { count, size: null };
    const start = this.at;
    return { count: -count, size: { bytes: this.long(), start, end: this.at } };
  }

  skip(type: AvroType, depth = 0): void {
    if (depth > depthMax) throw notAvro();
    if (type.kind === 'record') for (const field of type.fields) this.skip(field.type, depth + 1);
    else if (type.kind === 'union') this.skip(this.branch(type).type, depth + 1);
    else if (type.kind === 'array') this.blocks(() => this.skip(type.items, depth + 1));
    else if (type.kind === 'map') this.blocks(() => this.#skipEntry(type.values, depth + 1));
    else if (type.kind === 'fixed') this.take(type.size);
    else if (type.kind === 'primitive') this.#skipPrimitive(type.name);
    else if (type.symbols[this.long()] === undefined) throw notAvro();
  }

  #skipEntry(values: AvroType, depth: number): void {
    this.take(this.long());
    this.skip(values, depth);
  }

  /** The value of a type without fields: text, number, bigint beyond 2^53, boolean, bytes, null. */
  scalar(type: AvroType): unknown {
    if (type.kind === 'enum') return type.symbols[this.long()] ?? null;
    if (type.kind === 'fixed') return this.take(type.size);
    if (type.kind !== 'primitive') throw notAvro();
    switch (type.name) {
      case 'null':
        return null;
      case 'boolean':
        return this.take(1)[0] === 1;
      case 'string':
        return this.text();
      case 'bytes':
        return this.take(this.long());
      case 'float':
        return this.take(4).readFloatLE();
      case 'double':
        return this.take(8).readDoubleLE();
      default:
        return exactWhole(this.bigLong());
    }
  }

  text(): string {
    return this.take(this.long()).toString('utf8');
  }

  /** Text of a field of a record by the names that lead there; null when the way ends, or holds no text or whole number. */
  idAt(record: AvroRecord, names: readonly string[]): string | null {
    const [name, ...inner] = names;
    let found: string | null = null;
    for (const field of record.fields) {
      if (field.name === name) found = this.#id(field.type, inner);
      else this.skip(field.type);
    }
    return found;
  }

  #id(type: AvroType, names: readonly string[]): string | null {
    if (type.kind === 'union') return this.#id(this.branch(type).type, names);
    if (type.kind === 'record' && names.length > 0) return this.idAt(type, names);
    const isId = names.length === 0 && type.kind === 'primitive' && ['string', 'int', 'long'].includes(type.name);
    if (!isId) {
      this.skip(type);
      return null;
    }
    const value = String(this.scalar(type));
    return value === '' ? null : value;
  }

  #skipPrimitive(name: string): void {
    if (name === 'null') return;
    if (name === 'boolean') this.take(1);
    else if (name === 'float') this.take(4);
    else if (name === 'double') this.take(8);
    else if (name === 'int' || name === 'long') this.bigLong();
    else this.take(this.long());
  }
}
