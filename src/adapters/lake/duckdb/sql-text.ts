import { LinewardError } from '../../../errors/lineward-error.ts';

/** Alias of the scanned file in every statement. */
export const scanned = 'lw_scan';

/** Column with the path of a row's file, in statements over several; {@link fileOf} a scanned row. */
export const fileNameColumn = 'lw$file';

/** Quotes a column or table name. */
export function sqlName(name: string): string {
  return `"${withoutNul(name).replaceAll('"', '""')}"`;
}

/** Path of the file of a scanned row, in SQL. */
export const fileOf = (): string => `${scanned}.${sqlName(fileNameColumn)}`;

/** Quotes a text constant, such as a path. Key values never pass here: they go into tables by the appender. */
export function sqlText(text: string): string {
  return `'${withoutNul(text).replaceAll("'", "''")}'`;
}

/** A BLOB constant. */
export function sqlBlob(bytes: Uint8Array): string {
  return `'${[...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}'::BLOB`;
}

function withoutNul(text: string): string {
  if (text.includes('\0')) throw new LinewardError('BAD_INPUT', 'A name or path has a NUL character.');
  return text;
}

/**
 * Table function over an explicit list of files. Nothing is inferred from paths: a folder named `id=7` must not add or
 * replace a column. `fileNameColumn` and `rowNumbers` add a column each: the path, and `file_row_number` from 0.
 */
export function parquetFiles(
  paths: readonly string[],
  { fileNameColumn, rowNumbers = false }: { readonly fileNameColumn?: string; readonly rowNumbers?: boolean } = {},
): string {
  const name = fileNameColumn === undefined ? '' : `, filename = ${sqlText(fileNameColumn)}`;
  const number = rowNumbers ? ', file_row_number = true' : '';
  return `read_parquet([${paths.map(sqlText).join(', ')}], hive_partitioning = false, union_by_name = false${name}${number})`;
}

/**
 * A text in SQL on its way out of DuckDB. Its client decodes without a byte order mark at the front, so another character has
 * to stand there; {@link untold} takes it off.
 */
export const told = (text: string): string => `':' || ${text}`;

/** The text of a value that was read as {@link told}; null for NULL. */
export const untold = (value: unknown): string | null => (typeof value === 'string' ? value.slice(1) : null);
