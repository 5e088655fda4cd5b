import { createReadStream, createWriteStream, type WriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { writeFailure } from '../duckdb/duckdb-failure.ts';
import { unreadable } from '../records/record-failure.ts';

/** Longest line that is read: DuckDB, which proves the work, reads twice as much. */
export const lineBytesMax = 8 * 1024 * 1024;
const chunkBytes = 256 * 1024;
const newline = 10;

/** Lines of a file in order, each with its line break, some at a time; no byte of the file is missing. */
export async function* readLines(
  path: string,
  isGzip: boolean,
  onBytes?: (bytes: Buffer) => void,
): AsyncGenerator<readonly Buffer[]> {
  let carried: Buffer[] = [];
  let carriedBytes = 0;
  let number = 1;
  for await (const chunk of contentOf(path, isGzip, onBytes)) {
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      const part = chunk.subarray(start, end + 1);
      const line = carried.length === 0 ? part : Buffer.concat([...carried, part]);
      expectShort(path, line.length, number);
      lines.push(line);
      [carried, carriedBytes] = [[], 0];
      start = end + 1;
      number += 1;
    }
    if (start < chunk.length) {
      carried.push(chunk.subarray(start));
      carriedBytes += chunk.length - start;
      expectShort(path, carriedBytes, number);
    }
    if (lines.length > 0) yield lines;
  }
  if (carried.length > 0) yield [Buffer.concat(carried)];
}

function expectShort(path: string, bytes: number, number: number): void {
  if (bytes > lineBytesMax) throw unreadable(path, `line ${number} is longer than ${lineBytesMax} bytes`);
}

async function* contentOf(
  path: string,
  isGzip: boolean,
  onBytes: ((bytes: Buffer) => void) | undefined,
): AsyncGenerator<Buffer> {
  if (!isGzip) {
    for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes }) as AsyncIterable<Buffer>) {
      onBytes?.(chunk);
      yield chunk;
    }
    return;
  }
  const { size } = await stat(path);
  const file = createReadStream(path, { highWaterMark: chunkBytes });
  const unzipped = createGunzip({ chunkSize: chunkBytes });
  // Nothing is waited for until both take part: whoever listens sets the bytes flowing, and what flows before the other is there is lost.
  if (onBytes !== undefined) file.on('data', (chunk) => onBytes(Buffer.from(chunk)));
  file.on('error', (error) => unzipped.destroy(error)).pipe(unzipped);
  try {
    yield* unzipped as AsyncIterable<Buffer>;
    if (unzipped.bytesWritten !== size) throw unreadable(path, 'there are bytes behind the end of its gzip data');
  } catch (error) {
    throw isDamage(error) ? unreadable(path, 'its gzip data is damaged or cut off') : error;
  } finally {
    // Nobody waits for the two: who reads no further may leave a chunk behind that is never unzipped.
    file.destroy();
    unzipped.destroy();
  }
}

const isDamage = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && /^Z_/u.test(String(error.code));

/** Writes lines to a new file, compressed as asked. */
export class LineWriter {
  readonly #path: string;
  readonly #file: WriteStream;
  readonly #target: Writable;
  readonly #ended: Promise<void>;

  constructor(path: string, isGzip: boolean) {
    this.#path = path;
    const gzip = isGzip ? createGzip() : null;
    this.#file = createWriteStream(path);
    this.#target = gzip ?? this.#file;
    this.#ended = gzip === null ? finished(this.#file) : pipeline(gzip, this.#file);
    // It is waited for at the end; before that a failure must not pass for one that nobody looks at, nor one of a broken-off write.
    this.#ended.catch(() => undefined);
    for (const stream of [this.#target, this.#file]) stream.on('error', () => undefined);
  }

  async write(bytes: Buffer): Promise<void> {
    if (bytes.length === 0) return;
    await this.#failing(
      () =>
        new Promise<void>((resolve, reject) =>
          this.#target.write(bytes, (error) => (error ? reject(error) : resolve())),
        ),
    );
  }

  async close(): Promise<void> {
    this.#target.end();
    await this.#failing(() => this.#ended);
  }

  /** Ends it half way. On return nothing makes the file any more. */
  async abort(): Promise<void> {
    this.#target.destroy();
    this.#file.destroy();
    if (!this.#file.closed) await new Promise<void>((resolve) => this.#file.once('close', () => resolve()));
  }

  async #failing(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      throw writeFailure(error, this.#path);
    }
  }
}
