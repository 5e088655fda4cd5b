import { LinewardError } from '../../errors/lineward-error.ts';

const none = new Uint8Array(0);

/** Reads a stream of byte chunks of any sizes in the sizes that the reader asks for; holds one chunk at a time. */
export class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = none;
  #ended = false;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Fills `target` from its beginning; answers how many bytes, fewer than its length at the end of the stream alone. */
  async read(target: Uint8Array): Promise<number> {
    let filled = 0;
    while (filled < target.length && !(await this.atEnd())) {
      const part = this.#rest.subarray(0, target.length - filled);
      target.set(part, filled);
      filled += part.length;
      this.#rest = this.#rest.subarray(part.length);
    }
    return filled;
  }

  /** True when no byte is left; waits for the next one to know. */
  async atEnd(): Promise<boolean> {
    while (this.#rest.length === 0 && !this.#ended) {
      const { value, done } = await this.#chunks.next();
      this.#ended = done === true;
      if (this.#ended) break;
      if (!(value instanceof Uint8Array)) {
        throw new LinewardError('VALUE_INVALID', 'A stream to seal or open consists of byte chunks (Uint8Array).');
      }
      this.#rest = value;
    }
    return this.#rest.length === 0;
  }

  /** Lets go of the stream where it was not read to its end. */
  async close(): Promise<void> {
    this.#rest = none;
    if (this.#ended) return;
    this.#ended = true;
    await this.#chunks.return?.();
  }
}
