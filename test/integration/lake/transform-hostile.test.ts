import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DuckdbEngine } from '../../../src/adapters/lake/duckdb/duckdb-engine.ts';
import type { ColumnTexts, EngineSelection } from '../../../src/services/lake/ports.ts';

const everyone: EngineSelection = { accountColumn: 'a', everyone: true, act: [], keep: [] };
const only = (account: string): EngineSelection => ({ accountColumn: 'a', act: [{ account }], keep: [] });
const bom = '\ufeff';

describe('transformations of files with odd values and names', () => {
  let root: string;
  let connection: DuckDBConnection;
  let engine: DuckdbEngine;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'lineward-odd-'));
    connection = await (await DuckDBInstance.create(':memory:')).connect();
    engine = new DuckdbEngine({ memoryLimitMb: 256, threads: 2, timeoutMs: 60_000, tempDir: join(root, 'tmp') });
  });
  afterAll(async () => {
    await engine?.close();
    connection?.closeSync();
    await rm(root, { recursive: true, force: true });
  });

  const source = (): string => join(root, 'source.parquet');
  const staged = (): string => join(root, 'copy.staged');
  const write = (select: string, options = ''): Promise<unknown> =>
    connection.run(`COPY (${select}) TO '${source()}' (FORMAT parquet${options})`);
  const read = async (select: string): Promise<unknown> =>
    (await connection.runAndReadAll(`SELECT ${select} FROM read_parquet('${staged()}')`)).getRowsJson();

  const batches: ColumnTexts[] = [];
  /** Replaces `x` by `y` in some columns. */
  const transform = (columns: readonly string[], { selection = everyone, from = 'x', to = 'y' } = {}) => {
    batches.length = 0;
    return engine.transform({
      source: source(),
      staged: staged(),
      selection,
      columns,
      keyColumns: ['a'],
      metadata: { mark: 'new' },
      transform: async (batch) => {
        batches.push(batch);
        const texts = (name: string) => (batch[name] ?? []).map((text) => text?.replace(from, to) ?? null);
        return Object.fromEntries(columns.map((name) => [name, texts(name)]));
      },
    });
  };

  it('keeps byte order marks, NUL characters and empty texts, in rows outside the selection too', async () => {
    await write(
      `SELECT * FROM (VALUES ('a1', 'x'), ('a1', chr(65279) || 'k'), ('a1', 'n' || chr(0) || 'k'), ('a1', ''),
         ('a2', chr(65279) || 'x'), (chr(65279) || 'a1', chr(65279))) rows (a, b)`,
    );
    expect(await transform(['b'], { selection: only('a1') })).toMatchObject({ rowsBefore: 6, found: 1 });
    expect(batches).toEqual([{ b: ['x', `${bom}k`, 'n\0k', ''], a: ['a1', 'a1', 'a1', 'a1'] }]);
    // The client of DuckDB takes the mark off, so bytes are compared.
    expect(await read('hex(b)')).toEqual([['79'], ['EFBBBF6B'], ['6E006B'], [''], ['EFBBBF78'], ['EFBBBF']]);
  });

  it('reads keys with byte order marks as selectors are compared with them', async () => {
    await write(`SELECT chr(65279) || 'a1' AS a`);
    expect(await engine.keys({ path: source(), columns: ['a'], rowsMax: 1_000_000 })).toEqual({
      rows: 1,
      keys: [{ column: 'a', values: [`${bom}a1`] }],
    });
    const found = await engine.find({ files: [source()], selection: only(`${bom}a1`) });
    expect(found).toMatchObject([{ matches: 1 }]);
  });

  it.each([
    ['everyone', everyone],
    ['one account', only('a1')],
  ])('finds nothing to do in a file without rows, for %s', async (_, selection) => {
    await write(`SELECT 'a1' AS a, 'x' AS b WHERE FALSE`);
    expect(await transform(['b'], { selection })).toMatchObject({ rowsBefore: 0, found: 0, stagedSha256: null });
  });

  it('keeps key-value metadata whose names are those of members of every object', async () => {
    await write(
      `SELECT 'a1' AS a, 'x' AS b`,
      `, KV_METADATA {constructor: 'c', "__proto__": 'p', tostring: 't', mark: 'old'}`,
    );
    await transform(['b']);
    const kept = await connection.runAndReadAll(
      `SELECT decode(key), decode(value) FROM parquet_kv_metadata('${staged()}') ORDER BY 1`,
    );
    expect(kept.getRowsJson()).toEqual([
      ['__proto__', 'p'],
      ['constructor', 'c'],
      ['mark', 'new'],
      ['tostring', 't'],
    ]);
  });

  it('replaces columns whose names mean something elsewhere', async () => {
    const names = ['__proto__', 'constructor', 'c1', 'c0', 'lw_scan', 'lw_copy', 'hit', 'we"ird.na me'];
    await write(`SELECT 'a1' AS a, ${names.map((name) => `'x' AS "${name.replaceAll('"', '""')}"`).join(', ')}`);
    expect(await transform(names)).toMatchObject({ found: 1 });
    expect(await read('COLUMNS(*)')).toEqual([['a1', ...names.map(() => 'y')]]);
  });

  it('refuses by its name a column that rows cannot be numbered beside', async () => {
    await write(`SELECT 'a1' AS a, 'x' AS b, 7 AS File_Row_Number`);
    const refused = { code: 'LAKE_TABLE_REFUSED', details: { column: 'File_Row_Number' } };
    await expect(transform(['b'])).rejects.toMatchObject(refused);
    const erasure = { source: source(), staged: staged(), selection: only('a1') };
    await expect(engine.rewrite(erasure)).rejects.toMatchObject(refused);
  });

  it.each([
    ['a number inside a struct', `{'n': 5}`, '5', '"eyJ"'],
    ['a member of a struct that is gone', `{'n': 5, 'm': 'x'}`, ',"m":"x"', ''],
    ['a text that is no JSON', `CAST('["x"]' AS JSON)`, ']', ''],
  ])('says that an answer does not fit, and blames no file: %s', async (_, value, from, to) => {
    await write(`SELECT 'a1' AS a, 'k' AS first, ${value} AS b`);
    await expect(transform(['first', 'b'], { from, to })).rejects.toMatchObject({
      code: 'LAKE_TABLE_REFUSED',
      details: { column: 'b', reason: 'what its column b is to hold does not fit the type of the column' },
    });
    // The engine goes on as it was.
    await write(`SELECT 'a1' AS a, 'x' AS b`);
    expect(await transform(['b'])).toMatchObject({ found: 1 });
  });

  it('copies a column in which nothing changed as it is, and refuses one in which something did', async () => {
    const nested = `{'d': 12345678901234567.123456789::DECIMAL(38, 9), 'b': '\\x00\\xFF'::BLOB, 'x': 'k'}`;
    await write(`SELECT 'a1' AS a, 'w' AS b, ${nested} AS c`);
    expect(await transform(['b', 'c'], { from: 'w' })).toMatchObject({ found: 1 });
    expect(await read('b, c.d, hex(c.b), c.x')).toEqual([['y', '12345678901234567.123456789', '00FF', 'k']]);
    await expect(transform(['b', 'c'], { from: 'k' })).rejects.toMatchObject({
      code: 'LAKE_TABLE_REFUSED',
      details: { column: 'c' },
    });
  });

  it('hands large values over in batches that fit into memory', async () => {
    await write(`SELECT 'a1' AS a, repeat('x', 100_000) AS b FROM range(400)`);
    expect(await transform(['b'])).toMatchObject({ rowsBefore: 400, found: 400 });
    const chars = batches.map(({ b = [] }) => b.reduce((sum, text) => sum + (text?.length ?? 0), 0));
    expect(chars.length).toBeGreaterThan(3);
    expect(Math.max(...chars)).toBeLessThan(10_000_000);
  });
});
