import { LinewardError } from '../../errors/lineward-error.ts';

const charsMax = 250;
const starsMax = 8;

/** @throws LinewardError BAD_INPUT for a pattern that is empty, too long, or has too many stars. */
export function assertPattern(pattern: string, path: readonly string[]): void {
  const stars = pattern.split('*').length - 1;
  if (pattern !== '' && pattern.length <= charsMax && stars <= starsMax && !pattern.includes('\0')) return;
  throw new LinewardError(
    'BAD_INPUT',
    `${path.join('.')}: a pattern has 1 to ${charsMax} characters and at most ${starsMax} stars`,
    { path },
  );
}

/** Whether a name fits a pattern, in which `*` stands for any characters. Takes as long as the name is, whatever the pattern. */
function fitsPattern(name: string, pattern: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return name === first;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}

/** Whether a name fits one of some patterns; none do not narrow, and what has no name fits none of any. */
export function fitsSome(patterns: readonly string[], name: string | undefined): boolean {
  return patterns.length === 0 || (name !== undefined && patterns.some((pattern) => fitsPattern(name, pattern)));
}

/** The same as the right side of `like` in SQL. */
export function likePattern(pattern: string): string {
  return pattern.replaceAll(/[\\%_]/g, '\\$&').replaceAll('*', '%');
}
