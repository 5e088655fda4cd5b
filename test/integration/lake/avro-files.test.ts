import { mkdtempSync } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { avroCodecs } from '../../../src/adapters/lake/avro/avro-codecs.ts';
import { DuckdbEngine } from '../../../src/adapters/lake/duckdb/duckdb-engine.ts';
import type { ColumnTexts } from '../../../src/services/lake/ports.ts';
import { put, readAvro, type TestRecord, writeAvro } from '../../testkit/record-files.ts';
import { foreignAvro } from './foreign-avro.ts';

const root = mkdtempSync(join(tmpdir(), 'lineward-avro-'));
const engine = new DuckdbEngine({ memoryLimitMb: 256, threads: 2, timeoutMs: 60_000, tempDir: join(root, 'tmp') });
afterAll(async () => {
  await engine.close();
  await rm(root, { recursive: true, force: true });
});

const erase = (...accounts: readonly string[]) => ({
  accountColumn: 'acc',
  act: accounts.map((account) => ({ account })),
  keep: [],
});

let files = 0;
const nextPath = (): string => {
  files += 1;
  return join(root, `${files}.avro`);
};

async function rewritten(source: string, selection = erase('AC1')): Promise<Buffer> {
  const staged = join(root, '1.staged');
  await engine.rewrite({ source, staged, selection });
  const copy = nextPath();
  await rename(staged, copy);
  expect(await engine.verify({ path: copy, selection })).toMatchObject({ matches: 0 });
  return readFile(copy);
}

/** Parts of a container between its sync markers: the header, and blocks. */
function partsOf(bytes: Buffer, sync: Buffer): readonly Buffer[] {
  const parts: Buffer[] = [];
  let start = 0;
  for (let at = bytes.indexOf(sync); at >= 0; at = bytes.indexOf(sync, start)) {
    parts.push(bytes.subarray(start, at));
    start = at + sync.length;
  }
  expect(start).toBe(bytes.length);
  return parts;
}

/** Size and data of a block of no records. */
function emptyBlock(codec: string): Buffer {
  const data = avroCodecs.get(codec)?.compress(Buffer.alloc(0)) ?? Buffer.alloc(0);
  return Buffer.concat([Buffer.from([0, data.length * 2]), data]);
}

describe.each(Object.entries(foreignAvro))('a container of codec %s that fastavro wrote', (codec, base64) => {
  const source = Buffer.from(base64, 'base64');
  const sync = Buffer.from('0123456789abcdef');
  const path = join(root, `foreign-${codec}.avro`);

  it('may have blocks of no records, first, in the middle and last', async () => {
    const [head, ...blocks] = partsOf(source, sync);
    const none = emptyBlock(codec);
    const parts = [head ?? none, none, ...blocks.flatMap((block) => [block, none])];
    const padded = await put(nextPath(), Buffer.concat(parts.flatMap((part) => [part, sync])));
    const after = partsOf(await rewritten(padded), sync);
    expect(after.filter((part) => part.equals(none))).toHaveLength(blocks.length + 1);
    const all = { accountColumn: 'acc', everyone: true, act: [], keep: [] };
    const work = {
      source: padded,
      staged: join(root, 'z.staged'),
      selection: all,
      columns: ['acc'],
      keyColumns: ['acc'],
    };
    const transform = async ({ acc = [] }: ColumnTexts) => ({ acc: acc.map((text) => text && `${text}!`) });
    expect(await engine.transform({ ...work, metadata: {}, transform })).toMatchObject({ rowsBefore: 6, found: 5 });
  });

  it('keeps its header with schema, metadata and sync marker, and the blocks in which nothing goes', async () => {
    await put(path, source);
    const before = partsOf(source, sync);
    // Records: AC0 AC1 | AC0 NULL AC0 | AC1. The last block goes, the first is made anew, the second stays.
    expect(before).toHaveLength(4);
    const after = partsOf(await rewritten(path), sync);
    expect(after).toHaveLength(3);
    expect([after[0], after[2]]).toEqual([before[0], before[2]]);
    expect(after[0]?.toString('latin1')).toContain('owner');
  });

  it('keeps numbers that no double holds', async () => {
    await put(path, source);
    const numbers = { accountColumn: 'n', act: [{ account: '9007199254740994' }], keep: [] };
    expect(await engine.find({ files: [path], selection: numbers })).toMatchObject([{ rows: 6, matches: 1 }]);
    expect(await engine.verify({ path, selection: numbers })).toMatchObject({ rows: 6, matches: 1 });
    const { keys } = await engine.keys({ path, columns: ['acc', 'n'], rowsMax: 1_000_000 });
    expect(keys[1]?.values).toEqual(Array.from({ length: 6 }, (_, n) => String(9007199254740993n + BigInt(n))));
  });
});

