import { printExactJson, readExactJson } from '../../../domain/exact-json.ts';
import type { AvroCursor } from '../../../domain/registry/avro/avro-cursor.ts';
import { decodeAvro } from '../../../domain/registry/avro/avro-decoding.ts';
import { AvroEncoding } from '../../../domain/registry/avro/avro-encoding.ts';
import {
  type AvroField,
  type AvroRecord,
  type AvroType,
  withoutNull,
} from '../../../domain/registry/avro/avro-type.ts';
import type { ValueForm } from '../../../services/lake/ports.ts';
import { refused, unfit } from '../records/record-failure.ts';
import type { Span } from '../records/spliced.ts';
import { logicalOf } from './avro-columns.ts';

/** How values of a field cross the border of the engine. A text with a meaning, such as a UUID, is none that holds any text. */
export function formOf(type: AvroType): ValueForm {
  const real = withoutNull(type);
  if (real.kind === 'primitive' && real.name === 'string') return logicalOf(type) === '' ? 'TEXT' : 'OTHER';
  return real.kind === 'record' || real.kind === 'array' || real.kind === 'map' || real.kind === 'union'
    ? 'JSON'
    : 'OTHER';
}

/** Values of some fields as text, and back. */
export class FieldValues {
  readonly #path: string;
  readonly #schema: AvroRecord;
  readonly #names: readonly string[];
  readonly #values: readonly FieldValue[];

  /** @throws LinewardError LAKE_TABLE_REFUSED for a field that is not there. */
  constructor(path: string, schema: AvroRecord, names: readonly string[]) {
    this.#path = path;
    this.#schema = schema;
    this.#names = names;
    this.#values = names.map((name) => {
      const field = schema.fields.find((candidate) => candidate.name === name);
      if (field === undefined) throw refused(path, `it has no column ${name}`, name);
      return new FieldValue(path, field);
    });
  }

  /** Places of the values of the record that begins where the cursor is, which stands behind it afterwards. */
  spans(cursor: AvroCursor): readonly Span[] {
    const spans: Span[] = this.#names.map(() => ({ start: 0, end: 0 }));
    for (const { name, type } of this.#schema.fields) {
      const start = cursor.at;
      cursor.skip(type);
      const place = this.#names.indexOf(name);
      if (place >= 0) spans[place] = { start, end: cursor.at };
    }
    return spans;
  }

  text(place: number, bytes: Buffer): string | null {
    return this.#at(place).text(bytes);
  }

  /** The bytes of a new value. @throws LinewardError LAKE_TABLE_REFUSED for one that the type of the field does not have. */
  bytes(place: number, text: string | null, old: Buffer): Buffer {
    return this.#at(place).replaced(text, old);
  }

  #at(place: number): FieldValue {
    const value = this.#values[place];
    if (value === undefined) throw refused(this.#path, 'it has fewer columns than were asked for');
    return value;
  }
}

class FieldValue {
  readonly #path: string;
  readonly #field: AvroField;
  readonly #isText: boolean;
  readonly #encoding: AvroEncoding;

  constructor(path: string, field: AvroField) {
    this.#path = path;
    this.#field = field;
    this.#isText = formOf(field.type) === 'TEXT';
    this.#encoding = new AvroEncoding(field.type);
  }

  text(bytes: Buffer): string | null {
    const value = decodeAvro(this.#field.type, bytes);
    if (value === null) return null;
    return this.#isText ? String(value) : (printExactJson(value) ?? null);
  }

  replaced(text: string | null, old: Buffer): Buffer {
    const { name } = this.#field;
    if (!this.#encoded(this.text(old))?.equals(old))
      throw refused(this.#path, `values of its column ${name} do not come back exactly from their text`, name);
    const bytes = this.#encoded(text);
    if (bytes === null) throw unfit(this.#path, name);
    return bytes;
  }

  #encoded(text: string | null): Buffer | null {
    const encoded = this.#encoding.encode(this.#valueIn(text));
    return encoded.ok ? Buffer.from(encoded.payload) : null;
  }

  /** Undefined, which no type has, for a text that is no JSON. */
  #valueIn(text: string | null): unknown {
    if (text === null || this.#isText) return text;
    try {
      return readExactJson(text);
    } catch {
      return undefined;
    }
  }
}
