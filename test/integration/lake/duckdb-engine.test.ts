import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { DuckdbEngine } from '../../../src/adapters/lake/duckdb/duckdb-engine.ts';
import { EngineThreads } from '../../../src/adapters/lake/duckdb/engine-threads.ts';
import { readLayout, readSchema } from '../../../src/adapters/lake/duckdb/parquet-facts.ts';
import { checkStaged, judgedSources } from '../../../src/adapters/lake/duckdb/rewrite-files.ts';
import { SelectionTables } from '../../../src/adapters/lake/duckdb/selection-tables.ts';
import { describeLakeEngine } from './lake-engine.conformance.ts';
import { requiredColumnFile } from './required-column-file.ts';

const limits = { memoryLimitMb: 256, threads: 2, timeoutMs: 30_000 };

describeLakeEngine('DuckDB', (tempDir) => new DuckdbEngine({ ...limits, tempDir }));

const root = mkdtempSync(join(tmpdir(), 'lineward-duckdb-'));
const at = (file: string): string => join(root, file);
const selection = { accountColumn: 'acc', act: [{ account: 'A' }], keep: [] };
let connection: DuckDBConnection;

beforeAll(async () => {
  connection = await (await DuckDBInstance.create(':memory:')).connect();
  await connection.run(
    `COPY (SELECT CASE WHEN range % 3 = 0 THEN 'A' ELSE 'B' END AS acc, range AS n FROM range(3000))
     TO '${at('t.parquet')}' (FORMAT parquet, COMPRESSION gzip, ROW_GROUP_SIZE 2048, KV_METADATA {owner: 'a''b', "k v": '\\x00\\xff'::BLOB})`,
  );
});
afterAll(async () => {
  connection.closeSync();
  await rm(root, { recursive: true, force: true });
});

it('lists keys of other writers that hold NUL', async () => {
  const odd = `SELECT unnest([chr(0) || 'b', 'x' || chr(0), chr(0)]) AS acc`;
  await connection.run(`COPY (${odd}) TO '${at('nul.parquet')}' (FORMAT parquet)`);
  const engine = new DuckdbEngine({ ...limits, tempDir: at('keys') });
  const { keys } = await engine.keys({ path: at('nul.parquet'), columns: ['acc'], rowsMax: 3 });
  await engine.close();
  expect([...(keys[0]?.values ?? [])].sort()).toEqual(['\u0000', '\u0000b', 'x\u0000']);
});

it('lists more keys than cross at a time', async () => {
  const rows = 1_200_000;
  await connection.run(`COPY (SELECT range AS n FROM range(${rows})) TO '${at('many.parquet')}' (FORMAT parquet)`);
  const engine = new DuckdbEngine({ ...limits, tempDir: at('keys') });
  const { keys } = await engine.keys({ path: at('many.parquet'), columns: ['n'], rowsMax: rows });
  await engine.close();
  expect(keys[0]?.values).toHaveLength(rows);
  expect(new Set(keys[0]?.values.map(Number)).size).toBe(rows);
});

