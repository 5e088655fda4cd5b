import type { Ajv } from 'ajv';

/** Ajv compares every item with every other one; this reads each once, however many a schema or a message brings. */
export function checkUniqueItemsOnce(ajv: Ajv): void {
  ajv.removeKeyword('uniqueItems');
  ajv.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    error: { message: 'must NOT have duplicate items' },
    validate: (isUnique: boolean, items: readonly unknown[]) =>
      !isUnique || new Set(items.map(comparable)).size === items.length,
  });
}

/** Text by which equal items are the same: the members of an object stand in one order, in a list that no list looks like. */
function comparable(item: unknown): string {
  if (typeof item !== 'object' || item === null) return `${typeof item} ${String(item)}`;
  return JSON.stringify(item, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? { members: Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)) }
      : value,
  );
}
