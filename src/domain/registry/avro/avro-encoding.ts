import { LinewardError } from '../../../errors/lineward-error.ts';
import { ByteWriter } from '../byte-writer.ts';
import { ExactNumber, isJsonObject } from '../json-text.ts';
import type { EncodedMessage, MessageFault } from '../message.ts';
import { AvroChoice, depthMax } from './avro-choice.ts';
import { fitsFixed, primitiveForms, sized } from './avro-json.ts';
import { type AvroField, type AvroRecord, type AvroType, isNullable } from './avro-type.ts';

const faultsMax = 20;
/** Most bytes of all defaults of a schema together: defaults within defaults may double at every level. */
const defaultBytesMax = 1024 * 1024;

/** Fields that are left out take their defaults, which are encoded once. */
type DefaultsOf = (field: AvroField) => Buffer | null;

/**
 * Writes messages of one schema in Avro's binary encoding (1.12) from its JSON encoding. It walks over the types and runs no
 * code made of a schema. Beyond that encoding it takes values of unions without the name of their branch where one branch
 * alone fits, and records without fields that have a default or may be null.
 */
export class AvroEncoding {
  readonly #root: AvroType;
  /** Null for a default that has no end, or is still being encoded. */
  readonly #defaults = new Map<AvroField, Buffer | null>();
  #defaultBytes = 0;

  constructor(root: AvroType) {
    this.#root = root;
  }

  /** Answers at most 20 faults; values never enter one. */
  encode(message: unknown): EncodedMessage {
    return this.#encoded(this.#root, message, false);
  }

  #encoded(type: AvroType, value: unknown, isDefault: boolean): EncodedMessage {
    const writer = new MessageWriter((field) => this.#defaultOf(field), isDefault);
    try {
      writer.write(type, value, '');
    } catch (error) {
      if (!(error instanceof LinewardError) || error.code !== 'LIMIT_EXCEEDED') throw error;
      writer.faults.push({ path: '(message)', message: 'is too large' });
    }
    const { faults, out } = writer;
    return faults.length > 0 ? { ok: false, faults: faults.slice(0, faultsMax) } : { ok: true, payload: out.bytes };
  }

  #defaultOf(field: AvroField): Buffer | null {
    const known = this.#defaults.get(field);
    if (known !== undefined) return known;
    // A record may be its own default: {"name": "next", "type": "Node", "default": {}}.
    this.#defaults.set(field, null);
    const encoded = this.#encoded(field.type, plain(field.default), true);
    const bytes = encoded.ok ? Buffer.from(encoded.payload) : null;
    this.#defaultBytes += bytes?.length ?? 0;
    if (this.#defaultBytes > defaultBytesMax) return null;
    this.#defaults.set(field, bytes);
    return bytes;
  }
}

/** A default as messages carry it: numbers as such, and those beyond 2^53 exactly. */
function plain(value: unknown): unknown {
  if (value instanceof ExactNumber) return /^-?\d+$/.test(value.text) ? BigInt(value.text) : Number(value.text);
  if (Array.isArray(value)) return value.map(plain);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
}

class MessageWriter {
  readonly out = new ByteWriter();
  readonly faults: MessageFault[] = [];
  readonly #choice: AvroChoice;
  readonly #defaultOf: DefaultsOf;
  #depth = 0;

  constructor(defaultOf: DefaultsOf, isDefault: boolean) {
    this.#defaultOf = defaultOf;
    this.#choice = new AvroChoice(isDefault);
  }

  write(type: AvroType, value: unknown, path: string): void {
    if (this.faults.length >= faultsMax) return;
    this.#depth += 1;
    const expected =
      this.#depth > depthMax ? `nested at most ${depthMax} levels deep` : this.#written(type, value, path);
    this.#depth -= 1;
    if (expected !== null) this.#fault(path, `must be ${expected}`);
  }

  /** Writes a value; answers what was expected instead when it is of another kind. */
  #written(type: AvroType, value: unknown, path: string): string | null {
    switch (type.kind) {
      case 'primitive':
        if (!primitiveForms[type.name].fits(value)) return primitiveForms[type.name].expected;
        primitiveForms[type.name].write(this.out, value);
        return null;
      case 'enum':
        if (typeof value !== 'string' || !type.symbols.includes(value))
          return `one of ${type.symbols.slice(0, 20).join(', ')}`;
        this.out.zigZag(type.symbols.indexOf(value));
        return null;
      case 'fixed':
        if (!fitsFixed(type, value)) return `${type.size} bytes as text of the characters U+0000 to U+00FF`;
        this.out.raw(Buffer.from(value, 'latin1'));
        return null;
      case 'union': {
        const choice = this.#choice.choose(type, value);
        if (typeof choice === 'string') return choice;
        this.out.zigZag(choice.index);
        return this.#written(choice.type, choice.value, path);
      }
      case 'array':
        if (!Array.isArray(value)) return 'a list';
        this.#block(value, (item, index) => this.write(type.items, item, `${path}[${index}]`));
        return null;
      case 'map':
        if (!isJsonObject(value)) return 'an object';
        this.#block(Object.entries(value), ([key, item]) => this.#entry(type.values, key, item, path));
        return null;
      case 'record':
        if (!isJsonObject(value)) return 'an object';
        this.#record(type, value, path);
        return null;
    }
  }

  #block<Item>(items: readonly Item[], write: (item: Item, index: number) => void): void {
    if (items.length > 0) {
      this.out.zigZag(items.length);
      items.forEach(write);
    }
    this.out.byte(0);
  }

  /** Keys of maps are data, so they stay out of the path. */
  #entry(values: AvroType, key: string, item: unknown, path: string): void {
    if (!key.isWellFormed()) this.#fault(`${path}{}`, 'must have keys of whole characters');
    sized(this.out, Buffer.from(key));
    this.write(values, item, `${path}{}`);
  }

  #record(record: AvroRecord, value: Readonly<Record<string, unknown>>, path: string): void {
    let present = 0;
    for (const field of record.fields) {
      const inside = path === '' ? field.name : `${path}.${field.name}`;
      if (Object.hasOwn(value, field.name)) {
        present += 1;
        this.write(field.type, value[field.name], inside);
      } else this.#absent(field, inside);
    }
    const unknown = Object.keys(value).length - present;
    if (unknown > 0) this.#fault(path, `holds ${unknown} field(s) that the schema does not have`);
  }

  #absent(field: AvroField, path: string): void {
    const bytes = field.hasDefault ? this.#defaultOf(field) : null;
    if (bytes !== null) this.out.raw(bytes);
    else if (field.hasDefault) this.#fault(path, 'is missing, and its default has no end or is too large');
    else if (isNullable(field.type)) this.#null(field.type);
    else this.#fault(path, 'is missing');
  }

  #null(type: AvroType): void {
    if (type.kind === 'union')
      this.out.zigZag(type.branches.findIndex((branch) => branch.kind === 'primitive' && branch.name === 'null'));
  }

  #fault(path: string, message: string): void {
    this.faults.push({ path: path === '' ? '(message)' : path, message });
  }
}
