import { isJsonObject, type JsonObject, numberOf, printJson } from '../json-text.ts';
import type { JsonResolver } from './json-resolver.ts';
import { patternMatcher } from './linear-pattern.ts';
import { listOf, membersOf, textsOf } from './subschemas.ts';

/** A subschema that is read when it is first looked at, because schemas refer to themselves. */
export type LazyNode = () => JsonNode;

interface Bounds {
  readonly [keyword: string]: number | null;
}

/** The schema of properties whose names match a pattern; null when that cannot be told in linear time. */
interface PatternProperties {
  readonly matches: (name: string) => boolean | null;
  readonly node: LazyNode;
}

export interface ObjectNode {
  readonly kind: 'object';
  readonly properties: ReadonlyMap<string, LazyNode>;
  readonly required: ReadonlySet<string>;
  readonly patterns: readonly PatternProperties[];
  /** What properties beside the named ones may be: anything, nothing, or what fits a schema. */
  readonly additional: boolean | LazyNode;
  readonly unevaluated: boolean | LazyNode;
  readonly bounds: Bounds;
  readonly dependentRequired: ReadonlyMap<string, ReadonlySet<string>>;
  readonly dependentSchemas: ReadonlyMap<string, LazyNode>;
}

export interface ArrayNode {
  readonly kind: 'array';
  /** What every item must be; null when nothing is said of all. */
  readonly all: LazyNode | null;
  /** What the first items must be, one by one. */
  readonly tuple: readonly LazyNode[];
  readonly additional: boolean | LazyNode;
  readonly unevaluated: boolean | LazyNode;
  readonly bounds: Bounds;
  readonly unique: boolean;
}

export interface CombinedNode {
  readonly kind: 'combined';
  readonly criterion: 'allOf' | 'anyOf' | 'oneOf';
  readonly members: readonly LazyNode[];
}

/** A JSON Schema as a tree of constraints, one kind each; what has several kinds is `allOf` of them. */
type Constraint =
  | { readonly kind: 'any' | 'never' | 'boolean' | 'null' }
  | { readonly kind: 'string'; readonly bounds: Bounds; readonly pattern: string | null }
  | {
      readonly kind: 'number';
      readonly isInteger: boolean;
      readonly bounds: Bounds;
      readonly multipleOf: number | null;
    }
  /** Values as compact JSON texts; `const` is an enum of one. */
  | { readonly kind: 'enum'; readonly values: ReadonlySet<string> }
  | { readonly kind: 'not'; readonly inner: LazyNode }
  | ObjectNode
  | ArrayNode
  | CombinedNode;

export type JsonNode = Constraint & { readonly hasDefault: boolean };

const stringKeys = ['maxLength', 'minLength', 'pattern'];
const numberKeys = ['maximum', 'minimum', 'exclusiveMaximum', 'exclusiveMinimum', 'multipleOf'];
const objectKeys = [
  ...['properties', 'required', 'patternProperties', 'additionalProperties', 'unevaluatedProperties'],
  ...['maxProperties', 'minProperties', 'dependencies', 'dependentRequired', 'dependentSchemas', 'propertyNames'],
];
const arrayKeys = [
  ...['items', 'prefixItems', 'additionalItems', 'unevaluatedItems', 'contains', 'minContains', 'maxContains'],
  ...['maxItems', 'minItems', 'uniqueItems'],
];

/** Reads subschemas into nodes; each is read once. */
export class JsonNodes {
  readonly #resolver: JsonResolver;
  readonly #read = new Map<unknown, JsonNode>();

  constructor(resolver: JsonResolver) {
    this.#resolver = resolver;
  }

  node(schema: unknown): JsonNode {
    if (!isJsonObject(schema)) return { kind: schema === false ? 'never' : 'any', hasDefault: false };
    const known = this.#read.get(schema);
    if (known !== undefined) return known;
    const node = this.#follow(schema);
    this.#read.set(schema, node);
    return node;
  }

