/** Types of Thrift's compact protocol, by their numbers. */
const types = {
  stop: 0,
  true: 1,
  false: 2,
  byte: 3,
  i16: 4,
  i32: 5,
  i64: 6,
  double: 7,
  binary: 8,
  list: 9,
  set: 10,
  map: 11,
  struct: 12,
  uuid: 13,
} as const;

/** Types of one length; of a truth value that is a field the type is the value. */
const fixedBytes: Readonly<Record<number, number>> = {
  [types.true]: 0,
  [types.false]: 0,
  [types.byte]: 1,
  [types.double]: 8,
  [types.uuid]: 16,
};

/** Deeper than any footer; what is not looked at is passed over by recursion. */
const depthMax = 32;

/** How one field, or the items of a list, are read. A field of another type makes the whole unreadable. */
export interface ThriftField {
  readonly types: readonly number[];
  read(reader: ThriftReader): void;
}

export type ThriftFields = Readonly<Record<number, ThriftField>>;

/** A whole number, exact up to 2^52. */
export const whole = (take: (value: number) => void): ThriftField => ({
  types: [types.i16, types.i32, types.i64],
  read: (reader) => take(reader.whole()),
});

export const binary = (take: (bytes: Buffer) => void): ThriftField => ({
  types: [types.binary],
  read: (reader) => take(reader.binary()),
});

/** A struct of which the named fields are looked at; `done` is called behind its end. */
export const struct = (fields: ThriftFields, done: () => unknown = () => undefined): ThriftField => ({
  types: [types.struct],
  read: (reader) => {
    reader.struct(fields);
    done();
  },
});

export const list = (item: ThriftField): ThriftField => ({
  types: [types.list],
  read: (reader) => reader.list(item),
});

/**
 * Reads what is asked for in bytes of Thrift's compact protocol and passes over the rest without making anything of it: neither a
 * footer of a hundred thousand column chunks nor one of a few bytes that claims to hold a billion takes memory.
 * All throw a RangeError where the bytes are none of the protocol, or break off.
 */
export class ThriftReader {
  readonly #bytes: Buffer;
  /** Where the next byte is read. */
  place = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  struct(fields: ThriftFields): void {
    this.#fields((id, type) => {
      const field = fields[id];
      if (field === undefined) return false;
      if (!field.types.includes(type)) throw new RangeError('a field is of another type');
      field.read(this);
      return true;
    }, 0);
  }

  list(item: ThriftField): void {
    const { count, type } = this.#listHead();
    if (count > 0 && !item.types.includes(type)) throw new RangeError('items are of another type');
    for (let left = count; left > 0; left -= 1) item.read(this);
  }

  whole(): number {
    const zigzag = this.#varint();
    return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
  }

  binary(): Buffer {
    const length = this.#varint();
    this.#pass(length);
    return this.#bytes.subarray(this.place - length, this.place);
  }

  #fields(read: (id: number, type: number) => boolean, depth: number): void {
    if (depth > depthMax) throw new RangeError('structs within structs');
    for (let id = 0; ; ) {
      const head = this.#byte();
      const type = head & 0x0f;
      if (type === types.stop) return;
      id = head < 0x10 ? this.whole() : id + (head >> 4);
      if (!read(id, type)) this.#skip(type, depth);
    }
  }

  #skip(type: number, depth: number): void {
    const bytes = fixedBytes[type];
    if (bytes !== undefined) this.#pass(bytes);
    else if (type === types.i16 || type === types.i32 || type === types.i64) this.#varint();
    else if (type === types.binary) this.#pass(this.#varint());
    else if (type === types.struct) this.#fields(() => false, depth + 1);
    else if (type === types.list || type === types.set) this.#skipItems([this.#listHead()], depth + 1);
    else if (type === types.map) this.#skipMap(depth + 1);
    else throw new RangeError('no such type');
  }

  #skipMap(depth: number): void {
    const count = this.#varint();
    if (count === 0) return;
    const kinds = this.#byte();
    for (let left = count; left > 0; left -= 1)
      this.#skipItems(
        [
          { count: 1, type: kinds >> 4 },
          { count: 1, type: kinds & 0x0f },
        ],
        depth,
      );
  }

  #skipItems(items: readonly { readonly count: number; readonly type: number }[], depth: number): void {
    if (depth > depthMax) throw new RangeError('lists within lists');
    for (const { count, type } of items) {
      // In a list a truth value has a byte, as a field it has none.
      const isTruth = type === types.true || type === types.false;
      for (let left = count; left > 0; left -= 1) this.#skip(isTruth ? types.byte : type, depth);
    }
  }

  #listHead(): { readonly count: number; readonly type: number } {
    const head = this.#byte();
    const count = head >> 4;
    return { count: count === 15 ? this.#varint() : count, type: head & 0x0f };
  }

  #varint(): number {
    let value = 0;
    for (let unit = 1; ; unit *= 0x80) {
      const byte = this.#byte();
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.place];
    if (byte === undefined) throw new RangeError('it breaks off');
    this.place += 1;
    return byte;
  }

  #pass(count: number): void {
    this.place += count;
    if (!(this.place <= this.#bytes.length)) throw new RangeError('it breaks off');
  }
}
