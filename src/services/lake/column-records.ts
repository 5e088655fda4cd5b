import { readExactJson } from '../../domain/exact-json.ts';
import type { JsonRecord } from '../privacy/protection.service.ts';
import type { ColumnTexts, ProfileResult, ValueForm } from './ports.ts';

/** Forms of the columns of a file, by name. */
export type ColumnForms = ReadonlyMap<string, ValueForm>;

export const formsOf = ({ columns }: ProfileResult): ColumnForms =>
  new Map(columns.map(({ name, form }) => [name, form]));

/**
 * Rows of a batch as JSON records; a column that holds neither text nor JSON becomes the text that the engine gives. A row with
 * a JSON column that holds no JSON has no text: within it that text could pass for members of other columns.
 */
export function recordsOf(batch: ColumnTexts, forms: ColumnForms): readonly JsonRecord[] {
  const names = Object.keys(batch);
  const count = batch[names[0] ?? '']?.length ?? 0;
  return Array.from({ length: count }, (_, row) => {
    const members = names.map(
      (name) => `${JSON.stringify(name)}:${jsonOf(batch[name]?.[row] ?? null, forms.get(name))}`,
    );
    try {
      const read = names.map((name) => [name, readableOf(batch[name]?.[row] ?? null, forms.get(name))]);
      return { text: `{${members.join(',')}}`, record: Object.fromEntries(read) };
    } catch {
      return { text: '', record: {} };
    }
  });
}

/** A column's text from a member of a protected record: null for a member that is gone. */
export function columnText(
  member: string | undefined,
  given: string | null,
  form: ValueForm | undefined,
): string | null {
  if (member === undefined || given === null) return null;
  if (member === jsonOf(given, form)) return given;
  if (form === 'JSON') return member === 'null' ? null : member;
  const value: unknown = JSON.parse(member);
  return form === 'TEXT' && typeof value === 'string' ? value : null;
}

/** A text that a column holds, which in a column of JSON stands in quotes; whatever else it holds as it is. */
export function plainText(text: string | null, form: ValueForm | undefined): string | null {
  if (text === null || form !== 'JSON' || !text.startsWith('"')) return text;
  try {
    const value: unknown = JSON.parse(text);
    return String(value);
  } catch {
    return text;
  }
}

function jsonOf(text: string | null, form: ValueForm | undefined): string {
  if (text === null) return 'null';
  return form === 'JSON' ? text : JSON.stringify(text);
}

/** Read for the ids that records name. @throws SyntaxError for what is no JSON. */
function readableOf(text: string | null, form: ValueForm | undefined): unknown {
  return text === null || form !== 'JSON' ? text : readExactJson(text);
}
