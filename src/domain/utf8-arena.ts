const chunkBytes = 256 * 1024;
/** UTF-8 of a UTF-16 unit at the most. */
const bytesPerUnit = 3;

/** Writes many texts as UTF-8 into few pieces of memory: a buffer of its own for each is slow to get and to give back. */
export class Utf8Arena {
  #chunk = Buffer.alloc(0);
  #used = 0;

  /** The bytes of a text. Nobody writes over them later. */
  bytesOf(text: string): Buffer {
    const most = text.length * bytesPerUnit;
    if (most > chunkBytes / 8) return Buffer.from(text);
    if (this.#chunk.length - this.#used < most) {
      this.#chunk = Buffer.allocUnsafeSlow(chunkBytes);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += this.#chunk.write(text, start);
    return this.#chunk.subarray(start, this.#used);
  }
}
