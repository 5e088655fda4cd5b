import { zigZag } from '../byte-writer.ts';
import type { TextReplacement } from '../text-replacement.ts';
import { AvroCursor, type BlockHead, notAvro } from './avro-cursor.ts';
import type { AvroType } from './avro-type.ts';

/** Deepest nesting of data that is read. */
const depthMax = 256;

/**
 * Avro's binary encoding with other contents in its texts, bytes and keys of maps, wherever they stand; a fixed takes a content
 * of its own size alone. All else stays to the byte, but for the sizes of what is around. The same bytes where nothing is
 * replaced.
 * @throws LinewardError VALUE_INVALID for bytes that are no data of the type.
 */
export function replaceAvroTexts(type: AvroType, bytes: Uint8Array, replace: TextReplacement): Buffer {
  return new AvroTexts(bytes, replace).whole(type);
}

/** Bytes to stand in the place of others. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly bytes: Uint8Array;
}

class AvroTexts {
  readonly #cursor: AvroCursor;
  readonly #replace: TextReplacement;
  /** In the order of their places. */
  readonly #edits: Edit[] = [];
  /** Bytes that all edits add. */
  #growth = 0;

  constructor(bytes: Uint8Array, replace: TextReplacement) {
    this.#cursor = new AvroCursor(bytes);
    this.#replace = replace;
  }

  whole(type: AvroType): Buffer {
    const { bytes } = this.#cursor;
    this.#value(type, 0);
    if (this.#cursor.at !== bytes.length) throw notAvro();
    if (this.#edits.length === 0) return bytes;
    let copied = 0;
    const parts: Uint8Array[] = [];
    for (const edit of this.#edits) {
      parts.push(bytes.subarray(copied, edit.start), edit.bytes);
      copied = edit.end;
    }
    return Buffer.concat([...parts, bytes.subarray(copied)]);
  }

  #value(type: AvroType, depth: number): void {
    if (depth > depthMax) throw notAvro();
    if (type.kind === 'record') for (const field of type.fields) this.#value(field.type, depth + 1);
    else if (type.kind === 'union') this.#value(this.#cursor.branch(type).type, depth + 1);
    else if (type.kind === 'array') this.#blocks(() => this.#value(type.items, depth + 1));
    else if (type.kind === 'map') this.#blocks(() => this.#entry(type.values, depth + 1));
    else if (type.kind === 'fixed') this.#fixed(type.size);
    else if (type.kind === 'primitive' && (type.name === 'string' || type.name === 'bytes')) this.#text();
    else this.#cursor.skip(type, depth);
  }

  #entry(values: AvroType, depth: number): void {
    this.#text();
    this.#value(values, depth);
  }

  #text(): void {
    const start = this.#cursor.at;
    const replaced = this.#replace(this.#cursor.take(this.#cursor.long()));
    if (replaced === null) return;
    this.#put(this.#edits.length, start, this.#cursor.at, Buffer.concat([zigZag(replaced.length), replaced]));
  }

  #fixed(size: number): void {
    const replaced = this.#replace(this.#cursor.take(size));
    if (replaced?.length !== size) return;
    this.#put(this.#edits.length, this.#cursor.at - size, this.#cursor.at, replaced);
  }

  #blocks(item: () => void): void {
    const cursor = this.#cursor;
    for (let head = cursor.blockHead(); head !== null; head = cursor.blockHead()) {
      const [edits, growth] = [this.#edits.length, this.#growth];
      for (let index = 0; index < head.count; index += 1) item();
      this.#resize(head, edits, this.#growth - growth);
    }
  }

  /** The size of a block stands before its items, and so do its edits. */
  #resize({ size }: BlockHead, index: number, growth: number): void {
    if (size !== null && growth !== 0) this.#put(index, size.start, size.end, zigZag(size.bytes + growth));
  }

  #put(index: number, start: number, end: number, bytes: Uint8Array): void {
    this.#edits.splice(index, 0, { start, end, bytes });
    this.#growth += bytes.length - (end - start);
  }
}
