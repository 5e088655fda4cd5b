import { createHash } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { DuckdbEngine } from '../../../src/adapters/lake/duckdb/duckdb-engine.ts';
import type { ColumnTexts, EngineSelection, TransformRequest } from '../../../src/services/lake/ports.ts';
import {
  put,
  type RecordWriter,
  readAvro,
  recordWriters,
  type TestRecord,
  writeAvro,
} from '../../testkit/record-files.ts';

const root = mkdtempSync(join(tmpdir(), 'lineward-values-'));
const engine = new DuckdbEngine({ memoryLimitMb: 256, threads: 2, timeoutMs: 60_000, tempDir: join(root, 'tmp') });
afterAll(async () => {
  await engine.close();
  await rm(root, { recursive: true, force: true });
});

const everyone: EngineSelection = { accountColumn: 'acc', everyone: true, act: [], keep: [] };
const only = (account: string): EngineSelection => ({ accountColumn: 'acc', act: [{ account }], keep: [] });
const staged = join(root, 'x.staged');
const sha256 = async (path: string) =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');

let files = 0;
const nextPath = (ending: string): string => {
  files += 1;
  return join(root, `${files}.${ending}`);
};

/** Puts `!` behind each text, whether it crosses as such or as JSON. */
const shout = (batch: ColumnTexts, column = 'phone'): ColumnTexts => ({
  [column]: (batch[column] ?? []).map((text) => {
    if (text === null) return null;
    return text.startsWith('"') ? JSON.stringify(`${JSON.parse(text)}!`) : `${text}!`;
  }),
});
const transformed = (source: string, more: Partial<TransformRequest> = {}) =>
  engine.transform({
    source,
    staged,
    selection: everyone,
    columns: ['phone'],
    keyColumns: ['acc'],
    metadata: { 'lineward.test': 'yes' },
    transform: async (batch) => shout(batch),
    ...more,
  });
const refusedFor = (reason: string) => ({
  code: 'LAKE_TABLE_REFUSED',
  details: expect.objectContaining({ reason: expect.stringContaining(reason) }),
});

const rows: readonly TestRecord[] = [
  { acc: 'A', phone: '+1', n: 1 },
  { acc: 'B', phone: 'ü"😀\\', n: 2 },
  { acc: null, phone: '+3', n: 3 },
  { acc: 'A', phone: null, n: 4 },
  { acc: 'A', phone: '', n: 5 },
];

