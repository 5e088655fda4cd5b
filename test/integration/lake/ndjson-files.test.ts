import { mkdtempSync } from 'node:fs';
import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { DuckdbEngine } from '../../../src/adapters/lake/duckdb/duckdb-engine.ts';
import { put } from '../../testkit/record-files.ts';

const root = mkdtempSync(join(tmpdir(), 'lineward-ndjson-'));
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
const fileOf = (content: string | Uint8Array, ending = 'ndjson'): Promise<string> => {
  files += 1;
  return put(join(root, `${files}.${ending}`), content);
};

/** What is left of a text of lines when account A goes: rewritten, and verified by what reads it then. */
async function leftOf(content: string | Uint8Array, ending = 'ndjson'): Promise<Buffer | null> {
  const source = await fileOf(content, ending);
  const staged = join(root, '1.staged');
  const selection = erase('A');
  const result = await engine.rewrite({ source, staged, selection });
  if (result.stagedSha256 === null) return null;
  const copy = join(root, `copy.${ending}`);
  await rename(staged, copy);
  const seen = await engine.verify({ path: copy, selection });
  expect(seen).toEqual({ rows: result.rowsAfter, matches: 0, sha256: result.stagedSha256 });
  return readFile(copy);
}

const a = '{"acc":"A","x":1}';

describe('lines that stay', () => {
  it.each([
    ['with odd spaces and numbers', '{ "acc" :\t"B" , "n": 1.0000000000000000000001e+2, "m":-0}'],
    ['with names twice that are no keys', '{"acc":"B","x":1,"x":2}'],
    ['with escapes', '{"acc":"B","t":"\\u0041\\/\\n"}'],
    ['with characters beyond ASCII', '{"acc":"Б","t":"ü😀","ключ":1}'],
    ['with nested keys of the same name', '{"acc":null,"in":{"acc":"A"},"list":[{"acc":"A"}]}'],
    ['without the key', '{"acc":"B"}\n{"other":"A"}'],
    ['with whole numbers beyond doubles', '{"acc":12345678901234567890123}'],
    ['with prototypes for names', '{"__proto__":{"acc":"A"},"acc":"B"}'],
  ])('are the same bytes: %s', async (_name, line) => {
    expect(String(await leftOf(`${a}\n${line}\n${a}\n`))).toBe(`${line}\n`);
  });

  it.each([
    ['Windows line breaks', `{"acc":"B"}\r\n${a}\r\n{"acc":"C"}\r\n`, '{"acc":"B"}\r\n{"acc":"C"}\r\n'],
    ['blank lines', `\n${a}\n \t\n{"acc":"B"}\n\r\n`, '\n \t\n{"acc":"B"}\n\r\n'],
    ['no last line break', `${a}\n{"acc":"B"}`, '{"acc":"B"}'],
    ['a last line that goes', `{"acc":"B"}\n${a}`, '{"acc":"B"}\n'],
    ['a byte order mark', `\uFEFF{"acc":"B"}\n${a}\n`, '\uFEFF{"acc":"B"}\n'],
    ['a byte order mark before what goes', `\uFEFF${a}\n{"acc":"B"}\n`, '\uFEFF{"acc":"B"}\n'],
  ])('keep what stands around them: %s', async (_name, before, after) => {
    expect(String(await leftOf(before))).toBe(after);
    expect(gunzipSync((await leftOf(gzipSync(before), 'jsonl.gz')) ?? '').toString()).toBe(after);
  });

  it('may lie in several members of gzip, and over many chunks', async () => {
    const line = (n: number) => `{"n":${n},"acc":"${n % 2 === 0 ? 'A' : 'B'}","pad":"${'é'.repeat(n % 500)}"}\n`;
    const lines = Array.from({ length: 4_000 }, (_, n) => line(n));
    const parts = [lines.slice(0, 1_000), lines.slice(1_000)].map((some) => gzipSync(some.join('')));
    const left = gunzipSync((await leftOf(Buffer.concat(parts), 'json.gz')) ?? '').toString();
    expect(left === lines.filter((_, n) => n % 2 === 1).join('')).toBe(true);
  });

  it('may be as long as eight mebibytes', async () => {
    const long = `{"acc":"B","t":"${'x'.repeat(8 * 1024 * 1024 - 20)}"}\n`;
    expect((await leftOf(`${a}\n${long}`))?.equals(Buffer.from(long))).toBe(true);
  });
});

