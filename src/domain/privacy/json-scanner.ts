import { LinewardError } from '../../errors/lineward-error.ts';

/** Deepest nesting that is read. */
const depthMax = 512;

/**
 * Walks over JSON text (RFC 8259) without making values of it: each method takes the place where a value begins and answers the
 * place behind it. What is skipped is checked as strictly as `JSON.parse` would.
 */
export class JsonScanner {
  readonly text: string;
  /** True once a string with an escape was walked over: of most texts none is. */
  #hasEscapes = false;

  constructor(text: string) {
    this.text = text;
  }

  /** The place of the next character that is no white space. */
  blank(at: number): number {
    const { text } = this;
    let index = at;
    while (index < text.length) {
      const code = text.charCodeAt(index);
      if (code > 32 || (code !== 32 && code !== 10 && code !== 13 && code !== 9)) break;
      index += 1;
    }
    return index;
  }

  /** Behind any value. @throws LinewardError VALUE_INVALID for what is no JSON, or is nested deeper than 512 levels. */
  value(at: number, depth = 0): number {
    const code = this.text.charCodeAt(at);
    if (code === 34) return this.string(at);
    if (code === 45 || (code >= 48 && code <= 57)) return this.#number(at);
    if (code === 123 || code === 91) return this.#container(at, code === 123, depth);
    for (const word of ['true', 'false', 'null']) if (this.text.startsWith(word, at)) return at + word.length;
    throw noJson();
  }

  /** Behind a string. */
  string(at: number): number {
    const { text } = this;
    const { length } = text;
    let index = at + 1;
    while (index < length) {
      const code = text.charCodeAt(index);
      // Letters and digits first: they are most of a string.
      if (code > 34 && code !== 92) index += 1;
      else if (code === 34) return index + 1;
      else if (code === 92) index = this.#escape(index);
      else if (code < 32) break;
      else index += 1;
    }
    throw noJson();
  }

  /** The value of a string that was walked over, between its two places. */
  textOf(start: number, end: number): string {
    const raw = this.text.slice(start + 1, end - 1);
    if (!this.#hasEscapes || !raw.includes('\\')) return raw;
    const value: unknown = JSON.parse(this.text.slice(start, end));
    return String(value);
  }

  #escape(at: number): number {
    this.#hasEscapes = true;
    const letter = this.text.charAt(at + 1);
    if (letter !== '' && '"\\/bfnrt'.includes(letter)) return at + 2;
    if (letter === 'u' && /^[\da-fA-F]{4}$/.test(this.text.slice(at + 2, at + 6))) return at + 6;
    throw noJson();
  }

  #number(at: number): number {
    let index = this.text.charCodeAt(at) === 45 ? at + 1 : at;
    index = this.text.charCodeAt(index) === 48 ? index + 1 : this.#digits(index);
    if (this.text.charCodeAt(index) === 46) index = this.#digits(index + 1);
    const exponent = this.text.charCodeAt(index);
    if (exponent !== 69 && exponent !== 101) return index;
    const sign = this.text.charCodeAt(index + 1);
    return this.#digits(sign === 43 || sign === 45 ? index + 2 : index + 1);
  }

  #digits(at: number): number {
    let index = at;
    for (;;) {
      const code = this.text.charCodeAt(index);
      if (!(code >= 48 && code <= 57)) break;
      index += 1;
    }
    if (index === at) throw noJson();
    return index;
  }

  #container(at: number, isObject: boolean, depth: number): number {
    if (depth >= depthMax)
      throw new LinewardError('VALUE_INVALID', `The JSON is nested deeper than ${depthMax} levels.`);
    const close = isObject ? 125 : 93;
    let index = this.blank(at + 1);
    if (this.text.charCodeAt(index) === close) return index + 1;
    for (;;) {
      if (isObject) index = this.blank(this.colon(index) + 1);
      index = this.blank(this.value(index, depth + 1));
      const code = this.text.charCodeAt(index);
      if (code === close) return index + 1;
      if (code !== 44) throw noJson();
      index = this.blank(index + 1);
    }
  }

  /** The place of the colon behind the key that begins here. */
  colon(at: number): number {
    if (this.text.charCodeAt(at) !== 34) throw noJson();
    const index = this.blank(this.string(at));
    if (this.text.charCodeAt(index) !== 58) throw noJson();
    return index;
  }
}

/** What is answered for text that is no JSON; it never quotes the text. */
export function noJson(): LinewardError {
  return new LinewardError('VALUE_INVALID', 'The message is not valid JSON.');
}