describe.each(recordWriters.map((writer) => ({ ...writer })))(
  'values of $name',
  ({ ending, write, read }: RecordWriter) => {
    const source = nextPath(ending);
    const copyOf = async (): Promise<string> => {
      const copy = nextPath(ending);
      await rename(staged, copy);
      return copy;
    };

    it('become others in the records under a selection alone', async () => {
      await write(source, rows);
      const asked: ColumnTexts[] = [];
      const result = await transformed(source, {
        selection: only('A'),
        transform: async (batch) => {
          asked.push(batch);
          return shout(batch);
        },
      });
      const isLines = !ending.endsWith('avro');
      const crossing = (texts: readonly (string | null)[]) =>
        texts.map((text) => (text !== null && isLines ? JSON.stringify(text) : text));
      expect(asked).toEqual([{ phone: crossing(['+1', null, '']), acc: crossing(['A', 'A', 'A']) }]);
      expect(result).toMatchObject({ rowsBefore: 5, rowsAfter: 5, found: 2 });
      expect(result.sourceSha256).toBe(isLines ? await sha256(source) : undefined);
      expect(result.stagedSha256).toBe(await sha256(staged));
      const copy = await copyOf();
      const before = await read(source);
      const after = before.map((record, index) => ({
        ...record,
        phone: ['+1!', 'ü"😀\\', '+3', null, '!'][index] ?? null,
      }));
      expect(await read(copy)).toEqual(after);
      const profile = await engine.profile({ path: copy });
      expect(profile.rows).toBe(5);
      expect(profile.contentSha256).toBe(isLines ? result.stagedSha256 : undefined);
      expect(profile.metadata['lineward.test']).toBe(isLines ? undefined : 'yes');
      const forms = isLines ? ['JSON', 'JSON', 'JSON'] : ['TEXT', 'TEXT', 'OTHER'];
      expect(profile.columns.slice(0, 3).map(({ form }) => form)).toEqual(forms);
    });

    it('are not staged when none is replaced, or none may be written', async () => {
      await write(source, rows);
      const same = await transformed(source, { transform: async (batch) => batch });
      expect(same).toMatchObject({ rowsBefore: 5, rowsAfter: 5, found: 0, stagedSha256: null });
      expect(await transformed(source, { staged: null })).toMatchObject({ found: 4, stagedSha256: null });
      await write(source, []);
      expect(await transformed(source)).toMatchObject({ rowsBefore: 0, found: 0, stagedSha256: null });
      expect(await readdir(root)).not.toContain('x.staged');
    });

    it('stay as they are when the transformation fails, or an answer is no value of its column', async () => {
      await write(source, rows);
      const fault = new Error('a key is away');
      await expect(transformed(source, { transform: () => Promise.reject(fault) })).rejects.toBe(fault);
      const short = transformed(source, { transform: async () => ({ phone: [] }) });
      await expect(short).rejects.toMatchObject({ code: 'INTERNAL' });
      const odd = transformed(source, {
        columns: ['n'],
        transform: async ({ n = [] }) => ({ n: n.map(() => 'canary\n') }),
      });
      await expect(odd).rejects.toMatchObject(refusedFor('what its column n is to hold does not fit'));
      await expect(odd).rejects.not.toThrow('canary');
      expect(await readdir(root)).not.toContain('x.staged');
    });

    it('of many records become others in their places, batch by batch', async () => {
      const many = Array.from({ length: 30_000 }, (_, n) => ({ acc: `a${n % 3}`, phone: String(n), n }));
      await write(source, many);
      let batches = 0;
      const result = await transformed(source, {
        selection: only('a1'),
        transform: async (batch) => {
          batches += 1;
          return shout(batch);
        },
      });
      expect(result).toMatchObject({ rowsBefore: 30_000, found: 10_000 });
      expect(batches).toBeGreaterThan(1);
      const after = await read(await copyOf());
      const wrong = after.filter(
        ({ n, phone }, index) => n !== index || phone !== (index % 3 === 1 ? `${n}!` : String(n)),
      );
      expect([after.length, wrong]).toEqual([30_000, []]);
    });
  },
);

