import { RE2JS } from 're2js';

/**
 * Compiles a regular expression of a schema to one that runs in linear time, whatever a schema or a message brings. RE2
 * knows no look-around and no back references.
 * @throws RE2JSException for a pattern that it cannot run
 */
export function linearPattern(pattern: string): (text: string) => boolean {
  const compiled = RE2JS.compile(RE2JS.translateRegExp(pattern));
  return (text) => compiled.matcher(text).find();
}

/** Says whether a pattern matches somewhere in a name; null when it cannot be run. It is compiled when first asked. */
export function patternMatcher(pattern: string): (name: string) => boolean | null {
  let match: ((text: string) => boolean) | null | undefined;
  return (name) => {
    if (match === undefined) {
      try {
        match = linearPattern(pattern);
      } catch {
        match = null;
      }
    }
    return match?.(name) ?? null;
  };
}

/** Whether a pattern is one of any dialect that we know. Nothing is run: a regular expression of V8 is only read. */
export function isPattern(pattern: string): boolean {
  return [() => new RegExp(pattern, 'u'), () => new RegExp(pattern), () => linearPattern(pattern)].some((read) => {
    try {
      read();
      return true;
    } catch {
      return false;
    }
  });
}
