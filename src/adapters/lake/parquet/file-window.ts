import { fstatSync, readSync } from 'node:fs';

/**
 * Reads an open file forwards, by so many bytes at a time. Without waiting: the engine's process has one request, and a turn of
 * the event loop for each of many small reads would cost more than they do.
 */
export class FileWindow {
  readonly #fd: number;
  readonly #step: number;
  /** Of the whole file. */
  readonly bytes: number;
  #start = 0;
  #held: Buffer = Buffer.alloc(0);

  constructor(fd: number, step: number) {
    this.#fd = fd;
    this.#step = step;
    this.bytes = fstatSync(fd).size;
  }

  /** Bytes from `from` to before `to`, fewer where the file ends. What was read is gone with the next call. */
  read(from: number, to: number): Buffer {
    const end = Math.min(to, this.bytes);
    if (from < this.#start || end > this.#start + this.#held.length) this.#load(from, Math.max(end - from, this.#step));
    return this.#held.subarray(from - this.#start, end - this.#start);
  }

  #load(from: number, length: number): void {
    const target = Buffer.allocUnsafe(Math.max(0, Math.min(length, this.bytes - from)));
    let filled = 0;
    while (filled < target.length) {
      const count = readSync(this.#fd, target, filled, target.length - filled, from + filled);
      if (count === 0) break;
      filled += count;
    }
    this.#start = from;
    this.#held = target.subarray(0, filled);
  }
}
