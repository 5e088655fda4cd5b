import { firstLetter, opaqueToken, plainDomain, plainText } from './plain-text.ts';

const channelPrefix = /^(?:whatsapp|messenger|tel|sms|sips?|client|rcs):/i;
const looksDialled = /^[\p{N}+＋(]/u;
const extensionMarker = /^(?:;ext=|extension|ext\.?|x|[#,;/|&])/i;
/** Digits of the shortest full number; what follows so many digits is an extension, a note or a second number. */
const fullNumberDigits = 7;

/**
 * Hides the last four digits of a telephone number and keeps its layout, e.g. `(415) 555-2671` → `(415) 555-XXXX`.
 * Never asks whether the number is valid. Any Unicode number counts as a digit; letters count in vanity numbers.
 * What follows a full number (extension, second number, note) is hidden whole. Text that starts with a letter is
 * no number but a name, so nothing of it is kept.
 */
export function redactPhone(text: string): string {
  return redactPlainNumber(text) ?? redactAnyPhone(text);
}

/** Longest text that the short way takes. */
const plainNumberMax = 40;

/** The short way for what nearly every number is: digits with `+ - . ( )` and inner blanks. Null for all else. */
function redactPlainNumber(text: string): string | null {
  const last = text.length - 1;
  if (last < 0 || last >= plainNumberMax || text[0] === ' ' || text[last] === ' ') return null;
  let hidden = 0;
  let tail = '';
  let digits = 0;
  for (let index = last; index >= 0; index -= 1) {
    const code = text.charCodeAt(index);
    const isDigit = code >= 48 && code <= 57;
    if (!isDigit && !isLayout(code)) return null;
    if (isDigit) digits += 1;
    if (digits > 4) continue;
    hidden = index;
    tail = (isDigit ? 'X' : text[index]) + tail;
  }
  return digits === 0 ? null : text.slice(0, hidden) + tail;
}

/** Blank, brackets, plus, hyphen, full stop. */
function isLayout(code: number): boolean {
  return code === 32 || code === 40 || code === 41 || code === 43 || code === 45 || code === 46;
}

function redactAnyPhone(text: string): string {
  const line = plainText(text.trim().replace(/[\r\n\u2028\u2029]+/g, ','));
  const prefix = channelPrefix.exec(line)?.[0] ?? '';
  const rest = line.slice(prefix.length).trim();
  if (/^sips?:$/i.test(prefix)) return prefix + redactSipAddress(rest);
  if (/^client:$/i.test(prefix) && /\p{L}/u.test(rest)) return prefix + opaqueToken;
  return prefix + redactNumber(rest);
}

function redactSipAddress(address: string): string {
  const at = address.lastIndexOf('@');
  const user = (at < 0 ? address : address.slice(0, at)).split(/[:;]/, 1)[0] ?? '';
  const hidden = looksDialled.test(user) ? redactNumber(user) : `${firstLetter(user)}***`;
  if (at < 0) return looksDialled.test(user) ? hidden : opaqueToken;
  const host = address.slice(at + 1);
  if (host.startsWith('[')) return `${hidden}@[***]`;
  return `${hidden}@${plainDomain(host.split(/[:;?]/, 1)[0] ?? '') ?? '***'}`;
}

function redactNumber(text: string): string {
  const split = tailStart(text);
  const number = [...text.slice(0, split)];
  const vanity = looksDialled.test(text);
  if (!vanity && number.some((char) => /\p{L}/u.test(char))) return opaqueToken;
  const positions = number.flatMap((char, index) => (isPosition(char, vanity) ? [index] : []));
  if (positions.length === 0) return opaqueToken;
  for (const index of positions.slice(-4)) number[index] = 'X';
  return number.join('') + redactTail(text.slice(split));
}

function isPosition(char: string, vanity: boolean): boolean {
  return vanity ? /[\p{L}\p{N}]/u.test(char) : /\p{N}/u.test(char);
}

/** Index where an extension, note or second number begins: a marker or letter behind a full number. */
function tailStart(text: string): number {
  let digits = 0;
  let index = 0;
  for (const char of text) {
    if (/\p{N}/u.test(char)) digits += 1;
    else if (digits >= fullNumberDigits && /[#,;/|&\p{L}]/u.test(char)) return index;
    index += char.length;
  }
  return text.length;
}

function redactTail(tail: string): string {
  const marker = extensionMarker.exec(tail)?.[0] ?? '';
  return marker + tail.slice(marker.length).replace(/[\p{L}\p{N}]/gu, 'X');
}
