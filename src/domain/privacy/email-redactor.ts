import { firstLetter, plainDomain, plainText } from './plain-text.ts';

/** Stands between the first letter and the domain, and alone where there is no address to keep a part of. */
export const emailFiller = '***';

/**
 * Keeps the first letter and the domain of a mail address: `user+tag@x.com` → `u***@x.com`. Lists are redacted item
 * by item. Understands display names, quoted local parts and comments (RFC 5322); what is unbalanced becomes `***`.
 */
export function redactEmail(text: string): string {
  return redactPlainAddress(text) ?? redactAnyAddress(text);
}

/** The short way for what nearly every address is: `local@domain` of ASCII letters, digits and `. _ % + -`. Null for all else. */
function redactPlainAddress(text: string): string | null {
  if (text.length > 254 || !isAlphanumeric(text.charCodeAt(0))) return null;
  let at = -1;
  for (let index = 1; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    // Full stop and hyphen stand on both sides of the @, percent, plus and low line only before it.
    if (isAlphanumeric(code) || code === 45 || code === 46) continue;
    if (at >= 0) return null;
    if (code === 64) at = index;
    else if (code !== 37 && code !== 43 && code !== 95) return null;
  }
  if (at < 0 || at === text.length - 1) return null;
  return `${text[0]}${emailFiller}${text.slice(at)}`;
}

function isAlphanumeric(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 48 && code <= 57) || (code >= 65 && code <= 90);
}

function redactAnyAddress(text: string): string {
  const items = splitTopLevel(plainText(text).replace(/^mailto:/i, ''));
  if (items === null) return emailFiller;
  const redacted = items.filter((item) => !item.isBlank()).map(redactAddress);
  return redacted.length === 0 ? emailFiller : redacted.join(', ');
}

/** One list item cut into the characters that count: comments dropped, quoted text marked as such. */
class AddressItem {
  readonly #chars: string[] = [];
  readonly #quoted: boolean[] = [];

  push(char: string, quoted: boolean): void {
    this.#chars.push(char);
    this.#quoted.push(quoted);
  }

  isBlank(): boolean {
    return this.#chars.every((char) => char === ' ');
  }

  lastUnquoted(char: string): number {
    for (let index = this.#chars.length - 1; index >= 0; index -= 1) {
      if (this.#chars[index] === char && this.#quoted[index] === false) return index;
    }
    return -1;
  }

  slice(start: number, end?: number): string {
    return this.#chars.slice(start, end).join('').trim();
  }
}

/** The items of a list, or null when quotes, comments or angle brackets do not balance. */
function splitTopLevel(text: string): readonly AddressItem[] | null {
  let item = new AddressItem();
  const items = [item];
  const open = { quote: false, angle: false, literal: false, comments: 0 };
  let escaped = false;
  for (const char of text) {
    if (escaped || (char === '\\' && (open.quote || open.comments > 0))) {
      if (escaped && open.comments === 0) item.push(char, true);
      escaped = !escaped;
    } else if (open.comments > 0) {
      open.comments += char === '(' ? 1 : char === ')' ? -1 : 0;
    } else if (char === '"') {
      open.quote = !open.quote;
    } else if (open.quote) {
      item.push(char, true);
    } else if (char === '(') {
      open.comments = 1;
    } else if (char === ')' || !bracketFits(char, open)) {
      return null;
    } else if ((char === ',' || char === ';') && !open.angle && !open.literal) {
      item = new AddressItem();
      items.push(item);
    } else {
      item.push(char, false);
    }
  }
  return escaped || open.quote || open.angle || open.literal || open.comments > 0 ? null : items;
}

function bracketFits(char: string, open: { angle: boolean; literal: boolean }): boolean {
  if (char === '<' || char === '>') {
    if (open.angle === (char === '<')) return false;
    open.angle = char === '<';
  } else if (char === '[' || char === ']') {
    if (open.literal === (char === '[')) return false;
    open.literal = char === '[';
  }
  return true;
}

function redactAddress(item: AddressItem): string {
  const opening = item.lastUnquoted('<');
  const closing = item.lastUnquoted('>');
  if (closing >= 0 && item.slice(closing + 1) !== '') return emailFiller;
  const end = closing < 0 ? undefined : closing;
  const at = item.lastUnquoted('@');
  const local = at < 0 ? '' : item.slice(opening + 1, at);
  if (local === '' || at < opening) return emailFiller;
  const domain = item.slice(at + 1, end);
  const shown = domain.startsWith('[') ? '[***]' : (plainDomain(domain) ?? emailFiller);
  return `${firstLetter(local)}${emailFiller}@${shown}`;
}
