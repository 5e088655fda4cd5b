import { boundChange, type Comparison, type JsonDifference } from './json-difference.ts';
import type { ArrayNode, JsonNode, LazyNode } from './json-node.ts';

const boundKeys = ['maxItems', 'minItems', 'maxContains', 'minContains'];

/** Differences of two array schemas; items beyond a tuple follow the same content models as properties do. */
export function compareArrays(
  comparison: Comparison,
  original: ArrayNode,
  update: ArrayNode,
): readonly JsonDifference[] {
  return [
    ...itemsChange(comparison, original, update),
    ...tupleChanges(comparison, original, update),
    ...restChange(comparison, 'Items', { before: original.additional, after: update.additional }),
    ...restChange(comparison, 'unevaluatedItems', { before: original.unevaluated, after: update.unevaluated }),
    ...boundKeys.flatMap((key) => boundChange(key, original.bounds[key], update.bounds[key])),
    ...(update.unique && !original.unique ? [{ type: 'UNIQUE_ITEMS_ADDED', path: '/uniqueItems' }] : []),
  ];
}

function itemsChange(comparison: Comparison, original: ArrayNode, update: ArrayNode): readonly JsonDifference[] {
  if (update.all === null) return [];
  if (original.all !== null) return comparison.at('/items', original.all(), update.all());
  return update.all().kind === 'any' ? [] : [{ type: 'SCHEMA_ADDED', path: '/items' }];
}

function tupleChanges(comparison: Comparison, original: ArrayNode, update: ArrayNode): readonly JsonDifference[] {
  const count = Math.max(original.tuple.length, update.tuple.length);
  return Array.from({ length: count }, (_, index) => {
    const path = `/items/${index}`;
    const [before, after] = [original.tuple[index]?.(), update.tuple[index]?.()];
    if (before !== undefined && after !== undefined) return comparison.at(path, before, after);
    if (before !== undefined) return itemRemoved(comparison, update, { path, node: before });
    return after === undefined ? [] : itemAdded(comparison, original, { path, node: after });
  }).flat();
}

interface Item {
  readonly path: string;
  readonly node: JsonNode;
}

function covering(node: ArrayNode): LazyNode | null {
  if (typeof node.additional === 'function') return node.additional;
  return node.additional && typeof node.unevaluated === 'function' ? node.unevaluated : null;
}

function isOpen(node: ArrayNode): boolean {
  return node.additional === true && node.unevaluated === true;
}

function itemRemoved(comparison: Comparison, update: ArrayNode, { path, node }: Item): readonly JsonDifference[] {
  if (isOpen(update) || node.kind === 'never') return [];
  const cover = covering(update);
  if (cover === null) return [{ type: 'ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL', path }];
  const inside = comparison.at(path, node, cover());
  return inside.length === 0
    ? []
    : [...inside, { type: 'ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL', path }];
}

function itemAdded(comparison: Comparison, original: ArrayNode, { path, node }: Item): readonly JsonDifference[] {
  if (isOpen(original)) return node.kind === 'any' ? [] : [{ type: 'ITEM_ADDED_TO_OPEN_CONTENT_MODEL', path }];
  const cover = covering(original);
  if (cover === null) return [];
  const inside = comparison.at(path, cover(), node);
  return inside.length === 0
    ? []
    : [...inside, { type: 'ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL', path }];
}

function restChange(
  comparison: Comparison,
  keyword: 'Items' | 'unevaluatedItems',
  { before, after }: { readonly before: boolean | LazyNode; readonly after: boolean | LazyNode },
): readonly JsonDifference[] {
  const isAdditional = keyword === 'Items';
  const path = isAdditional ? '/additionalItems' : '/unevaluatedItems';
  const word = isAdditional ? 'ADDITIONAL_ITEMS' : 'UNEVALUATED_ITEMS';
  if (after === true || before === false) return [];
  if (after === false) return [{ type: `${word}_REMOVED`, path }];
  if (before === true) return [{ type: `${word}_NARROWED`, path }];
  return comparison.at(path, before(), after());
}
