import type { ColumnOrigin } from './source-columns.ts';

/**
 * What is protected in rows that are made of files which say what is protected in them, by their inputs: columns that a source or
 * lookup gives untouched are as protected as they were there, under the names that they have now. Null where there is nothing.
 */
export function carriedMark(
  origins: readonly ColumnOrigin[],
  marks: ReadonlyMap<number, string | null>,
): string | null {
  const known = new Map([...marks].map(([input, mark]) => [input, stepsIn(mark)]));
  const carried = origins.flatMap(({ column, from }) => {
    for (const { input, field, isSame } of from) {
      const steps = isSame ? known.get(input)?.[field] : undefined;
      if (steps !== undefined) return [[column, renamed(steps, field, column)] as const];
    }
    return [];
  });
  return carried.length === 0 ? null : JSON.stringify(Object.fromEntries(carried));
}

/** Of the fields that are asked for what a mark says of them; equal for marks that say the same. */
export function markOfFields(mark: string | null, fields: readonly string[]): string {
  const steps = stepsIn(mark);
  return JSON.stringify(fields.map((field) => steps[field] ?? null));
}

/** By field; nothing for what is no mark. */
function stepsIn(mark: string | null): Readonly<Record<string, object>> {
  try {
    const value: unknown = JSON.parse(mark ?? '{}');
    if (typeof value !== 'object' || value === null) return {};
    return Object.fromEntries(Object.entries(value).filter(([, steps]) => typeof steps === 'object' && steps !== null));
  } catch {
    return {};
  }
}

/** Steps have the paths of what they were done to, which begin with the name of the field. */
function renamed(steps: object, field: string, column: string): object {
  return Object.fromEntries(
    Object.entries(steps).map(([path, step]) => [
      path.startsWith(field) ? `${column}${path.slice(field.length)}` : path,
      step,
    ]),
  );
}
