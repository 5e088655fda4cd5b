import { printExactJson, readExactJson } from '../exact-json.ts';

/** What stands in the place of a value that is not shown. */
export const maskedValue = '***';

/** The text of a JSON object with the values of some of its fields masked; null, which tells nothing of a value, stays. */
export function maskRecord(text: string, isMasked: (field: string) => boolean): string {
  const record = readExactJson(text) as Record<string, unknown>;
  const names = Object.keys(record).filter((name) => record[name] !== null && isMasked(name));
  if (names.length === 0) return text;
  const masked = new Set(names);
  const entries = Object.entries(record).map(([name, value]) => [name, masked.has(name) ? maskedValue : value]);
  return printExactJson(Object.fromEntries(entries)) ?? '{}';
}
