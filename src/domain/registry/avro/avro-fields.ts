import { LinewardError } from '../../../errors/lineward-error.ts';
import { FieldCollection, type FoundField, spoken } from '../field-collection.ts';
import type { FieldMeaning, SchemaFieldPath } from '../schema-format.ts';
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
 * itself is shown and not entered again: the path says where it began.
 * @throws LinewardError LIMIT_EXCEEDED for more than 10,000 paths, or paths that are too deep or too long.
 */
export function avroFields(root: AvroType): readonly SchemaFieldPath[] {
  const walk = new FieldWalk();
  if (root.kind === 'record') walk.enter(root, '');
  return walk.found.all([meaningOfType(root)]);
}

class FieldWalk {
  readonly found = new FieldCollection();
  /** The records around, each with the path at which it was entered. */
  readonly #open = new Map<AvroRecord, string>();
  /** Records by the paths at which they were entered: branches of unions lead to the same one many times over. */
  readonly #entered = new Set<string>();

  enter(record: AvroRecord, prefix: string): void {
    const begun = this.#open.get(record);
    if (begun !== undefined) this.found.recur(prefix, begun);
    const entry = `${prefix} ${record.name}`;
    if (begun !== undefined || this.#entered.has(entry)) return;
    this.#entered.add(entry);
    this.#open.set(record, prefix);
    if (this.#entered.size > entriesMax || this.#open.size > depthMax)
      throw overLimit(`The records of the schema lie more than ${depthMax} levels within each other, or too many ways`);
    for (const field of record.fields) this.#field(field, prefix === '' ? field.name : `${prefix}.${field.name}`);
    this.#open.delete(record);
  }

  #field(field: AvroField, path: string): void {
    this.found.add(describe(field, path));
    if (this.found.size > pathsMax) throw overLimit(`The schema has more than ${pathsMax} fields`);
    if (path.length > pathCharsMax)
      throw overLimit(`The schema has a field path of more than ${pathCharsMax} characters`);
    this.#inside(field.type, path);
  }

  #inside(type: AvroType, path: string): void {
    if (path.length > pathCharsMax)
      throw overLimit(`A field path of the schema has more than ${pathCharsMax} characters`);
    const real = withoutNull(type);
    if (real.kind === 'primitive' || real.kind === 'enum' || real.kind === 'fixed') this.found.allowPlain(path);
    if (real.kind === 'record') this.enter(real, path);
    if (real.kind === 'array') this.#inside(real.items, `${path}[]`);
    if (real.kind === 'map') this.#inside(real.values, `${path}{}`);
    if (real.kind === 'union') for (const branch of real.branches) this.#inside(branch, path);
  }
}

function overLimit(message: string): LinewardError {
  return new LinewardError('LIMIT_EXCEEDED', `${message}.`, { path: ['fields'] });
}

function describe(field: AvroField, path: string): FoundField {
  const nullable = isNullable(field.type);
  return {
    path,
    type: typeName(field.type),
    nullable,
    required: !nullable && !field.hasDefault,
    meanings: spoken([meaningOfField(field), ...meaningsInside(withoutNull(field.type))]),
    doc: field.doc,
  };
}

/** The field and its type speak of one thing, and the field comes first. */
function meaningOfField({ properties, type }: AvroField): FieldMeaning {
  const [own, ofType] = [meaningOf(properties), meaningOfType(withoutNull(type))];
  return { semanticType: own.semanticType ?? ofType.semanticType, tags: [...new Set([...own.tags, ...ofType.tags])] };
}

/** What is said of branches, elements and values: the fields of records have paths of their own. */
function meaningsInside(type: AvroType): readonly FieldMeaning[] {
  const inner = type.kind === 'union' ? type.branches : [];
  const within = type.kind === 'array' ? [type.items] : type.kind === 'map' ? [type.values] : inner;
  return within.flatMap((one) => [meaningOfType(one), ...meaningsInside(one)]);
}

function meaningOfType(type: AvroType): FieldMeaning {
  return type.kind === 'union' ? { semanticType: null, tags: [] } : meaningOf(type.properties);
}

function meaningOf(properties: Readonly<Record<string, unknown>>): FieldMeaning {
  const { twilio_type: semanticType, 'confluent:tags': tags } = properties;
  return {
    semanticType: typeof semanticType === 'string' ? semanticType : null,
    tags: Array.isArray(tags) ? [...new Set(tags.filter((tag: unknown) => typeof tag === 'string'))] : [],
  };
}
