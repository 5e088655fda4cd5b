import { LinewardError } from '../../../errors/lineward-error.ts';

export interface ProtoToken {
  readonly kind: 'name' | 'number' | 'string' | 'symbol' | 'end';
  /** Source text; of a string, its bytes with one character each. */
  readonly text: string;
  readonly offset: number;
}

const pattern =
  /(?<space>\s+|\/\/[^\n]*|\/\*(?:[^*]|\*(?!\/))*\*\/)|(?<name>[A-Za-z_][\w]*)|(?<number>0[xX][\da-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?<string>"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*')|(?<symbol>[{}[\]()<>=;,.:+\-/])/suy;

/** A .proto source as tokens, without comments. Reading is one pass of a pattern that cannot backtrack far. */
export class ProtoTokens {
  readonly #source: string;
  #position = 0;
  #next: ProtoToken;
  /** The line that was named last; places are asked for in their order, so that no line is counted twice. */
  #line: { readonly number: number; readonly start: number; readonly end: number };

  constructor(source: string) {
    this.#source = source;
    this.#line = { number: 1, start: 0, end: this.#lineEnd(0) };
    this.#next = this.#read();
  }

  get next(): ProtoToken {
    return this.#next;
  }

  take(): ProtoToken {
    const token = this.#next;
    this.#next = this.#read();
    return token;
  }

  /** Takes the token when it is that symbol or word. */
  takeIf(text: string): boolean {
    if (this.#next.text !== text || this.#next.kind === 'string') return false;
    this.take();
    return true;
  }

  expect(text: string): void {
    if (!this.takeIf(text)) throw this.fault(`expected "${text}"`);
  }

  name(what: string): string {
    if (this.#next.kind !== 'name') throw this.fault(`expected ${what}`);
    return this.take().text;
  }

  /** Names joined by dots, with or without a leading one. */
  path(what: string): string {
    let text = this.takeIf('.') ? '.' : '';
    text += this.name(what);
    while (this.takeIf('.')) text += `.${this.name(what)}`;
    return text;
  }

  string(what: string): string {
    if (this.#next.kind !== 'string') throw this.fault(`expected ${what} in quotes`);
    let text = this.take().text;
    while (this.#next.kind === 'string') text += this.take().text;
    return textOf(text);
  }

  integer(what: string): number {
    const sign = this.takeIf('-') ? -1 : 1;
    const { text } = this.#next;
    const value = /^0[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number(text);
    if (this.#next.kind !== 'number' || !Number.isSafeInteger(value)) throw this.fault(`expected ${what}`);
    this.take();
    return sign * value;
  }

  /** `line:column` of the next token. */
  at(offset = this.#next.offset): string {
    while (this.#line.end < offset) {
      const start = this.#line.end + 1;
      this.#line = { number: this.#line.number + 1, start, end: this.#lineEnd(start) };
    }
    return `${this.#line.number}:${offset - this.#line.start + 1}`;
  }

  #lineEnd(start: number): number {
    const end = this.#source.indexOf('\n', start);
    return end === -1 ? this.#source.length : end;
  }

  fault(message: string): LinewardError {
    const { kind, text } = this.#next;
    const found = kind === 'end' ? 'the end of the file' : kind === 'string' ? 'a string' : `"${text.slice(0, 40)}"`;
    return protoFault(`${message}, found ${found}`, this.at());
  }

  #read(): ProtoToken {
    for (;;) {
      if (this.#position >= this.#source.length) return { kind: 'end', text: '', offset: this.#source.length };
      pattern.lastIndex = this.#position;
      const { groups } = pattern.exec(this.#source) ?? {};
      const offset = this.#position;
      if (groups === undefined)
        throw protoFault('this is no token; a string or comment may not be closed', this.at(offset));
      const text = Object.values(groups).find((group) => group !== undefined) ?? '';
      this.#position += text.length;
      if (groups.space !== undefined) continue;
      if (groups.string !== undefined) return { kind: 'string', text: bytesOf(text), offset };
      const kind = groups.name !== undefined ? 'name' : groups.number !== undefined ? 'number' : 'symbol';
      return { kind, text, offset };
    }
  }
}

/** An error of a .proto source at `line:column`. */
export function protoFault(message: string, at: string): LinewardError {
  return new LinewardError('SCHEMA_INVALID', `schema ${at}: ${message}`, { path: ['schema', at] });
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' };

/** Bytes of a literal with one character each: numeric escapes name bytes, all other characters stand for their UTF-8. */
function bytesOf(literal: string): string {
  return utf8(literal.slice(1, -1)).replace(
    /\\(?:([0-7]{1,3})|[xX]([\da-fA-F]{1,2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|(.))/gs,
    (_, octal, hex, short, long, char) => {
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) % 256);
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      const code = short ?? long;
      if (code !== undefined) return utf8(String.fromCodePoint(Math.min(Number.parseInt(code, 16), 0x10_ffff)));
      return escapes[char] ?? char;
    },
  );
}

function utf8(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Bytes as text. Those that are no UTF-8 become half surrogates, one for each byte above 127, and are quoted as bytes again. */
function textOf(bytes: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(bytes, 'latin1'));
  } catch {
    return halfSurrogates(bytes);
  }
}

function halfSurrogates(bytes: string): string {
  return bytes.replace(/[\x80-\xff]/g, (byte) => String.fromCharCode(0xdc00 + byte.charCodeAt(0)));
}

/** What a literal with its quotes means. */
export function stringLiteral(literal: string): string {
  return textOf(bytesOf(literal));
}

/** The bytes of a text in printable characters, as a descriptor writes the default value of a field of bytes. */
export function escapedBytes(text: string): string {
  return quoted(halfSurrogates(bytesOf(quoted(text)))).slice(1, -1);
}

/** A string as .proto source. */
export function quoted(text: string): string {
  const escaped = text.replace(/["\\\p{Cc}\udc80-\udcff]/gu, (char) => {
    if (char === '"' || char === '\\') return `\\${char}`;
    const named = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[char];
    const code = char.charCodeAt(0);
    const isByte = code < 0x80 || code >= 0xdc80;
    return named ?? (isByte ? `\\${(code % 256).toString(8).padStart(3, '0')}` : char);
  });
  return `"${escaped}"`;
}
