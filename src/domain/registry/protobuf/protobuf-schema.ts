import { LinewardError } from '../../../errors/lineward-error.ts';
import type { EncodedMessage, MessageFault } from '../message.ts';
import type { Incompatibility, ParsedSchema, SchemaFieldPath, SchemaSource } from '../schema-format.ts';
import { fromDescriptor } from './from-descriptor.ts';
import { MessageReading } from './message-reading.ts';
import type { ProtoFile } from './proto-file.ts';
import { normalizedProto, withoutExtensions } from './proto-forms.ts';
import { parseProto } from './proto-parser.ts';
import { assertProtoRules } from './proto-rules.ts';
import { printProto } from './proto-text.ts';
import { ProtoTypes } from './proto-types.ts';
import { protobufIncompatibilities } from './protobuf-comparison.ts';
import { decodeProtobuf } from './protobuf-decoding.ts';
import { ProtobufEncoding } from './protobuf-encoding.ts';
import { protobufFields } from './protobuf-fields.ts';
import { protobufMessageFaults } from './protobuf-message.ts';
import { toDescriptor } from './to-descriptor.ts';
import { notProtobuf } from './wire-reader.ts';

/** A Protobuf file, read and checked with what it imports. */
export class ProtobufSchema implements ParsedSchema {
  readonly format = 'PROTOBUF';
  readonly text: string;
  readonly record: ParsedSchema['record'];
  readonly types: ProtoTypes;
  #fields: readonly SchemaFieldPath[] | null = null;
  readonly reading: MessageReading;
  #encoding: ProtobufEncoding | null = null;

  constructor(types: ProtoTypes) {
    this.types = types;
    this.reading = new MessageReading(types);
    this.text = printProto(types.file);
    const first = types.file.types.find((type) => type.kind === 'message');
    this.record = first === undefined ? null : { namespace: types.file.package, name: first.name };
  }

  get fields(): readonly SchemaFieldPath[] {
    this.#fields ??= protobufFields(this.types);
    return this.#fields;
  }

  normalized(): string {
    return printProto(normalizedProto(this.types));
  }

  /** `serialized` is the base64 of a `FileDescriptorProto`, `ignore_extensions` the text without custom options. */
  printed(variant: string): string | null {
    if (variant === 'serialized') return Buffer.from(toDescriptor(this.types)).toString('base64');
    return variant === 'ignore_extensions' ? printProto(withoutExtensions(this.types.file)) : null;
  }

  incompatibilitiesWith(writer: ParsedSchema): readonly Incompatibility[] {
    if (!(writer instanceof ProtobufSchema)) throw new TypeError('schemas of two languages are never compared');
    return protobufIncompatibilities(writer.types, this.types);
  }

  messageFaults(message: unknown): readonly MessageFault[] {
    return protobufMessageFaults(this.types, message);
  }

  encode(message: unknown): EncodedMessage {
    const faults = this.messageFaults(message);
    if (faults.length > 0) return { ok: false, faults };
    this.#encoding ??= new ProtobufEncoding(this.types);
    return this.#encoding.encode(message);
  }

  decode(payload: Uint8Array, messageIndexes: readonly number[] | null): unknown {
    const message = this.reading.message(messageIndexes ?? [0]);
    if (message === null) throw notProtobuf();
    return decodeProtobuf(this.reading, message, payload);
  }
}

/**
 * Reads a .proto text, or the base64 of a serialized `FileDescriptorProto` as some clients send it. A reference is found by its
 * name, which is the path that an import names.
 * @throws LinewardError SCHEMA_INVALID with line and column, LIMIT_EXCEEDED
 */
export function parseProtobufSchema(source: SchemaSource): ProtobufSchema {
  const imported = new Map(source.references.map(({ name, text }) => [name, readProto(text)]));
  const file = readProto(source.text);
  assertProtoRules(file);
  return new ProtobufSchema(new ProtoTypes(file, imported));
}

function readProto(text: string): ProtoFile {
  // No .proto file is without a space, a bracket and a semicolon.
  if (!/^[A-Za-z0-9+/]{4,}={0,2}\s*$/.test(text)) return parseProto(text);
  const file = fromDescriptor(Buffer.from(text, 'base64'));
  if (file === null) {
    throw new LinewardError(
      'SCHEMA_INVALID',
      'schema: is neither a .proto file nor the base64 of a FileDescriptorProto with valid names and values',
      { path: ['schema'] },
    );
  }
  // Read from its own text, so that limits and rules are the same for both forms, and the text means what is checked.
  return parseProto(printProto(file));
}
