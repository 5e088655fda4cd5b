import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, expect, it } from 'vitest';
import { DuckdbEngine } from '../../../src/adapters/lake/duckdb/duckdb-engine.ts';
import { EnginePool } from '../../../src/adapters/lake/engine-pool.ts';
import { eventually } from '../../testkit/app.ts';
import { describeLakeEngine } from './lake-engine.conformance.ts';

const limits = { memoryLimitMb: 256, threads: 1, timeoutMs: 30_000 };
const engines = (tempDir: string): [DuckdbEngine, DuckdbEngine, DuckdbEngine] => [
  new DuckdbEngine({ ...limits, tempDir }),
  new DuckdbEngine({ ...limits, tempDir }),
  new DuckdbEngine({ ...limits, tempDir }),
];

describeLakeEngine('A pool of engines', (tempDir) => new EnginePool(engines(tempDir)));

const root = mkdtempSync(join(tmpdir(), 'lineward-pool-'));
afterAll(() => rm(root, { recursive: true, force: true }));

it('shares files of a question out among its engines, and answers in their order', async () => {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const files = Array.from({ length: 7 }, (_, index) => join(root, `${index}.parquet`));
  for (const [index, file] of files.entries())
    await connection.run(`COPY (SELECT 'A' AS acc FROM range(${index + 1})) TO '${file}' (FORMAT parquet)`);
  connection.closeSync();
  const members = engines(join(root, 'tmp'));
  const pool = new EnginePool(members);
  const selection = { accountColumn: 'acc', act: [{ account: 'A' }], keep: [] };
  try {
    const found = await pool.find({ files, selection });
    expect(found).toEqual(files.map((path, index) => ({ path, rows: index + 1, matches: index + 1 })));
    const pids = members.map(({ childPid }) => childPid);
    expect(new Set(pids.filter((pid) => pid !== undefined)).size).toBe(3);
    expect(await pool.find({ files: [], selection })).toEqual([]);

    // An engine that is killed takes its own request with it.
    const counts = await Promise.allSettled(
      files.slice(0, 3).map((path, index) => {
        const asked = pool.verify({ path, selection });
        if (index === 2) for (const pid of pids.slice(0, 1)) process.kill(Number(pid), 'SIGKILL');
        return asked;
      }),
    );
    expect(counts.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    await eventually(
      async () => (await pool.find({ files, selection })).length,
      (count) => count === 7,
    );
  } finally {
    await pool.close();
  }
});
