const entriesMax = 10_000;
const bytesMax = 64 * 1024 * 1024;
const keptMs = 60_000;

/** An answer that is sent as it is. */
export interface CachedAnswer {
  readonly body: Buffer;
  readonly etag: string;
}

/**
 * Answers about schemas by id, ready to be sent. Schemas never change; they only disappear, when their last version is deleted
 * permanently. A delete in this process empties the cache, one in another process is seen after a minute at most.
 */
export class SchemaCache {
  readonly #answers = new Map<string, CachedAnswer & { readonly until: number }>();
  #bytes = 0;

  get(key: string): CachedAnswer | null {
    const found = this.#answers.get(key);
    if (found === undefined) return null;
    if (found.until > Date.now()) return found;
    this.#drop(key);
    return null;
  }

  put(key: string, answer: CachedAnswer): void {
    this.#drop(key);
    this.#answers.set(key, { ...answer, until: Date.now() + keptMs });
    this.#bytes += answer.body.length;
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= entriesMax && this.#bytes <= bytesMax) return;
      this.#drop(oldest);
    }
  }

  clear(): void {
    this.#answers.clear();
    this.#bytes = 0;
  }

  #drop(key: string): void {
    const found = this.#answers.get(key);
    if (found === undefined) return;
    this.#answers.delete(key);
    this.#bytes -= found.body.length;
  }
}