describe('DuckDB engine process', () => {
  let engine: DuckdbEngine;
  afterEach(() => engine.close());
  const start = async (timeoutMs: number): Promise<number> => {
    engine = new DuckdbEngine({ ...limits, timeoutMs, tempDir: at('tmp') });
    await engine.verify({ path: at('t.parquet'), selection });
    return engine.childPid ?? 0;
  };
  const rewrite = (signal?: AbortSignal) =>
    engine.rewrite({ source: at('t.parquet'), staged: at('x.staged'), selection, ...(signal && { signal }) });
  const worksAgain = async () => {
    expect(await rewrite()).toMatchObject({ found: 1000, rowsAfter: 2000 });
  };
  /** A stopped process holds its request until it is killed, so the order of events is certain. */
  const freeze = (pid: number): boolean => process.kill(pid, 'SIGSTOP');

  it('tells a killed child as a failure to try again, and works again', async () => {
    const pid = await start(30_000);
    freeze(pid);
    const running = rewrite();
    const queued = engine.verify({ path: at('t.parquet'), selection });
    setTimeout(() => process.kill(pid, 'SIGKILL'), 50);
    await expect(running).rejects.toMatchObject({ code: 'LAKE_ENGINE_FAILED', spec: { retryable: true } });
    expect(await queued).toMatchObject({ rows: 3000, matches: 1000 });
    await worksAgain();
  });

  it('blames the file when the child crashes on it', async () => {
    const pid = await start(30_000);
    freeze(pid);
    const running = rewrite();
    setTimeout(() => process.kill(pid, 'SIGSEGV') && process.kill(pid, 'SIGCONT'), 50);
    await expect(running).rejects.toMatchObject({
      code: 'LAKE_FILE_UNREADABLE',
      details: { path: at('t.parquet') },
    });
    await worksAgain();
  });

  it('asks again for files that shared a request with a crash', async () => {
    const pid = await start(30_000);
    freeze(pid);
    const running = engine.find({ files: [at('t.parquet'), at('none.parquet')], selection });
    setTimeout(() => process.kill(pid, 'SIGSEGV') && process.kill(pid, 'SIGCONT'), 50);
    expect((await running).map((finding) => finding.error ?? finding.matches)).toEqual([1000, 'UNREADABLE']);
  });

  it('asks again about each of the rewrites that shared a request with a crash', async () => {
    const pid = await start(30_000);
    freeze(pid);
    const both = ['t', 'none'].map((name) =>
      engine.rewrite({ source: at(`${name}.parquet`), staged: at(`${name}.copy`), selection }),
    );
    const settled = Promise.allSettled(both);
    setTimeout(() => process.kill(pid, 'SIGSEGV') && process.kill(pid, 'SIGCONT'), 50);
    expect(await settled).toMatchObject([
      { value: { found: 1000, rowsAfter: 2000 } },
      { reason: { code: 'LAKE_FILE_UNREADABLE', details: { path: at('none.parquet') } } },
    ]);
  });

  it('kills a child that takes too long', async () => {
    freeze(await start(4000));
    await expect(rewrite()).rejects.toMatchObject({ code: 'LAKE_ENGINE_FAILED', details: { reason: 'TIMEOUT' } });
    await worksAgain();
  });

  it('kills the child on abort and leaves no staged file', async () => {
    freeze(await start(30_000));
    const abort = new AbortController();
    const running = rewrite(abort.signal);
    setTimeout(() => abort.abort(), 50);
    await expect(running).rejects.toMatchObject({ code: 'CANCELLED' });
    expect((await readdir(root)).filter((name) => name.includes('staged'))).toEqual([]);
    await worksAgain();
  });

  it('takes the child and its spilled rows away when the parent is killed', async () => {
    const module = new URL('../../../src/adapters/lake/duckdb/duckdb-engine.ts', import.meta.url).href;
    const script = `
      const { DuckdbEngine } = await import(${JSON.stringify(module)});
      const engine = new DuckdbEngine(${JSON.stringify({ ...limits, tempDir: at('orphan') })});
      await engine.verify(${JSON.stringify({ path: at('t.parquet'), selection })});
      console.log(engine.childPid);
      process.kill(process.pid, 'SIGKILL');`;
    const { stdout, signal } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect([Number(stdout) > 0, signal]).toEqual([true, 'SIGKILL']);
    await vi.waitFor(async () => expect(await readdir(at('orphan'))).toEqual([]), { timeout: 10_000 });
    engine = new DuckdbEngine({ ...limits, tempDir: at('tmp') });
  });

  it('removes its temporary directory and refuses work when closed', async () => {
    await start(30_000);
    await engine.close();
    expect(await readdir(at('tmp'))).toEqual([]);
    await expect(rewrite()).rejects.toMatchObject({ code: 'LAKE_ENGINE_FAILED', details: { reason: 'CLOSED' } });
  });
});

