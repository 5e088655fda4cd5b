import { hash } from 'node:crypto';
import { sourceHeader } from '../../domain/kafka/topic-generation.ts';
import type { KafkaMessage } from './ports.ts';

/** Longer parts are hashed by themselves, and only their digest is kept together. */
const partBytesMax = 64 * 1024;
const absent = 0xffff_ffff;

/** Bytes of one record after the other, in one buffer: a hash object for each would take several times as long. */
let room = Buffer.allocUnsafe(4 * partBytesMax);

class RecordBytes {
  #length = 0;

  /** Parts are told apart by their lengths. */
  add(part: Buffer | string | null): void {
    const bytes = typeof part === 'string' ? Buffer.from(part) : part;
    if (bytes !== null && bytes.length > partBytesMax) {
      this.add(hash('sha256', bytes, 'buffer'));
      this.#number(bytes.length);
      return;
    }
    this.#number(bytes?.length ?? absent);
    if (bytes === null) return;
    this.#reserve(bytes.length);
    this.#length += bytes.copy(room, this.#length);
  }

  /** A text of one character for each byte: cheaper than a buffer. */
  digest(): string {
    return hash('sha256', room.subarray(0, this.#length), 'binary');
  }

  #number(value: number): void {
    this.#reserve(4);
    this.#length = room.writeUInt32BE(value, this.#length);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= room.length) return;
    const larger = Buffer.allocUnsafe(2 * (this.#length + bytes));
    room.copy(larger, 0, 0, this.#length);
    room = larger;
  }
}

/** 64 bits, as two halves. */
export type Digest64 = readonly [high: number, low: number];

/** Of key, value, timestamp and headers; where a copy came from is not part of it. */
export function recordDigest({ key, value, timestamp, headers }: KafkaMessage): Digest64 {
  const bytes = new RecordBytes();
  for (const part of [timestamp, key, value]) bytes.add(part);
  for (const name of namesOf(headers)) {
    bytes.add(name);
    bytes.add(headers[name] ?? null);
  }
  const digest = bytes.digest();
  return [uint32At(digest, 0), uint32At(digest, 4)];
}

/** Of what stays when a value is changed: key and timestamp. */
export function outerDigest({ key, timestamp }: KafkaMessage): number {
  const bytes = new RecordBytes();
  bytes.add(timestamp);
  bytes.add(key);
  return uint32At(bytes.digest(), 0);
}

function namesOf(headers: KafkaMessage['headers']): readonly string[] {
  const names = Object.keys(headers).filter((name) => name !== sourceHeader);
  return names.length > 1 ? names.sort() : names;
}

function uint32At(text: string, index: number): number {
  let value = 0;
  for (let at = index; at < index + 4; at += 1) value = (value << 8) | text.charCodeAt(at);
  return value >>> 0;
}