  // A chain of references that only leads back to itself says nothing, so it allows everything.
  #follow(schema: JsonObject): JsonNode {
    const seen = new Set<unknown>();
    let hasDefault = false;
    let at: unknown = schema;
    while (isJsonObject(at) && !seen.has(at)) {
      seen.add(at);
      hasDefault ||= Object.hasOwn(at, 'default');
      const parts = this.#parts(at);
      const [target, ...others] = this.#resolver.targets(at);
      if (target === undefined || others.length > 0 || parts.length > 0) {
        const node = at === schema ? this.#build(at, parts) : this.node(at);
        return hasDefault && !node.hasDefault ? { ...node, hasDefault } : node;
      }
      at = target;
    }
    return { ...(isJsonObject(at) ? { kind: 'any' } : this.node(at)), hasDefault };
  }

  #build(schema: JsonObject, parts: readonly Constraint[]): JsonNode {
    const hasDefault = Object.hasOwn(schema, 'default');
    const members = parts.map((part) => fixed(part, hasDefault));
    members.push(...this.#resolver.targets(schema).map((target) => this.#lazy(target)));
    const [only] = members;
    if (only === undefined) return { kind: 'any', hasDefault };
    return members.length === 1 ? only() : { kind: 'combined', criterion: 'allOf', members, hasDefault };
  }

  #lazy(schema: unknown): LazyNode {
    return () => this.node(schema);
  }

  #parts(schema: JsonObject): Constraint[] {
    const has = (keys: readonly string[]): boolean => keys.some((key) => Object.hasOwn(schema, key));
    const parts: Constraint[] = [];
    const { type } = schema;
    if (typeof type === 'string') parts.push(this.#typed(type, schema));
    else if (Array.isArray(type)) {
      const members = type.filter((one: unknown) => typeof one === 'string').map((one) => this.#typed(one, schema));
      parts.push({ kind: 'combined', criterion: 'anyOf', members: members.map((part) => fixed(part, false)) });
    } else {
      if (has(objectKeys)) parts.push(this.#object(schema));
      if (has(arrayKeys)) parts.push(this.#array(schema));
      if (has(stringKeys)) parts.push(this.#typed('string', schema));
      if (has(numberKeys)) parts.push(this.#typed('number', schema));
    }
    if (Array.isArray(schema.enum)) parts.push({ kind: 'enum', values: new Set(schema.enum.map(canonical)) });
    if (Object.hasOwn(schema, 'const')) parts.push({ kind: 'enum', values: new Set([canonical(schema.const)]) });
    if (Object.hasOwn(schema, 'not')) parts.push({ kind: 'not', inner: this.#lazy(schema.not) });
    for (const criterion of ['allOf', 'anyOf', 'oneOf'] as const) {
      const members = schema[criterion];
      if (Array.isArray(members))
        parts.push({ kind: 'combined', criterion, members: members.map((member: unknown) => this.#lazy(member)) });
    }
    return parts;
  }

  #typed(type: string, schema: JsonObject): Constraint {
    switch (type) {
      case 'object':
        return this.#object(schema);
      case 'array':
        return this.#array(schema);
      case 'boolean':
      case 'null':
        return { kind: type };
      case 'string':
        return {
          kind: 'string',
          bounds: boundsOf(schema, ['maxLength', 'minLength']),
          pattern: typeof schema.pattern === 'string' ? schema.pattern : null,
        };
      case 'number':
      case 'integer':
        return {
          kind: 'number',
          isInteger: type === 'integer',
          bounds: numberBounds(schema),
          multipleOf: numberOf(schema.multipleOf),
        };
      default:
        return { kind: 'any' };
    }
  }

  #object(schema: JsonObject): Constraint {
    const dependencies = { ...membersOf(schema.dependencies), ...membersOf(schema.dependentRequired) };
    const schemas = { ...membersOf(schema.dependencies), ...membersOf(schema.dependentSchemas) };
    return {
      kind: 'object',
      properties: new Map(Object.entries(membersOf(schema.properties)).map(([name, one]) => [name, this.#lazy(one)])),
      required: new Set(textsOf(schema.required)),
      patterns: Object.entries(membersOf(schema.patternProperties)).map(([pattern, one]) => ({
        matches: patternMatcher(pattern),
        node: this.#lazy(one),
      })),
      additional: this.#allowed(schema.additionalProperties),
      unevaluated: this.#allowed(schema.unevaluatedProperties),
      bounds: boundsOf(schema, ['maxProperties', 'minProperties']),
      dependentRequired: new Map(
        Object.entries(dependencies).flatMap(([name, one]) =>
          Array.isArray(one) ? [[name, new Set(textsOf(one))]] : [],
        ),
      ),
      dependentSchemas: new Map(
        Object.entries(schemas).flatMap(([name, one]) => (Array.isArray(one) ? [] : [[name, this.#lazy(one)]])),
      ),
    };
  }

  #array(schema: JsonObject): Constraint {
    const tuple = listOf(schema.prefixItems ?? schema.items);
    const hasTuple = tuple.length > 0;
    // Since 2020-12 `items` is what stands after `prefixItems`; before, `additionalItems` was.
    const beyond = Array.isArray(schema.prefixItems) ? schema.items : schema.additionalItems;
    const isForAll = !hasTuple && schema.items !== undefined && !Array.isArray(schema.items);
    return {
      kind: 'array',
      all: isForAll ? this.#lazy(schema.items) : null,
      tuple: tuple.map((item) => this.#lazy(item)),
      additional: this.#allowed(beyond),
      unevaluated: this.#allowed(schema.unevaluatedItems),
      bounds: boundsOf(schema, ['maxItems', 'minItems', 'maxContains', 'minContains']),
      unique: schema.uniqueItems === true,
    };
  }

  #allowed(schema: unknown): boolean | LazyNode {
    if (schema === undefined || schema === true || (isJsonObject(schema) && Object.keys(schema).length === 0))
      return true;
    return schema === false ? false : this.#lazy(schema);
  }
}

function fixed(constraint: Constraint, hasDefault: boolean): LazyNode {
  const node: JsonNode = { ...constraint, hasDefault };
  return () => node;
}

function boundsOf(schema: JsonObject, keys: readonly string[]): Bounds {
  return Object.fromEntries(keys.map((key) => [key, numberOf(schema[key])]));
}

/** Draft-04 makes a bound exclusive by a flag beside it, later drafts by a number of its own. */
function numberBounds(schema: JsonObject): Bounds {
  const upper = schema.exclusiveMaximum === true;
  const lower = schema.exclusiveMinimum === true;
  return {
    maximum: upper ? null : numberOf(schema.maximum),
    exclusiveMaximum: numberOf(upper ? schema.maximum : schema.exclusiveMaximum),
    minimum: lower ? null : numberOf(schema.minimum),
    exclusiveMinimum: numberOf(lower ? schema.minimum : schema.exclusiveMinimum),
  };
}

/** JSON text by which values are compared: keys sorted, numbers by value. */
function canonical(value: unknown): string {
  const number = numberOf(value);
  if (number !== null) return String(number);
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (!isJsonObject(value)) return printJson(value);
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(',')}}`;
}
