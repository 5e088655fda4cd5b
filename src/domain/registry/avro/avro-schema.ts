import { readJson } from '../json-text.ts';
import type { MessageFault } from '../message.ts';
import type { Incompatibility, ParsedSchema, SchemaFieldPath, SchemaSource } from '../schema-format.ts';
import { avroIncompatibilities } from './avro-compatibility.ts';
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
  readonly #known: readonly string[];
  #fields: readonly SchemaFieldPath[] | null = null;

  /** `known` are full names of types that references define. */
  constructor(root: AvroType, known: readonly string[]) {
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
    return variant === 'resolved' ? printAvro(this.root, { known: [], sorted: false }) : null;
  }

  incompatibilitiesWith(writer: ParsedSchema): readonly Incompatibility[] {
    if (!(writer instanceof AvroSchema)) throw new TypeError('schemas of two languages are never compared');
    return avroIncompatibilities(this.root, writer.root).map((one) => (one.path === '' ? { ...one, path: '/' } : one));
  }

  messageFaults(message: unknown): readonly MessageFault[] {
    return avroMessageFaults(this.root, message);
  }
}

/**
 * Reads an Avro schema. References define the types that it may name.
 * @throws LinewardError SCHEMA_INVALID, FIELD_DUPLICATE or LIMIT_EXCEEDED with the place of the fault in the schema.
 */
export function parseAvroSchema(source: SchemaSource): AvroSchema {
  const reader = new AvroReader();
  const known = source.references.flatMap(({ text }, index) => {
    const type = reader.read(readJson(text), ['references', String(index)]);
    return namesWithin(type);
  });
  return new AvroSchema(reader.read(readJson(source.text), []), known);
}

/** Full names of all types that a type defines or uses. */
function namesWithin(root: AvroType): readonly string[] {
  const names = new Set<string>();
  const walk = (type: AvroType): void => {
    if (isNamed(type)) {
      if (names.has(type.name)) return;
      names.add(type.name);
      if (type.kind === 'record') for (const field of type.fields) walk(field.type);
    }
    if (type.kind === 'array') walk(type.items);
    if (type.kind === 'map') walk(type.values);
    if (type.kind === 'union') type.branches.forEach(walk);
  };
  walk(root);
  return [...names];
}
