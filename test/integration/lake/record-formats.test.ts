import { mkdtempSync } from 'node:fs';
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { DuckdbEngine } from '../../../src/adapters/lake/duckdb/duckdb-engine.ts';
import type { EngineSelection, EngineSelector } from '../../../src/services/lake/ports.ts';
import { type RecordWriter, recordWriters, type TestRecord, writeAvro } from '../../testkit/record-files.ts';

const root = mkdtempSync(join(tmpdir(), 'lineward-records-'));
const engine = new DuckdbEngine({ memoryLimitMb: 256, threads: 2, timeoutMs: 60_000, tempDir: join(root, 'tmp') });
afterAll(async () => {
  await engine.close();
  await rm(root, { recursive: true, force: true });
});

const whole = (account: string): EngineSelector => ({ account });
const subject = (account: string, value: string): EngineSelector => ({ account, subject: { column: 'phone', value } });
const select = (act: EngineSelector[], keep: EngineSelector[] = []): EngineSelection => ({
  accountColumn: 'acc',
  act,
  keep,
});
const rows: readonly TestRecord[] = [
  { acc: 'A', phone: '+1', n: 1 },
  { acc: 'A', phone: '+2', n: 2 },
  { acc: 'B', phone: '+1', n: 3 },
  { acc: null, phone: '+1', n: 4 },
  { acc: 'A', phone: null, n: 5 },
  { acc: 'A', phone: '', n: 6 },
];
const numbers = (records: readonly TestRecord[]) => records.map(({ n }) => n);

let files = 0;
async function fileOf({ ending, write }: RecordWriter, records: readonly TestRecord[]): Promise<string> {
  files += 1;
  const path = join(root, `o'dd [${files}]*.${ending}`);
  await write(path, records);
  return path;
}

/** Rewrites a file, and gives the copy the name by which its format is told, as a swap does. */
async function rewritten(source: string, writer: RecordWriter, selection: EngineSelection) {
  const staged = join(root, '_erasure/1.staged');
  const result = await engine.rewrite({ source, staged, selection });
  if (result.stagedSha256 === null) return { ...result, copy: null, records: [] };
  const copy = source.replace(writer.ending, `copy.${writer.ending}`);
  await rename(staged, copy);
  return { ...result, copy, records: await writer.read(copy) };
}

