/**
 * A PostgreSQL array literal for `any(?::text[])`. The ORM would spread a JavaScript array into a list, which has no form
 * when it is empty.
 */
export function textArray(values: readonly string[]): string {
  return `{${values.map((value) => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`).join(',')}}`;
}
