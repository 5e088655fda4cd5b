import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DuckdbEngine } from '../../../src/adapters/lake/duckdb/duckdb-engine.ts';
import type { LakeTable } from '../../../src/entities/lake-table.entity.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { foreignTable } from '../../testkit/foreign-table.ts';
import { erasureTarget, executionContext, type LakeParts, lakeParts } from '../../testkit/lake.ts';
import { plainDuckdb } from '../../testkit/plain-table.ts';
import { missingDisk, type SmallDisk, smallDisk } from '../../testkit/small-disk.ts';

const missing = await missingDisk();
const megabyte = 1024 ** 2;
/** Less than a copy of any file below takes. */
const tooLittle = megabyte / 2;
/** Some megabytes that no codec makes smaller; every tenth row is AC0's. */
const rows = (n: number): string =>
  `SELECT 'AC' || (i % 10) AS account_sid, '+' || i AS "to", md5('a' || i) || md5('b' || i) AS note FROM range(${n}) t(i)`;
const full = {
  code: 'LAKE_ENGINE_FAILED',
  details: expect.objectContaining({ reason: expect.stringContaining('disk is full') }),
};

describe.skipIf(missing !== null)(`a lake on a disk that is full${missing === null ? '' : ` (${missing})`}`, () => {
  let root: string;
  let disk: SmallDisk;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'lineward-full-'));
  });
  beforeEach(async () => {
    const made = await smallDisk(24);
    if (made === null) return expect.fail('no disk');
    disk = made;
    return () => made.close();
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  describe('under the engine', () => {
    let engine: DuckdbEngine;
    beforeAll(() => {
      engine = new DuckdbEngine({ memoryLimitMb: 256, threads: 2, timeoutMs: 60_000, tempDir: join(root, 'tmp') });
    });
    afterAll(() => engine?.close());
    const selection = { accountColumn: 'account_sid', act: [{ account: 'AC0' }], keep: [] };
    const source = () => join(disk.path, 't.parquet');
    const staged = () => join(disk.path, '_erasure/1.staged');
    const rewrite = () => engine.rewrite({ source: source(), staged: staged(), selection });
    const transform = () =>
      engine.transform({
        source: source(),
        staged: staged(),
        selection: { ...selection, act: [], everyone: true },
        columns: ['to'],
        keyColumns: [],
        metadata: {},
        transform: async ({ to = [] }) => ({ to: to.map((text) => `${text}!`) }),
      });

    it.each<[string, () => Promise<{ found: number }>, number]>([
      ['a rewrite', rewrite, 6_000],
      ['a change of values', transform, 60_000],
    ])(
      '%s says so, leaves the source and nothing else, and does its work when there is room',
      async (_, work, found) => {
        await plainDuckdb(`COPY (${rows(60_000)}) TO '${source()}' (FORMAT parquet)`);
        const before = await readFile(source());
        for (const left of [tooLittle, 0]) {
          await disk.fill(left);
          await expect(work()).rejects.toMatchObject(full);
          expect((await readdir(disk.path, { recursive: true })).sort()).toEqual(['.filler', '_erasure', 't.parquet']);
          expect((await readFile(source())).equals(before)).toBe(true);
          await disk.free();
        }
        expect(await work()).toMatchObject({ found });
      },
    );
  });

  describe('under an operation', () => {
    let db: TestDatabase;
    let parts: LakeParts;
    let table: LakeTable;
    beforeEach(async () => {
      db = await testDatabase();
      parts = await lakeParts(db.em, disk.path);
      table = await foreignTable(parts);
      await mkdir(parts.localPath(table.location), { recursive: true });
      for (const [name, n, format] of [
        ['a.parquet', 20, 'parquet'],
        ['b.parquet', 60_000, 'parquet'],
        ['c.parquet', 60_000, 'parquet'],
        ['d.ndjson', 60_000, 'json'],
      ] as const)
        await plainDuckdb(`COPY (${rows(n)}) TO '${parts.localPath(`${table.location}/${name}`)}' (FORMAT ${format})`);
      return async () => {
        await parts.engine.close();
        await db.close();
      };
    });
    const digests = async () => {
      const found: Record<string, string | null> = {};
      for (const { path } of await parts.store.list(table.location))
        found[path.slice(-9)] = await parts.store.sha256(path);
      return found;
    };

    it('does what fits, loses nothing, leaves nothing staged, and completes when there is room', async () => {
      const target = await erasureTarget(db.em, table);
      const context = (fencingToken: number) =>
        executionContext({ table, ...target, selection: { act: [{ accountId: 'AC0' }], keep: [] }, fencingToken });
      const before = await digests();
      await disk.fill(tooLittle);
      await expect(parts.executor.execute(context(1))).rejects.toMatchObject(full);
      const meanwhile = await digests();
      expect(meanwhile).toEqual({ ...before, 'a.parquet': expect.not.stringMatching(before['a.parquet'] ?? '') });
      expect(await parts.store.names(`${table.location}/_erasure`)).toEqual([]);
      // As often as it is tried.
      await expect(parts.executor.execute(context(2))).rejects.toMatchObject(full);
      expect(await digests()).toEqual(meanwhile);
      await disk.free();
      expect(await parts.executor.execute(context(3))).toMatchObject({
        recordsErased: 2 + 3 * 6_000,
        filesRewritten: 4,
        open: [],
      });
      expect(await parts.executor.verify(context(4))).toMatchObject({
        survivors: 0,
        lost: 0,
        recordsScanned: 18 + 3 * 54_000,
        open: [],
      });
      expect(await parts.store.names(`${table.location}/_erasure`)).toEqual([]);
    });
  });
});