describe.each(recordWriters.map((writer) => ({ ...writer })))('files of $name', (writer) => {
  it('are searched, erased from exactly, and verified by another parser', async () => {
    const source = await fileOf(writer, rows);
    const selection = select([subject('A', '+1'), whole('B')]);
    expect(await engine.find({ files: [source], selection })).toEqual([{ path: source, rows: 6, matches: 2 }]);
    const { copy, records, ...result } = await rewritten(source, writer, selection);
    expect(result).toMatchObject({ rowsBefore: 6, rowsAfter: 4, found: 2 });
    expect(numbers(records)).toEqual([2, 4, 5, 6]);
    expect(result.bytesAfter).toBe((await stat(copy ?? '')).size);
    expect(await engine.verify({ path: source, selection })).toMatchObject({ rows: 6, matches: 2 });
    expect(await engine.verify({ path: copy ?? '', selection })).toEqual({
      rows: 4,
      matches: 0,
      sha256: result.stagedSha256,
    });
  });

  it('keep what a hold names, and NULL keys', async () => {
    const source = await fileOf(writer, rows);
    const held = await rewritten(source, writer, select([whole('A'), subject('A', '+1')], [subject('A', '+1')]));
    expect([held.found, numbers(held.records)]).toEqual([3, [1, 3, 4]]);
    const everyone = { ...select([], [whole('B')]), everyone: true };
    const all = await rewritten(source, writer, everyone);
    expect([all.found, numbers(all.records)]).toEqual([5, [3]]);
  });

  it('stay as they are when nothing matches, and are not staged when no record stays', async () => {
    const source = await fileOf(writer, rows);
    const same = await rewritten(source, writer, select([]));
    expect(same).toMatchObject({ found: 0, rowsAfter: 6 });
    expect(same.records).toEqual(await writer.read(source));
    if (!writer.ending.endsWith('gz')) expect(await readFile(same.copy ?? '')).toEqual(await readFile(source));
    const none = await rewritten(source, writer, { ...select([]), everyone: true });
    expect(none).toMatchObject({ rowsBefore: 6, rowsAfter: 0, found: 6, bytesAfter: 0, stagedSha256: null });
    expect(await readdir(join(root, '_erasure'))).toEqual([]);
  });

  it('may have no records', async () => {
    const source = await fileOf(writer, []);
    const selection = select([whole('A')]);
    expect(await engine.find({ files: [source], selection })).toEqual([{ path: source, rows: 0, matches: 0 }]);
    expect(await engine.verify({ path: source, selection })).toMatchObject({ rows: 0, matches: 0 });
    expect(await engine.rewrite({ source, staged: join(root, 'x.staged'), selection })).toMatchObject({ found: 0 });
  });

  it('keep their order under a selection larger than the file', async () => {
    const many = Array.from({ length: 20_000 }, (_, n) => ({ acc: `a${(n * 7919) % 20_000}`, phone: '', n }));
    const source = await fileOf(writer, many);
    const act = Array.from({ length: 50_000 }, (_, n) => subject(`a${n * 2}`, ''));
    const result = await rewritten(source, writer, select(act));
    expect(result).toMatchObject({ found: 10_000, rowsAfter: 10_000 });
    expect(numbers(result.records)).toEqual(numbers(many.filter(({ acc }) => Number(acc.slice(1)) % 2 === 1)));
  });

  it('tell their keys as the text by which they are found', async () => {
    const source = await fileOf(writer, [
      { acc: '01', phone: '', n: -7 },
      { acc: '1', phone: 'ü😀', n: 10 },
      { acc: '1', phone: null, n: 10 },
    ]);
    const { rows: count, keys } = await engine.keys({
      path: source,
      columns: ['acc', 'phone', 'n'],
      rowsMax: 1_000_000,
    });
    expect([count, keys.map(({ values }) => [...values].sort())]).toEqual([
      3,
      [
        ['01', '1'],
        ['', 'ü😀'],
        ['-7', '10'],
      ],
    ]);
    for (const value of ['01', '1', '-7', '7', '010']) {
      const at = async (accountColumn: string) => {
        const selection = { accountColumn, act: [whole(value)], keep: [] };
        return (await engine.verify({ path: source, selection })).matches;
      };
      expect([value, await at('acc'), await at('n')]).toEqual([
        value,
        value === '01' ? 1 : value === '1' ? 2 : 0,
        value === '-7' ? 1 : 0,
      ]);
    }
    await expect(engine.keys({ path: source, columns: ['acc'], rowsMax: 2 })).rejects.toMatchObject({
      code: 'LAKE_TABLE_REFUSED',
      details: { reason: 'it has more than 2 rows' },
    });
    await expect(engine.keys({ path: source, columns: ['none', 'acc'], rowsMax: 1_000_000 })).rejects.toMatchObject({
      code: 'LAKE_TABLE_REFUSED',
    });
  });

  it('lose what is older than a day, and tell what is kept and what has no date', async () => {
    const days = [
      '2018-06-03',
      '2018-06-04',
      '2018-06-04T00:30:00+02:00',
      '2018-06-03T23:59:59.999Z',
      '2018-06-04T01+02',
    ];
    const dated = [...days, '2018-02-30', '', null].map((day, n) => ({ acc: n === 3 ? 'B' : 'A', n, day }));
    const source = await fileOf(writer, dated);
    const olderThan = { column: 'day', before: '2018-06-04' };
    const selection = { ...select([], [whole('B')]), everyone: true, olderThan };
    const [found] = await engine.find({ files: [source], selection });
    expect(found).toMatchObject({ rows: 8, matches: 2, age: { held: 1, undated: 4 } });
    const result = await rewritten(source, writer, selection);
    expect(numbers(result.records)).toEqual([1, 3, 4, 5, 6, 7]);
    expect(await engine.verify({ path: source, selection })).toMatchObject({ rows: 8, matches: 2 });
  });

  it('tell a damaged file by name, and the others beside it', async () => {
    const good = await fileOf(writer, rows);
    const bytes = await readFile(good);
    const bad = `${good}.bad.${writer.ending}`;
    const selection = select([whole('A')]);
    for (const cut of [1, 9, 40]) {
      await writeFile(bad, bytes.subarray(0, bytes.length - cut));
      // A text that only lacks its last line break is whole.
      if (writer.ending === 'ndjson' && cut === 1) continue;
      const findings = await engine.find({ files: [bad, good, join(root, `none.${writer.ending}`)], selection });
      expect(findings.map((one) => one.error ?? one.matches)).toEqual(['UNREADABLE', 4, 'UNREADABLE']);
      const failure = { code: 'LAKE_FILE_UNREADABLE', details: expect.objectContaining({ path: bad }) };
      await expect(engine.verify({ path: bad, selection })).rejects.toMatchObject(failure);
      await expect(engine.rewrite({ source: bad, staged: join(root, 'b.staged'), selection })).rejects.toMatchObject(
        failure,
      );
      expect(await readdir(root)).not.toContain('b.staged');
    }
  });
});

it('files of several formats are searched by one question, in its order', async () => {
  const paths = await Promise.all(recordWriters.map((writer) => fileOf(writer, rows)));
  const parquet = join(root, 'one.parquet');
  await engine.write({ path: parquet, columns: [{ name: 'acc', type: 'VARCHAR' }], rows: [{ acc: 'A' }] });
  const asked = [paths[0] ?? '', parquet, ...paths.slice(1)];
  const findings = await engine.find({ files: asked, selection: select([whole('A')]) });
  expect(findings.map(({ path }) => path)).toEqual(asked);
  expect(findings.map((one) => one.error ?? one.matches)).toEqual([4, 1, ...Array(paths.length - 1).fill(4)]);
  const surveyed = await engine.survey({ files: asked, keyColumns: ['none', 'acc', 'n'] });
  expect(surveyed.map((one) => one.error ?? [one.rows, one.codec])).toEqual([
    [6, 'uncompressed'],
    [1, 'zstd'],
    [6, 'gzip'],
    ...['null', 'deflate', 'zstandard', 'snappy'].map((codec) => [6, codec]),
  ]);
  for (const one of surveyed) {
    if (one.error !== undefined || one.path === parquet) continue;
    expect(one.refusals).toEqual(['it has no key column none']);
    expect(one.columns.slice(0, 3)).toEqual([
      { name: 'acc', type: 'VARCHAR' },
      { name: 'phone', type: 'VARCHAR' },
      { name: 'n', type: 'BIGINT' },
    ]);
  }
});

it('a file is of the format that its name tells, whatever is in it', async () => {
  const path = join(root, 'wrong.ndjson');
  await writeAvro(path, rows, { codec: 'null' });
  const [found] = await engine.find({ files: [path], selection: select([whole('A')]) });
  expect(found).toMatchObject({ error: 'UNREADABLE', reason: expect.stringMatching(/^line 1 is/u) });
});
