/**
 * A Parquet file of two rows (`A`, `B`) with one REQUIRED text column `acc`, built byte by byte in Thrift's compact
 * protocol, because DuckDB writes OPTIONAL columns only.
 */
export function requiredColumnFile(): Buffer {
  const values = Buffer.from([1, 0, 0, 0, 0x41, 1, 0, 0, 0, 0x42]);
  const page = Buffer.concat([
    struct([
      i32(1, 0),
      i32(2, values.length),
      i32(3, values.length),
      nested(5, [i32(1, 2), i32(2, 0), i32(3, 3), i32(4, 3)]),
    ]),
    values,
  ]);
  const column = [
    i32(1, 6),
    list(2, 5, [zigzag(0)]),
    list(3, 8, [text('acc')]),
    i32(4, 0),
    i64(5, 2),
    i64(6, page.length),
    i64(7, page.length),
    i64(9, 4),
  ];
  const rowGroup = struct([list(1, 12, [struct([i64(2, 4), nested(3, column)])]), i64(2, page.length), i64(3, 2)]);
  const schema = [
    struct([binary(4, 'schema'), i32(5, 1)]),
    struct([i32(1, 6), i32(3, 0), binary(4, 'acc'), i32(6, 0)]),
  ];
  const footer = struct([i32(1, 1), list(2, 12, schema), i64(3, 2), list(4, 12, [rowGroup])]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.length);
  return Buffer.concat([Buffer.from('PAR1'), page, footer, length, Buffer.from('PAR1')]);
}

interface Field {
  readonly id: number;
  readonly type: number;
  readonly bytes: Buffer;
}

const i32 = (id: number, value: number): Field => ({ id, type: 5, bytes: zigzag(value) });
const i64 = (id: number, value: number): Field => ({ id, type: 6, bytes: zigzag(value) });
const binary = (id: number, value: string): Field => ({ id, type: 8, bytes: text(value) });
const nested = (id: number, fields: readonly Field[]): Field => ({ id, type: 12, bytes: struct(fields) });
const list = (id: number, type: number, items: readonly Buffer[]): Field => ({
  id,
  type: 9,
  bytes: Buffer.concat([Buffer.from([(items.length << 4) | type]), ...items]),
});

function struct(fields: readonly Field[]): Buffer {
  let last = 0;
  const parts = fields.map(({ id, type, bytes }) => {
    const head = Buffer.from([((id - last) << 4) | type]);
    last = id;
    return Buffer.concat([head, bytes]);
  });
  return Buffer.concat([...parts, Buffer.from([0])]);
}

const text = (value: string): Buffer => Buffer.concat([varint(value.length), Buffer.from(value)]);
const zigzag = (value: number): Buffer => varint(value * 2);

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}
