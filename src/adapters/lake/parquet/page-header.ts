import type { FileWindow } from './file-window.ts';
import { struct, ThriftReader, whole } from './thrift-reader.ts';

/** The header in front of a page. */
export interface PageHeader {
  /** Place of the page's content, as it is stored. */
  readonly start: number;
  readonly end: number;
  /** CRC-32 of that content, where the writer put one down. */
  readonly crc: number | null;
}

/** Most headers fit; statistics of long values make them longer. */
const headerBytes = 256;
/** What claims to be longer is no header. */
const headerBytesMax = 16 * 1024 * 1024;

/** Kinds of pages by the format's numbers, and the field in which the header of each has what is its own. */
const kindFields: Readonly<Record<number, number | null>> = { 0: 5, 1: null, 2: 7, 3: 8 };

/** Reads the header of the page at `start` in a column chunk; null where there is none that fits into the chunk. */
export function readPageHeader(file: FileWindow, start: number, chunkEnd: number): PageHeader | null {
  for (let length = headerBytes; ; length *= 16) {
    const read = headerIn(file.read(start, Math.min(start + length, chunkEnd)));
    if (read !== null) return pageOf(read, start, chunkEnd);
    if (length >= Math.min(headerBytesMax, chunkEnd - start)) return null;
  }
}

interface HeaderFacts {
  kind: number;
  bytes: number;
  crc: number | null;
  /** Kinds of which it has something. */
  readonly has: Set<number>;
  length: number;
}

/** Numbers are those of the fields of `PageHeader`. Null where the bytes are none, or too few. */
function headerIn(bytes: Buffer): HeaderFacts | null {
  const facts: HeaderFacts = { kind: -1, bytes: -1, crc: null, has: new Set(), length: 0 };
  const reader = new ThriftReader(bytes);
  try {
    reader.struct({
      1: whole((kind) => {
        facts.kind = kind;
      }),
      3: whole((bytesStored) => {
        facts.bytes = bytesStored;
      }),
      4: whole((crc) => {
        // Signed in the file.
        facts.crc = crc >>> 0;
      }),
      5: struct({}, () => facts.has.add(5)),
      7: struct({}, () => facts.has.add(7)),
      8: struct({}, () => facts.has.add(8)),
    });
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
  facts.length = reader.place;
  return facts;
}

function pageOf(
  { kind, bytes, crc, has, length }: HeaderFacts,
  headerStart: number,
  chunkEnd: number,
): PageHeader | null {
  const field = kindFields[kind];
  const start = headerStart + length;
  if (field === undefined || (field !== null && !has.has(field))) return null;
  return bytes < 0 || start + bytes > chunkEnd ? null : { start, end: start + bytes, crc };
}
