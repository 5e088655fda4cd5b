import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckdbEngine } from '../src/adapters/lake/duckdb/duckdb-engine.ts';
import { startEmbeddedPostgres } from '../src/adapters/postgres/embedded-postgres.ts';
import { openDatabase } from '../src/adapters/postgres/orm.ts';
import { engineSelectionOf } from '../src/services/lake/file-search.ts';
import { erasureTarget, executionContext, lakeParts, messageKeys, messageTable } from '../test/testkit/lake.ts';
import { type Bench, type BenchCase, beside, flag, plainCase } from './harness.ts';
import { LakeCost, ownMegabytes } from './lake-cost.ts';
import { type GeneratedFile, generateTable, personsOf } from './lake-data.ts';
import { indexCases } from './lake-index.ts';
import { narrowingCases } from './lake-narrowing.ts';
import { planCases } from './lake-plan.ts';
import { countsOf, erasedBarely, erasedByPyarrow, loadSubjects } from './lake-references.ts';

async function run(): Promise<readonly BenchCase[]> {
  const [megabytes, days, subjects] = [flag('mb', 200), flag('days', 30), flag('subjects', 200_000)];
  const root = await mkdtemp(join(tmpdir(), 'lineward-bench-'));
  const postgres = await startEmbeddedPostgres(root);
  const database = await openDatabase(postgres.url);
  await database.migrate();
  const parts = await lakeParts(database.em, root);
  const duckdb = await (await DuckDBInstance.create(':memory:', { threads: '2', memory_limit: '1GB' })).connect();
  try {
    const engine = parts.engine as DuckdbEngine;
    const cost = new LakeCost(engine);
    const { table } = await messageTable(parts);
    const files = await generateTable(duckdb, parts.localPath(table.location), { megabytes, days });
    const [bytes, rows] = [sum(files, 'bytes'), sum(files, 'rows')];
    // A tenth of the persons at most, as on a lake of the size that so many subjects a day come from.
    const persons = Math.ceil(rows / 10);
    const act = personsOf(Math.min(subjects, Math.ceil(persons / 10)), persons);
    const cases: BenchCase[] = [];

    await loadSubjects(duckdb, 'gone', act);
    const bare = bytes / 1e6 / (await erasedBarely(duckdb, root, files));
    const of = { name: 'bare DuckDB anti-join COPY', value: bare };
    const expected = await countsOf(duckdb, files);
    const pyarrow = await erasedByPyarrow(root, files, act);
    if (pyarrow === null) cases.push(plainCase('pyarrow: left out, no Python has it', 0, ''));
    else {
      if (pyarrow.left !== expected.others) throw new Error(`pyarrow left ${pyarrow.left} rows of ${expected.others}`);
      cases.push(beside('pyarrow: read, anti-join, write', bytes / 1e6 / pyarrow.seconds, 'MB/core-s', of));
      cases.push(plainCase('pyarrow: most memory', pyarrow.megabytes, 'MB'));
    }

    // Strangers fill up what the lake is too small for.
    const asked = personsOf(subjects, Math.max(persons, subjects));
    for (const count of new Set([1, Math.min(10_000, subjects), subjects])) {
      const selection = engineSelectionOf(messageKeys, { act: asked.slice(0, count), keep: [] });
      await engine.find({ files: files.slice(0, 1).map(({ local }) => local), selection });
      const start = cost.coreSeconds();
      await engine.find({ files: files.map(({ local }) => local), selection });
      cases.push(plainCase(`find ${count} subjects`, rows / 1e6 / (cost.coreSeconds() - start), 'M rows/core-s'));
    }

    const counts = [...new Set([1, Math.min(10_000, act.length), act.length])];
    cases.push(...(await narrowingCases(duckdb, files, { act, counts })));
    const ofIndex = { parts, table, act, counts, rows, bytes, coreSeconds: () => cost.coreSeconds() };
    cases.push(...(await indexCases({ em: database.em, ...ofIndex })));

    const target = await erasureTarget(database.em, table);
    const selection = { act, keep: [] };
    const start = cost.coreSeconds();
    const wall = performance.now();
    const receipt = await parts.executor.execute(executionContext({ table, ...target, selection }));
    const executed = cost.coreSeconds();
    const verified = await parts.executor.verify(executionContext({ table, ...target, selection, fencingToken: 2 }));
    const end = cost.coreSeconds();
    // Ours proves every row, what it is laid beside only copies: see docs/adr/0054-files-of-an-erasure-share-statements.md for what that costs.
    cases.push(beside('erase: find, rewrite, prove, swap', bytes / 1e6 / (executed - start), 'MB/core-s', of));
    cases.push(beside('the same with verification', bytes / 1e6 / (end - start), 'MB/core-s', of));
    const seconds = (performance.now() - wall) / 1_000;
    cases.push(plainCase(`${act.length} subjects, ${megabytes} MB, ${days} days`, seconds, 's'));
    cases.push(plainCase('most memory of the engine', cost.engineMegabytes(), 'MB'));
    const left = await countsOf(duckdb, files);
    const lost = expected.others - left.others;
    const isExact =
      left.selected === 0 && lost === 0 && receipt.recordsErased === expected.selected && verified.survivors === 0;
    if (!isExact) throw new Error(`not exact: ${JSON.stringify({ expected, left, erased: receipt.recordsErased })}`);
    cases.push(plainCase('survivors and lost rows, by plain SQL', left.selected + lost, 'rows'));

    const changing = await erasureTarget(database.em, table);
    const everyone = { everyone: true, act: [], keep: [] };
    const before = cost.coreSeconds();
    await parts.executor.execute(executionContext({ table, ...changing, selection: everyone, transforms: true }));
    const changed = cost.coreSeconds() - before;
    cases.push(beside('change one value of every row', bytes / 1e6 / changed, 'MB/core-s', of));

    cases.push(...(await planCases(parts, duckdb, cost)));
    cases.push(plainCase('most memory of this process, bench and all', ownMegabytes(), 'MB'));
    return cases;
  } finally {
    await parts.engine.close();
    await database.close();
    await postgres.stop();
    await rm(root, { recursive: true, force: true });
  }
}

/** Rows of the subjects, and of all others, as plain SQL sees them. */

const sum = (files: readonly GeneratedFile[], what: 'bytes' | 'rows'): number =>
  files.reduce((total, file) => total + file[what], 0);

export const bench: Bench = {
  name: 'lake',
  about:
    'erasing from a generated lake beside the barest rewrite, which proves nothing (0.4 of it by one thread is about the most while every row is proven); --mb=200 --days=30 --subjects=200000 --plan-days=3285 --plan-mb=200',
  run,
};
