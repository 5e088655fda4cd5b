import { boundChange, type Comparison, isSubset, type JsonDifference } from './json-difference.ts';
import type { JsonNode, LazyNode, ObjectNode } from './json-node.ts';

/**
 * Differences of two object schemas. What a missing property means depends on the content model: an open one allows any
 * further property, a closed one none, a partially open one those that fit a pattern or a schema.
 */
export function compareObjects(
  comparison: Comparison,
  original: ObjectNode,
  update: ObjectNode,
): readonly JsonDifference[] {
  const names = new Set([...original.properties.keys(), ...update.properties.keys()]);
  const properties = [...names].flatMap((name) => {
    const path = `/properties/${name}`;
    const [before, after] = [original.properties.get(name)?.(), update.properties.get(name)?.()];
    if (before !== undefined && after !== undefined)
      return [...requiredChange(name, { original, update, after }), ...comparison.at(path, before, after)];
    if (before !== undefined) return removed(comparison, update, { name, path, node: before });
    return after === undefined ? [] : added(comparison, { original, update }, { name, path, node: after });
  });
  return [
    ...properties,
    ...dependencyChanges(comparison, original, update),
    ...additionalChange(comparison, original, update),
    ...unevaluatedChange(comparison, original.unevaluated, update.unevaluated),
    ...['maxProperties', 'minProperties'].flatMap((key) => boundChange(key, original.bounds[key], update.bounds[key])),
  ];
}

interface Property {
  readonly name: string;
  readonly path: string;
  readonly node: JsonNode;
}

function requiredChange(
  name: string,
  { original, update, after }: { original: ObjectNode; update: ObjectNode; after: JsonNode },
): readonly JsonDifference[] {
  const isAdded = update.required.has(name) && !original.required.has(name);
  return isAdded && !after.hasDefault ? [{ type: 'REQUIRED_ATTRIBUTE_ADDED', path: `/required/${name}` }] : [];
}

/**
 * The schema that covers a property of a partially open content model; null for an open or a closed one. A pattern that
 * cannot be run counts as the stricter of what it may mean: a match where all else is allowed, none where nothing else is.
 */
function covering(node: ObjectNode, name: string): LazyNode | null {
  const isRestOpen = node.additional === true && node.unevaluated === true;
  const pattern = node.patterns.find(({ matches }) => matches(name) ?? isRestOpen);
  if (pattern !== undefined) return pattern.node;
  if (typeof node.additional === 'function') return node.additional;
  return node.additional && typeof node.unevaluated === 'function' ? node.unevaluated : null;
}

function isOpen(node: ObjectNode): boolean {
  return node.patterns.length === 0 && node.additional === true && node.unevaluated === true;
}

function removed(comparison: Comparison, update: ObjectNode, property: Property): readonly JsonDifference[] {
  const { name, path, node } = property;
  if (isOpen(update) || node.kind === 'never') return [];
  const cover = covering(update, name);
  if (cover === null) {
    // Patterns that do not match leave the property to an open rest.
    const isLeftOpen = update.additional === true && update.unevaluated === true;
    return isLeftOpen ? [] : [{ type: 'PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL', path }];
  }
  const inside = comparison.at(path, node, cover());
  if (inside.length === 0 || comparison.policy === 'LENIENT') return [];
  return [...inside, { type: 'PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL', path }];
}

function added(
  comparison: Comparison,
  { original, update }: { readonly original: ObjectNode; readonly update: ObjectNode },
  property: Property,
): readonly JsonDifference[] {
  const { name, path, node } = property;
  const isDemanded = update.required.has(name) && !node.hasDefault;
  if (isOpen(original)) {
    if (isDemanded) return [{ type: 'REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL', path }];
    if (node.kind === 'any' || comparison.policy === 'LENIENT') return [];
    const kind = update.required.has(name) ? 'REQUIRED_PROPERTY_WITH_DEFAULT' : 'OPTIONAL_PROPERTY';
    return [{ type: `${kind}_ADDED_TO_OPEN_CONTENT_MODEL`, path }];
  }
  const found: JsonDifference[] = [];
  const cover = covering(original, name);
  if (cover !== null && comparison.policy !== 'LENIENT') {
    const inside = comparison.at(path, cover(), node);
    if (inside.length > 0)
      found.push(...inside, { type: 'PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL', path });
  }
  if (isDemanded) found.push({ type: 'REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL', path });
  return found;
}

function dependencyChanges(
  comparison: Comparison,
  original: ObjectNode,
  update: ObjectNode,
): readonly JsonDifference[] {
  const arrays = [...update.dependentRequired].flatMap(([name, after]) => {
    const before = original.dependentRequired.get(name);
    const path = `/dependencies/${name}`;
    if (before === undefined) return [{ type: 'DEPENDENCY_ARRAY_ADDED', path }];
    if (isSubset(after, before)) return [];
    return [{ type: isSubset(before, after) ? 'DEPENDENCY_ARRAY_EXTENDED' : 'DEPENDENCY_ARRAY_CHANGED', path }];
  });
  const schemas = [...update.dependentSchemas].flatMap(([name, after]) => {
    const before = original.dependentSchemas.get(name);
    const path = `/dependencies/${name}`;
    return before === undefined ? [{ type: 'DEPENDENCY_SCHEMA_ADDED', path }] : comparison.at(path, before(), after());
  });
  return [...arrays, ...schemas];
}

function additionalChange(
  comparison: Comparison,
  { additional: before }: ObjectNode,
  { additional: after }: ObjectNode,
): readonly JsonDifference[] {
  const path = '/additionalProperties';
  if (after === true || before === false) return [];
  if (after === false) return comparison.policy === 'LENIENT' ? [] : [{ type: 'ADDITIONAL_PROPERTIES_REMOVED', path }];
  if (before === true) return comparison.policy === 'LENIENT' ? [] : [{ type: 'ADDITIONAL_PROPERTIES_NARROWED', path }];
  return comparison.at(path, before(), after());
}

function unevaluatedChange(
  comparison: Comparison,
  before: boolean | LazyNode,
  after: boolean | LazyNode,
): readonly JsonDifference[] {
  const path = '/unevaluatedProperties';
  if (after === true || before === false) return [];
  if (after === false) return [{ type: 'UNEVALUATED_PROPERTIES_REMOVED', path }];
  if (before === true) return [{ type: 'UNEVALUATED_PROPERTIES_NARROWED', path }];
  return comparison.at(path, before(), after());
}
