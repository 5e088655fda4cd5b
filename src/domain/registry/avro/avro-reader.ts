import { LinewardError } from '../../../errors/lineward-error.ts';
import { closestTo } from '../closest.ts';
import { isJsonObject, type JsonObject, numberOf } from '../json-text.ts';
import { assertDefault } from './avro-default.ts';
import { dottedName, fullName, invalid, namesIn, simpleName, symbolsIn } from './avro-names.ts';
import {
  type AvroEnum,
  type AvroField,
  type AvroFixed,
  type AvroNamed,
  type AvroRecord,
  type AvroType,
  avroPrimitives,
  branchName,
  isPrimitive,
  namespaceOf,
} from './avro-type.ts';

/** Most fields of one schema, nested ones included. */
const fieldsMax = 10_000;
/** Deepest nesting of types within each other. */
const depthMax = 128;
/** Most names that are searched for the one that a misspelt name meant. */
const offeredMax = 1_000;

// What Java's parser takes for its own on every type, whether that type has such an attribute or not.
const typeKeys = ['type', 'name', 'namespace', 'doc', 'aliases', 'fields', 'items', 'values', 'size', 'symbols'];
const definedKeys = {
  type: new Set(typeKeys),
  enum: new Set([...typeKeys, 'default']),
  field: new Set(['name', 'type', 'doc', 'default', 'order', 'aliases']),
} as const;

/** Kinds of types that are objects, with what such an object must say besides its `type`. */
const objectKinds: ReadonlyMap<string, string> = new Map([
  ['record', '"name" and "fields"'],
  ['error', '"name" and "fields"'],
  ['enum', '"name" and "symbols"'],
  ['fixed', '"name" and "size"'],
  ['array', '"items"'],
  ['map', '"values"'],
]);

/** Where in the schema a type stands. */
interface Place {
  readonly path: readonly string[];
  /** Namespace that names without one inherit. */
  readonly namespace: string;
  readonly depth: number;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Reads types into one table of names, so that later ones may refer to earlier ones. */
export class AvroReader {
  readonly #named = new Map<string, AvroNamed>();
  #fields = 0;

  /** @throws LinewardError SCHEMA_INVALID, FIELD_DUPLICATE or LIMIT_EXCEEDED with the place of the fault. */
  read(value: unknown, path: readonly string[]): AvroType {
    return this.#type(value, { path, namespace: '', depth: 0 });
  }

  #type(value: unknown, place: Place): AvroType {
    if (place.depth > depthMax) throw invalid(place.path, `types are nested deeper than ${depthMax} levels`);
    if (typeof value === 'string') return this.#reference(value, place);
    if (Array.isArray(value)) return this.#union(value, place);
    if (!isJsonObject(value))
      throw invalid(place.path, 'must be a type: a name, an object with "type", or a list of types');
    const kind = value.type;
    if (kind === 'record' || kind === 'error') return this.#record(value, place, kind === 'error');
    if (kind === 'enum') return this.#enum(value, place);
    if (kind === 'fixed') return this.#fixed(value, place);
    if (kind === 'array')
      return { kind, items: this.#type(value.items, under(place, 'items')), properties: rest(value, 'type') };
    if (kind === 'map')
      return { kind, values: this.#type(value.values, under(place, 'values')), properties: rest(value, 'type') };
    if (typeof kind === 'string' && isPrimitive(kind))
      return { kind: 'primitive', name: kind, properties: rest(value, 'type') };
    if (kind === undefined) throw invalid([...place.path, 'type'], 'is missing');
    // {"type": {"type": …}} and {"type": "a.Name"} mean the inner type.
    return this.#type(kind, under(place, 'type'));
  }

  #reference(name: string, place: Place): AvroType {
    if (isPrimitive(name)) return { kind: 'primitive', name, properties: {} };
    const inherited = place.namespace === '' ? name : `${place.namespace}.${name}`;
    const found = (name.includes('.') ? undefined : this.#named.get(inherited)) ?? this.#named.get(name);
    if (found !== undefined) return found;
    throw invalid(place.path, `unknown type "${name.slice(0, 80)}"; ${this.#hint(name)}`);
  }

  #hint(name: string): string {
    const parts = objectKinds.get(name);
    if (parts !== undefined) return `write it as an object: {"type": "${name}"} with ${parts} beside the inner "type"`;
    const near = closestTo(name, [...avroPrimitives, ...this.#named.keys()].slice(0, offeredMax));
    return near === null
      ? `use one of ${avroPrimitives.join(', ')}, an object, or a name that was defined before`
      : `did you mean "${near.slice(0, 80)}"?`;
  }

  #union(branches: readonly unknown[], place: Place): AvroType {
    if (branches.length === 0) throw invalid(place.path, 'a union must have at least one branch');
    const seen = new Set<string>();
    const read = branches.map((branch, index) => {
      const inside = under(place, String(index));
      const type = this.#type(branch, inside);
      if (type.kind === 'union') throw invalid(inside.path, 'a union may not hold a union');
      const name = branchName(type);
      if (seen.has(name)) throw invalid(inside.path, `the union has another branch "${name.slice(0, 80)}"`);
      seen.add(name);
      return type;
    });
    return { kind: 'union', branches: read };
  }

  #record(value: JsonObject, place: Place, isError: boolean): AvroRecord {
    const head = this.#head(value, place);
    if (!Array.isArray(value.fields)) throw invalid([...place.path, 'fields'], 'must be a list of fields');
    this.#fields += value.fields.length;
    if (this.#fields > fieldsMax) {
      throw new LinewardError('LIMIT_EXCEEDED', `The document has more than ${fieldsMax} fields.`, {
        path: [...place.path, 'fields'],
      });
    }
    const fields: AvroField[] = [];
    const record: AvroRecord = { kind: 'record', isError, ...head, fields, properties: rest(value, 'type') };
    this.#define(record, place);
    const seen = new Set<string>();
    value.fields.forEach((item: unknown, index: number) => {
      const inside = under({ ...place, namespace: namespaceOf(head.name) }, 'fields', String(index));
      const field = this.#field(item, inside);
      if (seen.has(field.name)) {
        throw new LinewardError(
          'FIELD_DUPLICATE',
          `${inside.path.join('.')}: the record has another field "${field.name.slice(0, 80)}"`,
          { path: [...inside.path, 'name'] },
        );
      }
      seen.add(field.name);
      fields.push(field);
    });
    return record;
  }

