import { readJson } from '../json-text.ts';
import type { EncodedMessage, MessageFault } from '../message.ts';
import type { Incompatibility, ParsedSchema, SchemaFieldPath, SchemaSource } from '../schema-format.ts';
import { avroIncompatibilities } from './avro-compatibility.ts';
import { decodeAvro } from './avro-decoding.ts';
import { AvroEncoding } from './avro-encoding.ts';
import { avroFields } from './avro-fields.ts';
import { avroMessageFaults } from './avro-message.ts';
import { AvroReader } from './avro-reader.ts';
import { printAvro } from './avro-text.ts';
import { type AvroType, isNamed, namespaceOf, shortName } from './avro-type.ts';

/** An Avro schema, read and checked. */
export class AvroSchema implements ParsedSchema {
  readonly format = 'AVRO';
  readonly text: string;
  readonly record: ParsedSchema['record'];
  readonly root: AvroType;
  readonly #known: ReadonlySet<string>;
  #fields: readonly SchemaFieldPath[] | null = null;
  #encoding: AvroEncoding | null = null;

  /** `known` are full names of types that references define. */
  constructor(root: AvroType, known: ReadonlySet<string>) {
    this.root = root;
    this.#known = known;
    this.text = printAvro(root, { known, sorted: false });
    this.record = root.kind === 'record' ? { namespace: namespaceOf(root.name), name: shortName(root.name) } : null;
  }

  get fields(): readonly SchemaFieldPath[] {
    this.#fields ??= avroFields(this.root);
    return this.#fields;
  }

  normalized(): string {
    return printAvro(this.root, { known: this.#known, sorted: true });
  }

  /** `resolved` writes the types of references out where they first stand. */
  printed(variant: string): string | null {
    return variant === 'resolved' ? printAvro(this.root, { known: new Set(), sorted: false }) : null;
  }

  incompatibilitiesWith(writer: ParsedSchema): readonly Incompatibility[] {
    if (!(writer instanceof AvroSchema)) throw new TypeError('schemas of two languages are never compared');
    return avroIncompatibilities(this.root, writer.root).map((one) => (one.path === '' ? { ...one, path: '/' } : one));
  }

  messageFaults(message: unknown): readonly MessageFault[] {
    return avroMessageFaults(this.root, message);
  }

  encode(message: unknown): EncodedMessage {
    this.#encoding ??= new AvroEncoding(this.root);
    return this.#encoding.encode(message);
  }

  decode(payload: Uint8Array): unknown {
    return decodeAvro(this.root, payload);
  }
}

/**
 * Reads an Avro schema. References define the types that it may name.
 * @throws LinewardError SCHEMA_INVALID, FIELD_DUPLICATE or LIMIT_EXCEEDED with the place of the fault in the schema.
 */
export function parseAvroSchema(source: SchemaSource): AvroSchema {
  const reader = new AvroReader();
  const known = new Set<string>();
  source.references.forEach(({ text }, index) => {
    addNames(reader.read(readJson(text), ['references', String(index)]), known);
  });
  return new AvroSchema(reader.read(readJson(source.text), []), known);
}

/**
 * Adds the full names of all types that a type defines. What it only refers to was added before: a name is defined where it
 * first stands, so this never goes deeper than definitions are nested.
 */
function addNames(type: AvroType, names: Set<string>): void {
  if (isNamed(type)) {
    if (names.has(type.name)) return;
    names.add(type.name);
    if (type.kind === 'record') for (const field of type.fields) addNames(field.type, names);
  }
  if (type.kind === 'array') addNames(type.items, names);
  if (type.kind === 'map') addNames(type.values, names);
  if (type.kind === 'union') for (const branch of type.branches) addNames(branch, names);
}