describe('values in lines', () => {
  const changed = async (content: string | Uint8Array, ending = 'ndjson'): Promise<string> => {
    const source = await put(nextPath(ending), content);
    await transformed(source, { selection: only('A') });
    const bytes = await readFile(staged);
    return (ending.endsWith('gz') ? gunzipSync(bytes) : bytes).toString();
  };

  it.each([
    [
      'odd spaces and numbers',
      '{ "n":1.10,\t"phone" : "x" ,"acc":"A", "m":-0 }',
      '{ "n":1.10,\t"phone" : "x!" ,"acc":"A", "m":-0 }',
    ],
    ['other members twice', '{"acc":"A","o":1,"o":2,"phone":"x"}', '{"acc":"A","o":1,"o":2,"phone":"x!"}'],
    ['an escaped name and value', '{"acc":"A","\\u0070hone":"\\u0041"}', '{"acc":"A","\\u0070hone":"A!"}'],
    [
      'a nested member of the name',
      '{"acc":"A","in":{"phone":"x"},"phone":"x"}',
      '{"acc":"A","in":{"phone":"x"},"phone":"x!"}',
    ],
    [
      'numbers beyond doubles',
      '{"acc":"A","n":12345678901234567890123,"phone":"x"}',
      '{"acc":"A","n":12345678901234567890123,"phone":"x!"}',
    ],
    [
      'members that are null or not there',
      '{"acc":"A","phone":null}\n{"acc":"A"}\n{"acc":"A","phone":"x"}',
      '{"acc":"A","phone":null}\n{"acc":"A"}\n{"acc":"A","phone":"x!"}',
    ],
    [
      'prototypes for names',
      '{"acc":"A","__proto__":{"phone":1},"phone":"x"}',
      '{"acc":"A","__proto__":{"phone":1},"phone":"x!"}',
    ],
  ])('leave all else as it is: %s', async (_name, before, after) => {
    const others = '\n\r\n{"acc":"B", "phone":"x"}\r\n \t\n';
    expect(await changed(`\uFEFF${before}${others}`)).toBe(`\uFEFF${after}${others}`);
    expect(await changed(gzipSync(`${before}${others}`), 'json.gz')).toBe(`${after}${others}`);
  });

  it('of very many columns are read in small batches, and of more than a thousand not at all', async () => {
    const columns = Array.from({ length: 150 }, (_, x) => `x${x}`);
    const others = Object.fromEntries(columns.map((name) => [name, 0]));
    const source = await put(nextPath('ndjson'), `${JSON.stringify({ acc: 'A', ...others, x7: 'x' })}\n`.repeat(8_000));
    const sizes: number[] = [];
    const result = await transformed(source, {
      columns,
      transform: async (batch) => {
        sizes.push(batch.acc?.length ?? 0);
        return { ...batch, ...shout(batch, 'x7') };
      },
    });
    expect([result.found, sizes.length > 1, Math.max(...sizes) < 7_000]).toEqual([8_000, true, true]);
    expect((await readFile(staged, 'utf8')).split('"x!"')).toHaveLength(8_001);
    const more = Array.from({ length: 1_001 }, (_, x) => `x${x}`);
    await expect(transformed(source, { columns: more })).rejects.toMatchObject(refusedFor('more than 1000 columns'));
  });

  it('may be of any kind, and become null', async () => {
    const source = await put(
      nextPath('jsonl'),
      '{"acc":"A","phone":{"a":[1.0]},"x":5}\n{"acc":"A","phone":7,"x":"t"}\n',
    );
    await transformed(source, { transform: async () => ({ phone: ['"a"', null] }) });
    expect(await readFile(staged, 'utf8')).toBe('{"acc":"A","phone":"a","x":5}\n{"acc":"A","phone":null,"x":"t"}\n');
  });

  it('are refused where readers differ, where there is no place, and where a line would become too long', async () => {
    const refusals: readonly (readonly [string, string, string])[] = [
      ['{"acc":"A","phone":"x","phone":"y"}', '"z"', 'line 1 has a column twice'],
      ['{"acc":"A","phone":null}\n{"acc":"A"}', '"z"', 'what its column phone is to hold does not fit'],
      ['{"acc":"A","phone":"x"}', '"z","acc":"B"', 'what its column phone is to hold does not fit'],
      ['{"acc":"A","phone":"x"}', `"${'z'.repeat(8 * 1024 * 1024)}"`, 'line 1 would become longer'],
    ];
    for (const [content, text, reason] of refusals) {
      const source = await put(nextPath('ndjson'), content);
      const refused = transformed(source, { transform: async ({ acc = [] }) => ({ phone: acc.map(() => text) }) });
      await expect(refused).rejects.toMatchObject(refusedFor(reason));
    }
    expect(await readdir(root)).not.toContain('x.staged');
  });
});

