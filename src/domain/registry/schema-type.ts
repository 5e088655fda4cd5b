import { LinewardError } from '../../errors/lineward-error.ts';

export const primitiveTypes = ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'] as const;
export type PrimitiveName = (typeof primitiveTypes)[number];

/** A type of the Avro-shaped schema language that entity documents use. */
export type SchemaType =
  | { readonly kind: 'primitive'; readonly name: PrimitiveName }
  | { readonly kind: 'record'; readonly name: string; readonly fields: readonly SchemaField[] }
  | { readonly kind: 'array'; readonly items: SchemaType }
  | { readonly kind: 'map'; readonly values: SchemaType }
  | { readonly kind: 'enum'; readonly name: string; readonly symbols: readonly string[] }
  | { readonly kind: 'union'; readonly branches: readonly SchemaType[] };

export interface SchemaField {
  readonly name: string;
  readonly type: SchemaType;
  readonly hasDefault: boolean;
  /** `twilio_type` as written, null when absent. */
  readonly semanticType: string | null;
  readonly doc: string | null;
}

/** Most fields of one document, nested ones included. */
const fieldsMax = 10_000;
/** Deepest nesting of records, arrays, maps and unions. */
const depthMax = 32;

const namePattern = /^[A-Za-z_][A-Za-z0-9_]{0,254}$/;
/** Names that JSON can carry and that objects of this language cannot hold as an ordinary property. */
const unusableNames = new Set(['__proto__']);

type Json = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function invalid(path: readonly string[], message: string): LinewardError {
  const place = path.length === 0 ? 'the document' : path.join('.');
  return new LinewardError('SCHEMA_INVALID', `${place}: ${message}`, { path });
}

/** A name by the rule of Avro: letters, digits and `_`, not starting with a digit. */
function readName(value: unknown, path: readonly string[]): string {
  if (typeof value !== 'string' || !namePattern.test(value) || unusableNames.has(value)) {
    throw invalid(path, 'must be a name: up to 255 letters, digits and "_", not starting with a digit');
  }
  return value;
}

/** @throws LinewardError SCHEMA_INVALID for the one character that the database cannot keep. */
export function assertStorable(text: string, path: readonly string[]): string {
  if (text.includes('\0')) throw invalid(path, 'must not hold the character U+0000');
  return text;
}

/** Reads types and counts fields of one document. */
export class TypeReader {
  #fields = 0;

  read(value: unknown, path: readonly string[], depth = 0): SchemaType {
    if (depth > depthMax) throw invalid(path, `types are nested deeper than ${depthMax} levels`);
    if (typeof value === 'string') return readPrimitive(value, path);
    if (Array.isArray(value)) return this.#union(value, path, depth);
    if (!isObject(value)) throw invalid(path, 'must be a type: a name, an object with "type", or a list of types');
    switch (value.type) {
      case 'record':
        return this.record(value, path, depth);
      case 'array':
        return { kind: 'array', items: this.read(value.items, [...path, 'items'], depth + 1) };
      case 'map':
        return { kind: 'map', values: this.read(value.values, [...path, 'values'], depth + 1) };
      case 'enum':
        return readEnum(value, path);
      default:
        // {"type": "long", "logicalType": "timestamp-millis"}: the attribute is kept in the document, the type rules.
        return this.read(value.type, [...path, 'type'], depth + 1);
    }
  }

  record(value: Json, path: readonly string[], depth = 0): SchemaType & { kind: 'record' } {
    const name = readName(value.name, [...path, 'name']);
    const list = value.fields;
    if (!Array.isArray(list)) throw invalid([...path, 'fields'], 'must be a list of fields');
    if (list.length === 0) throw invalid([...path, 'fields'], 'must hold at least one field');
    this.#fields += list.length;
    if (this.#fields > fieldsMax) {
      throw new LinewardError('LIMIT_EXCEEDED', `The document has more than ${fieldsMax} fields.`, {
        path: [...path, 'fields'],
      });
    }
    const seen = new Set<string>();
    const fields = list.map((item: unknown, index) => {
      const place = [...path, 'fields', String(index)];
      const field = this.#field(item, place, depth);
      if (seen.has(field.name)) {
        throw new LinewardError('FIELD_DUPLICATE', `${place.join('.')}: the record has another field "${field.name}"`, {
          path: [...place, 'name'],
        });
      }
      seen.add(field.name);
      return field;
    });
    return { kind: 'record', name, fields };
  }

  #field(item: unknown, path: readonly string[], depth: number): SchemaField {
    if (!isObject(item)) throw invalid(path, 'must be an object with "name" and "type"');
    const semanticType = item.twilio_type;
    if (semanticType !== undefined && typeof semanticType !== 'string')
      throw invalid([...path, 'twilio_type'], 'must be a string');
    return {
      name: readName(item.name, [...path, 'name']),
      type: this.read(item.type, [...path, 'type'], depth + 1),
      hasDefault: 'default' in item,
      semanticType: semanticType ?? null,
      doc: typeof item.doc === 'string' ? assertStorable(item.doc, [...path, 'doc']) : null,
    };
  }

  #union(branches: readonly unknown[], path: readonly string[], depth: number): SchemaType {
    if (branches.length === 0) throw invalid(path, 'a union must have at least one branch');
    const read = branches.map((branch, index) => {
      const place = [...path, String(index)];
      const type = this.read(branch, place, depth + 1);
      if (type.kind === 'union') throw invalid(place, 'a union may not hold a union');
      return type;
    });
    return { kind: 'union', branches: read };
  }
}

function readPrimitive(name: string, path: readonly string[]): SchemaType {
  const known = primitiveTypes.find((primitive) => primitive === name);
  if (known === undefined)
    throw invalid(path, `unknown type "${name.slice(0, 80)}"; use one of ${primitiveTypes.join(', ')}, or an object`);
  return { kind: 'primitive', name: known };
}

function readEnum(value: Json, path: readonly string[]): SchemaType {
  const symbols = value.symbols;
  if (!Array.isArray(symbols) || symbols.length === 0)
    throw invalid([...path, 'symbols'], 'must be a list of at least one name');
  const names = symbols.map((symbol: unknown, index) => readName(symbol, [...path, 'symbols', String(index)]));
  if (new Set(names).size !== names.length) throw invalid([...path, 'symbols'], 'a symbol is listed twice');
  return { kind: 'enum', name: readName(value.name, [...path, 'name']), symbols: names };
}

export function isNullable(type: SchemaType): boolean {
  if (type.kind === 'union') return type.branches.some(isNullable);
  return type.kind === 'primitive' && type.name === 'null';
}

/** The type without its null branch; a union of several real branches stays one. */
export function withoutNull(type: SchemaType): SchemaType {
  if (type.kind !== 'union') return type;
  const rest = type.branches.filter((branch) => !isNullable(branch));
  return rest.length === 1 && rest[0] !== undefined ? rest[0] : { kind: 'union', branches: rest };
}

/** Short name of a type as the catalog shows it, e.g. `string`, `array`, `union`. */
export function typeName(type: SchemaType): string {
  const real = withoutNull(type);
  return real.kind === 'primitive' ? real.name : real.kind;
}
