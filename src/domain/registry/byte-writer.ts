import { LinewardError } from '../../errors/lineward-error.ts';

/** Largest message that is written; more than any request carries, so only defaults within defaults could ask for it. */
const bytesMax = 16 * 1024 * 1024;

/** A buffer that grows as it is written. */
export class ByteWriter {
  #buffer = Buffer.allocUnsafe(128);
  #length = 0;

  /** What was written so far, as a view. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  byte(value: number): this {
    this.#reserve(1);
    this.#length = this.#buffer.writeUInt8(value, this.#length);
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** A whole number from 0 in groups of seven bits, the lowest first. */
  varint(value: number | bigint): this {
    this.#reserve(10);
    if (typeof value === 'bigint') return this.#bigVarint(value);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#length++] = (rest % 0x80) + 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#length++] = rest;
    return this;
  }

  /** A whole number of up to 64 bits whose sign stands in the lowest bit. */
  zigZag(value: number | bigint): this {
    if (typeof value === 'number' && Math.abs(value) < 2 ** 51)
      return this.varint(value < 0 ? -value * 2 - 1 : value * 2);
    const whole = BigInt(value);
    return this.varint(BigInt.asUintN(64, (whole << 1n) ^ (whole >> 63n)));
  }

  fixed32(value: number): this {
    this.#reserve(4);
    this.#length = this.#buffer.writeUInt32LE(value, this.#length);
    return this;
  }

  fixed64(value: bigint): this {
    this.#reserve(8);
    this.#length = this.#buffer.writeBigUInt64LE(value, this.#length);
    return this;
  }

  float(value: number): this {
    this.#reserve(4);
    this.#length = this.#buffer.writeFloatLE(value, this.#length);
    return this;
  }

  double(value: number): this {
    this.#reserve(8);
    this.#length = this.#buffer.writeDoubleLE(value, this.#length);
    return this;
  }

  #bigVarint(value: bigint): this {
    let rest = value;
    while (rest >= 0x80n) {
      this.#buffer[this.#length++] = Number(rest & 0x7fn) + 0x80;
      rest >>= 7n;
    }
    this.#buffer[this.#length++] = Number(rest);
    return this;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#buffer.length) return;
    if (needed > bytesMax) throw new LinewardError('LIMIT_EXCEEDED', `The message has more than ${bytesMax} bytes.`);
    const larger = Buffer.allocUnsafe(Math.min(Math.max(needed, this.#buffer.length * 2), bytesMax));
    larger.set(this.bytes);
    this.#buffer = larger;
  }
}

/** One number as {@link ByteWriter.zigZag} writes it. */
export function zigZag(value: number): Buffer {
  return new ByteWriter().zigZag(value).bytes;
}
