import { LinewardError } from '../../errors/lineward-error.ts';

/** Deepest nesting of JSON that is read. */
export const depthMax = 512;

/** A JSON number in a spelling that a double would not give back: `1.0`, `1e3`, or more digits than 2^53 has. */
export class ExactNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A JSON object as `readJson` gives it: without a prototype, so that no key is special. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber);
}

/** The value of a number of `readJson`; null for anything else. */
export function numberOf(value: unknown): number | null {
  if (value instanceof ExactNumber) return Number(value.text);
  return typeof value === 'number' ? value : null;
}

/**
 * Reads JSON so that it can be printed again as it was: numbers keep their spelling and `__proto__` is a key like any other.
 * @throws LinewardError SCHEMA_INVALID for text that is not JSON or is nested deeper than 512 levels.
 */
export function readJson(text: string): unknown {
  const { hasOtherNumbers } = scan(text);
  try {
    // A reviver that is told the spelling of each value makes the parser several times slower.
    return bare(hasOtherNumbers ? JSON.parse(text, spelled) : JSON.parse(text));
  } catch {
    throw new LinewardError('SCHEMA_INVALID', `schema: is not valid JSON${placeOfFault(text)}`, { path: ['schema'] });
  }
}

function spelled(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' ? exact(value, context?.source) : value;
}

/** The value with objects that have no prototype: JSON.parse makes `__proto__` an own key, and so it stays one. */
function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare);
  if (!isJsonObject(value)) return value;
  const copy: Record<string, unknown> = Object.create(null);
  for (const key of Object.keys(value)) copy[key] = bare(value[key]);
  return copy;
}

function exact(value: number, source: string | undefined): number | ExactNumber {
  return source === undefined || source === String(value) ? value : new ExactNumber(source);
}

function placeOfFault(text: string): string {
  if (text.trim() === '') return ': it is empty';
  try {
    JSON.parse(text);
    return '';
  } catch (error) {
    const place = /position \d+( \(line \d+ column \d+\))?/.exec(error instanceof Error ? error.message : '');
    return place === null ? ': it ends too early' : ` at ${place[0]}`;
  }
}

const [quote, openBrace, closeBrace, openBracket, closeBracket] = [...'"{}[]'].map((char) => char.charCodeAt(0));
const [minus, zero, nine] = [...'-09'].map((char) => char.charCodeAt(0)) as [number, number, number];
/** A number that is spelled as JavaScript prints it, whatever comes after it. */
const plainNumber = /-?[1-9]\d{0,14}(?![\d.eE])|0(?![\d.eE])/y;

/**
 * What is to be known before parsing: that the parser's own walk will not run out of stack, and whether a number may be
 * spelled in a way that its value does not give back.
 */
function scan(text: string): { readonly hasOtherNumbers: boolean } {
  let depth = 0;
  let hasOtherNumbers = false;
  for (let index = 0; index < text.length; index += 1) {
    const char = text.charCodeAt(index);
    if (char === quote) index = endOfString(text, index);
    else if (char === openBrace || char === openBracket) depth += 1;
    else if (char === closeBrace || char === closeBracket) depth -= 1;
    else if (char === minus || (char >= zero && char <= nine)) {
      plainNumber.lastIndex = index;
      if (plainNumber.test(text)) index = plainNumber.lastIndex - 1;
      else hasOtherNumbers = true;
    }
    if (depth > depthMax) {
      throw new LinewardError('SCHEMA_INVALID', `schema: is nested deeper than ${depthMax} levels`, {
        path: ['schema'],
      });
    }
  }
  return { hasOtherNumbers };
}

/** Whether a value is nested deeper than JSON is read here: checks and printers that walk into it run out of stack. */
export function isTooDeep(value: unknown, level = 0): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return level >= depthMax || Object.values(value).some((inner) => isTooDeep(inner, level + 1));
}

/** Whether an object of a JSON text has a key twice; `value` is what the text was read to, which keeps one of them. */
export function repeatsKeys(text: string, value: unknown): boolean {
  let colons = 0;
  for (let index = 0; index < text.length; index += 1) {
    const char = text[index];
    if (char === '"') index = endOfString(text, index);
    else if (char === ':') colons += 1;
  }
  return colons > keysIn(value);
}

function keysIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const inner = Object.values(value);
  return inner.reduce<number>((sum, one) => sum + keysIn(one), Array.isArray(value) ? 0 : inner.length);
}

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end > 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end < 0 ? text.length : end;
}

/** Whether an odd number of backslashes comes before. */
function isEscaped(text: string, index: number): boolean {
  let before = index;
  while (text[before - 1] === '\\') before -= 1;
  return (index - before) % 2 === 1;
}

/** Compact JSON text of a value of `readJson`, keys in the order given. */
export function printJson(value: unknown): string {
  if (value instanceof ExactNumber) return value.text;
  if (Array.isArray(value)) return `[${value.map(printJson).join(',')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}:${printJson(member)}`);
  return `{${members.join(',')}}`;
}
