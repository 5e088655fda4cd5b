import { LinewardError } from '../../errors/lineward-error.ts';

/** A standard table directory of the lake; `ymd` is one folder per UTC day. */
export interface TableLocation {
  readonly area: string;
  readonly entity: string;
  readonly version: { readonly major: number; readonly minor: number };
  readonly dateField: string;
  readonly grain: 'ymd';
  readonly format: 'parquet';
}

/**
 * Partition of records whose date is missing or cannot be read. It begins with no underscore on purpose: lake tools
 * skip such folders, and records in a skipped folder would escape every erasure.
 */
export const unknownDatePartition = 'unknown_date';

const segmentBytesMax = 200;

/** `data/<area>/<entity>/v<major>.<minor>/by_<date field>_ymd/parquet`, relative to the lake's root. */
export function tableLocation(location: TableLocation): string {
  const { area, entity, version, dateField, grain, format } = location;
  for (const number of [version.major, version.minor]) {
    if (!Number.isSafeInteger(number) || number < 0) {
      throw new LinewardError('BAD_INPUT', 'A table version is made of two whole numbers, such as 1.0.', {
        path: ['version'],
      });
    }
  }
  return [
    'data',
    pathSegment(area, 'area'),
    pathSegment(entity, 'entity'),
    `v${version.major}.${version.minor}`,
    pathSegment(`by_${dateField}_${grain}`, 'dateField'),
    format,
  ].join('/');
}

/** What a directory says of itself by a standard name. */
export interface StandardName {
  readonly area: string;
  /** Full name of the entity. */
  readonly entity: string;
  readonly version: { readonly major: number; readonly minor: number };
  readonly dateField: string;
  /** Grain of the partitions, e.g. `ymd`. */
  readonly grain: string;
  readonly format: string;
}

const standardName =
  /^data\/(?<area>[^/]+)\/(?<entity>[^/]+)\/v(?<major>\d{1,9})\.(?<minor>\d{1,9})\/by_(?<dateField>[^/]+)_(?<grain>[^/_]+)\/(?<format>[^/]+)$/u;

/** Reads a standard directory of any writer; null for any other directory. */
export function standardNameOf(location: string): StandardName | null {
  const { area, entity, major, minor, dateField, grain, format } = standardName.exec(location)?.groups ?? {};
  if (area === undefined || entity === undefined || dateField === undefined) return null;
  if (grain === undefined || format === undefined) return null;
  return { area, entity, version: { major: Number(major), minor: Number(minor) }, dateField, grain, format };
}

/**
 * Checks that a name can be one folder of a lake path: not empty, at most 200 bytes, no slash, backslash or control
 * character, and no leading `_` or `.`, which lake tools take as "not data". Answers it unchanged, or BAD_INPUT.
 */
export function pathSegment(name: string, what: string): string {
  const fault = segmentFault(name);
  if (fault === null) return name;
  throw new LinewardError('BAD_INPUT', `The ${what} cannot be a folder name of the lake: it ${fault}.`, {
    path: [what],
  });
}

function segmentFault(name: string): string | null {
  if (name === '') return 'is empty';
  if (Buffer.byteLength(name) > segmentBytesMax) return `is longer than ${segmentBytesMax} bytes`;
  if (/[/\\]/u.test(name)) return 'has a slash';
  if (/\p{Cc}|\p{Cs}/u.test(name)) return 'has a control character';
  if (/^[._]/u.test(name)) return 'begins with a dot or an underscore';
  return null;
}

const isoDate =
  /^(?<date>\d{4}-\d{2}-\d{2})(?:[T ](?<time>\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)\s?(?<zone>Z|[+-]\d{2}(?::?\d{2})?)?)?$/iu;

/**
 * Day folder `YYYY/MM/DD` in UTC of an ISO 8601 date or date-time; without a zone it is read as UTC. Anything else,
 * impossible days included, goes to `unknownDatePartition`, so that no record is ever dropped.
 */
export function partitionOf(value: unknown): string {
  const day = typeof value === 'string' ? isoDayOf(value) : null;
  return day === null ? unknownDatePartition : day.replaceAll('-', '/');
}

/** The UTC day (`yyyy-mm-dd`) of an ISO 8601 date or date-time, which without a zone is read as UTC; null for any other text. */
export function isoDayOf(text: string): string | null {
  const parts = isoDate.exec(text)?.groups;
  if (parts?.date === undefined) return null;
  // The Date parser rolls 31 April over to 1 May; only a day that reads back unchanged exists.
  const midnight = new Date(`${parts.date}T00:00:00Z`);
  if (Number.isNaN(midnight.getTime()) || midnight.toISOString().slice(0, 10) !== parts.date) return null;
  const zone = (parts.zone ?? 'Z')
    .toUpperCase()
    .replace(/^([+-]\d{2}):?(\d{2})?$/u, (_, hours, minutes = '00') => `${hours}:${minutes}`);
  const instant = new Date(`${parts.date}T${parts.time ?? '00:00'}${zone}`);
  if (Number.isNaN(instant.getTime())) return null;
  const day = instant.toISOString().slice(0, 10);
  return /^\d{4}-\d{2}-\d{2}$/u.test(day) ? day : null;
}
