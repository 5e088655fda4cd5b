import { strictUtf8 } from '../../strict-utf8.ts';
import { ValueBudget } from '../value-budget.ts';
import { AvroCursor, notAvro } from './avro-cursor.ts';
import type { AvroEnum, AvroFixed, AvroRecord, AvroType } from './avro-type.ts';

/** Deepest nesting of data that is read. */
const depthMax = 256;

/**
 * The value of Avro's binary encoding as JSON messages carry it: bytes as base64, a branch of a union without its name. It
 * is exact: a whole number beyond 2^53 is a bigint, and what has no JSON form, such as NaN, is its name.
 * @throws LinewardError VALUE_INVALID for bytes that are no data of the type, or text that is no UTF-8.
 */
export function decodeAvro(type: AvroType, bytes: Uint8Array): unknown {
  const decoding = new AvroDecoding(bytes);
  return decoding.whole(type);
}

class AvroDecoding {
  readonly #cursor: AvroCursor;
  readonly #budget = new ValueBudget();

  constructor(bytes: Uint8Array) {
    this.#cursor = new AvroCursor(bytes);
  }

  whole(type: AvroType): unknown {
    const value = this.#value(type, 0);
    if (this.#cursor.at !== this.#cursor.bytes.length) throw notAvro();
    return value;
  }

  #value(type: AvroType, depth: number): unknown {
    if (depth > depthMax || !this.#budget.take()) throw notAvro();
    switch (type.kind) {
      case 'record':
        return this.#record(type, depth);
      case 'union':
        return this.#value(this.#cursor.branch(type).type, depth + 1);
      case 'array':
        return this.#array(type.items, depth);
      case 'map':
        return this.#map(type.values, depth);
      case 'fixed':
        return fixedText(type, this.#cursor.take(type.size));
      case 'enum':
        return this.#symbol(type);
      default:
        return this.#primitive(type);
    }
  }

  #record({ fields }: AvroRecord, depth: number): unknown {
    return Object.fromEntries(fields.map(({ name, type }) => [name, this.#value(type, depth + 1)]));
  }

  #array(type: AvroType, depth: number): unknown {
    const items: unknown[] = [];
    this.#cursor.blocks(() => {
      items.push(this.#value(type, depth + 1));
    });
    return items;
  }

  #map(type: AvroType, depth: number): unknown {
    const entries = new Map<string, unknown>();
    this.#cursor.blocks(() => {
      const key = this.#text();
      entries.set(key, this.#value(type, depth + 1));
    });
    return Object.fromEntries(entries);
  }

  #symbol({ symbols }: AvroEnum): string {
    const symbol = symbols[this.#cursor.long()];
    if (symbol === undefined) throw notAvro();
    return symbol;
  }

  #primitive(type: AvroType & { readonly kind: 'primitive' }): unknown {
    if (type.name === 'string') return this.#text();
    const value = this.#cursor.scalar(type);
    if (Buffer.isBuffer(value)) return value.toString('base64');
    return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
  }

  #text(): string {
    const text = strictUtf8(this.#cursor.take(this.#cursor.long()));
    if (text === null) throw notAvro();
    return text;
  }
}

/**
 * A UUID in its usual spelling; printable ASCII as it stands, for a fixed is often a text of fixed length; else base64, which
 * is longer than the fixed, so that no two values have one text.
 */
function fixedText({ size, properties }: AvroFixed, bytes: Buffer): string {
  if (size === 16 && properties.logicalType === 'uuid')
    return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  return bytes.every((byte) => byte >= 0x20 && byte < 0x7f) ? bytes.toString('latin1') : bytes.toString('base64');
}
