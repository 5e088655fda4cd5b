import { LinewardError } from '../../../errors/lineward-error.ts';
import { ByteWriter } from '../byte-writer.ts';
import { isJsonObject } from '../json-text.ts';
import type { EncodedMessage, MessageFault } from '../message.ts';
import { type FieldEncoding, fieldEncodings } from './field-encoding.ts';
import type { ProtoField, ProtoFile, ProtoMessage } from './proto-file.ts';
import type { KnownType, ProtoTypes } from './proto-types.ts';
import { fieldsByJsonName } from './protobuf-message.ts';
import { type ScalarForm, scalarForms, sized, tag } from './scalar-encoding.ts';
import { wellKnownBytes } from './well-known-encoding.ts';

const faultsMax = 20;
const nullValue = 'google.protobuf.NullValue';

/** How the fields of a message are written, and found in JSON. */
interface MessageEncoding {
  readonly fields: readonly FieldEncoding[];
  readonly byName: ReadonlyMap<string, ProtoField>;
}

/**
 * Writes the first message of a file in Protobuf's binary form from its JSON mapping: fields by their numbers, lists packed
 * as the syntax or edition says. It walks over the types and runs no code made of a schema.
 */
export class ProtobufEncoding {
  readonly #types: ProtoTypes;
  readonly #known = new Map<ProtoMessage, MessageEncoding>();

  constructor(types: ProtoTypes) {
    this.#types = types;
  }

  /** Encodes a message that was checked; answers at most 20 faults, which are those of single values. */
  encode(message: unknown): EncodedMessage {
    const { file } = this.#types;
    const root = file.types.find((type) => type.kind === 'message');
    if (root === undefined) return refused([{ path: '(message)', message: 'has no message type in its schema' }]);
    const writer = new MessageWriter(this.#types, (type) => this.#encodingOf(type));
    const scope = file.package === '' ? root.name : `${file.package}.${root.name}`;
    try {
      const payload = writer.message({ definition: root, file, scope }, message, '');
      const { faults } = writer;
      return faults.length > 0 ? refused(faults.slice(0, faultsMax)) : { ok: true, payload: payload.bytes };
    } catch (error) {
      if (!(error instanceof LinewardError) || error.code !== 'LIMIT_EXCEEDED') throw error;
      return refused([{ path: '(message)', message: 'is too large' }]);
    }
  }

  #encodingOf({ definition, file }: MessageType): MessageEncoding {
    const known = this.#known.get(definition) ?? {
      fields: fieldEncodings(definition, file),
      byName: fieldsByJsonName(definition),
    };
    this.#known.set(definition, known);
    return known;
  }
}

function refused(faults: readonly MessageFault[]): EncodedMessage {
  return { ok: false, faults };
}

/** A message type, and where the names in it are looked up. */
interface MessageType {
  readonly definition: ProtoMessage;
  readonly file: ProtoFile;
  readonly scope: string;
}

/** A value without its tag: a scalar or enum, or the bytes of a message. */
type Value =
  | { readonly form: ScalarForm; readonly value: unknown; readonly isPackable: boolean }
  | { readonly bytes: Buffer };

class MessageWriter {
  readonly faults: MessageFault[] = [];
  readonly #types: ProtoTypes;
  readonly #encodingOf: (type: MessageType) => MessageEncoding;

  constructor(types: ProtoTypes, encodingOf: (type: MessageType) => MessageEncoding) {
    this.#types = types;
    this.#encodingOf = encodingOf;
  }

  message(type: MessageType, value: unknown, path: string): ByteWriter {
    const out = new ByteWriter();
    const { fields, byName } = this.#encodingOf(type);
    const given = membersOf(byName, isJsonObject(value) ? value : {});
    for (const encoding of fields) {
      const { field } = encoding;
      const member = given.get(field);
      if (member === undefined || (member === null && !this.#takesNull(encoding, type.scope))) continue;
      this.#field(out, encoding, {
        value: member,
        scope: type.scope,
        path: path === '' ? field.name : `${path}.${field.name}`,
      });
    }
    return out;
  }

  /** Null is a value of these two types, and no value of any other. */
  #takesNull({ field, map, isRepeated }: FieldEncoding, scope: string): boolean {
    if (map !== null || isRepeated || scalarForms[field.type] !== undefined) return false;
    return ['google.protobuf.Value', nullValue].includes(this.#types.resolve(field.type, scope)?.fullName ?? '');
  }

