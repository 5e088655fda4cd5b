import type { Readable } from 'node:stream';
import { strictUtf8 } from '../../domain/strict-utf8.ts';
import { LinewardError } from '../../errors/lineward-error.ts';

const [quote, backslash, openBrace, closeBrace] = [0x22, 0x5c, 0x7b, 0x7d];
const blanks: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);

/**
 * The texts of JSON objects that follow each other in a stream, with blanks or nothing between them, as soon as each is whole:
 * those that end within one chunk together, and never an empty list.
 * @throws LinewardError MESSAGE_INVALID for anything between objects, an object that does not end, and bytes that are no UTF-8;
 * LIMIT_EXCEEDED for an object of more bytes than the limit, of which no more than that is kept.
 */
export async function* jsonDocuments(stream: Readable, bytesMax: number): AsyncGenerator<readonly string[]> {
  const reader = new DocumentReader(bytesMax);
  for await (const chunk of stream) {
    const found = reader.read(chunk as Buffer);
    if (found.length > 0) yield found;
    if (reader.fault !== null) throw reader.fault;
  }
  if (reader.isWithin) throw broken('the last object does not end');
}

class DocumentReader {
  readonly #bytesMax: number;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #depth = 0;
  #isText = false;
  #isEscaped = false;
  /** Why nothing after the objects that were found can be read. */
  fault: LinewardError | null = null;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get isWithin(): boolean {
    return this.#depth > 0;
  }

  read(chunk: Buffer): readonly string[] {
    const found: string[] = [];
    let start = this.isWithin ? 0 : -1;
    for (let index = 0; index < chunk.length && this.fault === null; index += 1) {
      const byte = chunk[index] ?? 0;
      if (this.#depth === 0) {
        if (blanks.has(byte)) continue;
        if (byte !== openBrace)
          this.fault = broken('objects stand one after the other, with nothing else between them');
        this.#depth = 1;
        start = index;
      } else if (this.#ends(byte)) {
        this.#keep(chunk.subarray(start, index + 1));
        if (this.fault === null) this.#take(found);
        start = -1;
      }
    }
    if (start >= 0 && this.fault === null) this.#keep(chunk.subarray(start));
    return found;
  }

  /** Whether the object ends with this byte. Braces in texts are no braces; brackets are the parser's to judge. */
  #ends(byte: number): boolean {
    if (this.#isText) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === backslash) this.#isEscaped = true;
      else if (byte === quote) this.#isText = false;
      return false;
    }
    if (byte === quote) this.#isText = true;
    else if (byte === openBrace) this.#depth += 1;
    else if (byte === closeBrace) this.#depth -= 1;
    return this.#depth === 0;
  }

  #keep(part: Buffer): void {
    this.#keptBytes += part.length;
    if (this.#keptBytes > this.#bytesMax) {
      this.#kept = [];
      this.fault = new LinewardError('LIMIT_EXCEEDED', `A record has more than ${this.#bytesMax} bytes.`);
    } else this.#kept.push(part);
  }

  #take(found: string[]): void {
    const text = strictUtf8(Buffer.concat(this.#kept));
    this.#kept = [];
    this.#keptBytes = 0;
    if (text === null) this.fault = broken('it is no UTF-8');
    else found.push(text);
  }
}

function broken(why: string): LinewardError {
  return new LinewardError('MESSAGE_INVALID', `The stream of records cannot be read further: ${why}.`);
}
