const uuidBytes = 16;

/** Kafka's fixed-width encoding, and the compact one of requests with tagged fields, of which none is ever written. */
export class WireWriter {
  readonly #parts: Buffer[] = [];

  get bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }

  int8(value: number): this {
    return this.#number(1, (buffer) => buffer.writeInt8(value));
  }

  int16(value: number): this {
    return this.#number(2, (buffer) => buffer.writeInt16BE(value));
  }

  int32(value: number): this {
    return this.#number(4, (buffer) => buffer.writeInt32BE(value));
  }

  int64(value: bigint): this {
    return this.#number(8, (buffer) => buffer.writeBigInt64BE(value));
  }

  flag(value: boolean): this {
    return this.int8(value ? 1 : 0);
  }

  text(value: string | null): this {
    if (value === null) return this.int16(-1);
    const bytes = Buffer.from(value, 'utf8');
    this.int16(bytes.length);
    this.#parts.push(bytes);
    return this;
  }

  /** Null is another thing than an empty list: most requests mean "all" by it. */
  list<T>(items: readonly T[] | null, write: (item: T) => void): this {
    this.int32(items === null ? -1 : items.length);
    for (const item of items ?? []) write(item);
    return this;
  }

  compactText(value: string): this {
    const bytes = Buffer.from(value, 'utf8');
    this.#varint(bytes.length + 1);
    this.#parts.push(bytes);
    return this;
  }

  /** As {@link list}. */
  compactList<T>(items: readonly T[] | null, write: (item: T) => void): this {
    this.#varint(items === null ? 0 : items.length + 1);
    for (const item of items ?? []) write(item);
    return this;
  }

  noUuid(): this {
    this.#parts.push(Buffer.alloc(uuidBytes));
    return this;
  }

  noTags(): this {
    return this.#varint(0);
  }

  #varint(value: number): this {
    let left = value;
    for (; left > 127; left >>>= 7) this.#number(1, (buffer) => buffer.writeUInt8((left & 127) | 128));
    return this.#number(1, (buffer) => buffer.writeUInt8(left));
  }

  #number(size: number, write: (buffer: Buffer) => void): this {
    const buffer = Buffer.allocUnsafe(size);
    write(buffer);
    this.#parts.push(buffer);
    return this;
  }
}

/** Reads what `WireWriter` writes. */
export class WireReader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  int8(): number {
    this.#at += 1;
    return this.#buffer.readInt8(this.#at - 1);
  }

  int16(): number {
    this.#at += 2;
    return this.#buffer.readInt16BE(this.#at - 2);
  }

  int32(): number {
    this.#at += 4;
    return this.#buffer.readInt32BE(this.#at - 4);
  }

  int64(): bigint {
    this.#at += 8;
    return this.#buffer.readBigInt64BE(this.#at - 8);
  }

  flag(): boolean {
    return this.int8() !== 0;
  }

  text(): string | null {
    return this.#slice(this.int16())?.toString('utf8') ?? null;
  }

  bytes(): Buffer | null {
    return this.#slice(this.int32());
  }

  list<T>(read: () => T): T[] {
    const items: T[] = [];
    for (let left = this.int32(); left > 0; left -= 1) items.push(read());
    return items;
  }

  compactText(): string | null {
    return this.#slice(this.#varint() - 1)?.toString('utf8') ?? null;
  }

  compactList<T>(read: () => T): T[] {
    const items: T[] = [];
    for (let left = this.#varint() - 1; left > 0; left -= 1) items.push(read());
    return items;
  }

  /** As Kafka shows it; null for none, which is all zeros. */
  uuid(): string | null {
    const bytes = this.#slice(uuidBytes);
    return bytes?.some((byte) => byte !== 0) === true ? bytes.toString('base64url') : null;
  }

  /** Walks over tagged fields. */
  tags(): void {
    for (let left = this.#varint(); left > 0; left -= 1) {
      this.#varint();
      this.#slice(this.#varint());
    }
  }

  #varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#buffer.readUInt8(this.#at);
      this.#at += 1;
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  }

  #slice(length: number): Buffer | null {
    if (length < 0) return null;
    this.#at += length;
    return this.#buffer.subarray(this.#at - length, this.#at);
  }
}