describe('lines that go', () => {
  it.each([
    ['by a text', '{"acc":"A"}', 'A'],
    ['by an escaped text', '{"acc":"\\u0041"}', 'A'],
    ['by an escaped name', '{"\\u0061cc":"A"}', 'A'],
    ['by a number', '{"acc":7}', '7'],
    ['by a number beyond doubles', '{"acc":9007199254740993}', '9007199254740993'],
    ['by a truth value', '{"acc":true}', 'true'],
    ['by an empty text', '{"acc":""}', ''],
  ])('are found %s', async (_name, line, account) => {
    const source = await fileOf(`${line}\n{"acc":9007199254740992}\n{"acc":null}\n{"acc":"01"}\n`);
    const selection = erase(account);
    expect(await engine.find({ files: [source], selection })).toMatchObject([{ rows: 4, matches: 1 }]);
    expect(await engine.verify({ path: source, selection })).toMatchObject({ rows: 4, matches: 1 });
  });

  it('are not found by a number of another spelling, or none', async () => {
    const source = await fileOf('{"acc":9007199254740993}\n{"acc":1}\n{"acc":null}\n{"acc":false}\n');
    for (const account of ['9007199254740992', '01', '1.0', ' 1', 'null', '', 'False', '0'])
      expect(await engine.find({ files: [source], selection: erase(account) })).toMatchObject([{ matches: 0 }]);
  });

  it('are found by names that are odd in paths of JSON', async () => {
    for (const name of ['a.b', 'a/b', 'a~1b', '$', '"', 'ä', '*', 'a b', '0']) {
      const source = await fileOf(`${JSON.stringify({ [name]: 'A' })}\n${JSON.stringify({ [name]: 'B' })}\n`);
      const selection = { ...erase('A'), accountColumn: name };
      expect([name, await engine.verify({ path: source, selection })]).toEqual([
        name,
        expect.objectContaining({ rows: 2, matches: 1 }),
      ]);
    }
  });
});

