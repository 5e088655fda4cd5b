import { ValueBudget } from '../value-budget.ts';
import {
  type EntryReading,
  type FieldReading,
  formOf,
  type MessageReading,
  type MessageType,
  type ValueKind,
} from './message-reading.ts';
import { jsonOfScalar, readPacked, readScalar, type ScalarValue, scalarDefault } from './scalar-decoding.ts';
import { wellKnownValue } from './well-known-decoding.ts';
import { messageDepthMax, notProtobuf, type WireField, wireFields } from './wire-reader.ts';

type Values = ReadonlyMap<number, readonly WireField[]>;

/**
 * The value of a message as JSON messages carry it, under the names of its fields as the schema writes them. A field that is
 * absent without that being a value of its own has its default; other absent fields are left out. Whole numbers beyond 2^53
 * are bigints. Fields that the schema does not have are left out, too.
 * @throws LinewardError VALUE_INVALID for bytes that are no data of the message.
 */
export function decodeProtobuf(
  reading: MessageReading,
  message: MessageType,
  bytes: Uint8Array,
): Readonly<Record<string, unknown>> {
  return new ProtobufDecoding(reading).message(message, bytes, 0);
}

class ProtobufDecoding {
  readonly #reading: MessageReading;
  readonly #budget = new ValueBudget();

  constructor(reading: MessageReading) {
    this.#reading = reading;
  }

  message(type: MessageType, bytes: Uint8Array, depth: number): Record<string, unknown> {
    if (depth > messageDepthMax) throw notProtobuf();
    const fields = this.#reading.fieldsOf(type);
    const found = standing(fields, bytes);
    const members: [string, unknown][] = [];
    for (const [number, field] of fields) {
      if (!this.#budget.take()) throw notProtobuf();
      const value = this.#field(field, found.get(number) ?? [], depth);
      if (value !== undefined) members.push([field.field.name, value]);
    }
    return Object.fromEntries(members);
  }

  #field(field: FieldReading, wires: readonly WireField[], depth: number): unknown {
    if (field.entry !== null) return this.#map(field.entry, wires, depth);
    if (field.isRepeated) return wires.flatMap((wire) => this.#items(field, wire, depth));
    const last = wires.at(-1);
    if (last === undefined)
      return field.hasPresence || field.isNullable ? undefined : this.#default(field.value, depth);
    return this.#value(field.value, merged(field.value, wires), depth);
  }

  #default(kind: ValueKind, depth: number): unknown {
    if (kind.kind === 'message' || kind.kind === 'known') return this.#value(kind, Buffer.alloc(0), depth);
    if (kind.kind === 'enum') return kind.definition?.values[0]?.name ?? null;
    return jsonOfScalar(scalarDefault(kind.type));
  }

  #items(field: FieldReading, wire: WireField, depth: number): readonly unknown[] {
    const { value } = field;
    if (formOf(field, wire.wireType) === 'PACKED')
      return readPacked(scalarOf(value), wire.content).map((one) => this.#counted(jsonOf(value, one)));
    return [this.#value(value, wire.content, depth)];
  }

  #map({ key, item }: EntryReading, wires: readonly WireField[], depth: number): unknown {
    const fields = new Map([
      [1, key],
      [2, item],
    ]);
    const entries = new Map<string, unknown>();
    for (const { content } of wires) {
      const found = standing(fields, content);
      const name = String(this.#field(key, found.get(1) ?? [], depth));
      entries.set(name, this.#field(item, found.get(2) ?? [], depth));
    }
    return Object.fromEntries(entries);
  }

  #value(kind: ValueKind, content: Uint8Array, depth: number): unknown {
    if (kind.kind === 'message') return this.message(kind.type, content, depth + 1);
    if (kind.kind === 'known') return this.#counted(wellKnownValue(kind.fullName, content));
    return this.#counted(jsonOf(kind, readScalar(scalarOf(kind), content)));
  }

  #counted(value: unknown): unknown {
    if (!this.#budget.take()) throw notProtobuf();
    return value;
  }
}

/** The fields that count: of a oneof the last one. @throws LinewardError VALUE_INVALID for one in a form it cannot have. */
function standing(fields: ReadonlyMap<number, FieldReading>, bytes: Uint8Array): Values {
  const found = new Map<number, WireField[]>();
  for (const wire of wireFields(bytes)) {
    const field = fields.get(wire.number);
    if (field === undefined) continue;
    if (formOf(field, wire.wireType) === null) throw notProtobuf();
    for (const rival of field.rivals) if (rival !== wire.number) found.delete(rival);
    const known = found.get(wire.number);
    if (known === undefined) found.set(wire.number, [wire]);
    else known.push(wire);
  }
  return found;
}

/** Of a value that stands twice the last one counts, and messages are one after the other. */
export function merged({ kind }: ValueKind, wires: readonly WireField[]): Buffer {
  const contents = wires.map(({ content }) => content);
  const last = contents.at(-1) ?? Buffer.alloc(0);
  const isMessage = kind === 'message' || kind === 'known';
  return isMessage && contents.length > 1 ? Buffer.concat(contents) : last;
}

/** The scalar type that the bytes of a value are read as. */
export function scalarOf(kind: ValueKind): string {
  return kind.kind === 'scalar' ? kind.type : 'int32';
}

/** An enum by its name, and by its number where the schema has none for it. */
export function jsonOf(kind: ValueKind, value: ScalarValue): unknown {
  if (kind.kind !== 'enum') return jsonOfScalar(value);
  // The one enum that every compiler brings and messages may use is NullValue.
  if (kind.definition === null) return null;
  return kind.definition.values.find(({ number }) => number === value)?.name ?? String(value);
}