  #field(out: ByteWriter, encoding: FieldEncoding, member: Member): void {
    const { field, map, isRepeated } = encoding;
    if (map !== null) this.#map(out, encoding, map, member);
    else if (isRepeated) this.#list(out, encoding, member);
    else {
      const value = this.#value(field.type, member);
      if (value === null) return;
      if ('form' in value && !encoding.hasPresence && value.form.isDefault(value.value)) return;
      put(out, encoding, value);
    }
  }

  #list(out: ByteWriter, encoding: FieldEncoding, { value: items, scope, path }: Member): void {
    const values = (Array.isArray(items) ? items : [])
      .map((value, index) => this.#value(encoding.field.type, { value, scope, path: `${path}[${index}]` }))
      .filter((value) => value !== null);
    const isBlock = encoding.isPacked && values.every((value) => 'form' in value && value.isPackable);
    if (!isBlock) for (const value of values) put(out, encoding, value);
    else if (values.length > 0) {
      const block = new ByteWriter();
      for (const value of values) if ('form' in value) value.form.write(block, value.value);
      put(out, { ...encoding, isDelimited: false }, { bytes: block.bytes });
    }
  }

  /** Keys of maps are data, so they stay out of the path. */
  #map(out: ByteWriter, encoding: FieldEncoding, map: NonNullable<FieldEncoding['map']>, member: Member): void {
    const { scope, path } = member;
    const plain = { ...encoding, isDelimited: false };
    for (const [key, item] of Object.entries(isJsonObject(member.value) ? member.value : {})) {
      const [first, second] = [
        this.#value(map.key, { value: key, scope, path: `${path}{}` }),
        this.#value(map.value, { value: item, scope, path: `${path}{}` }),
      ];
      if (first === null || second === null) continue;
      const entry = new ByteWriter();
      put(entry, { field: { number: 1 }, isDelimited: false }, first);
      put(entry, { field: { number: 2 }, isDelimited: false }, second);
      put(out, plain, { bytes: entry.bytes });
    }
  }

  #value(type: string, member: Member): Value | null {
    const scalar = scalarForms[type];
    if (scalar !== undefined) {
      const refusal = scalar.refusal?.(member.value) ?? null;
      if (refusal !== null) return this.#fault(member.path, `must be ${refusal}`);
      return { form: scalar, value: member.value, isPackable: scalar.wireType !== 2 };
    }
    const named = this.#types.resolve(type, member.scope);
    if (named === null) return this.#fault(member.path, 'is of a type that its schema does not have');
    return named.kind === 'enum' ? this.#enum(named, member) : this.#message(named, member);
  }

  #enum({ definition, fullName }: KnownType, { value, path }: Member): Value | null {
    const values = definition?.kind === 'enum' ? definition.values : [];
    const isNull = fullName === nullValue && (value === null || value === 'NULL_VALUE');
    const number = isNull ? 0 : typeof value === 'number' ? value : values.find(({ name }) => name === value)?.number;
    if (number === undefined || (number | 0) !== number) return this.#fault(path, 'must be a value of its enum');
    return { form: scalarForms.int32 as ScalarForm, value: number, isPackable: true };
  }

  #message(named: KnownType, { value, path }: Member): Value | null {
    const known = wellKnownBytes(named.fullName, value);
    if (typeof known === 'string') return this.#fault(path, `must be ${known}`);
    if (known !== null) return { bytes: known };
    const { definition, file, fullName } = named;
    if (definition?.kind !== 'message' || file === null)
      // What an `Any` holds is not part of the schema, so nobody can say whether it may get in.
      return this.#fault(path, `is of the type ${fullName}, whose content the schema does not describe`);
    return { bytes: this.message({ definition, file, scope: fullName }, value, path).bytes };
  }

  #fault(path: string, message: string): null {
    this.faults.push({ path: path === '' ? '(message)' : path, message });
    return null;
  }
}

interface Member {
  readonly value: unknown;
  readonly scope: string;
  readonly path: string;
}

/** Values of a message by its fields; of a field that stands by both of its names, the message was refused before. */
function membersOf(
  fields: MessageEncoding['byName'],
  value: Readonly<Record<string, unknown>>,
): ReadonlyMap<ProtoField, unknown> {
  const members = new Map<ProtoField, unknown>();
  for (const [name, member] of Object.entries(value)) {
    const field = fields.get(name);
    if (field !== undefined && (member !== null || !members.has(field))) members.set(field, member);
  }
  return members;
}

interface Place {
  readonly field: Pick<ProtoField, 'number'>;
  readonly isDelimited: boolean;
}

/** Writes a value with its tag: a message behind its length, or between the two tags of a group. */
function put(out: ByteWriter, { field, isDelimited }: Place, value: Value): void {
  if ('form' in value) {
    tag(out, field.number, value.form.wireType);
    value.form.write(out, value.value);
  } else if (isDelimited) {
    tag(out, field.number, 3);
    out.raw(value.bytes);
    tag(out, field.number, 4);
  } else {
    tag(out, field.number, 2);
    sized(out, value.bytes);
  }
}
