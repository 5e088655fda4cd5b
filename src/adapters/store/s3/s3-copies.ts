import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { S3Objects } from './s3-objects.ts';

const copiesAtOnce = 8;
/** Most footers fit; a longer one takes a second request. */
const tailBytes = 64 * 1024;
/** Its length and the magic number at the end of a Parquet file. */
const trailerBytes = 8;
/** What claims to be longer is no footer. */
const footerBytesMax = 256 * 1024 * 1024;

/** Copies some objects at a time. All copies have ended when it returns, or some would be made behind the broom. */
export async function copyAll(
  paths: readonly string[],
  locals: readonly string[],
  copy: (path: string, local: string) => Promise<void>,
): Promise<void> {
  const left = [...paths.entries()];
  const worker = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [index, path] = next;
      await copy(path, locals[index] ?? '');
    }
  };
  const workers = Array.from({ length: Math.min(copiesAtOnce, paths.length) }, () =>
    worker().catch((error: unknown) => {
      left.length = 0;
      throw error;
    }),
  );
  const failed = (await Promise.allSettled(workers)).find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** The whole object; nothing where there is none. */
export async function copyWhole(objects: S3Objects, key: string, local: string): Promise<void> {
  const content = await objects.read(key);
  if (content !== null) await pipeline(Readable.from(content), createWriteStream(local));
}

/** A file of the object's length of which only the footer is there: what is before it takes no room on the disk. */
export async function copyFooter(objects: S3Objects, key: string, local: string): Promise<void> {
  const head = await objects.head(key);
  if (head === null) return;
  const file = await open(local, 'w');
  try {
    await file.truncate(head.bytes);
    const take = async (from: number, to: number): Promise<Buffer> => {
      const bytes = from < to ? await objects.readRange(key, { from, to }) : Buffer.alloc(0);
      await file.write(bytes, 0, bytes.length, from);
      return bytes;
    };
    const start = Math.max(0, head.bytes - tailBytes);
    const tail = await take(start, head.bytes);
    if (tail.length < trailerBytes) return;
    const needed = tail.readUInt32LE(tail.length - trailerBytes) + trailerBytes;
    const isMore = needed > tail.length && needed <= Math.min(head.bytes, footerBytesMax);
    if (isMore) await take(head.bytes - needed, start);
  } finally {
    await file.close();
  }
}
