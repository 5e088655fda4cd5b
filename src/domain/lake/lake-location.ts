import { LinewardError } from '../../errors/lineward-error.ts';
import { pathSegment } from './table-location.ts';

const locationCharsMax = 1_000;

/**
 * Path of a directory below the root of the lake, from the path itself or from a URL under that of the lake. BAD_INPUT for
 * the root, for what is outside of it, and for parts that could lead elsewhere or that lake tools skip.
 */
export function readLocation(text: string, lakeUrl: string): string {
  if (text.length > locationCharsMax) throw invalid(`has more than ${locationCharsMax} characters`);
  const path = pathIn(text, lakeUrl).replace(/\/$/u, '');
  if (path === '') throw invalid('must be a directory below the root of the lake');
  if (path.startsWith('/')) throw invalid('is a path below the root of the lake, without a slash in front');
  return path
    .split('/')
    .map((part) => pathSegment(part, 'location'))
    .join('/');
}

function pathIn(text: string, lakeUrl: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//iu.test(text)) return text;
  const root = `${lakeUrl.replace(/\/$/u, '')}/`;
  if (!`${text}/`.startsWith(root)) throw invalid(`is not below ${lakeUrl}`);
  const path = text.slice(root.length);
  return lakeUrl.startsWith('file:') ? decoded(path) : path;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw invalid('is no file URL: it has a "%" that begins no character');
  }
}

function invalid(what: string): LinewardError {
  return new LinewardError('BAD_INPUT', `location: ${what}`, { path: ['location'] });
}

/** How two directories lie to each other; null when none is within the other. */
export function overlapOf(one: string, other: string): 'EQUAL' | 'WITHIN' | 'AROUND' | null {
  if (one === other) return 'EQUAL';
  if (one.startsWith(`${other}/`)) return 'WITHIN';
  return other.startsWith(`${one}/`) ? 'AROUND' : null;
}
