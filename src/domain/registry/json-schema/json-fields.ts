import { LinewardError } from '../../../errors/lineward-error.ts';
import { isJsonObject, type JsonObject } from '../json-text.ts';
import type { SchemaFieldPath } from '../schema-format.ts';
import type { JsonResolver } from './json-resolver.ts';
import { listOf, textsOf } from './subschemas.ts';

/** Most paths of one schema; shared definitions make more paths than properties. */
const pathsMax = 10_000;
/** Most schemas that references and `allOf` may add to one subschema. */
const partsMax = 1_000;

const typeNames: Readonly<Record<string, string>> = { integer: 'long', number: 'double', object: 'record' };

/** A subschema with all that references and `allOf` add to it, and the branches it has beside. */
interface Flat {
  readonly parts: readonly JsonObject[];
  readonly branches: readonly unknown[];
}

/**
 * All paths of a schema in document order, in the spelling of the catalog: `a.b`, items `a[]`, values of open objects `a{}`.
 * References are followed and `allOf` is merged; the branches of `oneOf` and `anyOf` share the path. A schema inside itself is
 * shown and not entered again.
 */
export function jsonFields(resolver: JsonResolver): readonly SchemaFieldPath[] {
  const walk = new FieldWalk(resolver);
  walk.enter(resolver.root, '', new Set());
  return [...walk.found.values()];
}

function tooMany(what: string): LinewardError {
  return new LinewardError('LIMIT_EXCEEDED', `The fields of the schema cannot be listed: ${what}.`, {
    path: ['schema'],
  });
}

class FieldWalk {
  readonly found = new Map<string, SchemaFieldPath>();
  /** What was looked at under each path: branches that share definitions would be walked again and again. */
  readonly #entered = new Map<string, Set<JsonObject>>();
  readonly #resolver: JsonResolver;

  constructor(resolver: JsonResolver) {
    this.#resolver = resolver;
  }

  enter(schema: unknown, path: string, open: ReadonlySet<unknown>): void {
    const { parts, branches } = this.#flat(schema);
    if (parts.some((part) => open.has(part)) || !this.#isFirst(parts, path)) return;
    const inside = new Set([...open, ...parts]);
    const required = new Set(parts.flatMap((part) => (Array.isArray(part.required) ? part.required : [])));
    for (const part of parts) {
      for (const [name, property] of Object.entries(isJsonObject(part.properties) ? part.properties : {})) {
        const at = path === '' ? name : `${path}.${name}`;
        this.#add(at, property, required.has(name));
        this.enter(property, at, inside);
      }
      const items = [part.items, part.prefixItems].flat().filter((item) => item !== undefined);
      for (const item of items) this.enter(item, `${path}[]`, inside);
      for (const values of openValues(part)) this.enter(values, `${path}{}`, inside);
    }
    for (const branch of branches) this.enter(branch, path, inside);
  }

  #isFirst(parts: readonly JsonObject[], path: string): boolean {
    const entered = this.#entered.get(path) ?? new Set();
    const isFirst = parts.some((part) => !entered.has(part));
    for (const part of parts) entered.add(part);
    this.#entered.set(path, entered);
    return isFirst;
  }

  #add(path: string, schema: unknown, isRequired: boolean): void {
    if (this.found.has(path)) return;
    if (this.found.size >= pathsMax) throw tooMany(`it has more than ${pathsMax} fields`);
    const { parts, branches } = this.#flat(schema);
    const real = branches.filter((branch) => !isNullSchema(branch));
    const nullable = parts.some(allowsNull) || real.length < branches.length;
    const first = <T>(read: (part: JsonObject) => T | undefined): T | null =>
      parts.map(read).find((value) => value !== undefined) ?? null;
    this.found.set(path, {
      path,
      type: typeOf(parts, real),
      nullable,
      required: isRequired,
      semanticType: first((part) => (typeof part.twilio_type === 'string' ? part.twilio_type : undefined)),
      tags: [...new Set([...parts, ...real.filter(isJsonObject)].flatMap(tagsOf))],
      doc: first((part) => (typeof part.description === 'string' ? part.description : undefined)),
    });
  }

  #flat(schema: unknown): Flat {
    const parts = new Set<JsonObject>();
    const branches: unknown[] = [];
    // A set is walked in the order of insertion, what is added on the way included.
    const waiting = new Set<unknown>([schema]);
    for (const part of waiting) {
      if (!isJsonObject(part)) continue;
      parts.add(part);
      if (parts.size > partsMax) throw tooMany(`one place joins more than ${partsMax} schemas by references and allOf`);
      for (const joined of [...this.#resolver.targets(part), ...listOf(part.allOf)]) waiting.add(joined);
      branches.push(...listOf(part.oneOf), ...listOf(part.anyOf));
    }
    return { parts: [...parts], branches };
  }
}

function openValues(part: JsonObject): readonly unknown[] {
  const patterns = isJsonObject(part.patternProperties) ? Object.values(part.patternProperties) : [];
  return [part.additionalProperties, ...patterns].filter(isJsonObject);
}

function tagsOf(part: JsonObject): readonly string[] {
  return textsOf(part['confluent:tags']);
}

function isNullSchema(schema: unknown): boolean {
  return isJsonObject(schema) && (schema.type === 'null' || schema.const === null);
}

function allowsNull(part: JsonObject): boolean {
  return part.type === 'null' || listOf(part.type).includes('null') || part.nullable === true;
}

function typeOf(parts: readonly JsonObject[], branches: readonly unknown[]): string {
  const named = parts
    .flatMap((part) => (typeof part.type === 'string' ? [part.type] : listOf(part.type)))
    .filter((type) => typeof type === 'string' && type !== 'null')
    .map(String);
  const [only, ...others] = new Set(named);
  if (others.length > 0 || branches.length > 1) return 'union';
  if (parts.some((part) => Array.isArray(part.enum)) && (only === undefined || only === 'string')) return 'enum';
  const isObject = only === 'object' || parts.some((part) => isJsonObject(part.properties));
  if (isObject) return isMap(parts) ? 'map' : 'record';
  if (only !== undefined) return typeNames[only] ?? only;
  const [branch] = branches;
  if (isJsonObject(branch)) return typeOf([branch], []);
  return parts.some((part) => part.items !== undefined) ? 'array' : 'union';
}

function isMap(parts: readonly JsonObject[]): boolean {
  const hasProperties = parts.some((part) => isJsonObject(part.properties) && Object.keys(part.properties).length > 0);
  return !hasProperties && parts.some((part) => openValues(part).length > 0);
}
