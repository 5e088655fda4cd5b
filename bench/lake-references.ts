import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { DuckDBConnection } from '@duckdb/node-api';
import { pythonWith } from '../test/testkit/python.ts';
import { ownCoreSeconds } from './lake-cost.ts';
import type { GeneratedFile, personsOf } from './lake-data.ts';

export type Subjects = ReturnType<typeof personsOf>;

const run = promisify(execFile);
const pyarrow = 'pyarrow==26.0.1';

/** The subjects as a table of a connection. */
export async function loadSubjects(connection: DuckDBConnection, name: string, act: Subjects): Promise<void> {
  await connection.run(`CREATE OR REPLACE TABLE ${name} (account VARCHAR, value VARCHAR)`);
  const appender = await connection.createAppender(name);
  for (const { accountId, subject } of act) {
    for (const text of [accountId, subject.value]) appender.appendVarchar(text);
    appender.endRow();
  }
  appender.closeSync();
}

/** The least that any engine must do: the rows that stay, written by one statement per file, unchecked. Processor seconds. */
export async function erasedBarely(
  connection: DuckDBConnection,
  root: string,
  files: readonly GeneratedFile[],
): Promise<number> {
  const start = ownCoreSeconds();
  for (const [index, { local }] of files.entries())
    await connection.run(`COPY (SELECT * FROM read_parquet('${local}') s WHERE NOT EXISTS
      (SELECT 1 FROM gone g WHERE g.account = s.account_sid AND g.value = s."to"))
      TO '${join(root, `bare-${index}.parquet`)}' (FORMAT parquet, COMPRESSION snappy)`);
  return ownCoreSeconds() - start;
}

/** Each file read, joined against the subjects and written again in the order of its rows, unchecked. */
const program = `
import json, resource, sys
import pyarrow as pa, pyarrow.parquet as pq
work = json.load(open(sys.argv[1]))
gone = pa.table({'account_sid': work['accounts'], 'to': work['values']})
start, left = resource.getrusage(resource.RUSAGE_SELF), 0
for index, path in enumerate(work['files']):
    table = pq.ParquetFile(path).read()
    keys = table.select(['account_sid', 'to']).append_column('place', pa.array(range(table.num_rows), pa.int64()))
    stay = keys.join(gone, ['account_sid', 'to'], join_type='left anti').column('place').combine_chunks().sort()
    left += len(stay)
    pq.write_table(table.take(stay), work['out'] + str(index) + '.parquet', compression='snappy')
end = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({'left': left, 'megabytes': end.ru_maxrss / 1024,
  'seconds': end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime}))
`;

interface PyarrowRun {
  /** Rows that stay. */
  readonly left: number;
  /** Of processor time. */
  readonly seconds: number;
  readonly megabytes: number;
}

/** The same by pyarrow, in a process of its own; null where it cannot be had. */
export async function erasedByPyarrow(
  root: string,
  files: readonly GeneratedFile[],
  act: Subjects,
): Promise<PyarrowRun | null> {
  const python = await pythonWith('bench-pyarrow', [pyarrow], 'import pyarrow.parquet').catch(() => null);
  if (python === null) return null;
  const manifest = join(root, 'pyarrow.json');
  const work = {
    accounts: act.map(({ accountId }) => accountId),
    values: act.map(({ subject }) => subject.value),
    files: files.map(({ local }) => local),
    out: join(root, 'pyarrow-'),
  };
  await writeFile(manifest, JSON.stringify(work));
  const { stdout } = await run(python, ['-c', program, manifest]);
  return JSON.parse(stdout) as PyarrowRun;
}

/** Rows of persons who were to go (table `gone`), and all others, by plain SQL over the files. */
export async function countsOf(connection: DuckDBConnection, files: readonly GeneratedFile[]) {
  const list = files.map(({ local }) => `'${local}'`).join(', ');
  const read = await connection.runAndReadAll(
    `SELECT count(*) FILTER (WHERE hit), count(*) FILTER (WHERE NOT hit) FROM
     (SELECT (account_sid, "to") IN (SELECT (account, value) FROM gone) AS hit FROM read_parquet([${list}]))`,
  );
  const [selected, others] = read.getRows()[0] ?? [];
  return { selected: Number(selected), others: Number(others) };
}
