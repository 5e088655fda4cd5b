import { LinewardError } from '../../../errors/lineward-error.ts';
import type { SchemaFieldPath } from '../schema-format.ts';
import { type AvroField, type AvroRecord, type AvroType, isNullable, typeName, withoutNull } from './avro-type.ts';

/** Most paths of one schema; shared types make more paths than fields. */
const pathsMax = 10_000;
/** Longest path, in characters. */
const pathCharsMax = 2_048;
/** Deepest record within a record that a path leads to. */
const depthMax = 128;
/** Most records that are entered: a union may lead to many of them at one path. */
const entriesMax = 100_000;

/**
 * All paths of a record in document order; two branches of a union may share a path, which stands once. A record inside
 * itself is shown and not entered again.
 * @throws LinewardError LIMIT_EXCEEDED for more than 10,000 paths, or paths that are too deep or too long.
 */
export function avroFields(root: AvroType): readonly SchemaFieldPath[] {
  const walk = new FieldWalk();
  if (root.kind === 'record') walk.enter(root, '');
  return [...walk.found.values()];
}

class FieldWalk {
  readonly found = new Map<string, SchemaFieldPath>();
  readonly #open = new Set<AvroRecord>();
  /** Records by the paths at which they were entered: branches of unions lead to the same one many times over. */
  readonly #entered = new Set<string>();

  enter(record: AvroRecord, prefix: string): void {
    const entry = `${prefix} ${record.name}`;
    if (this.#open.has(record) || this.#entered.has(entry)) return;
    this.#entered.add(entry);
    this.#open.add(record);
    if (this.#entered.size > entriesMax || this.#open.size > depthMax)
      throw overLimit(`The records of the schema lie more than ${depthMax} levels within each other, or too many ways`);
    for (const field of record.fields) this.#field(field, prefix === '' ? field.name : `${prefix}.${field.name}`);
    this.#open.delete(record);
  }

  #field(field: AvroField, path: string): void {
    if (!this.found.has(path)) this.found.set(path, describe(field, path));
    if (this.found.size > pathsMax) throw overLimit(`The schema has more than ${pathsMax} fields`);
    if (path.length > pathCharsMax)
      throw overLimit(`The schema has a field path of more than ${pathCharsMax} characters`);
    this.#inside(field.type, path);
  }

  #inside(type: AvroType, path: string): void {
    if (path.length > pathCharsMax)
      throw overLimit(`A field path of the schema has more than ${pathCharsMax} characters`);
    const real = withoutNull(type);
    if (real.kind === 'record') this.enter(real, path);
    if (real.kind === 'array') this.#inside(real.items, `${path}[]`);
    if (real.kind === 'map') this.#inside(real.values, `${path}{}`);
    if (real.kind === 'union') for (const branch of real.branches) this.#inside(branch, path);
  }
}

function overLimit(message: string): LinewardError {
  return new LinewardError('LIMIT_EXCEEDED', `${message}.`, { path: ['fields'] });
}
function describe(field: AvroField, path: string): SchemaFieldPath {
  const nullable = isNullable(field.type);
  const { twilio_type: semanticType } = field.properties;
  return {
    path,
    type: typeName(field.type),
    nullable,
    required: !nullable && !field.hasDefault,
    semanticType: typeof semanticType === 'string' ? semanticType : null,
    tags: [...new Set([...tagsOf(field.properties), ...tagsOfType(field.type)])],
    doc: field.doc,
  };
}

function tagsOf(properties: Readonly<Record<string, unknown>>): readonly string[] {
  const tags = properties['confluent:tags'];
  return Array.isArray(tags) ? tags.filter((tag: unknown) => typeof tag === 'string') : [];
}

function tagsOfType(type: AvroType): readonly string[] {
  const real = withoutNull(type);
  return real.kind === 'union' ? [] : tagsOf(real.properties);
}
