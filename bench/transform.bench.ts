import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { DuckdbTransformEngine } from '../src/adapters/lake/duckdb/duckdb-transform-engine.ts';
import { originColumn } from '../src/domain/transform/transform-plan.ts';
import { compiled, talkTransformer } from '../test/testkit/transform.ts';
import { type Bench, type BenchCase, beside, flag } from './harness.ts';
import { compactionCases } from './transform-compaction.ts';
import { topicCases } from './transform-topic.ts';

const rowsPerChunk = 200_000;

/** Seconds of processor time of a process; of this one without a number. */
function coreSeconds(pid?: number): number {
  if (pid === undefined) {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  }
  // Fields 14 and 15 behind the name in brackets, in ticks of a hundredth of a second.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const statuses = ['queued', 'sending', 'sent', 'delivered'];
const instant = (start: string, factor: number): string =>
  `strftime(TIMESTAMP '${start}' + to_seconds((i * ${factor}) % 2592000), '%Y-%m-%dT%H:%M:%S+02:00')`;

/** Messages of a month, two of each three with a key of their own. */
const messages = (rows: number, from: number, to: number): string => `
  SELECT '0:' || i AS ${originColumn}, 'SM' || (i % ${Math.ceil((rows * 2) / 3)}) AS message_id, 'AC' || (i % 100) AS account_sid,
    ${instant('2018-06-01', 7)} AS date_created, ${instant('2018-07-01', 13)} AS date_updated,
    [${statuses.map((status) => `'${status}'`).join(', ')}][1 + i % 4] AS status, '+4917' || (i % 100000) AS "to", i % 9 AS segments
  FROM range(${from}, ${to}) t(i)`;

const transformer = (path: string): object => {
  const base = JSON.parse(talkTransformer);
  const redact = { type: 'derive', fields: { to: 'concat(substring(to, 1, 3), "***")' } };
  const [source] = base.sources;
  return {
    ...base,
    sources: [{ ...source, transforms: [...source.transforms, redact] }],
    resource: { ...base.resource, format: 'parquet', path },
  };
};

const localized = (name: string): string =>
  `strftime(CAST(CAST(${name} AS TIMESTAMPTZ) AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%fZ') AS ${name}`;

/** The same by one statement of somebody who knows that all values are as they should be. */
const byHand = (files: readonly string[], directory: string): string => `
  COPY (SELECT *, left(date_created, 10) AS day FROM (
      SELECT message_id, account_sid, ${localized('date_created')}, ${localized('date_updated')}, status,
        concat(substr("to", 1, 3), '***') AS "to", segments, CAST(NULL AS JSON) AS tags
      FROM read_json([${files.map((file) => `'${file}'`).join(', ')}], format = 'newline_delimited', columns = {message_id: 'VARCHAR',
        account_sid: 'VARCHAR', date_created: 'VARCHAR', date_updated: 'VARCHAR', status: 'VARCHAR', "to": 'VARCHAR', segments: 'BIGINT'}))
    QUALIFY row_number() OVER (PARTITION BY message_id ORDER BY date_updated DESC) = 1)
  TO '${directory}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (day))`;

/** Lines of so many messages, in files of one chunk each. */
async function writeLines(connection: DuckDBConnection, rows: number, directory: string): Promise<readonly string[]> {
  const files: string[] = [];
  for (let from = 0; from < rows; from += rowsPerChunk) {
    files.push(join(directory, `lines-${files.length}`));
    await connection.run(
      `COPY (${messages(rows, from, Math.min(rows, from + rowsPerChunk))}) TO '${files.at(-1)}' (FORMAT json)`,
    );
  }
  return files;
}

interface Made {
  readonly shapeSeconds: number;
  readonly mergeSeconds: number;
  readonly keys: number;
  readonly peakBytes: number;
}

/** The table of some lines, as a run makes it, by a process of its own. */
async function byEngine(files: readonly string[], root: string, memoryLimitMb: number): Promise<Made> {
  const directory = join(root, `made-${memoryLimitMb}`);
  const tempDir = join(root, 'tmp');
  const engine = new DuckdbTransformEngine({ memoryLimitMb, threads: 2, timeoutMs: 1_800_000, tempDir });
  const {
    shapes: [shape],
    merge: plan,
  } = compiled(transformer('data/t'));
  if (shape === undefined) throw new TypeError('the transformer has no source');
  try {
    await mkdir(directory);
    await engine.hits({ chunks: [], base: [], plan });
    const start = coreSeconds(engine.childPid);
    const chunks: string[] = [];
    for (const source of files) {
      const target = join(directory, `chunk-${chunks.length}`);
      await engine.shape({ source, target, plan: shape, lookups: [] });
      chunks.push(target);
    }
    const shaped = coreSeconds(engine.childPid);
    await engine.hits({ chunks, base: [], plan });
    const marked = chunks.map((path) => ({ path, mark: null }));
    const { keys } = await engine.merge({ chunks: marked, base: [], plan, directory });
    const end = coreSeconds(engine.childPid);
    const peakBytes = peakOf(engine.childPid ?? 0);
    return { shapeSeconds: shaped - start, mergeSeconds: end - shaped, keys, peakBytes };
  } finally {
    await engine.close();
    await rm(directory, { recursive: true, force: true });
  }
}

/** The most memory that a process has had. */
const peakOf = (pid: number): number =>
  Number(/VmHWM:\s+(\d+) kB/u.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;

/** Processor time of one statement by hand, and how many keys it found. */
async function handMade(connection: DuckDBConnection, files: readonly string[], root: string) {
  const target = join(root, 'by-hand');
  const start = coreSeconds();
  await connection.run(byHand(files, target));
  const seconds = coreSeconds() - start;
  const read = await connection.runAndReadAll(`SELECT count(*) AS keys FROM read_parquet('${target}/*/*.parquet')`);
  await rm(target, { recursive: true, force: true });
  return { seconds, keys: Number(read.getRowObjectsJson()[0]?.keys) };
}

/** Of so many rows: how fast, beside the statement; with its memory, too, since it ends without a result with less. */
async function speedCases(rows: number, root: string): Promise<readonly BenchCase[]> {
  const [memoryMb, handMb] = [flag('memory-mb', 512), flag('hand-memory-mb', 3_072)];
  const duckdb = await DuckDBInstance.create(':memory:', {
    threads: '2',
    memory_limit: `${handMb}MB`,
    temp_directory: join(root, 'hand'),
  });
  const connection = await duckdb.connect();
  await connection.run("SET TimeZone = 'UTC'");
  const files = await writeLines(connection, rows, root);
  try {
    const hand = await handMade(connection, files, root);
    const rate = (seconds: number): number => rows / 1e6 / seconds;
    const reference = { name: `one statement by hand, ${handMb} MB`, value: rate(hand.seconds) };
    const cases: BenchCase[] = [];
    for (const limitMb of new Set([memoryMb, handMb])) {
      const made = await byEngine(files, root, limitMb);
      if (made.keys !== hand.keys) throw new TypeError(`${made.keys} rows, and ${hand.keys} by hand`);
      const whole = `localize, redact, deduplicate, partition ${rows} rows in ${limitMb} MB`;
      cases.push(
        beside(whole, rate(made.shapeSeconds + made.mergeSeconds), unit, reference),
        alone('of it: bring into form', rate(made.shapeSeconds)),
        alone('of it: merge and write', rate(made.mergeSeconds)),
        alone('of it: most memory of the process', made.peakBytes / 1e6, 'MB'),
      );
    }
    return cases;
  } finally {
    connection.closeSync();
    await Promise.all(files.map((file) => rm(file, { force: true })));
  }
}

const unit = 'M rows/core-s';
const alone = (name: string, value: number, of = unit): BenchCase => ({
  ...{ case: name, value, unit: of, reference: null, ratio: null },
});

async function engineCases(): Promise<readonly BenchCase[]> {
  const rows = flag('rows', 1_000_000);
  const root = await mkdtemp(join(tmpdir(), 'lineward-bench-'));
  try {
    return [...(await memoryCases(rows, root)), ...(await speedCases(rows, root))];
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** Of a tenth and of three tenths of the rows: memory does not grow with them. */
async function memoryCases(rows: number, root: string): Promise<readonly BenchCase[]> {
  const connection = await (await DuckDBInstance.create(':memory:', { threads: '2' })).connect();
  const cases: BenchCase[] = [];
  try {
    for (const part of [Math.ceil(rows / 10), Math.ceil((rows * 3) / 10)]) {
      const files = await writeLines(connection, part, root);
      const { peakBytes } = await byEngine(files, root, flag('memory-mb', 512));
      cases.push(alone(`most memory of the process for ${part} rows`, peakBytes / 1e6, 'MB'));
      await Promise.all(files.map((file) => rm(file, { force: true })));
    }
    return cases;
  } finally {
    connection.closeSync();
  }
}

export const bench: Bench = {
  name: 'transform',
  about:
    'Rows of a transformer, from lines to partitions, beside one statement by hand (--rows=1000000, --memory-mb=512, --hand-memory-mb=3072) and by how much memory that takes, from a topic beside a bare loop (--records=100000), and one erasure from small and large files (--mb=20, --files=400, --target-files=4)',
  run: async () => [...(await engineCases()), ...(await topicCases()), ...(await compactionCases())],
};