describe('values in Avro', () => {
  const schema = {
    type: 'record',
    name: 'Click',
    fields: [
      { name: 'acc', type: 'string' },
      { name: 'phone', type: 'string' },
      {
        name: 'doc',
        type: [
          'null',
          {
            type: 'record',
            name: 'Doc',
            fields: [
              { name: 'to', type: 'string' },
              { name: 'n', type: 'long' },
            ],
          },
        ],
      },
      { name: 'list', type: { type: 'array', items: 'string' } },
      { name: 'map', type: { type: 'map', values: ['null', 'string', 'long'] } },
      { name: 'id', type: { type: 'string', logicalType: 'uuid' } },
      { name: 'raw', type: { type: 'array', items: 'bytes' } },
      { name: 'kind', type: { type: 'enum', name: 'Kind', symbols: ['A', 'B'] } },
    ],
  };
  const record = (n: number) => ({
    acc: 'A',
    phone: `+${n}`,
    doc: n % 2 === 0 ? null : { to: `+${n}`, n },
    list: [`+${n}`],
    map: { a: `+${n}`, b: null },
    id: '0',
    raw: [Buffer.from([0xff])],
    kind: 'B',
  });
  const sourceOf = async (): Promise<string> => {
    const source = nextPath('avro');
    await writeAvro(
      source,
      Array.from({ length: 50 }, (_, n) => record(n)),
      { codec: 'null', schema, blockSize: 200 },
    );
    return source;
  };
  const nested = ['doc', 'list', 'map'];

  it('may lie within records, lists and maps', async () => {
    const source = await sourceOf();
    const profile = await engine.profile({ path: source });
    expect(profile.columns.map(({ form }) => form)).toEqual([
      'TEXT',
      'TEXT',
      'JSON',
      'JSON',
      'JSON',
      'OTHER',
      'JSON',
      'OTHER',
    ]);
    const result = await transformed(source, {
      columns: nested,
      transform: async (batch) =>
        Object.fromEntries(
          nested.map((name) => [name, (batch[name] ?? []).map((text) => text?.replace('"+', '"-') ?? null)]),
        ),
    });
    expect(result).toMatchObject({ found: 50 });
    const copy = nextPath('avro');
    await rename(staged, copy);
    const records = JSON.parse(JSON.stringify(await readAvro(copy)));
    const expected = Array.from({ length: 50 }, (_, n) => {
      const doc = n % 2 === 0 ? null : { to: `-${n}`, n };
      return { ...record(n), doc, list: [`-${n}`], map: { a: `-${n}`, b: null } };
    });
    expect(records).toEqual(JSON.parse(JSON.stringify(expected)));
  });

  it.each([
    ['null in a field without null', 'phone', null, 'what its column phone is to hold does not fit'],
    ['a record without a field', 'doc', '{"to":"x"}', 'what its column doc is to hold does not fit'],
    ['a symbol that is none', 'kind', '"C"', 'what its column kind is to hold does not fit'],
    ['bytes in a list', 'raw', '[]', 'values of its column raw do not come back exactly'],
    ['a field that is not there', 'none', '[]', 'it has no column none'],
  ])('are refused for %s', async (_name, column, text, reason) => {
    const source = await sourceOf();
    const refused = transformed(source, {
      columns: [column],
      transform: async ({ acc = [] }) => ({ [column]: acc.map(() => text) }),
    });
    await expect(refused).rejects.toMatchObject(refusedFor(reason));
    expect(await readdir(root)).not.toContain('x.staged');
  });

  it('carry the metadata of their file on, and a new value of it in its old place', async () => {
    const source = await sourceOf();
    const metadataOf = async (value: string, from: string) => {
      const to = nextPath('avro');
      await transformed(from, { metadata: { 'lineward.test': value } });
      await rename(staged, to);
      return { to, metadata: (await engine.profile({ path: to })).metadata };
    };
    const one = await metadataOf('one', source);
    const two = await metadataOf('two', one.to);
    expect(Object.keys(two.metadata)).toEqual(['avro.schema', 'avro.codec', 'lineward.test']);
    expect([one.metadata['lineward.test'], two.metadata['lineward.test']]).toEqual(['one', 'two']);
    await engine.rewrite({ source: two.to, staged, selection: only('B') });
    expect((await readFile(staged)).equals(await readFile(two.to))).toBe(true);
  });
});
