/** A column as it is read: what it holds, and whether this reader gets to see that. */
export interface ReadColumn {
  readonly name: string;
  /** As DuckDB names it; nested values are `JSON`. */
  readonly type: string;
  readonly semanticType: string | null;
  readonly classifications: readonly string[];
  readonly masked: boolean;
}

/**
 * How values of a type stand in an answer. TEXT: as they are; EXACT: as text that the engine reads back, since JSON would round or
 * does not know them; NUMBER; BOOLEAN; BYTES: base64; JSON: as the value that they are.
 */
export type ReadForm = 'TEXT' | 'EXACT' | 'NUMBER' | 'BOOLEAN' | 'BYTES' | 'JSON';

const forms: Readonly<Record<string, ReadForm>> = {
  VARCHAR: 'TEXT',
  BOOLEAN: 'BOOLEAN',
  TINYINT: 'NUMBER',
  SMALLINT: 'NUMBER',
  INTEGER: 'NUMBER',
  UTINYINT: 'NUMBER',
  USMALLINT: 'NUMBER',
  UINTEGER: 'NUMBER',
  FLOAT: 'NUMBER',
  DOUBLE: 'NUMBER',
  BLOB: 'BYTES',
  JSON: 'JSON',
};

export const readFormOf = (type: string): ReadForm => forms[type] ?? 'EXACT';

/**
 * What stands in every row in the place of a masked value. It tells nothing of that, not even whether there is one, and is of the
 * type of the column.
 */
export const maskOf = (type: string): '***' | null => (readFormOf(type) === 'TEXT' ? '***' : null);

const wholeNumber = /^U?(?:TINY|SMALL|BIG)?INT(?:EGER)?$/u;
const number = /^(?:FLOAT|DOUBLE|DECIMAL.*)$/u;

/** One type for a column that files have with several. */
export function commonType(types: readonly string[]): string {
  const known = [...new Set(types.filter((type) => type !== 'NULL').map(spelled))];
  const [only = 'VARCHAR', ...others] = known;
  if (others.length === 0) return only;
  if (known.every((type) => wholeNumber.test(type))) return 'BIGINT';
  if (known.every((type) => wholeNumber.test(type) || number.test(type))) return 'DOUBLE';
  return known.includes('JSON') ? 'JSON' : 'VARCHAR';
}

const spelled = (type: string): string => (type === 'NESTED' || type === 'UNION' ? 'JSON' : type);
