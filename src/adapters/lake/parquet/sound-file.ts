import { closeSync, openSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { refused, unreadable } from '../records/record-failure.ts';
import { FileWindow } from './file-window.ts';
import { readPageHeader } from './page-header.ts';
import { type ColumnChunk, readFooter } from './parquet-footer.ts';

/** Why a file is none, by its end. */
export const noFooter = 'it is not a Parquet file, or its footer is damaged or cut off';
/** Why nobody but who has its keys can read a file. */
export const isEncrypted = 'it is encrypted';
const wrongChecksum = 'the checksum of a page does not fit its content: the file is damaged';
const wrongHeader = 'the header of a page is damaged';

/** Codecs that the engine does not read, by the format's numbers. */
const unreadCodecs: Readonly<Record<number, string>> = { 3: 'LZO', 5: 'LZ4 in the form of Hadoop' };
const lastCodec = 7;

/** What a look at the first page of a chunk reads, and what a walk over all pages reads at a time. */
const lookBytes = 4 * 1024;
const walkBytes = 1024 * 1024;

/**
 * Looks at the end of a Parquet file for what DuckDB tells in other words or not at all; of the rest nothing is read.
 * @throws LinewardError LAKE_FILE_UNREADABLE without a footer; LAKE_TABLE_REFUSED for a file that is encrypted, if only in part, or
 * under a codec that is not read.
 */
export function expectReadable(path: string): void {
  withFile(path, (fd) => readableChunks(path, new FileWindow(fd, lookBytes)));
}

/**
 * As {@link expectReadable}, and compares the content of pages with their checksums where the writer put some down, which DuckDB
 * does not. Only files that have them are read for it. `columns` are the top-level columns to look at, null for all.
 * @throws LinewardError also LAKE_FILE_UNREADABLE for pages that are damaged.
 */
export function expectSound(path: string, columns: readonly string[] | null): void {
  withFile(path, (fd) => {
    const file = new FileWindow(fd, lookBytes);
    const chunks = readableChunks(path, file).filter(({ column }) => columns === null || columns.includes(column));
    // A writer puts checksums to all pages or to none; a damaged header must not pass for one without.
    if (chunks.some((chunk) => firstChecksum(path, file, chunk) !== null))
      walk(path, new FileWindow(fd, walkBytes), chunks);
  });
}

function withFile(path: string, work: (fd: number) => unknown): void {
  const fd = openSync(path, 'r');
  try {
    work(fd);
  } finally {
    closeSync(fd);
  }
}

function readableChunks(path: string, file: FileWindow): readonly ColumnChunk[] {
  const footer = readFooter(file);
  if (footer === null) throw unreadable(path, noFooter);
  if (footer.encrypted) throw refused(path, isEncrypted);
  expectCodecs(path, footer.chunks);
  return footer.chunks;
}

function expectCodecs(path: string, chunks: readonly ColumnChunk[]): void {
  for (const { codec } of chunks) {
    const name = codec < 0 || codec > lastCodec ? 'a codec that is unknown' : unreadCodecs[codec];
    if (name !== undefined)
      throw refused(path, `it is compressed by ${name}, which is not read; write it anew under zstd`);
  }
}

function firstChecksum(path: string, file: FileWindow, { start, end }: ColumnChunk): number | null {
  const header = readPageHeader(file, start, end);
  if (header === null) throw unreadable(path, wrongHeader);
  return header.crc;
}

function walk(path: string, file: FileWindow, chunks: readonly ColumnChunk[]): void {
  for (const { start, end } of chunks) {
    for (let place = start; place < end; ) {
      const header = readPageHeader(file, place, end);
      if (header === null) throw unreadable(path, wrongHeader);
      if (header.crc !== null && header.crc !== checksum(file, header)) throw unreadable(path, wrongChecksum);
      place = header.end;
    }
  }
}

function checksum(file: FileWindow, { start, end }: { readonly start: number; readonly end: number }): number {
  let sum = 0;
  for (let place = start; place < end; place += walkBytes)
    sum = crc32(file.read(place, Math.min(place + walkBytes, end)), sum);
  return sum;
}
