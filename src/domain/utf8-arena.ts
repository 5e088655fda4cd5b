const firstBytes = 4 * 1024;
const chunkBytesMax = 256 * 1024;
/** UTF-8 of a UTF-16 unit at the most. */
const bytesPerUnit = 3;

/**
 * Writes many texts as UTF-8 into few pieces of memory: a buffer of its own for each is slow to get and to give back. The
 * pieces grow, so that a single text does not take a large one.
 */
export class Utf8Arena {
  #chunk = Buffer.alloc(0);
  #used = 0;

  /** The bytes of a text. Nobody writes over them later. */
  bytesOf(text: string): Buffer {
    const most = text.length * bytesPerUnit;
    if (most > chunkBytesMax / 8) return Buffer.from(text);
    if (this.#chunk.length - this.#used < most) {
      this.#chunk = Buffer.allocUnsafeSlow(Math.max(most, firstBytes, Math.min(2 * this.#chunk.length, chunkBytesMax)));
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += this.#chunk.write(text, start);
    return this.#chunk.subarray(start, this.#used);
  }
}
