import { mkdtempSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { DuckdbEngine } from '../../../src/adapters/lake/duckdb/duckdb-engine.ts';

const root = mkdtempSync(join(tmpdir(), 'lineward-at-once-'));
const at = (file: string): string => join(root, file);
const engine = new DuckdbEngine({ memoryLimitMb: 256, threads: 2, timeoutMs: 60_000, tempDir: at('tmp') });
afterAll(async () => {
  await engine.close();
  await rm(root, { recursive: true, force: true });
});

it('answers about files that are asked about at one time as about each, and a bad one hides none', async () => {
  const [text, number, float] = (['VARCHAR', 'BIGINT', 'DOUBLE'] as const).map((type) => [{ name: 'acc', type }]);
  const write = (file: string, of: typeof text, rows: readonly unknown[]) =>
    engine.write({ path: at(file), columns: of ?? [], rows: rows.map((acc) => ({ acc })) });
  await write('some.parquet', text, ['A', 'B', '1', null, 'A']);
  await write('none.parquet', text, ['B', '01']);
  await write('all.parquet', text, ['A', '1', 'A']);
  await write('number.parquet', number, [1, 2, 10]);
  await write('float.parquet', float, [1]);
  await write('rowless.parquet', text, []);
  const files = ['some', 'missing', 'none', 'all', 'float', 'number', 'rowless'];
  const selection = { accountColumn: 'acc', act: [{ account: 'A' }, { account: '1' }], keep: [] };
  const told = (answer: Promise<object>) => answer.catch(({ code, details }) => ({ code, path: details.path }));
  const rewritten = (file: string, how: string) =>
    told(engine.rewrite({ source: at(`${file}.parquet`), staged: at(`${file}.${how}`), selection }));
  const seen = (file: string) => told(engine.verify({ path: at(`${file}.parquet`), selection }));
  const inTurn: object[] = [];
  for (const file of files) inTurn.push(await rewritten(file, 'turn'), await seen(file));
  const [copies, views] = [files.map((file) => rewritten(file, 'once')), files.map(seen)];
  const atOnce = (await Promise.all(copies.map(async (copy, index) => [await copy, await views[index]]))).flat();
  expect(atOnce).toEqual(inTurn);
  expect(atOnce).toMatchObject([
    { found: 3, rowsAfter: 2 },
    { rows: 5, matches: 3 },
    ...Array(2).fill({ code: 'LAKE_FILE_UNREADABLE', path: at('missing.parquet') }),
    { found: 0, rowsAfter: 2 },
    { rows: 2, matches: 0 },
    { found: 3, rowsAfter: 0, stagedSha256: null },
    { rows: 3, matches: 3 },
    ...Array(2).fill({ code: 'LAKE_TABLE_REFUSED', path: at('float.parquet') }),
    { found: 1, rowsAfter: 2 },
    { rows: 3, matches: 1 },
    { found: 0, rowsAfter: 0 },
    { rows: 0, matches: 0 },
  ]);
  const left = (await readdir(root)).filter((name) => name.endsWith('.once'));
  expect(left.sort()).toEqual(['none.once', 'number.once', 'some.once']);
});