describe('a file that is not worked on', () => {
  const reasonOf = async (content: string | Uint8Array, ending?: string) => {
    const source = await fileOf(content, ending);
    const selection = erase('A');
    const [found] = await engine.find({ files: [source], selection });
    const code = found?.error === 'REFUSED' ? 'LAKE_TABLE_REFUSED' : 'LAKE_FILE_UNREADABLE';
    const failure = { code, message: expect.not.stringContaining('canary') };
    await expect(engine.rewrite({ source, staged: join(root, 'x.staged'), selection })).rejects.toMatchObject(failure);
    await expect(engine.verify({ path: source, selection })).rejects.toMatchObject(failure);
    const [surveyed] = await engine.survey({ files: [source], keyColumns: ['acc'] });
    if (surveyed?.error === undefined) expect(surveyed?.refusals).toHaveLength(1);
    else expect(surveyed).toEqual(found);
    return found?.error === undefined ? null : [found.error, found.reason];
  };

  it.each([
    ['a line that is cut', `${a}\n{"acc":"canary`, 'line 2 is no JSON object'],
    ['two objects on a line', `${a}\n\n${a}${a}\n`, 'line 3 is no JSON object'],
    ['a list', `[${a}]\n`, 'line 1 is no JSON object'],
    ['a text', '"canary"\n', 'line 1 is no JSON object'],
    ['an object over several lines', '{\n"acc":"A"\n}\n', 'line 1 is no JSON object'],
    ['a comma too many', '{"acc":"A",}\n', 'line 1 is no JSON object'],
    ['a value that no JSON has', '{"acc":NaN}\n', 'line 1 is no JSON object'],
    ['a comment', `${a}\n// canary\n`, 'line 2 is no JSON object'],
    ['a mark within', `${a}\n\uFEFF${a}\n`, 'line 2 is no JSON object'],
    ['nesting without end', `{"acc":"A","x":${'['.repeat(100_000)}`, 'line 1 is no JSON object'],
  ])('for %s, with the number of the line', async (_name, content, reason) => {
    expect(await reasonOf(content)).toEqual(['UNREADABLE', reason]);
  });

  it('for text that is no UTF-8', async () => {
    expect(await reasonOf(Buffer.from(`${a}\n{"acc":"\xe9"}\n`, 'latin1'))).toEqual([
      'UNREADABLE',
      'line 2 is not UTF-8',
    ]);
    expect(await reasonOf(Buffer.from(`\uFEFF${a}\n`, 'utf16le'))).toEqual(['UNREADABLE', 'line 1 is not UTF-8']);
  });

  it.each([
    ['a float', '{"acc":1.5}', 'its key column acc has in line 2 a value that cannot be compared as text'],
    ['a whole number of another spelling', '{"acc":1e3}', 'its key column acc has in line 2 a value'],
    ['an object', '{"acc":{"canary":1}}', 'its key column acc has in line 2 a value'],
    ['a list', '{"acc":["canary"]}', 'its key column acc has in line 2 a value'],
    ['one of two', '{"acc":"canary","acc":"A"}', 'line 2 has the column acc twice'],
    ['one of two in disguise', '{"acc":"canary","\\u0061cc":"A"}', 'line 2 has the column acc twice'],
    ['spelt otherwise', '{"acc":"canary","ACC":"A"}', 'line 2 has a column ACC, which differs from a key only by case'],
  ])('for a key that is %s', async (_name, line, reason) => {
    expect(await reasonOf(`\n${line}\n`)).toEqual(['REFUSED', expect.stringContaining(reason)]);
  });

  it('for an account that no line has, since it may be spelt otherwise', async () => {
    expect(await reasonOf('{"account":"A"}\n')).toEqual(['REFUSED', 'it has no key column acc']);
    // What is NULL may be left out, so persons need not be named at all.
    const sparse = await fileOf('{"acc":"A"}\n');
    const person = { accountColumn: 'acc', act: [{ account: 'A', subject: { column: 'to', value: '1' } }], keep: [] };
    expect(await engine.verify({ path: sparse, selection: person })).toMatchObject({ rows: 1, matches: 0 });
    const blank = await fileOf('\n\n');
    expect(await engine.find({ files: [blank], selection: erase('A') })).toMatchObject([{ rows: 0, matches: 0 }]);
  });

  it('for an escape that one of the two parsers does not read', async () => {
    const source = await fileOf(`${a}\n{"acc":"B","t":"\\ud800"}\n`);
    const before = await readFile(source);
    const request = { source, staged: join(root, 'half.staged'), selection: erase('A') };
    await expect(engine.rewrite(request)).rejects.toMatchObject({ code: 'LAKE_FILE_UNREADABLE' });
    await expect(engine.verify({ path: source, selection: erase('A') })).rejects.toMatchObject({
      code: 'LAKE_FILE_UNREADABLE',
    });
    expect([await readFile(source), await readdir(root)]).toEqual([
      before,
      expect.not.arrayContaining(['half.staged']),
    ]);
  });

  it('for a line that is too long', async () => {
    const long = `{"acc":"B","t":"${'x'.repeat(8 * 1024 * 1024)}"}`;
    for (const content of [`${a}\n${long}\n`, `${a}\n${long}`])
      expect(await reasonOf(content)).toEqual(['UNREADABLE', 'line 2 is longer than 8388608 bytes']);
  });

  it('for compressed data that ends early, goes on behind its end, or is none', async () => {
    const whole = gzipSync(`${a}\n`.repeat(1000));
    const damaged = Buffer.from(whole);
    damaged.fill(0xff, whole.length - 8, whole.length - 4);
    const cut = 'its gzip data is damaged or cut off';
    expect(await reasonOf(whole.subarray(0, 30), 'json.gz')).toEqual(['UNREADABLE', cut]);
    expect(await reasonOf(damaged, 'json.gz')).toEqual(['UNREADABLE', cut]);
    expect(await reasonOf(`${a}\n`, 'json.gz')).toEqual(['UNREADABLE', cut]);
    expect(await reasonOf(Buffer.concat([whole, Buffer.from('behind')]), 'json.gz')).toEqual(['UNREADABLE', cut]);
    const padded = Buffer.concat([whole, Buffer.alloc(100)]);
    expect(await reasonOf(padded, 'json.gz')).toEqual([
      'UNREADABLE',
      'there are bytes behind the end of its gzip data',
    ]);
    expect((await reasonOf(whole, 'json'))?.[0]).toBe('UNREADABLE');
  });
});

it('the columns of lines are told with their types', async () => {
  const lines = [
    { acc: 'A', n: 1, x: 1, m: 'a', l: [1], b: true, z: null, f: 1.5 },
    { acc: null, n: 2, x: 1.5, m: 1, l: 'a', b: false, z: null, late: 'x' },
  ];
  const source = await fileOf(lines.map((line) => JSON.stringify(line)).join('\n'));
  const [found] = await engine.survey({ files: [source], keyColumns: ['acc', 'n', 'm'] });
  expect(found).toMatchObject({
    rows: 2,
    refusals: [],
    columns: [
      { name: 'acc', type: 'VARCHAR' },
      { name: 'n', type: 'BIGINT' },
      { name: 'x', type: 'DOUBLE' },
      { name: 'm', type: 'VARCHAR' },
      { name: 'l', type: 'JSON' },
      { name: 'b', type: 'BOOLEAN' },
      { name: 'z', type: 'VARCHAR' },
      { name: 'f', type: 'DOUBLE' },
      { name: 'late', type: 'VARCHAR' },
    ],
  });
});
