import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckdbEngine } from '../src/adapters/lake/duckdb/duckdb-engine.ts';
import { startEmbeddedPostgres } from '../src/adapters/postgres/embedded-postgres.ts';
import { openDatabase } from '../src/adapters/postgres/orm.ts';
import { engineSelectionOf } from '../src/services/lake/file-search.ts';
import { erasureTarget, executionContext, lakeParts, messageKeys, messageTable } from '../test/testkit/lake.ts';
import { type Bench, type BenchCase, beside, flag } from './harness.ts';
import { type GeneratedFile, generateTable, personsOf } from './lake-data.ts';
import { indexCases } from './lake-index.ts';

/** Seconds of processor time, of this process and of the engine's. */
function coreSeconds(engine: Pick<DuckdbEngine, 'childPid'> | null): number {
  const { user, system } = process.cpuUsage();
  const pid = engine?.childPid;
  if (pid === undefined) return (user + system) / 1e6;
  // Fields 14 and 15 behind the name in brackets, in ticks of a hundredth of a second.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (user + system) / 1e6 + (Number(fields[11]) + Number(fields[12])) / 100;
}

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
    const { table } = await messageTable(parts);
    const files = await generateTable(duckdb, parts.localPath(table.location), { megabytes, days });
    const [bytes, rows] = [sum(files, 'bytes'), sum(files, 'rows')];
    // A tenth of the persons at most, as on a lake of the size that so many subjects a day come from.
    const persons = Math.ceil(rows / 10);
    const act = personsOf(Math.min(subjects, Math.ceil(persons / 10)), persons);
    const cases: BenchCase[] = [];

    // The least that any engine must do: the rows that stay, written by one statement per file.
    await duckdb.run('CREATE TABLE gone (account VARCHAR, value VARCHAR)');
    const appender = await duckdb.createAppender('gone');
    for (const { accountId, subject } of act) {
      for (const text of [accountId, subject.value]) appender.appendVarchar(text);
      appender.endRow();
    }
    appender.closeSync();
    const bareStart = coreSeconds(null);
    for (const [index, { local }] of files.entries())
      await duckdb.run(`COPY (SELECT * FROM read_parquet('${local}') s WHERE NOT EXISTS
        (SELECT 1 FROM gone g WHERE g.account = s.account_sid AND g.value = s."to"))
        TO '${join(root, `bare-${index}.parquet`)}' (FORMAT parquet, COMPRESSION snappy)`);
    const bare = bytes / 1e6 / (coreSeconds(null) - bareStart);

    const counts = new Set([1, Math.min(10_000, act.length), act.length]);
    for (const count of counts) {
      const selection = engineSelectionOf(messageKeys, { act: act.slice(0, count), keep: [] });
      await engine.find({ files: files.slice(0, 1).map(({ local }) => local), selection });
      const start = coreSeconds(engine);
      await engine.find({ files: files.map(({ local }) => local), selection });
      const rate = rows / 1e6 / (coreSeconds(engine) - start);
      cases.push({ case: `find ${count} subjects`, value: rate, unit: 'M rows/core-s', reference: null, ratio: null });
    }

    const ofIndex = { parts, table, act, counts, rows, bytes, coreSeconds: () => coreSeconds(engine) };
    cases.push(...(await indexCases({ em: database.em, ...ofIndex })));

    const expected = await countsOf(duckdb, files);
    const target = await erasureTarget(database.em, table);
    const selection = { act, keep: [] };
    const start = coreSeconds(engine);
    const wall = performance.now();
    const receipt = await parts.executor.execute(executionContext({ table, ...target, selection }));
    const executed = coreSeconds(engine);
    const verified = await parts.executor.verify(executionContext({ table, ...target, selection, fencingToken: 2 }));
    const end = coreSeconds(engine);
    const of = { name: 'bare DuckDB anti-join COPY', value: bare };
    cases.push(beside('erase: find, rewrite, check, swap', bytes / 1e6 / (executed - start), 'MB/core-s', of));
    cases.push(beside('the same with verification', bytes / 1e6 / (end - start), 'MB/core-s', of));
    const seconds = (performance.now() - wall) / 1_000;
    cases.push({
      case: `${act.length} subjects, ${megabytes} MB, ${days} days`,
      value: seconds,
      unit: 's',
      reference: null,
      ratio: null,
    });
    const left = await countsOf(duckdb, files);
    const lost = expected.others - left.others;
    const isExact =
      left.selected === 0 && lost === 0 && receipt.recordsErased === expected.selected && verified.survivors === 0;
    if (!isExact) throw new Error(`not exact: ${JSON.stringify({ expected, left, erased: receipt.recordsErased })}`);
    cases.push({
      case: 'survivors and lost rows, by plain SQL',
      value: left.selected + lost,
      unit: 'rows',
      reference: null,
      ratio: null,
    });

    const changing = await erasureTarget(database.em, table);
    const everyone = { everyone: true, act: [], keep: [] };
    const before = coreSeconds(engine);
    await parts.executor.execute(executionContext({ table, ...changing, selection: everyone, transforms: true }));
    cases.push(beside('change one value of every row', bytes / 1e6 / (coreSeconds(engine) - before), 'MB/core-s', of));
    return cases;

    async function countsOf(connection: typeof duckdb, of: readonly GeneratedFile[]) {
      const list = of.map(({ local }) => `'${local}'`).join(', ');
      const read = await connection.runAndReadAll(
        `SELECT count(*) FILTER (WHERE hit), count(*) FILTER (WHERE NOT hit) FROM
         (SELECT (account_sid, "to") IN (SELECT (account, value) FROM gone) AS hit FROM read_parquet([${list}]))`,
      );
      const [selected, others] = read.getRows()[0] ?? [];
      return { selected: Number(selected), others: Number(others) };
    }
  } finally {
    await parts.engine.close();
    await database.close();
    await postgres.stop();
    await rm(root, { recursive: true, force: true });
  }
}

const sum = (files: readonly GeneratedFile[], what: 'bytes' | 'rows'): number =>
  files.reduce((total, file) => total + file[what], 0);

export const bench: Bench = {
  name: 'lake',
  about: 'erasing from a generated lake beside the barest rewrite; --mb=200 --days=30 --subjects=200000',
  run,
};
