import { JsonScanner, noJson } from './json-scanner.ts';

/**
 * The members of a JSON object as they stand in its text, by key; of a key that stands twice the last one.
 * @throws LinewardError VALUE_INVALID for text that is no JSON object.
 */
export function jsonMembers(text: string): ReadonlyMap<string, string> {
  const scanner = new JsonScanner(text);
  const members = new Map<string, string>();
  let at = scanner.blank(0);
  if (text.charCodeAt(at) !== 123) throw noJson();
  at = scanner.blank(at + 1);
  while (text.charCodeAt(at) !== 125) {
    const end = scanner.string(at);
    const start = scanner.blank(scanner.colon(at) + 1);
    const behind = scanner.value(start, 1);
    members.set(scanner.textOf(at, end), text.slice(start, behind));
    at = scanner.blank(behind);
    if (text.charCodeAt(at) === 44) at = scanner.blank(at + 1);
    else if (text.charCodeAt(at) !== 125) throw noJson();
  }
  return members;
}