  #field(item: unknown, place: Place): AvroField {
    if (!isJsonObject(item)) throw invalid(place.path, 'must be an object with "name" and "type"');
    if (item.twilio_type !== undefined && typeof item.twilio_type !== 'string')
      throw invalid([...place.path, 'twilio_type'], 'must be a string');
    const name = simpleName(item.name, [...place.path, 'name']);
    const type = this.#type(item.type, under(place, 'type'));
    const hasDefault = Object.hasOwn(item, 'default');
    if (hasDefault) assertDefault(type, item.default, [...place.path, 'default']);
    return {
      name,
      type,
      doc: docOf(item, place.path),
      default: item.default,
      hasDefault,
      order: orderOf(item, place.path),
      aliases: namesIn(item.aliases, [...place.path, 'aliases'], simpleName),
      properties: rest(item, 'field'),
    };
  }

  #enum(value: JsonObject, place: Place): AvroEnum {
    const head = this.#head(value, place);
    const symbols = symbolsIn(value.symbols, [...place.path, 'symbols']);
    const fallback = value.default ?? null;
    if (fallback !== null && (typeof fallback !== 'string' || !symbols.includes(fallback)))
      throw invalid([...place.path, 'default'], 'must be one of the symbols');
    const type: AvroEnum = { kind: 'enum', ...head, symbols, default: fallback, properties: rest(value, 'enum') };
    this.#define(type, place);
    return type;
  }

  #fixed(value: JsonObject, place: Place): AvroFixed {
    const head = this.#head(value, place);
    const size = numberOf(value.size);
    if (size === null || !Number.isInteger(size) || size < 0 || size >= 2 ** 31)
      throw invalid([...place.path, 'size'], 'must be a number of bytes from 0');
    const type: AvroFixed = { kind: 'fixed', ...head, size, properties: rest(value, 'type') };
    this.#define(type, place);
    return type;
  }

  #head(value: JsonObject, place: Place): Pick<Mutable<AvroRecord>, 'name' | 'aliases' | 'doc'> {
    const name = fullName(value, place.path, place.namespace);
    const space = namespaceOf(name);
    const aliases = namesIn(value.aliases, [...place.path, 'aliases'], dottedName).map((alias) =>
      alias.includes('.') || space === '' ? alias : `${space}.${alias}`,
    );
    return { name, aliases, doc: docOf(value, place.path) };
  }

  #define(type: AvroNamed, place: Place): void {
    if (this.#named.has(type.name))
      throw invalid(
        [...place.path, 'name'],
        `"${type.name.slice(0, 80)}" is defined twice; refer to it by its name instead`,
      );
    this.#named.set(type.name, type);
  }
}

function under(place: Place, ...tokens: readonly string[]): Place {
  return { ...place, path: [...place.path, ...tokens], depth: place.depth + 1 };
}

/** Attributes that Avro does not define for such an object, in the order given. */
function rest(value: JsonObject, kind: keyof typeof definedKeys): JsonObject {
  const defined = definedKeys[kind];
  const kept: Record<string, unknown> = Object.create(null);
  for (const [key, member] of Object.entries(value)) if (!defined.has(key)) kept[key] = member;
  return kept;
}

function orderOf(item: JsonObject, path: readonly string[]): string | null {
  if (item.order === undefined || item.order === null) return null;
  const order = typeof item.order === 'string' ? item.order.toLowerCase() : '';
  if (order !== 'ascending' && order !== 'descending' && order !== 'ignore')
    throw invalid([...path, 'order'], 'must be "ascending", "descending" or "ignore"');
  return order;
}

function docOf(value: JsonObject, path: readonly string[]): string | null {
  if (typeof value.doc !== 'string') return null;
  if (value.doc.includes('\0')) throw invalid([...path, 'doc'], 'must not hold the character U+0000');
  return value.doc;
}
