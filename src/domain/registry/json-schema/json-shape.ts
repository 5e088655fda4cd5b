import { isJsonObject, type JsonObject } from '../json-text.ts';
import { listOf, membersOf } from './subschemas.ts';

/** The branches of which a value is one or several. */
export function sumsOf(part: JsonObject): readonly unknown[] {
  return [...listOf(part.oneOf), ...listOf(part.anyOf)];
}

/** All that a value of a place may be besides: branches, and what holds under a condition. */
export function alternativesOf(part: JsonObject): readonly unknown[] {
  const dependent = [part.dependentSchemas, part.dependencies].flatMap((one) => Object.values(membersOf(one)));
  return [...sumsOf(part), part.if, part.then, part.else, ...dependent].filter(isJsonObject);
}

/** What the items of a list may be, whatever their place. */
export function itemsOf(part: JsonObject): readonly unknown[] {
  return [part.items, part.prefixItems, part.additionalItems, part.unevaluatedItems, part.contains]
    .flat()
    .filter(isJsonObject);
}

/** What the values of members without a name of their own may be. */
export function openValues(part: JsonObject): readonly unknown[] {
  const patterns = Object.values(membersOf(part.patternProperties));
  return [part.additionalProperties, part.unevaluatedProperties, ...patterns].filter(isJsonObject);
}

/** What the names of members may be: in a map they are data, too. */
export function namesOf(part: JsonObject): readonly unknown[] {
  return [part.propertyNames].filter(isJsonObject);
}