const schemaOf = (type: unknown, more: readonly object[] = []) => ({
  type: 'record',
  name: 'R',
  fields: [{ name: 'acc', type }, ...more],
});

async function written(records: readonly TestRecord[], schema: object): Promise<string> {
  const path = nextPath();
  await writeAvro(path, records, { codec: 'deflate', schema });
  return path;
}

describe('records of Avro', () => {
  it('stay the bytes that they were, in encodings that another writer would not choose', async () => {
    // A map and a list in blocks with sizes, which most writers leave out.
    const odd = Buffer.from([2, 0x41, 0x01, 0x06, 2, 0x6b, 4, 0, 0x01, 0x02, 4, 0]);
    const other = Buffer.from([2, 0x42, 0, 0]);
    const schema = schemaOf('string', [
      { name: 'm', type: { type: 'map', values: 'int' } },
      { name: 'l', type: { type: 'array', items: 'int' } },
    ]);
    const path = await written([], schema);
    const header = await readFile(path);
    const sync = header.subarray(-16);
    const data = deflateRawSync(Buffer.concat([other, odd]));
    const block = Buffer.concat([Buffer.from([4, data.length * 2]), data, sync]);
    await put(path, Buffer.concat([header, block]));
    const copy = await rewritten(path, erase('B'));
    const kept = deflateRawSync(odd);
    expect(copy.subarray(header.length)).toEqual(Buffer.concat([Buffer.from([2, kept.length * 2]), kept, sync]));
  });

  it.each([
    ['string', 'A', 'A'],
    ['int', 7, '7'],
    ['boolean', true, 'true'],
    [{ type: 'enum', name: 'E', symbols: ['A', 'B'] }, 'B', 'B'],
    [['string', 'null'], 'A', 'A'],
    [{ type: 'int', logicalType: 'date' }, 17_683, '2018-06-01'],
    [['null', { type: 'int', logicalType: 'date' }], -1, '1969-12-31'],
    [{ type: 'string', logicalType: 'uuid' }, 'a-b', 'a-b'],
  ])('are found by keys of %j', async (type, value, text) => {
    const path = await written([{ acc: value }], schemaOf(type));
    const selection = erase(text);
    expect(await engine.find({ files: [path], selection })).toMatchObject([{ rows: 1, matches: 1 }]);
    expect(await engine.verify({ path, selection })).toMatchObject({ rows: 1, matches: 1 });
  });

  it.each([
    ['double', 1.5, 'DOUBLE'],
    ['bytes', Buffer.from('A'), 'BLOB'],
    [['null', 'string', 'int'], 'A', 'UNION'],
    [{ type: 'array', items: 'string' }, ['A'], 'NESTED'],
    [{ type: 'long', logicalType: 'timestamp-millis' }, 1, 'TIMESTAMP WITH TIME ZONE'],
  ])('are refused for keys of %j', async (type, value, named) => {
    const source = await written([{ acc: value }], schemaOf(type));
    const reason = `its key column acc has the type ${named}, which cannot be compared as text`;
    const found = await engine.find({ files: [source], selection: erase('A') });
    expect(found).toMatchObject([{ error: 'REFUSED', reason }]);
    const [surveyed] = await engine.survey({ files: [source], keyColumns: ['acc'] });
    expect(surveyed).toMatchObject({ refusals: [reason], columns: [{ name: 'acc', type: named }] });
    await expect(engine.rewrite({ source, staged: join(root, 'x'), selection: erase('A') })).rejects.toMatchObject({
      code: 'LAKE_TABLE_REFUSED',
    });
  });

  it('are refused for keys that are not there, or there in another spelling, too', async () => {
    const twice = await written([{ acc: 'A', ACC: 'B' }], schemaOf('string', [{ name: 'ACC', type: 'string' }]));
    const without = await written([{ acc: 'A' }], schemaOf('string'));
    const reasonOf = async (path: string, accountColumn: string) => {
      const [found] = await engine.find({ files: [path], selection: { ...erase('A'), accountColumn } });
      return found?.error === undefined ? null : found.reason;
    };
    expect(await reasonOf(twice, 'acc')).toBe('its column ACC differs from the key column acc only by case');
    expect(await reasonOf(without, 'account')).toBe('it has no key column account');
  });

  it.each([
    [{ type: 'int', logicalType: 'date' }, 17_685, 17_686],
    [{ type: 'long', logicalType: 'timestamp-millis' }, 1_528_070_399_999, 1_528_070_400_000],
    [{ type: 'long', logicalType: 'timestamp-micros' }, 1_528_070_399_999_999, 1_528_070_400_000_000],
    [['null', { type: 'long', logicalType: 'local-timestamp-millis' }], -1, 1_528_070_400_000],
    ['string', '2018-06-03', '2018-06-04'],
  ])('are older or not by dates of %j', async (type, older, younger) => {
    const schema = schemaOf('string', [{ name: 'day', type }]);
    const path = await written(
      [older, younger].map((day) => ({ acc: 'A', day })),
      schema,
    );
    const olderThan = { column: 'day', before: '2018-06-04' };
    const selection = { ...erase(), everyone: true, olderThan };
    const [found] = await engine.find({ files: [path], selection });
    expect(found).toMatchObject({ rows: 2, matches: 1, age: { held: 0, undated: 0 } });
    expect(await engine.verify({ path, selection })).toMatchObject({ rows: 2, matches: 1 });
    const copy = nextPath();
    await put(copy, await rewritten(path, selection));
    expect((await readAvro(copy)).map(({ day }) => day)).toEqual([younger]);
  });

  it('may hold whatever Avro has', async () => {
    const schema = schemaOf('string', [
      { name: 'n', type: 'long', default: 7 },
      { name: 'm', type: ['null', 'long'], default: null },
      { name: 'u', type: ['null', 'int', 'long', 'string', { type: 'enum', name: 'E', symbols: ['X'] }] },
      { name: 'f', type: { type: 'fixed', name: 'F', size: 2, logicalType: 'decimal', precision: 3 }, default: 'ab' },
      { name: 'd', type: 'double' },
      { name: 'next', type: ['null', 'R'], default: null },
      { name: 'class', type: { type: 'map', values: { type: 'array', items: ['F', 'R', 'bytes'] } } },
    ]);
    const plain = { n: 2 ** 40, m: -1, u: { string: 'X' }, f: Buffer.from('xy'), d: Number.NaN, next: null };
    const inner = { ...plain, acc: 'A', class: {} };
    const rows = ['A', 'B', 'A', 'C'].map((acc, n) => ({
      ...plain,
      acc,
      u: n === 1 ? { E: 'X' } : { long: n },
      next: n % 2 === 0 ? null : inner,
      class: { 10: [{ R: inner }, { bytes: Buffer.from([n]) }], 2: [{ F: Buffer.from('zz') }] },
    }));
    const path = await written(rows as unknown as TestRecord[], schema);
    expect(await engine.survey({ files: [path], keyColumns: ['acc'] })).toMatchObject([{ rows: 4, refusals: [] }]);
    const copy = nextPath();
    await put(copy, await rewritten(path, erase('A')));
    expect(await readAvro(copy)).toEqual((await readAvro(path)).filter(({ acc }) => acc !== 'A'));
  });

  it('are proven whatever the order of keys in their schema', async () => {
    const fields = ['day', 'phone'].map((name) => ({ name, type: 'string' }));
    const path = await written(
      ['+1', '+2', '+1'].map((phone, n) => ({ acc: `A${n}`, day: `2018-06-0${n + 1}`, phone })),
      schemaOf('string', fields),
    );
    const act = [{ account: 'A2', subject: { column: 'phone', value: '+1' } }, { account: 'A0' }];
    const selection = { accountColumn: 'acc', act, keep: [], olderThan: { column: 'day', before: '2018-06-03' } };
    const copy = nextPath();
    await put(copy, await rewritten(path, selection));
    expect((await readAvro(copy)).map(({ acc }) => acc)).toEqual(['A1', 'A2']);
  });

  it('have no date in a number without a meaning', async () => {
    const path = await written([{ acc: 'A', day: 1 }], schemaOf('string', [{ name: 'day', type: 'long' }]));
    const selection = { ...erase(), everyone: true, olderThan: { column: 'day', before: '2018-06-04' } };
    const [found] = await engine.find({ files: [path], selection });
    expect(found).toMatchObject({ reason: 'its date column day has the type BIGINT, which is no date' });
  });
});

