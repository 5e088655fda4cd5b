import type { DuckDBConnection } from '@duckdb/node-api';
import { namesOffset } from '../../../domain/transform/date-format.ts';
import type { ShapeStep } from '../../../domain/transform/transform-plan.ts';
import { sqlText } from '../duckdb/sql-text.ts';

type Dates = Extract<ShapeStep, { readonly type: 'localizeDates' }>;

const date = '\\d{4}-\\d{2}-\\d{2}';
const time = '[T ]\\d{2}:\\d{2}(:\\d{2}(\\.\\d+)?)?';
const offset = '\\s?(Z|[+-]([01]\\d|2[0-3])(:?[0-5]\\d)?)';
/**
 * ISO 8601 as landings read it. DuckDB wants seconds, nothing before the offset and a colon in it. Its own cast to a time without
 * zone drops an offset in silence, so that a text with one never gets there. The usual spellings come first, since patterns of
 * characters cost more than all the rest, but for offsets of a day or of 60 minutes, which the cast takes; and an instant gets to UTC
 * by its number, since the cast asks the calendar of a zone.
 */
const macros = [
  `lw_plain(z) AS make_timestamp(epoch_us(z))`,
  `lw_usual(t) AS CASE
     WHEN t LIKE '%Z' AND (t LIKE '____-__-__T__:__:__Z' OR t LIKE '____-__-__T__:__:__.______Z') THEN TRY_CAST(rtrim(t, 'Z') AS TIMESTAMP)
     WHEN (t LIKE '____-__-__T__:__:__+__:__' OR t LIKE '____-__-__T__:__:__-__:__') AND substr(t, 21, 2) < '24' AND substr(t, 24, 1) < '6'
       THEN lw_plain(TRY_CAST(t AS TIMESTAMPTZ)) END`,
  `lw_zoned(t) AS CASE WHEN lw_usual(t) IS NOT NULL THEN lw_usual(t)
     WHEN regexp_full_match(upper(trim(t)), '${date}${time}${offset}') THEN lw_plain(TRY_CAST(
       regexp_replace(regexp_replace(regexp_replace(upper(trim(t)), '^(.{16})(\\s?(Z|[+-].*)?)$', '\\1:00\\2'),
         '\\s(Z|[+-].*)$', '\\1'), '([+-]\\d{2})(\\d{2})$', '\\1:\\2') AS TIMESTAMPTZ)) END`,
  `lw_wall(t) AS CASE WHEN regexp_full_match(upper(trim(t)), '${date}(${time})?') THEN TRY_CAST(trim(t) AS TIMESTAMP) END`,
  // What clocks of a zone show at an instant.
  `lw_shown(u, z) AS timezone(z, CAST(u AS TIMESTAMPTZ))`,
  // The instant that a time would be by the offset that the zone has a day before (or behind) it.
  `lw_by(l, z, d) AS l - (lw_shown(l + d, z) - (l + d))`,
  // In a gap neither is shown; a time goes on by the gap then, as if the clock had not been put forward yet.
  `lw_instant(l, z, later, gaps) AS CASE
     WHEN lw_by(l, z, -INTERVAL 1 DAY) = lw_by(l, z, INTERVAL 1 DAY) THEN lw_by(l, z, INTERVAL 1 DAY)
     WHEN lw_shown(lw_by(l, z, -INTERVAL 1 DAY), z) = l AND lw_shown(lw_by(l, z, INTERVAL 1 DAY), z) = l THEN
       CASE WHEN later THEN greatest(lw_by(l, z, -INTERVAL 1 DAY), lw_by(l, z, INTERVAL 1 DAY))
         ELSE least(lw_by(l, z, -INTERVAL 1 DAY), lw_by(l, z, INTERVAL 1 DAY)) END
     WHEN lw_shown(lw_by(l, z, -INTERVAL 1 DAY), z) = l THEN lw_by(l, z, -INTERVAL 1 DAY)
     WHEN lw_shown(lw_by(l, z, INTERVAL 1 DAY), z) = l THEN lw_by(l, z, INTERVAL 1 DAY)
     WHEN gaps THEN lw_by(l, z, -INTERVAL 1 DAY) END`,
  `lw_utc(t) AS CASE WHEN lw_usual(t) IS NOT NULL THEN lw_usual(t) ELSE coalesce(lw_zoned(t), lw_wall(t)) END`,
];

/** Makes the functions that the other expressions here need. */
export async function prepareDates(connection: DuckDBConnection): Promise<void> {
  for (const macro of macros) await connection.run(`CREATE OR REPLACE TEMP MACRO ${macro}`);
}

