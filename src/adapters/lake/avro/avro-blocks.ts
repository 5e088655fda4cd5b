import { AvroCursor } from '../../../domain/registry/avro/avro-cursor.ts';
import { zigZag } from '../../../domain/registry/byte-writer.ts';
import { LinewardError } from '../../../errors/lineward-error.ts';
import { refused, unreadable } from '../records/record-failure.ts';
import type { NewTexts, RecordPiece, RenderedPiece } from '../records/record-format.ts';
import type { KeyedRecord } from '../records/row-judge.ts';
import { type Span, spliced } from '../records/spliced.ts';
import { blockBytesMax } from './avro-codecs.ts';
import type { RecordKeys } from './avro-columns.ts';
import type { AvroBlock, AvroContainer } from './avro-container.ts';
import { writtenValue } from './avro-relation.ts';
import type { FieldValues } from './avro-values.ts';

interface ReadRecord {
  readonly record: KeyedRecord;
  /** What it is among the records of its block. */
  readonly bytes: Buffer;
}

/** Records of a block with the bytes that they are. */
export function* recordsOf(container: AvroContainer, block: AvroBlock, keys: RecordKeys): Generator<ReadRecord> {
  const content = container.contentOf(block);
  const damaged = () => damagedAt(container, block);
  // Every record has a key, and a key has at least one byte.
  if (block.records > content.length) throw damaged();
  const cursor = new AvroCursor(content);
  for (let index = 0; index < block.records; index += 1) {
    const start = cursor.at;
    const record = nextOf(keys, cursor);
    if (record === null) throw damaged();
    yield { record, bytes: content.subarray(start, cursor.at) };
  }
  if (cursor.at !== content.length) throw damaged();
}

const damagedAt = ({ path }: AvroContainer, { at }: AvroBlock): LinewardError =>
  unreadable(path, `records of its block at byte ${at} do not fit its schema`);

function nextOf(keys: RecordKeys, cursor: AvroCursor): KeyedRecord | null {
  try {
    return keys.next(cursor);
  } catch (error) {
    if (error instanceof LinewardError && error.code === 'VALUE_INVALID') return null;
    throw error;
  }
}

/** Records as a block of their own, under the codec of the file. */
export function blockOf({ codec, sync }: AvroContainer, records: readonly Buffer[]): Buffer {
  const data = codec.compress(Buffer.concat(records));
  return Buffer.concat([zigZag(records.length), zigZag(data.length), data, sync]);
}

/** A block, with values of some fields of its records. */
export class BlockPiece implements RecordPiece {
  readonly size: number;
  readonly records: readonly KeyedRecord[];
  readonly #container: AvroContainer;
  readonly #block: AvroBlock;
  readonly #read: readonly ReadRecord[];
  readonly #values: FieldValues;

  constructor(
    container: AvroContainer,
    block: AvroBlock,
    { read, values }: { readonly read: readonly ReadRecord[]; readonly values: FieldValues },
  ) {
    this.#container = container;
    this.#block = block;
    this.#read = read;
    this.#values = values;
    this.size = read.reduce((sum, { bytes }) => sum + bytes.length, block.raw.length);
    this.records = read.map(({ record }) => record);
  }

  textsAt(index: number): readonly (string | null)[] {
    const { bytes } = this.#at(index);
    return this.#spans(bytes).map(({ start, end }, place) => this.#text(place, bytes.subarray(start, end)));
  }

  rendered(news: ReadonlyMap<number, NewTexts>): RenderedPiece {
    if (news.size === 0) return { bytes: this.#block.raw, written: new Map() };
    const written = new Map<number, readonly (string | null)[]>();
    const parts = this.#read.map(({ bytes }, index) => {
      const texts = news.get(index);
      if (texts === undefined) return bytes;
      const spans = this.#spans(bytes);
      const values = texts.map((text, place) => {
        const { start, end } = spans[place] ?? { start: 0, end: 0 };
        return text === undefined
          ? null
          : { start, end, value: this.#values.bytes(place, text, bytes.subarray(start, end)) };
      });
      written.set(
        index,
        values.map((value) => (value === null ? null : writtenValue(value.value))),
      );
      return spliced(
        bytes,
        values.filter((value) => value !== null),
      );
    });
    const { path } = this.#container;
    if (parts.reduce((sum, { length }) => sum + length, 0) > blockBytesMax)
      throw refused(path, `its block at byte ${this.#block.at} would become larger than ${blockBytesMax} bytes`);
    return { bytes: blockOf(this.#container, parts), written };
  }

  #at(index: number): ReadRecord {
    return this.#read[index] ?? { record: { keys: [], day: null }, bytes: Buffer.alloc(0) };
  }

  #spans(bytes: Buffer): readonly Span[] {
    return this.#values.spans(new AvroCursor(bytes));
  }

  #text(place: number, bytes: Buffer): string | null {
    try {
      return this.#values.text(place, bytes);
    } catch (error) {
      if (error instanceof LinewardError && error.code === 'VALUE_INVALID')
        throw damagedAt(this.#container, this.#block);
      throw error;
    }
  }
}
