import { createHash } from 'node:crypto';

/** An answer that is ready to be sent. */
export interface CachedAnswer {
  /** A text goes out in one piece with the head of the answer; bytes would be a second one. */
  readonly body: string;
  readonly etag: string;
}

interface Entry extends CachedAnswer {
  readonly bytes: number;
  readonly keptAtMs: number;
  /** Asked for since it was last looked at for dropping: it stays once more. */
  wanted: boolean;
}

const entriesMax = 10_000;
const bytesMax = 64 * 1024 * 1024;
/** Longest time that an answer outlives a permanent deletion in another process, milliseconds. */
const keptMs = 60_000;

/**
 * Answers about schemas by id, ready to be sent. Schemas never change, so an answer is right until the last version of the
 * schema is deleted permanently: at once when this process does it, after a minute at most when another does.
 */
export class SchemaCache {
  readonly #deletions: () => number;
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;
  #deletionsSeen: number;

  /** `deletions` counts the permanent deletions of this process. */
  constructor(deletions: () => number) {
    this.#deletions = deletions;
    this.#deletionsSeen = deletions();
  }

  /** The answer kept under a key; undefined when there is none. */
  kept(key: string): CachedAnswer | undefined {
    if (this.#deletions() !== this.#deletionsSeen) this.#forgetAll();
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (Date.now() - entry.keptAtMs > keptMs) {
      this.#drop(key, entry);
      return undefined;
    }
    entry.wanted = true;
    return entry;
  }

  /** Makes an answer and keeps it under a key. */
  async made(key: string, make: () => Promise<string>): Promise<CachedAnswer> {
    const deletionsBefore = this.#deletions();
    const body = await make();
    const bytes = Buffer.byteLength(body);
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
    const entry = { body, bytes, etag, keptAtMs: Date.now(), wanted: false };
    // What was read before a deletion may be gone by now.
    if (this.#deletions() !== deletionsBefore || bytes > bytesMax) return entry;
    const known = this.#entries.get(key);
    if (known !== undefined) this.#drop(key, known);
    this.#add(key, entry);
    for (const [oldest, one] of this.#entries) {
      if (this.#entries.size <= entriesMax && this.#bytes <= bytesMax) break;
      this.#drop(oldest, one);
      // Now behind all others, and thus met once more by this loop at most.
      if (one.wanted) this.#add(oldest, { ...one, wanted: false });
    }
    return entry;
  }

  #add(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
  }

  #drop(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }

  #forgetAll(): void {
    this.#entries.clear();
    this.#bytes = 0;
    this.#deletionsSeen = this.#deletions();
  }
}