/** Instant in UTC, without a zone, of a text in ISO 8601, which without a zone is read as UTC; NULL for any other text. */
export const utcOf = (text: string): string => `lw_utc(${text})`;

/**
 * The instant of a date of the step that is spelt as most are; NULL for any other, and null for a step in which another reading
 * comes first. What it finds is what {@link instantSql} would: all others need asking only where there is nothing.
 */
export const usualInstant = (text: string, { formats }: Dates): string | null =>
  formats[0] === 'iso8601' ? `lw_usual(${text})` : null;

/** The instant of a date of the step, in UTC without a zone; NULL for what cannot be read. */
export function instantSql(text: string, step: Dates, fieldText: (name: string) => string): string {
  const readings = step.formats.map((format) => readingOf(format, text, (wall) => inZone(wall, step, fieldText)));
  return `coalesce(${readings.join(', ')})`;
}

const hasForm = (instant: string): string => `year(${instant}) BETWEEN 1 AND 9999`;

/** An instant as ISO 8601 in UTC, to the microsecond; NULL for one that has no such form. */
export const isoText = (instant: string): string =>
  `CASE WHEN ${hasForm(instant)} THEN strftime(${instant}, '%Y-%m-%dT%H:%M:%S.%fZ') END`;

/** True in SQL for an instant that {@link isoText} writes. */
export const isWritable = (instant: string): string => `coalesce(${hasForm(instant)}, FALSE)`;

function readingOf(format: string, text: string, toInstant: (wall: string) => string): string {
  // DuckDB takes "infinity" for the first day of 1900.
  const trimmed = `CASE WHEN regexp_matches(${text}, '[0-9]') THEN trim(${text}) END`;
  switch (format) {
    case 'iso8601':
      return `lw_zoned(${text}), ${toInstant(`lw_wall(${text})`)}`;
    case 'rfc2822':
      return ['%a, %d %b %Y %H:%M:%S', '%d %b %Y %H:%M:%S']
        .map((pattern) => {
          const named = `regexp_replace((${trimmed}), '(GMT|UTC|UT|Z)$', '+0000')`;
          return `CAST(try_strptime(${named}, ${sqlText(`${pattern} %z`)}) AS TIMESTAMP)`;
        })
        .join(', ');
    case 'epochSeconds':
      return epoch(trimmed, 1_000_000);
    case 'epochMillis':
      return epoch(trimmed, 1_000);
    default: {
      const read = `try_strptime(${trimmed}, ${sqlText(format)})`;
      return namesOffset(format) ? `CAST(${read} AS TIMESTAMP)` : toInstant(read);
    }
  }
}

const epoch = (text: string, micros: number): string =>
  `CASE WHEN regexp_full_match(${text}, '-?\\d{1,14}(\\.\\d{1,6})?')
     THEN make_timestamp(CAST(round(CAST(${text} AS DECIMAL(38, 6)) * ${micros}) AS BIGINT)) END`;

function inZone(wall: string, step: Dates, fieldText: (name: string) => string): string {
  const { zone, overlap, gap } = step;
  if (zone === undefined || zone === 'UTC') return wall;
  const options = `${overlap === 'later'}, ${gap !== 'reject'}`;
  const instant = (name: string): string => `lw_instant(${wall}, ${name}, ${options})`;
  if (typeof zone === 'string') return instant(sqlText(zone));
  if ('field' in zone) {
    const name = fieldText(zone.field);
    // An unknown zone would end the statement.
    return `CASE WHEN ${name} IN (SELECT name FROM lw_zones) THEN ${instant(name)} END`;
  }
  const account = fieldText(step.accountField);
  const byZone = Map.groupBy(Object.entries(zone.accounts), ([, name]) => name);
  const cases = [...byZone].map(([name, entries]) => {
    const accounts = entries.map(([id]) => sqlText(id)).join(', ');
    return `WHEN ${account} IN (${accounts}) THEN ${instant(sqlText(name))}`;
  });
  const others = zone.default === undefined || zone.default === 'UTC' ? wall : instant(sqlText(zone.default));
  return cases.length === 0 ? others : `CASE ${cases.join(' ')} ELSE ${others} END`;
}

/** The table of the zones that there are, for zones by field. */
export async function prepareZones(connection: DuckDBConnection): Promise<void> {
  await connection.run('CREATE OR REPLACE TEMP TABLE lw_zones AS SELECT DISTINCT name FROM pg_timezone_names()');
}
