import { LinewardError } from '../../../errors/lineward-error.ts';
import { isJsonObject, printJson } from '../json-text.ts';
import { type AvroField, type AvroNamed, type AvroType, isNamed, namespaceOf, shortName } from './avro-type.ts';

/** Deepest nesting of a text: types that stand by name are deeper when they are written out. */
const depthMax = 512;

/** Names that a reader would take for something else than a type that a schema defines. */
const typeWords = new Set(
  'record error enum array map union fixed string bytes int long float double boolean null'.split(' '),
);

export interface PrintOptions {
  /** Full names that stand for themselves: types that references define. */
  readonly known: ReadonlySet<string>;
  /**
   * Sorts what has no order: attributes that Avro does not define, aliases, and the keys of their values and of defaults;
   * leaves out the empty `doc` of a named type. This is what Confluent's `normalize` does.
   */
  readonly sorted: boolean;
}

/**
 * Compact text of a schema in the shape that Java's `Schema.toString()` gives it, which is what Confluent's registry answers:
 * attributes in a fixed order, a named type written out where it first stands and by name after that, a namespace only where
 * it differs from the enclosing one, primitives without attributes as their bare names.
 *
 * Known differences: numbers of defaults and attributes stay as they were spelt (Java writes `1e3` as `1000.0`, and when it
 * normalizes, the default `1` of a double as `1.0`); control characters are escaped in lower case; attributes whose names are
 * whole numbers come before the others; all types of a reference stand by name, not its outermost one alone; normalizing
 * sorts `logicalType` among the other attributes, drops no `scale` of 0, and leaves an `error` one.
 * @throws LinewardError LIMIT_EXCEEDED when types written out would lie more than 512 levels deep.
 */
export function printAvro(type: AvroType, options: PrintOptions): string {
  return new Printer(options).type(type, '');
}

class Printer {
  readonly #written: Set<string>;
  readonly #sorted: boolean;
  #depth = 0;

  constructor(options: PrintOptions) {
    this.#written = new Set(options.known);
    this.#sorted = options.sorted;
  }

  type(type: AvroType, space: string): string {
    if (this.#depth === depthMax) {
      throw new LinewardError('LIMIT_EXCEEDED', `Written out, the schema is nested deeper than ${depthMax} levels.`, {
        path: ['schema'],
      });
    }
    this.#depth += 1;
    const text = this.#text(type, space);
    this.#depth -= 1;
    return text;
  }

  #text(type: AvroType, space: string): string {
    if (type.kind === 'union') return `[${type.branches.map((branch) => this.type(branch, space)).join(',')}]`;
    if (isNamed(type)) return this.#named(type, space);
    const more = this.#properties(type.properties);
    if (type.kind === 'primitive')
      return more.length === 0 ? JSON.stringify(type.name) : object([`"type":"${type.name}"`, ...more]);
    const inner =
      type.kind === 'array' ? `"items":${this.type(type.items, space)}` : `"values":${this.type(type.values, space)}`;
    return object([`"type":"${type.kind}"`, inner, ...more]);
  }

  #named(type: AvroNamed, space: string): string {
    const own = namespaceOf(type.name);
    if (this.#written.has(type.name)) return JSON.stringify(qualified(type.name, space));
    this.#written.add(type.name);
    const kind = type.kind === 'record' && type.isError ? 'error' : type.kind;
    const members = [`"type":"${kind}"`, `"name":${JSON.stringify(shortName(type.name))}`];
    if (own !== space) members.push(`"namespace":${JSON.stringify(own)}`);
    if (type.doc !== null && !(this.#sorted && type.doc === '')) members.push(`"doc":${JSON.stringify(type.doc)}`);
    if (type.kind === 'record')
      members.push(`"fields":[${type.fields.map((field) => this.#field(field, own)).join(',')}]`);
    if (type.kind === 'enum') {
      members.push(`"symbols":${JSON.stringify(type.symbols)}`);
      if (type.default !== null) members.push(`"default":${JSON.stringify(type.default)}`);
    }
    if (type.kind === 'fixed') members.push(`"size":${type.size}`);
    members.push(...this.#properties(type.properties), ...this.#aliases(type.aliases, own));
    return object(members);
  }

  #field(field: AvroField, space: string): string {
    const members = [`"name":${JSON.stringify(field.name)}`, `"type":${this.type(field.type, space)}`];
    if (field.doc !== null) members.push(`"doc":${JSON.stringify(field.doc)}`);
    if (field.hasDefault) members.push(`"default":${this.#json(field.default)}`);
    if (field.order !== null && field.order !== 'ascending') members.push(`"order":"${field.order}"`);
    members.push(...this.#aliases(field.aliases, null), ...this.#properties(field.properties));
    return object(members);
  }

  /** Aliases of a type stand as seen from its namespace; those of a field, for which `space` is null, as they are. */
  #aliases(names: readonly string[], space: string | null): readonly string[] {
    if (names.length === 0) return [];
    const ordered = this.#sorted ? [...names].sort() : names;
    const written = space === null ? ordered : ordered.map((name) => qualified(name, space));
    return [`"aliases":${JSON.stringify(written)}`];
  }

  #properties(properties: Readonly<Record<string, unknown>>): readonly string[] {
    const keys = this.#sorted ? Object.keys(properties).sort() : Object.keys(properties);
    return keys.map((key) => `${JSON.stringify(key)}:${this.#json(properties[key])}`);
  }

  #json(value: unknown): string {
    return printJson(this.#sorted ? sortedKeys(value) : value);
  }
}

function sortedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedKeys);
  if (!isJsonObject(value)) return value;
  const sorted: Record<string, unknown> = Object.create(null);
  for (const key of Object.keys(value).sort()) sorted[key] = sortedKeys(value[key]);
  return sorted;
}

function object(members: readonly string[]): string {
  return `{${members.join(',')}}`;
}

/** A name as it is written inside a namespace: short, unless that would be the name of a kind of type. */
function qualified(name: string, space: string): string {
  const short = shortName(name);
  return namespaceOf(name) === space && !typeWords.has(short) ? short : name;
}
