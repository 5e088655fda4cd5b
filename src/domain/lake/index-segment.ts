import { hash } from 'node:crypto';
import type { ColumnKeys } from './key-reading.ts';

/** Begins each segment; another layout gets another one. */
const mark = Buffer.from('LWX2');
const checksumBytes = 8;
const headBytes = mark.length + checksumBytes;
/** Bytes of a key hash: a file of a million keys is taken for one that holds a stranger in one of a million cases. */
const hashBytes = 5;
const more = 0x80;

/**
 * Of a secret: 128 bits as hexadecimal digits. One block of SHA-256 has room for it, the column and a key of 20 characters; a
 * longer secret made each hash take twice as long.
 */
export const secretDigits = 32;

/** A key as a whole number below 2^40 under a secret, so that nobody without that can tell which keys a segment has. */
export function keyHash(
  secret: string,
  { column, value }: { readonly column: string; readonly value: string },
): number {
  // Read out of a text of bytes: a Buffer for each key would cost more than the hash.
  const digest = hash('sha256', `${secret}${column.length}:${column}${value}`, 'binary');
  let number = 0;
  for (let at = 0; at < hashBytes; at += 1) number = number * 0x100 + digest.charCodeAt(at);
  return number;
}

/** The segment of a file with these distinct values in its key columns. */
export function segmentOf(secret: string, keys: readonly ColumnKeys[]): Buffer {
  const hashes: number[] = [];
  for (const { column, values } of keys) for (const value of values) hashes.push(keyHash(secret, { column, value }));
  return encodeSegment(risingNumbers(hashes));
}

/** Rising numbers as their differences, seven bits a byte, behind a mark and a checksum. */
export function encodeSegment(sorted: Float64Array): Buffer {
  const bytes = Buffer.alloc(headBytes + sorted.length * (hashBytes + 1));
  let [at, last] = [headBytes, 0];
  for (const number of sorted) {
    let rest = number - last;
    last = number;
    for (; rest >= more; rest = Math.floor(rest / more)) {
      bytes[at] = (rest % more) + more;
      at += 1;
    }
    bytes[at] = rest;
    at += 1;
  }
  const segment = bytes.subarray(0, at);
  mark.copy(segment);
  checksumOf(segment).copy(segment, mark.length);
  return segment;
}

/** Whether a segment has one of some rising numbers; null for one that is damaged. */
export function segmentHolds(segment: Buffer, sorted: Float64Array): boolean | null {
  if (segment.length < headBytes || !segment.subarray(0, mark.length).equals(mark)) return null;
  if (!checksumOf(segment).equals(segment.subarray(mark.length, headBytes))) return null;
  let [number, scale, asked] = [0, 1, 0];
  for (let at = headBytes; at < segment.length; at += 1) {
    const byte = segment[at] ?? 0;
    number += (byte % more) * scale;
    scale *= more;
    if (byte >= more) continue;
    scale = 1;
    while (asked < sorted.length && (sorted[asked] ?? 0) < number) asked += 1;
    if (asked === sorted.length) return false;
    if (sorted[asked] === number) return true;
  }
  return false;
}

const checksumOf = (segment: Buffer): Buffer =>
  hash('sha256', segment.subarray(headBytes), 'buffer').subarray(0, checksumBytes);

/** Each number once, rising. */
export function risingNumbers(numbers: readonly number[]): Float64Array {
  const sorted = Float64Array.from(numbers).sort();
  let count = 0;
  for (const number of sorted) {
    if (count > 0 && sorted[count - 1] === number) continue;
    sorted[count] = number;
    count += 1;
  }
  return sorted.subarray(0, count);
}
