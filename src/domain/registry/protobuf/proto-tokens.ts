import { LinewardError } from '../../../errors/lineward-error.ts';

export interface ProtoToken {
  readonly kind: 'name' | 'number' | 'string' | 'symbol' | 'end';
  /** Source text; of a string, what it means. */
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

  constructor(source: string) {
    this.#source = source;
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
    return text;
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
    const before = this.#source.slice(0, offset);
    return `${before.split('\n').length}:${offset - before.lastIndexOf('\n')}`;
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
      if (groups.string !== undefined) return { kind: 'string', text: unquoted(text), offset };
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

function unquoted(literal: string): string {
  return literal
    .slice(1, -1)
    .replace(
      /\\(?:([0-7]{1,3})|[xX]([\da-fA-F]{1,2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|(.))/gs,
      (_, octal, hex, short, long, char) => {
        if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
        const code = hex ?? short ?? long;
        if (code !== undefined) return String.fromCodePoint(Math.min(Number.parseInt(code, 16), 0x10_ffff));
        return escapes[char] ?? char;
      },
    );
}

/** A string as .proto source. */
export function quoted(text: string): string {
  const escaped = text.replace(/["\\\n\r\t\p{Cc}]/gu, (char) => {
    if (char === '"' || char === '\\') return `\\${char}`;
    const named = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[char];
    return named ?? `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`;
  });
  return `"${escaped}"`;
}
