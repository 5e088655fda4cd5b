import { type FormedField, originColumn } from '../../../domain/transform/transform-plan.ts';
import { sqlText } from '../duckdb/sql-text.ts';

/** Longest line, in bytes; records of Kafka are smaller. */
const lineBytesMax = 8 * 1024 * 1024;

/** Lines that were made of records, with where each came from. */
export function linesOf(paths: readonly string[], fields: readonly FormedField[]): string {
  const columns = fields.map(({ name, form }) => `${sqlText(name)}: '${form === 'JSON' ? 'JSON' : 'VARCHAR'}'`);
  return `read_json([${paths.map(sqlText).join(', ')}], format = 'newline_delimited', compression = 'uncompressed',
    maximum_object_size = ${lineBytesMax}, columns = {${[`${sqlText(originColumn)}: 'VARCHAR'`, ...columns].join(', ')}})`;
}
