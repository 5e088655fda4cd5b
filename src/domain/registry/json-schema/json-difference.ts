import type { CompatibilityPolicy } from '../schema-format.ts';
import type { JsonNode } from './json-node.ts';

/** A change that makes data of the earlier schema invalid under the later one, at a place such as `#/properties/name`. */
export interface JsonDifference {
  /** Name of the rule in Confluent's registry. */
  readonly type: string;
  readonly path: string;
}

/** The comparison that differences of parts belong to. */
export interface Comparison {
  readonly policy: CompatibilityPolicy;
  /** Differences of two parts, their paths prefixed with `path`. */
  at(path: string, original: JsonNode, update: JsonNode): readonly JsonDifference[];
}

/** True when every member of `one` is a member of `other`. */
export function isSubset(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return [...one].every((member) => other.has(member));
}

const words: Readonly<Record<string, string>> = {
  maxLength: 'MAX_LENGTH',
  minLength: 'MIN_LENGTH',
  maximum: 'MAXIMUM',
  minimum: 'MINIMUM',
  exclusiveMaximum: 'EXCLUSIVE_MAXIMUM',
  exclusiveMinimum: 'EXCLUSIVE_MINIMUM',
  maxProperties: 'MAX_PROPERTIES',
  minProperties: 'MIN_PROPERTIES',
  maxItems: 'MAX_ITEMS',
  minItems: 'MIN_ITEMS',
  maxContains: 'MAX_CONTAINS',
  minContains: 'MIN_CONTAINS',
};

/** The difference that a bound makes: one that is added or tightened. */
export function boundChange(
  keyword: string,
  before: number | null | undefined,
  after: number | null | undefined,
): readonly JsonDifference[] {
  if (after === null || after === undefined || before === after) return [];
  const word = words[keyword] ?? keyword;
  const path = `/${keyword}`;
  if (before === null || before === undefined) return [{ type: `${word}_ADDED`, path }];
  const isUpper = /max/i.test(keyword);
  if (isUpper ? after > before : after < before) return [];
  return [{ type: `${word}_${isUpper ? 'DECREASED' : 'INCREASED'}`, path }];
}

/** The difference that a pattern makes. */
export function patternChange(before: string | null, after: string | null): readonly JsonDifference[] {
  if (after === null || before === after) return [];
  return [{ type: before === null ? 'PATTERN_ADDED' : 'PATTERN_CHANGED', path: '/pattern' }];
}

type NumberNode = Extract<JsonNode, { kind: 'number' }>;

/** Differences of two number schemas. */
export function numberChanges(original: NumberNode, update: NumberNode): readonly JsonDifference[] {
  const bounds = ['maximum', 'minimum', 'exclusiveMaximum', 'exclusiveMinimum'].flatMap((key) =>
    boundChange(key, original.bounds[key], update.bounds[key]),
  );
  const narrowed = update.isInteger && !original.isInteger ? [{ type: 'TYPE_NARROWED', path: '' }] : [];
  return [...bounds, ...multipleChange(original.multipleOf, update.multipleOf), ...narrowed];
}

function multipleChange(before: number | null, after: number | null): readonly JsonDifference[] {
  if (after === null || before === after) return [];
  const path = '/multipleOf';
  if (before === null) return [{ type: 'MULTIPLE_OF_ADDED', path }];
  if (isMultiple(before, after)) return [];
  return [{ type: isMultiple(after, before) ? 'MULTIPLE_OF_EXPANDED' : 'MULTIPLE_OF_CHANGED', path }];
}

// A remainder of doubles is wrong where they are fractions: 0.3 % 0.1 is 0.0999….
function isMultiple(value: number, step: number): boolean {
  const times = value / step;
  return Math.abs(times - Math.round(times)) < 1e-9;
}

/** The difference between two lists of allowed values. */
export function enumChange(before: ReadonlySet<string>, after: ReadonlySet<string>): readonly JsonDifference[] {
  if (isSubset(before, after)) return [];
  return [{ type: isSubset(after, before) ? 'ENUM_ARRAY_NARROWED' : 'ENUM_ARRAY_CHANGED', path: '/enum' }];
}
