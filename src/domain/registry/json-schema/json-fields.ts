import { LinewardError } from '../../../errors/lineward-error.ts';
import { FieldCollection, spoken } from '../field-collection.ts';
import { isJsonObject, type JsonObject } from '../json-text.ts';
import type { FieldMeaning, SchemaFieldPath } from '../schema-format.ts';
import { DynamicTargets } from './dynamic-targets.ts';
import type { JsonResolver } from './json-resolver.ts';
import { alternativesOf, itemsOf, namesOf, openValues, sumsOf } from './json-shape.ts';
import { listOf, textsOf } from './subschemas.ts';

/** Most paths of one schema; shared definitions make more paths than properties. */
const pathsMax = 10_000;
/** Most schemas that references and `allOf` may add to one subschema. */
const partsMax = 1_000;
/** Most schemas that are asked what the values of one place are. */
const meaningsMax = 10_000;

const typeNames: Readonly<Record<string, string>> = { integer: 'long', number: 'double', object: 'record' };

/**
 * All paths of a schema in document order, in the spelling of the catalog: `a.b`, items `a[]`, values of open objects `a{}`.
 * References are followed and `allOf` is merged; the branches of `oneOf`, `anyOf` and conditions share the path. A schema inside
 * itself is shown and not entered again: the path says where it began.
 */
export function jsonFields(resolver: JsonResolver): readonly SchemaFieldPath[] {
  const walk = new FieldWalk(resolver);
  walk.enter(resolver.root, '', new Map());
  return walk.found.all(walk.meanings(resolver.root));
}

function tooMany(what: string): LinewardError {
  return new LinewardError('LIMIT_EXCEEDED', `The fields of the schema cannot be listed: ${what}.`, {
    path: ['schema'],
  });
}

class FieldWalk {
  readonly found = new FieldCollection();
  /** What was looked at under each path: branches that share definitions would be walked again and again. */
  readonly #entered = new Map<string, Set<JsonObject>>();
  readonly #resolver: JsonResolver;
  readonly #dynamic: DynamicTargets;

  constructor(resolver: JsonResolver) {
    this.#resolver = resolver;
    this.#dynamic = new DynamicTargets(resolver);
  }

  /** `open` are the schemas around, each with the path at which it was entered. */
  enter(schema: unknown, path: string, open: ReadonlyMap<JsonObject, string>): void {
    const parts = this.#unopened(this.#parts(schema), path, open);
    if (!this.#isFirst(parts, path)) return;
    if (parts.some(isPlain)) this.found.allowPlain(path);
    const inside = new Map([...open, ...parts.map((part) => [part, path] as const)]);
    const required = new Set(parts.flatMap((part) => (Array.isArray(part.required) ? part.required : [])));
    for (const part of parts) {
      for (const [name, property] of Object.entries(isJsonObject(part.properties) ? part.properties : {})) {
        const at = path === '' ? name : `${path}.${name}`;
        this.#add(at, property, required.has(name));
        this.enter(property, at, inside);
      }
      // The record itself is no list and no map: no path leads to its items, and members without a name are left out.
      if (path === '') continue;
      for (const item of itemsOf(part)) this.enter(item, `${path}[]`, inside);
      for (const values of openValues(part)) this.enter(values, `${path}{}`, inside);
    }
    for (const branch of this.#alternatives(parts)) this.enter(branch, path, inside);
  }

  /** The parts that do not lie within themselves; the others go on as they began. */
  #unopened(parts: readonly JsonObject[], path: string, open: ReadonlyMap<JsonObject, string>): readonly JsonObject[] {
    return parts.filter((part) => {
      const begun = open.get(part);
      if (begun !== undefined) this.found.recur(path, begun);
      return begun === undefined;
    });
  }

  #isFirst(parts: readonly JsonObject[], path: string): boolean {
    const entered = this.#entered.get(path) ?? new Set();
    const isFirst = parts.some((part) => !entered.has(part));
    for (const part of parts) entered.add(part);
    this.#entered.set(path, entered);
    return isFirst;
  }

  #add(path: string, schema: unknown, isRequired: boolean): void {
    if (!this.found.has(path) && this.found.size >= pathsMax) throw tooMany(`it has more than ${pathsMax} fields`);
    const parts = this.#parts(schema);
    const branches = parts.flatMap(sumsOf);
    const real = branches.filter((branch) => !isNullSchema(branch));
    this.found.add({
      path,
      type: typeOf(parts, real),
      nullable: parts.some(allowsNull) || real.length < branches.length,
      required: isRequired,
      meanings: spoken(this.meanings(schema)),
      doc: firstOf(parts, 'description'),
    });
  }

  /** What is said of a place, and of branches, items and values there, which have no path of their own. */
  meanings(schema: unknown, seen = new Set<JsonObject>()): readonly FieldMeaning[] {
    const parts = this.#parts(schema).filter((part) => !seen.has(part));
    for (const part of parts) seen.add(part);
    if (seen.size > meaningsMax) throw tooMany(`one place has more than ${meaningsMax} branches`);
    const own = {
      semanticType: firstOf(parts, 'twilio_type') ?? contentType(parts),
      tags: [...new Set(parts.flatMap(tagsOf))],
    };
    const inner = [
      ...this.#alternatives(parts),
      ...parts.flatMap((part) => [itemsOf, openValues, namesOf].flatMap((of) => of(part))),
    ];
    return [own, ...inner.flatMap((one) => this.meanings(one, seen))];
  }

  #alternatives(parts: readonly JsonObject[]): readonly unknown[] {
    return parts.flatMap((part) => [...alternativesOf(part), ...this.#dynamic.of(part)]);
  }

  /** A subschema with all that references and `allOf` add to it. */
  #parts(schema: unknown): readonly JsonObject[] {
    const parts = new Set<JsonObject>();
    // A set is walked in the order of insertion, what is added on the way included.
    const waiting = new Set<unknown>([schema]);
    for (const part of waiting) {
      if (!isJsonObject(part)) continue;
      parts.add(part);
      if (parts.size > partsMax) throw tooMany(`one place joins more than ${partsMax} schemas by references and allOf`);
      for (const joined of [...this.#resolver.targets(part), ...listOf(part.allOf)]) waiting.add(joined);
    }
    return [...parts];
  }
}

function firstOf(parts: readonly JsonObject[], keyword: string): string | null {
  return parts.map((part) => part[keyword]).find((value) => typeof value === 'string') ?? null;
}

/**
 * A text that holds a document of its own may hold values with types that no path leads to. Where nothing is said of the text,
 * it counts as of a type that is not registered, and plans remove it.
 */
function contentType(parts: readonly JsonObject[]): string | null {
  return parts.some((part) => isJsonObject(part.contentSchema)) ? 'contentSchema' : null;
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

const plainTypes: readonly unknown[] = ['string', 'number', 'integer', 'boolean'];

/** True where the schema says itself that a value may be none with members. */
function isPlain({ type, enum: values, const: value }: JsonObject): boolean {
  const isScalar = (one: unknown): boolean => one !== undefined && one !== null && typeof one !== 'object';
  return [type].flat().some((one) => plainTypes.includes(one)) || [...listOf(values), value].some(isScalar);
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
