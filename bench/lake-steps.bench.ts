import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { openDuckdb, prepareConnection } from '../src/adapters/lake/duckdb/duckdb-session.ts';
import { EngineThreads } from '../src/adapters/lake/duckdb/engine-threads.ts';
import { findMatches } from '../src/adapters/lake/duckdb/find-matches.ts';
import {
  isMarked,
  markRows,
  misplacedRows,
  numberedRows,
  secondOpinions,
  useMarks,
} from '../src/adapters/lake/duckdb/marked-rows.ts';
import { copyOptions } from '../src/adapters/lake/duckdb/parquet-copy.ts';
import { readFooters } from '../src/adapters/lake/duckdb/parquet-footers.ts';
import { SelectionTables } from '../src/adapters/lake/duckdb/selection-tables.ts';
import { scanned, sqlText } from '../src/adapters/lake/duckdb/sql-text.ts';
import { verifyFiles } from '../src/adapters/lake/duckdb/verify-files.ts';
import { fsyncFile, sha256OfFile } from '../src/adapters/store/local/durable-file.ts';
import { engineSelectionOf } from '../src/services/lake/file-search.ts';
import { messageKeys } from '../test/testkit/lake.ts';
import { type Bench, type BenchCase, flag, plainCase } from './harness.ts';
import { ownCoreSeconds } from './lake-cost.ts';
import { type GeneratedFile, generateTable, personsOf } from './lake-data.ts';
import { erasedBarely, loadSubjects } from './lake-references.ts';

/** As the engine's own process has them. */
const [threads, memoryLimitMb] = [2, 256];

/** Processor time by step. */
class Steps {
  readonly #spent = new Map<string, number>();

  async run<T>(name: string, work: () => Promise<T>): Promise<T> {
    const start = ownCoreSeconds();
    const result = await work();
    this.#spent.set(name, (this.#spent.get(name) ?? 0) + ownCoreSeconds() - start);
    return result;
  }

  /** What each took of one file. */
  cases(files: number): readonly BenchCase[] {
    return [...this.#spent].map(([name, seconds]) => plainCase(name, (1_000 * seconds) / files, 'core-ms'));
  }

  get milliseconds(): number {
    return [...this.#spent.values()].reduce((sum, seconds) => sum + 1_000 * seconds, 0);
  }
}

interface Parts {
  readonly connection: DuckDBConnection;
  readonly tables: SelectionTables;
  readonly fitting: EngineThreads;
  readonly root: string;
}

/** The statements of a rewrite, in their order, over files that the engine takes at one time. */
async function rewritten(steps: Steps, files: readonly GeneratedFile[], parts: Parts): Promise<void> {
  const { connection, tables, fitting, root } = parts;
  const paths = files.map(({ local }) => local);
  await steps.run('find', () => findMatches(connection, tables, { files: paths }));
  const opened = await steps.run('footers', async () => {
    const readers = await readFooters(connection, paths);
    return Promise.all(readers.map((read) => read()));
  });
  const judged = opened.map(({ schema, layout }) => ({ schema, rows: layout.rows }));
  await steps.run('mark rows by joins', () => markRows(connection, tables, judged));
  await steps.run('second opinion by lookup', () => secondOpinions(connection, tables, judged));
  const staged = paths.map((_, index) => join(root, `${index}.staged`));
  for (const [index, { schema, layout }] of opened.entries()) {
    await fitting.fitTo(connection, layout);
    await steps.run('copy', async () => {
      await useMarks(connection, schema.path);
      await connection.run(
        `COPY (SELECT ${scanned}.* EXCLUDE (file_row_number) FROM ${numberedRows(schema.path)} WHERE NOT ${isMarked})
         TO ${sqlText(staged[index] ?? '')} (${copyOptions(layout)})`,
      );
    });
  }
  await fitting.all(connection);
  await steps.run('read copies for matches', () => findMatches(connection, tables, { files: staged }));
  for (const [index, { schema, layout }] of opened.entries()) {
    await fitting.fitTo(connection, layout);
    const columns = schema.columns.map(({ name }) => name);
    const laid = { source: schema.path, copy: staged[index] ?? '', columns, where: `NOT ${isMarked}` };
    const misplaced = await steps.run('lay copy beside source', async () => {
      await useMarks(connection, schema.path);
      return misplacedRows(connection, laid);
    });
    if (misplaced > 0) throw new Error(`${misplaced} rows are not where they were`);
  }
  await fitting.all(connection);
  for (const path of staged)
    await steps.run('flush and digest', async () => {
      await fsyncFile(path);
      await sha256OfFile(path);
    });
  await steps.run('verify', () => verifyFiles(connection, tables, staged));
}

async function run(): Promise<readonly BenchCase[]> {
  const [megabytes, days, asked, atOnce] = [
    flag('mb', 160),
    flag('days', 32),
    flag('subjects', 200_000),
    flag('at-once', 16),
  ];
  const root = await mkdtemp(join(tmpdir(), 'lineward-bench-'));
  const generating = await (await DuckDBInstance.create(':memory:', { threads: '2', memory_limit: '1GB' })).connect();
  try {
    const files = await generateTable(generating, root, { megabytes, days });
    const rows = files.reduce((sum, file) => sum + file.rows, 0);
    // A tenth of the persons go; strangers fill up what the lake is too small for.
    const persons = Math.ceil(rows / 10);
    const known = personsOf(Math.min(asked, Math.ceil(persons / 10)), persons);
    const strangers = Array.from({ length: asked - known.length }, (_, n) => ({
      accountId: `AC${n % 1000}`,
      subject: { field: 'to', value: `+1${3_000_000_000 + n}` },
    }));
    const act = [...known, ...strangers];
    const barely = await (await DuckDBInstance.create(':memory:', { threads: '1', memory_limit: '1GB' })).connect();
    for (const one of [generating, barely]) await loadSubjects(one, 'gone', act);
    const engine = await openDuckdb({ memoryLimitMb, threads, tempDir: join(root, 'tmp') });
    const connection = await engine.connect();
    await prepareConnection(connection);
    const tables = await SelectionTables.load(connection, engineSelectionOf(messageKeys, { act, keep: [] }));
    const parts = { connection, tables, fitting: new EngineThreads(threads), root };
    await rewritten(new Steps(), files.slice(0, atOnce), parts);
    for (const one of [generating, barely]) await erasedBarely(one, root, files.slice(0, atOnce));
    const steps = new Steps();
    let [bare, alone] = [0, 0];
    // By turns, so that what disturbs the machine disturbs both.
    for (let start = 0; start < files.length; start += atOnce) {
      const some = files.slice(start, start + atOnce);
      await rewritten(steps, some, parts);
      bare += await erasedBarely(generating, root, some);
      alone += await erasedBarely(barely, root, some);
    }
    return [
      plainCase(`bare anti-join COPY, ${act.length} subjects`, (1_000 * bare) / files.length, 'core-ms'),
      plainCase('the same by one thread', (1_000 * alone) / files.length, 'core-ms'),
      ...steps.cases(files.length),
      plainCase('all steps', steps.milliseconds / files.length, 'core-ms'),
      plainCase('as fast as the bare COPY, without the service', (1_000 * bare) / steps.milliseconds, 'times'),
      plainCase('as fast as that by one thread', (1_000 * alone) / steps.milliseconds, 'times'),
    ];
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

export const bench: Bench = {
  name: 'lake-steps',
  about:
    'what the steps of an erasure take of a file, in processor time; --mb=160 --days=32 --subjects=200000 --at-once=16 (files that the engine takes at one time)',
  run,
};
