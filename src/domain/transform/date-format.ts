import { knownNames } from './spec-issue.ts';

/** Formats of dates by name; any other is a pattern of directives. */
const namedFormats = ['iso8601', 'rfc2822', 'epochSeconds', 'epochMillis'] as const;

const directive = /%(?:-?[dHIjmMSyY]|[aAbBfpz%])/gu;
/** What may stand between directives. */
const plain = /^[\p{L}\p{N}\p{Zs}.,:;/_'()+\-[\]]*$/u;

/** Why a format is none; null when it is one. */
export function formatFault(format: string): string | null {
  if ((namedFormats as readonly string[]).includes(format)) return null;
  if (!format.includes('%'))
    return `There is no format ${format}.${knownNames(namedFormats)} Others are patterns of directives such as %Y-%m-%d.`;
  if (plain.test(format.replaceAll(directive, ''))) return null;
  return 'A pattern has the directives %Y %y %m %d %H %I %M %S %f %p %j %a %A %b %B %z and %%, and plain text between them.';
}

/** True for a pattern that reads the offset of a zone. */
export const namesOffset = (format: string): boolean => [...format.matchAll(directive)].some(([one]) => one === '%z');

/** Why a name is that of no time zone; null when it is one. */
export function zoneFault(name: string): string | null {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    // Offsets are zones for the one reader of them and not for the other.
    return /^[A-Za-z]/u.test(name) ? null : noZone(name);
  } catch {
    return noZone(name);
  }
}

const noZone = (name: string): string =>
  `There is no time zone ${name.slice(0, 64)}; use a name of the IANA database, such as Europe/Berlin or UTC.`;
