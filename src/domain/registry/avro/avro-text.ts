import { isJsonObject, printJson } from '../json-text.ts';
import { type AvroField, type AvroNamed, type AvroType, isNamed, namespaceOf, shortName } from './avro-type.ts';

export interface PrintOptions {
  /** Full names that stand for themselves: types that references define. */
  readonly known: Iterable<string>;
  /** Sorts the attributes that Avro does not define. */
  readonly sorted: boolean;
}

/**
 * Compact text of a schema in the shape that Java's `Schema.toString()` gives it, which is what Confluent's registry answers:
 * attributes in a fixed order, a named type written out where it first stands and by name after that, a namespace only where
 * it differs from the enclosing one, primitives without attributes as their bare names.
 */
export function printAvro(type: AvroType, options: PrintOptions): string {
  return new Printer(options).type(type, '');
}

class Printer {
  readonly #written: Set<string>;
  readonly #sorted: boolean;

  constructor(options: PrintOptions) {
    this.#written = new Set(options.known);
    this.#sorted = options.sorted;
  }

  type(type: AvroType, space: string): string {
    if (type.kind === 'union') return `[${type.branches.map((branch) => this.type(branch, space)).join(',')}]`;
    if (isNamed(type)) return this.#named(type, space);
    const more = this.#properties(type.properties);
    if (type.kind === 'primitive')
      return more.length === 0 ? JSON.stringify(type.name) : object(['"type"', JSON.stringify(type.name)], more);
    const inner =
      type.kind === 'array' ? ['"items"', this.type(type.items, space)] : ['"values"', this.type(type.values, space)];
    return object(['"type"', `"${type.kind}"`], [pair(inner), ...more]);
  }

  #named(type: AvroNamed, space: string): string {
    const own = namespaceOf(type.name);
    if (this.#written.has(type.name)) return JSON.stringify(own === space ? shortName(type.name) : type.name);
    this.#written.add(type.name);
    const kind = type.kind === 'record' && type.isError ? 'error' : type.kind;
    const members = [`"name":${JSON.stringify(shortName(type.name))}`];
    if (own !== space) members.push(`"namespace":${JSON.stringify(own)}`);
    if (type.doc !== null) members.push(`"doc":${JSON.stringify(type.doc)}`);
    if (type.kind === 'record')
      members.push(`"fields":[${type.fields.map((field) => this.#field(field, own)).join(',')}]`);
    if (type.kind === 'enum') {
      members.push(`"symbols":${JSON.stringify(type.symbols)}`);
      if (type.default !== null) members.push(`"default":${JSON.stringify(type.default)}`);
    }
    if (type.kind === 'fixed') members.push(`"size":${type.size}`);
    members.push(...this.#properties(type.properties), ...aliases(type.aliases.map((alias) => within(alias, own))));
    return object(['"type"', `"${kind}"`], members);
  }

  #field(field: AvroField, space: string): string {
    const members = [`"type":${this.type(field.type, space)}`];
    if (field.doc !== null) members.push(`"doc":${JSON.stringify(field.doc)}`);
    if (field.hasDefault) members.push(`"default":${printJson(field.default)}`);
    if (field.order !== null && field.order !== 'ascending') members.push(`"order":"${field.order}"`);
    members.push(...aliases(field.aliases), ...this.#properties(field.properties));
    return object(['"name"', JSON.stringify(field.name)], members);
  }

  #properties(properties: Readonly<Record<string, unknown>>): readonly string[] {
    const entries = Object.entries(properties);
    if (this.#sorted) entries.sort(([one], [other]) => (one < other ? -1 : 1));
    return entries.map(
      ([key, value]) => `${JSON.stringify(key)}:${printJson(this.#sorted ? sortedKeys(value) : value)}`,
    );
  }
}

function sortedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedKeys);
  if (!isJsonObject(value)) return value;
  const sorted: Record<string, unknown> = Object.create(null);
  for (const key of Object.keys(value).sort()) sorted[key] = sortedKeys(value[key]);
  return sorted;
}

function pair([key = '', value = '']: readonly string[]): string {
  return `${key}:${value}`;
}

function object(first: readonly string[], members: readonly string[]): string {
  return `{${[pair(first), ...members].join(',')}}`;
}

function aliases(names: readonly string[]): readonly string[] {
  return names.length === 0 ? [] : [`"aliases":${JSON.stringify(names)}`];
}

/** An alias as it is written inside a namespace. */
function within(alias: string, space: string): string {
  return namespaceOf(alias) === space ? shortName(alias) : alias;
}
