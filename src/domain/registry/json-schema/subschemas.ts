import { isJsonObject, type JsonObject } from '../json-text.ts';

/** Keywords whose value is one schema; `items` may also be a list. */
const single = [
  ...['not', 'if', 'then', 'else', 'items', 'additionalItems', 'unevaluatedItems', 'contains', 'propertyNames'],
  ...['additionalProperties', 'unevaluatedProperties', 'contentSchema'],
];
const lists = ['allOf', 'anyOf', 'oneOf', 'prefixItems', 'items'];
/** Keywords whose members are schemas by name; a member of `dependencies` may also be a list of names. */
const maps = ['properties', 'patternProperties', 'definitions', '$defs', 'dependencies', 'dependentSchemas'];

/** A schema within another one, and where: `['properties', 'a']`. */
interface Subschema {
  readonly path: readonly string[];
  readonly schema: unknown;
}

/** The schemas that stand directly within a schema. Data, such as `default` and `enum`, is none. */
export function subschemasOf(schema: JsonObject): readonly Subschema[] {
  const found: Subschema[] = [];
  for (const keyword of single) if (isSchema(schema[keyword])) found.push({ path: [keyword], schema: schema[keyword] });
  for (const keyword of lists) {
    const list = schema[keyword];
    if (Array.isArray(list))
      found.push(...list.map((one: unknown, index) => ({ path: [keyword, String(index)], schema: one })));
  }
  for (const keyword of maps)
    for (const [name, one] of Object.entries(membersOf(schema[keyword])))
      if (isSchema(one)) found.push({ path: [keyword, name], schema: one });
  return found;
}

function isSchema(value: unknown): boolean {
  return isJsonObject(value) || typeof value === 'boolean';
}

/** The members of an object; none for anything else. */
export function membersOf(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}

/** The members of a list; none for anything else. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The texts of a list. */
export function textsOf(value: unknown): readonly string[] {
  return listOf(value).filter((one) => typeof one === 'string');
}
