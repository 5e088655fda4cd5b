import { LinewardError } from '../../errors/lineward-error.ts';
import { readLocation } from '../lake/lake-location.ts';

/** Files of the lake by their paths. */
export interface FilePattern {
  /** A directory, or the file itself; all that is meant is below it. */
  readonly prefix: string;
  matches(path: string): boolean;
}

/**
 * Reads the path of a file or a directory, or a pattern: `*` and `?` stand for characters within a name, `**` for folders. What is
 * before the first of them is a directory below the root of the lake.
 * @throws LinewardError BAD_INPUT
 */
export function readFilePattern(text: string, lakeUrl: string): FilePattern {
  const parts = text.split('/');
  const first = parts.findIndex((part) => /[*?]/u.test(part));
  const prefix = readLocation(first < 0 ? text : parts.slice(0, first).join('/'), lakeUrl);
  const below = `${prefix}/`;
  if (first < 0) return { prefix, matches: (path) => path === prefix || path.startsWith(below) };
  const pattern = parts.slice(first);
  const odd = pattern.find((part) => part === '' || part === '.' || part === '..' || /[\\\p{Cc}\p{Cs}]/u.test(part));
  if (odd !== undefined)
    throw new LinewardError('BAD_INPUT', 'location: has an empty or dotted part, a backslash or a control character', {
      path: ['location'],
    });
  return {
    prefix,
    matches: (path) =>
      path.startsWith(below) && fits(pattern, path.slice(below.length).split('/'), isFolders, nameFits),
  };
}

const isFolders = (part: string): boolean => part === '**';
const nameFits = (part: string, name: string): boolean =>
  fits(
    [...part],
    [...name],
    (char) => char === '*',
    (char, other) => char === '?' || char === other,
  );

/** In time that grows with the product of both lengths at worst, whatever the pattern. */
function fits(
  pattern: readonly string[],
  items: readonly string[],
  isAny: (part: string) => boolean,
  isSame: (part: string, item: string) => boolean,
): boolean {
  let [at, item, any, resume] = [0, 0, -1, 0];
  while (item < items.length) {
    const part = pattern[at];
    if (part !== undefined && isAny(part)) {
      [any, resume] = [at, item];
      at += 1;
    } else if (part !== undefined && isSame(part, items[item] ?? '')) {
      at += 1;
      item += 1;
    } else if (any >= 0) {
      resume += 1;
      [at, item] = [any + 1, resume];
    } else return false;
  }
  return pattern.slice(at).every(isAny);
}
