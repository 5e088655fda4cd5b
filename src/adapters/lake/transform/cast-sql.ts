import type { LakeColumn } from '../../../domain/lake/lake-column.ts';
import type { ValueForm } from '../../../domain/transform/transform-plan.ts';
import { sqlText } from '../duckdb/sql-text.ts';
import { numberPattern } from './expression-sql.ts';

const wholePattern = '-?(0|[1-9]\\d*)';

interface TypedValue {
  readonly sql: string;
  /** What has to be found first, as the column of that name, since both others ask for it. */
  readonly cast: string | null;
  /** True in SQL for a value that the column does not take. */
  readonly fault: string | null;
}

/** A value as the column takes it. */
export function typed(name: string, form: ValueForm, { type }: LakeColumn, castColumn: string): TypedValue {
  if (type === 'JSON') {
    const sql =
      form === 'JSON'
        ? `CASE WHEN json_type(${name}) <> 'NULL' THEN ${name} END`
        : form === 'SCALAR'
          ? `CAST(${name} AS JSON)`
          : `to_json(${name})`;
    return { sql, cast: null, fault: null };
  }
  const text = form === 'JSON' ? `(${name} ->> '$')` : name;
  // Objects and lists are no texts, although they can be written as such.
  if (type === 'VARCHAR')
    return { sql: text, cast: null, fault: form === 'JSON' ? `json_type(${name}) IN ('OBJECT', 'ARRAY')` : null };
  const cast = `${castTo(text, type)} AS ${castColumn}`;
  return { sql: castColumn, cast, fault: `${text} IS NOT NULL AND ${castColumn} IS NULL` };
}

const patterns = { INTEGER: wholePattern, BIGINT: wholePattern, DOUBLE: numberPattern, BOOLEAN: 'true|false' } as const;

/** Only what JSON takes for such a value: DuckDB's own casts round fractions and read spaces, signs and hexadecimals. */
const castTo = (text: string, type: keyof typeof patterns): string =>
  `CASE WHEN regexp_full_match(${text}, ${sqlText(patterns[type])}) THEN TRY_CAST(${text} AS ${type}) END`;

const castTypes = { int: 'INTEGER', long: 'BIGINT', double: 'DOUBLE', boolean: 'BOOLEAN' } as const;

export function castText(text: string, type: 'string' | keyof typeof castTypes): string {
  return type === 'string' ? text : `CAST(${castTo(`trim(${text})`, castTypes[type])} AS VARCHAR)`;
}
