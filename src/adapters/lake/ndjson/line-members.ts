import { isUtf8 } from 'node:buffer';
import { JsonScanner } from '../../../domain/privacy/json-scanner.ts';
import { LinewardError } from '../../../errors/lineward-error.ts';

/** A byte order mark, with which some writers begin a file. */
export const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);
const [openBrace, closeBrace, comma] = [123, 125, 44];

/** One member of the object on a line; places are those of bytes of the line. */
export interface Member {
  /** As {@link spelt}. */
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** A name by its bytes in UTF-8, a character each: so names are compared without being decoded. */
export const spelt = (name: string): string => Buffer.from(name).toString('latin1');

/** The name that is {@link spelt} so. */
export const unspelt = (name: string): string => Buffer.from(name, 'latin1').toString('utf8');

/** What is wrong with a line, or null: it is an object, whose members were visited, or blank, and is no record then. */
export type LineFault = 'is not UTF-8' | 'is no JSON object';

/**
 * Visits the members of the object that a line is, as they stand, doubles too. Answers whether it is one; false for a blank
 * line.
 */
export function visitMembers(line: Buffer, visit: (member: Member) => void): boolean | LineFault {
  if (!isUtf8(line)) return 'is not UTF-8';
  // A character for each byte: what gives JSON its structure is ASCII, and places are those of bytes.
  const scanner = new JsonScanner(line.toString('latin1'));
  try {
    return walk(scanner, line, visit);
  } catch (error) {
    if (error instanceof LinewardError && error.code === 'VALUE_INVALID') return 'is no JSON object';
    throw error;
  }
}

function walk(scanner: JsonScanner, line: Buffer, visit: (member: Member) => void): boolean | LineFault {
  const { text } = scanner;
  let at = scanner.blank(0);
  if (at === text.length) return false;
  if (text.charCodeAt(at) !== openBrace) return 'is no JSON object';
  at = scanner.blank(at + 1);
  while (text.charCodeAt(at) !== closeBrace) {
    const nameEnd = scanner.string(at);
    const start = scanner.blank(scanner.colon(at) + 1);
    const end = scanner.value(start, 1);
    visit({ name: nameAt(line, text, at, nameEnd), start, end });
    at = scanner.blank(end);
    if (text.charCodeAt(at) === closeBrace) break;
    if (text.charCodeAt(at) !== comma) return 'is no JSON object';
    at = scanner.blank(at + 1);
    if (text.charCodeAt(at) === closeBrace) return 'is no JSON object';
  }
  return scanner.blank(at + 1) === text.length ? true : 'is no JSON object';
}

function nameAt(line: Buffer, text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end - 1);
  return raw.includes('\\') ? spelt(String(JSON.parse(line.toString('utf8', start, end)))) : raw;
}

/** The text of a string that stands in a line. */
export function stringAt(line: Buffer, { start, end }: Pick<Member, 'start' | 'end'>): string {
  const raw = line.toString('utf8', start + 1, end - 1);
  return raw.includes('\\') ? String(JSON.parse(`"${raw}"`)) : raw;
}
