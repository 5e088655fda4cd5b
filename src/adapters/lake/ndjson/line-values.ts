import { isGzipped } from '../../../domain/lake/file-format.ts';
import { JsonScanner } from '../../../domain/privacy/json-scanner.ts';
import { LinewardError } from '../../../errors/lineward-error.ts';
import { refused, unfit } from '../records/record-failure.ts';
import type { NewTexts, RecordPiece, RenderedPiece, WalkRequest } from '../records/record-format.ts';
import type { KeyedRecord } from '../records/row-judge.ts';
import { type Span, spliced } from '../records/spliced.ts';
import { hasMark, LineKeys } from './line-keys.ts';
import { byteOrderMark, spelt, visitMembers } from './line-members.ts';
import { lineBytesMax, readLines } from './line-stream.ts';

/** A line of which the values of some columns are known by their places; those are of the line with the mark of its file. */
interface ValuedLine {
  readonly bytes: Buffer;
  /** Its number in the file, from 1. */
  readonly number: number;
  readonly record: KeyedRecord | null;
  readonly members: readonly (Span | null)[];
}

/** Walks over lines, some at a time. A value is the JSON text that stands in its line; what is null, or not there, is NULL. */
export async function walkLines(
  { path, asked, valued, onBytes }: WalkRequest,
  visit: (piece: RecordPiece) => Promise<void>,
): Promise<void> {
  const keys = new LineKeys(path, asked);
  const places = new Map(valued.map((name, index) => [spelt(name), index]));
  let number = 0;
  for await (const lines of readLines(path, isGzipped(path), onBytes)) {
    const read = lines.map((bytes): ValuedLine => {
      number += 1;
      const record = keys.read(bytes);
      const at = number === 1 && hasMark(bytes) ? byteOrderMark.length : 0;
      const members = record === null ? [] : membersOf(bytes.subarray(at), places, { path, number, at });
      return { bytes, number, record, members };
    });
    await visit(new LinePiece(path, read, valued));
  }
  keys.end();
}

function membersOf(
  line: Buffer,
  places: ReadonlyMap<string, number>,
  of: { readonly path: string; readonly number: number; readonly at: number },
): ValuedLine['members'] {
  const members: (Span | null)[] = [...places.values()].map(() => null);
  visitMembers(line, ({ name, start, end }) => {
    const place = places.get(name);
    if (place === undefined) return;
    // Of two values readers take one or the other, and the one that was left would be protected by nobody.
    if (members[place] != null)
      throw refused(of.path, `line ${of.number} has a column twice whose values are replaced`);
    members[place] = { start: start + of.at, end: end + of.at };
  });
  return members;
}

class LinePiece implements RecordPiece {
  readonly size: number;
  readonly records: readonly KeyedRecord[];
  readonly #path: string;
  readonly #lines: readonly ValuedLine[];
  /** Those that are records. */
  readonly #recorded: readonly ValuedLine[];
  readonly #columns: readonly string[];

  constructor(path: string, lines: readonly ValuedLine[], columns: readonly string[]) {
    this.#path = path;
    this.#lines = lines;
    this.#recorded = lines.filter(({ record }) => record !== null);
    this.#columns = columns;
    this.size = lines.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.records = lines.flatMap(({ record }) => record ?? []);
  }

  textsAt(index: number): readonly (string | null)[] {
    const line = this.#recorded[index];
    if (line === undefined) return [];
    return line.members.map((member) => {
      const text = member === null ? 'null' : line.bytes.toString('utf8', member.start, member.end);
      return text === 'null' ? null : text;
    });
  }

  rendered(news: ReadonlyMap<number, NewTexts>): RenderedPiece {
    const written = new Map<number, readonly (string | null)[]>();
    const parts: Buffer[] = [];
    let index = -1;
    for (const line of this.#lines) {
      if (line.record !== null) index += 1;
      const texts = line.record === null ? undefined : news.get(index);
      if (texts === undefined) parts.push(line.bytes);
      else {
        const values = texts.map((text, place) => (text === undefined ? null : this.#value(line, place, text)));
        written.set(index, values);
        parts.push(this.#spliced(line, values));
      }
    }
    return { bytes: Buffer.concat(parts), written };
  }

  /** JSON for a new value. A member that is not there has no place for one. */
  #value(line: ValuedLine, place: number, text: string | null): string {
    const value = text ?? 'null';
    if (line.members[place] != null && isOneValue(value)) return value;
    throw unfit(this.#path, this.#columns[place] ?? '');
  }

  #spliced({ bytes, number, members }: ValuedLine, values: readonly (string | null)[]): Buffer {
    const splices = values.flatMap((value, place) => {
      const member = members[place];
      return value === null || member == null ? [] : [{ ...member, value: Buffer.from(value) }];
    });
    const line = spliced(bytes, splices);
    if (line.length <= lineBytesMax) return line;
    throw refused(
      this.#path,
      `its line ${number} would become longer than ${lineBytesMax} bytes, which nobody reads back`,
    );
  }
}

/** True for the text of one JSON value that may stand in a line. */
function isOneValue(text: string): boolean {
  if (/[\r\n]/u.test(text) || !text.isWellFormed()) return false;
  const scanner = new JsonScanner(text);
  try {
    return scanner.blank(scanner.value(scanner.blank(0))) === text.length;
  } catch (error) {
    if (error instanceof LinewardError && error.code === 'VALUE_INVALID') return false;
    throw error;
  }
}
