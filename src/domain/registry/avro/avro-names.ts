import { LinewardError } from '../../../errors/lineward-error.ts';
import type { JsonObject } from '../json-text.ts';
import { isPrimitive } from './avro-type.ts';

const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;
const nameCharsMax = 255;
/** Longest name with its namespace: names are keys of the store, whose indexes do not take any length. */
const fullNameCharsMax = 1_024;
/** Names that JSON can carry and that objects of this language cannot hold as an ordinary property. */
const unusableNames = new Set(['__proto__']);

/** A fault at a place in the JSON of a schema. */
export function invalid(path: readonly string[], message: string): LinewardError {
  const place = path.length === 0 ? 'schema' : path.join('.');
  return new LinewardError('SCHEMA_INVALID', `${place}: ${message}`, { path });
}

/** A name without a namespace. */
export function simpleName(value: unknown, path: readonly string[]): string {
  if (
    typeof value !== 'string' ||
    value.length > nameCharsMax ||
    !namePattern.test(value) ||
    unusableNames.has(value)
  ) {
    throw invalid(path, `must be a name: up to ${nameCharsMax} letters, digits and "_", not starting with a digit`);
  }
  return value;
}

/** A name with or without a namespace. */
export function dottedName(value: unknown, path: readonly string[]): string {
  if (typeof value !== 'string') throw invalid(path, 'must be a name');
  if (value.length > fullNameCharsMax) throw invalid(path, `must have at most ${fullNameCharsMax} characters`);
  for (const part of value.split('.')) simpleName(part, path);
  return value;
}

/**
 * Full name of a named type. A name with dots is one already; otherwise `namespace` counts, and without it the enclosing one.
 * A type outside of all namespaces may not be called like a primitive: no reference would find it.
 */
export function fullName(value: JsonObject, path: readonly string[], inherited: string): string {
  const { name, namespace } = value;
  const inside = [...path, 'name'];
  if (typeof name === 'string' && name.includes('.')) return dottedName(name, inside);
  const simple = simpleName(name, inside);
  const given = namespace === undefined || namespace === null ? inherited : namespace;
  if (given !== '') return `${dottedName(given, [...path, 'namespace'])}.${simple}`;
  if (isPrimitive(simple))
    throw invalid(inside, `"${simple}" is the name of a primitive; choose another name or give it a namespace`);
  return simple;
}

/** A list of names without its repetitions. */
export function namesIn(
  value: unknown,
  path: readonly string[],
  read: (item: unknown, path: readonly string[]) => string,
): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid(path, 'must be a list of names');
  return [...new Set(value.map((item: unknown, index) => read(item, [...path, String(index)])))];
}

/** Symbols of an enum. */
export function symbolsIn(value: unknown, path: readonly string[]): readonly string[] {
  if (!Array.isArray(value)) throw invalid(path, 'must be a list of names');
  const symbols = namesIn(value, path, simpleName);
  if (symbols.length !== value.length) throw invalid(path, 'a symbol is listed twice');
  return symbols;
}
