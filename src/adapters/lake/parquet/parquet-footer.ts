import type { FileWindow } from './file-window.ts';
import { binary, list, struct, ThriftReader, whole } from './thrift-reader.ts';

/** Where the pages of one column in one row group lie, from `start` to before `end`. */
export interface ColumnChunk {
  /** The top-level column. */
  readonly column: string;
  /** The format's number of the codec. */
  readonly codec: number;
  readonly start: number;
  readonly end: number;
}

/** What the end of a Parquet file tells of its pages. */
export type ParquetFooter =
  | { readonly encrypted: true }
  | { readonly encrypted: false; readonly chunks: readonly ColumnChunk[] };

/** Length of the footer and the magic number. */
const trailerBytes = 8;

/** Reads the footer; null where there is none, or one that cannot be. */
export function readFooter(file: FileWindow): ParquetFooter | null {
  const trailer = Buffer.from(file.read(Math.max(0, file.bytes - trailerBytes), file.bytes));
  if (trailer.length < trailerBytes) return null;
  const magic = trailer.toString('latin1', 4);
  if (magic === 'PARE') return { encrypted: true };
  const end = file.bytes - trailerBytes;
  const start = end - trailer.readUInt32LE(0);
  if (magic !== 'PAR1' || start < 0) return null;
  try {
    return footerOf(file.read(start, end), start);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** Numbers are those of the fields of `FileMetaData` and of what is in it. */
function footerOf(bytes: Buffer, pagesEnd: number): ParquetFooter | null {
  const chunks: ColumnChunk[] = [];
  let encrypted = false;
  let facts = noFacts();
  const columnMetaData = struct({
    3: list(
      binary((name) => {
        facts.column ??= name.toString('utf8');
      }),
    ),
    4: whole((codec) => {
      facts.codec = codec;
    }),
    7: whole((bytesStored) => {
      facts.bytes = bytesStored;
    }),
    9: whole((place) => {
      facts.firstPage = place;
    }),
    11: whole((place) => {
      facts.dictionary = place;
    }),
  });
  const columnChunk = struct({ 3: columnMetaData }, () => {
    chunks.push(chunkOf(facts));
    facts = noFacts();
  });
  new ThriftReader(bytes).struct({
    4: list(struct({ 1: list(columnChunk) })),
    // The algorithm of an encryption under a footer that is plain.
    8: struct({}, () => {
      encrypted = true;
    }),
  });
  if (encrypted) return { encrypted };
  const isWithin = ({ start, end }: ColumnChunk): boolean => start >= 0 && start <= end && end <= pagesEnd;
  // A column of no rows may have no page.
  return chunks.every(isWithin) ? { encrypted, chunks: chunks.filter(({ start, end }) => start < end) } : null;
}

const noFacts = () => ({ column: null as string | null, codec: 0, bytes: 0, firstPage: 0, dictionary: 0 });

function chunkOf({ column, codec, bytes, firstPage, dictionary }: ReturnType<typeof noFacts>): ColumnChunk {
  // Some writers say 0 where there is no dictionary.
  const start = dictionary > 0 ? Math.min(dictionary, firstPage) : firstPage;
  return { column: column ?? '', codec, start, end: start + bytes };
}