describe('DuckDB rewriting', () => {
  let engine: DuckdbEngine;
  beforeAll(() => {
    engine = new DuckdbEngine({ ...limits, tempDir: at('tmp') });
  });
  afterAll(() => engine.close());
  const ask = async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjectsJson();

  it('keeps codec, row-group size and key-value metadata', async () => {
    await engine.rewrite({ source: at('t.parquet'), staged: at('k.staged'), selection: { ...selection, act: [] } });
    const facts = (file: string) =>
      ask(`SELECT DISTINCT compression, row_group_num_rows FROM parquet_metadata('${at(file)}') ORDER BY ALL`);
    const metadata = (file: string) => ask(`SELECT key, value FROM parquet_kv_metadata('${at(file)}') ORDER BY ALL`);
    expect(await facts('k.staged')).toEqual(await facts('t.parquet'));
    expect(await metadata('k.staged')).toEqual(await metadata('t.parquet'));
    expect(await metadata('k.staged')).toHaveLength(2);
  });

  it('gives a dictionary to those columns that have one in the source, and to no others', async () => {
    // 9,000 texts are fewer than DuckDB makes a dictionary of, had the source not been told otherwise.
    await connection.run(
      `COPY (SELECT CASE WHEN range % 3 = 0 THEN 'A' ELSE 'B' END AS acc, 'x' || range % 500 AS few, 'y' || range % 9000 AS many
             FROM range(60000)) TO '${at('words.parquet')}' (FORMAT parquet, DICTIONARY_SIZE_LIMIT 600)`,
    );
    await engine.rewrite({ source: at('words.parquet'), staged: at('w.staged'), selection });
    const encodings = (file: string) =>
      ask(`SELECT path_in_schema AS name, encodings LIKE '%DICTIONARY%' AS has FROM parquet_metadata('${at(file)}')`);
    expect(await encodings('w.staged')).toEqual(await encodings('words.parquet'));
    expect((await encodings('w.staged')).map(({ has }) => has)).toEqual([true, true, false]);
  });

  it('keeps types that DuckDB writes as they are, nested ones too', async () => {
    await connection.run(
      `COPY (SELECT 'A' AS acc, 1::UTINYINT AS u, uuid() AS id, 1.5::DECIMAL(30, 2) AS d, [1, NULL] AS l, {'x': 'a', 'y': NULL::INT} AS s,
                    MAP {'k': [1]} AS m, now() AS tz, TIMESTAMP_NS '2020-01-01' AS ns, INTERVAL 1 DAY AS iv, '{"a":1}'::JSON AS j, 'nan'::DOUBLE AS f, '\\x00'::BLOB AS b
             UNION ALL BY NAME SELECT 'B' AS acc) TO '${at('types.parquet')}'`,
    );
    const before = await ask(`SELECT * FROM '${at('types.parquet')}'`);
    const act = [{ account: 'B' }];
    await engine.rewrite({ source: at('types.parquet'), staged: at('y.staged'), selection: { ...selection, act } });
    expect(await ask(`SELECT * FROM read_parquet('${at('y.staged')}')`)).toEqual(before.slice(0, 1));
  });

  it('refuses columns that differ only by case', async () => {
    await connection.run(`COPY (SELECT 'A' AS acc, 1 AS bcc) TO '${at('case.parquet')}'`);
    const bytes = await readFile(at('case.parquet'));
    await writeFile(at('case.parquet'), Buffer.from(bytes.toString('latin1').replaceAll('bcc', 'ACC'), 'latin1'));
    const staged = at('z.staged');
    await expect(engine.rewrite({ source: at('case.parquet'), staged, selection })).rejects.toMatchObject({
      code: 'LAKE_TABLE_REFUSED',
      details: { columns: ['ACC'] },
    });
  });

  it('refuses a file whose field ids a rewrite would lose, and says so', async () => {
    await connection.run(`COPY (SELECT unnest(['A', 'B']) AS acc) TO '${at('ids.parquet')}' (FIELD_IDS {acc: 7})`);
    const staged = at('z.staged');
    await expect(engine.rewrite({ source: at('ids.parquet'), staged, selection })).rejects.toMatchObject({
      code: 'LAKE_TABLE_REFUSED',
      details: { differences: [{ column: 'acc', what: 'field id', from: '7', to: 'none' }] },
    });
    expect((await readdir(root)).filter((name) => name.startsWith('z.staged'))).toEqual([]);
  });

  it('refuses a REQUIRED column', async () => {
    await writeFile(at('required.parquet'), requiredColumnFile());
    const [finding] = await engine.find({ files: [at('required.parquet')], selection });
    expect(finding).toMatchObject({ rows: 2, matches: 1 });
    const staged = at('z.staged');
    await expect(engine.rewrite({ source: at('required.parquet'), staged, selection })).rejects.toMatchObject({
      code: 'LAKE_TABLE_REFUSED',
      details: { differences: [expect.objectContaining({ what: 'repetition', from: 'REQUIRED', to: 'OPTIONAL' })] },
    });
  });

  it.each([
    ['a row is missing', `SELECT * FROM source WHERE acc = 'B' AND n <> 1`],
    ['a value changed', `SELECT acc, CASE WHEN n = 1 THEN 2 ELSE n END AS n FROM source WHERE acc = 'B'`],
    ['a match survived in place of a row', `SELECT * FROM source WHERE (acc = 'B' AND n <> 1) OR n = 0`],
    ['a column is lost', `SELECT acc FROM source WHERE acc = 'B'`],
    ['a value became NULL', `SELECT acc, CASE WHEN n = 1 THEN NULL ELSE n END AS n FROM source WHERE acc = 'B'`],
    ['rows changed places', `SELECT * FROM source WHERE acc = 'B' ORDER BY n DESC`],
    ['a row is there twice', `SELECT * FROM source WHERE acc = 'B' UNION ALL SELECT * FROM source WHERE n = 1`],
  ])('detects a staged file in which %s', async (_, sql) => {
    await connection.run(`CREATE OR REPLACE TEMP VIEW source AS SELECT * FROM '${at('t.parquet')}'`);
    await connection.run(`COPY (${sql}) TO '${at('tampered')}' (FORMAT parquet)`);
    const own = await (await DuckDBInstance.create(':memory:')).connect();
    const tables = await SelectionTables.load(own, selection);
    const parts = { connection: own, tables, threads: new EngineThreads(2) };
    const path = at('t.parquet');
    const [schema, layout] = [await readSchema(own, path), await readLayout(own, path)];
    const faultOf = async (staged: string) => {
      const [judged] = await judgedSources(parts, [{ path, staged, schema, layout }]);
      if (judged?.value === undefined) throw new Error('the source was not judged');
      const [checked] = await checkStaged(parts, [judged.value]);
      return checked?.error;
    };
    expect(await faultOf(at('tampered'))).toMatchObject({ code: 'LAKE_CHECK_FAILED' });
    await connection.run(`COPY (SELECT * FROM source WHERE acc = 'B') TO '${at('exact')}' (FORMAT parquet)`);
    expect(await faultOf(at('exact'))).toBeUndefined();
    own.closeSync();
  });
});
