import { LinewardError } from '../../../errors/lineward-error.ts';
import type { EngineSelection } from '../../../services/lake/ports.ts';
import type { FileSchema } from './parquet-facts.ts';
import { scanned, sqlName, sqlText } from './sql-text.ts';

type Age = NonNullable<EngineSelection['olderThan']>;

/** Columns that hold dates, or may as text. */
const dateTypes = /^(?:VARCHAR|DATE|TIMESTAMP(?:_S|_MS|_NS| WITH TIME ZONE)?)$/u;

/** ISO 8601 as landings read it, and as DuckDB writes its own times; anything else is no date. */
const isoDate =
  '\\d{4}-\\d{2}-\\d{2}([T ]\\d{2}:\\d{2}(:\\d{2}(\\.\\d+)?)?\\s?(Z|[+-]([01]\\d|2[0-3])(:?[0-5]\\d)?)?)?';

/** Reads dates and texts alike: as text, which must be a date, and as that instant in UTC. NULL when it is none. */
function instant({ column }: Pick<Age, 'column'>): string {
  const text = `upper(CAST(${scanned}.${sqlName(column)} AS VARCHAR))`;
  // DuckDB wants seconds, nothing before the offset, and a colon in it.
  const timed = `regexp_replace(${text}, '^(.{16})(\\s?(Z|[+-].*)?)$', '\\1:00\\2')`;
  const joined = `regexp_replace(${timed}, '\\s(Z|[+-].*)$', '\\1')`;
  const spelled = `regexp_replace(${joined}, '([+-]\\d{2})(\\d{2})$', '\\1:\\2')`;
  return `CASE WHEN regexp_full_match(${text}, ${sqlText(isoDate)}) THEN TRY_CAST(${spelled} AS TIMESTAMPTZ) END`;
}

/** True or false, in SQL: the row is of an earlier UTC day. */
export const olderByInstant = (age: Age): string =>
  `coalesce((${instant(age)}) < CAST(${sqlText(`${age.before} 00:00:00+00`)} AS TIMESTAMPTZ), FALSE)`;

/** The same by another comparison. */
export const olderByDay = (age: Age): string =>
  `coalesce(date_diff('day', CAST(${sqlText(age.before)} AS DATE), CAST((${instant(age)}) AS DATE)) < 0, FALSE)`;

/** True or false, in SQL: the row is of a day that was asked for, whatever cuts that short. */
export function askedFor(age: Age): string {
  const { askedBefore = age.before } = age;
  return askedBefore === null ? 'TRUE' : olderByInstant({ ...age, before: askedBefore });
}

/** True or false, in SQL: the row is of a day that was asked for, and not older. */
export function retained(age: Age): string {
  if (age.askedBefore === undefined) return 'FALSE';
  return `(${askedFor(age)} AND NOT ${olderByInstant(age)} AND NOT ${undated(age)})`;
}

/** Days from the limit to the row's own, in SQL. */
export const daysLeft = (age: Age): string =>
  `date_diff('day', CAST(${sqlText(age.before)} AS DATE), CAST((${instant(age)}) AS DATE))`;

/** UTC day of the row since 1970, in SQL; NULL where it has none. */
export const dayByCalendar = (column: string): string =>
  `date_diff('day', DATE '1970-01-01', CAST((${instant({ column })}) AS DATE))`;

/** Microseconds of the row's instant since 1970, in SQL; NULL where it has none. */
export const microsByClock = (column: string): string => `epoch_us(${instant({ column })})`;

/** True or false, in SQL: the row has no date. */
export const undated = (age: Pick<Age, 'column'>): string => `((${instant(age)}) IS NULL)`;

/** LAKE_TABLE_REFUSED if a file has no column of that exact name with dates in it. */
export function checkDateColumn({ path, columns }: FileSchema, name: string): void {
  const column = columns.find((candidate) => candidate.name === name);
  if (column?.type && dateTypes.test(column.type)) return;
  const reason =
    column === undefined
      ? `it has no date column ${name}`
      : `its date column ${name} has the type ${column.type ?? 'nested'}, which is no date`;
  throw new LinewardError('LAKE_TABLE_REFUSED', `The lake file ${path} cannot be searched by age: ${reason}.`, {
    details: { path, reason, column: name },
  });
}