describe('a container that is not worked on', () => {
  const reasonOf = async (bytes: Buffer) => {
    const path = await put(nextPath(), bytes);
    const selection = erase('AC1');
    const [found] = await engine.find({ files: [path], selection });
    const code = found?.error === 'REFUSED' ? 'LAKE_TABLE_REFUSED' : 'LAKE_FILE_UNREADABLE';
    await expect(engine.verify({ path, selection })).rejects.toMatchObject({ code });
    const staged = join(root, 'y.staged');
    await expect(engine.rewrite({ source: path, staged, selection })).rejects.toMatchObject({ code });
    return found?.error === undefined ? null : found.reason;
  };
  const plain = Buffer.from(foreignAvro.null, 'base64');
  const sync = Buffer.from('0123456789abcdef');
  const headerBytes = plain.indexOf(sync) + sync.length;
  const changed = (at: number, byte: number): Buffer => {
    const bytes = Buffer.from(plain);
    bytes[at] = byte;
    return bytes;
  };
  const renamed = (from: string, to: string): Buffer =>
    Buffer.from(plain.toString('latin1').replace(from, to), 'latin1');

  it('is empty, or something else', async () => {
    expect(await reasonOf(Buffer.alloc(0))).toBe('it is no Avro object container file');
    expect(await reasonOf(Buffer.from('PAR1 and so on'))).toBe('it is no Avro object container file');
    expect(await reasonOf(plain.subarray(0, 40))).toMatch(/^its header is damaged/u);
  });

  it('is cut off within a block, or goes on behind the last', async () => {
    expect(await reasonOf(plain.subarray(0, plain.length - 1))).toMatch(/^its block at byte \d+ is cut off$/u);
    expect(await reasonOf(Buffer.concat([plain, Buffer.from([2])]))).toMatch(/^its block at byte 469 is damaged/u);
    expect(await reasonOf(Buffer.concat([plain, Buffer.alloc(20)]))).toMatch(/does not end with the sync marker/u);
  });

  it('has a block without the sync marker, of another length, or of another number of records', async () => {
    expect(await reasonOf(changed(plain.length - 1, 0))).toMatch(/does not end with the sync marker of the file$/u);
    expect(await reasonOf(changed(headerBytes + 1, 0x7e))).toMatch(/does not end with the sync marker|cut off/u);
    expect(await reasonOf(changed(headerBytes, 2))).toMatch(
      /^records of its block at byte \d+ do not fit its schema$/u,
    );
    expect(await reasonOf(changed(headerBytes, 6))).toMatch(/do not fit its schema$/u);
    // As many records as nobody can count, and minus one.
    const many = Buffer.concat([plain.subarray(0, headerBytes), Buffer.from([0xfe, 0xff, 0xff, 0xff, 0x7f, 0]), sync]);
    expect(await reasonOf(many)).toMatch(/do not fit its schema$/u);
    expect(await reasonOf(changed(headerBytes, 1))).toMatch(/^its block at byte \d+ is damaged/u);
    const huge = Buffer.concat([plain.subarray(0, headerBytes), Buffer.from([2, 0xfe, 0xff, 0xff, 0xff, 0x7f])]);
    expect(await reasonOf(huge)).toMatch(/or larger than 134217728 bytes$/u);
  });

  it('has records that end in the middle of a value', async () => {
    // The length of the first text becomes that of all that follows, and a branch one that the union does not have.
    expect(await reasonOf(changed(headerBytes + 3, 0x7e))).toMatch(/do not fit its schema$/u);
    expect(await reasonOf(changed(headerBytes + 2, 4))).toMatch(/do not fit its schema$/u);
  });

  it('is of a codec that is not known', async () => {
    const reason = 'its codec bzip is none of null, deflate, zstandard, snappy';
    expect(await reasonOf(renamed('null\x16avro.schema', 'bzip\x16avro.schema'))).toBe(reason);
    expect(await reasonOf(renamed('null\x16avro.schema', '\n"\x00;\x16avro.schema'))).toMatch(/codec of an odd name/u);
  });

  it.each(['deflate', 'snappy', 'zstandard'] as const)('has compressed data that is damaged: %s', async (codec) => {
    const bytes = Buffer.from(foreignAvro[codec], 'base64');
    const from = bytes.indexOf(sync) + sync.length;
    bytes.fill(0xa5, from + 8, from + 20);
    expect(await reasonOf(bytes)).toMatch(/^the data of its block at byte \d+ is damaged/u);
  });

  it('has a schema that is none, or not that of a record', async () => {
    expect(await reasonOf(renamed('"record"', '"recorx"'))).toBe('its schema is none that can be read');
    expect(await reasonOf(renamed('avro.schema', 'avro.schemx'))).toBe('its header has no schema');
    expect(await reasonOf(renamed('{"type": "record"', '["int" , "record"'))).toBe(
      'its schema is none that can be read',
    );
  });
});
