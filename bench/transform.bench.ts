import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
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

async function engineCases(): Promise<readonly BenchCase[]> {
  const rows = flag('rows', 1_000_000);
  const root = await mkdtemp(join(tmpdir(), 'lineward-bench-'));
  const engine = new DuckdbTransformEngine({
    memoryLimitMb: flag('memory-mb', 512),
    threads: 2,
    timeoutMs: 1_800_000,
    tempDir: join(root, 'tmp'),
  });
  try {
    const duckdb = await DuckDBInstance.create(':memory:', {
      threads: '2',
      memory_limit: '3GB',
      temp_directory: join(root, 'hand'),
    });
    const connection = await duckdb.connect();
    await connection.run("SET TimeZone = 'UTC'");
    const files: string[] = [];
    for (let from = 0; from < rows; from += rowsPerChunk) {
      files.push(join(root, `lines-${files.length}`));
      await connection.run(
        `COPY (${messages(rows, from, Math.min(rows, from + rowsPerChunk))}) TO '${files.at(-1)}' (FORMAT json)`,
      );
    }
    const handStart = coreSeconds();
    await connection.run(byHand(files, join(root, 'by-hand')));
    const hand = rows / 1e6 / (coreSeconds() - handStart);

    const { shapes, merge: plan } = compiled(transformer('data/t'));
    const [shape] = shapes;
    if (shape === undefined) throw new TypeError('the transformer has no source');
    const directory = join(root, 'made');
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
    const merged = await engine.merge({
      chunks: chunks.map((path) => ({ path, mark: null })),
      base: [],
      plan,
      directory,
    });
    const end = coreSeconds(engine.childPid);
    const { keys } =
      (
        await connection.runAndReadAll(
          `SELECT count(*) AS keys FROM read_parquet('${join(root, 'by-hand')}/*/*.parquet')`,
        )
      ).getRowObjectsJson()[0] ?? {};
    if (Number(keys) !== merged.keys) throw new TypeError(`${merged.keys} rows, and ${keys} by hand`);
    const rate = (seconds: number): number => rows / 1e6 / seconds;
    const alone = (name: string, value: number): BenchCase => ({
      case: name,
      value,
      unit: 'M rows/core-s',
      reference: null,
      ratio: null,
    });
    return [
      beside(`localize, redact, deduplicate, partition ${rows} rows`, rate(end - start), 'M rows/core-s', {
        name: 'one statement by hand',
        value: hand,
      }),
      alone('of it: bring into form', rate(shaped - start)),
      alone('of it: merge and write', rate(end - shaped)),
    ];
  } finally {
    await engine.close();
    await rm(root, { recursive: true, force: true });
  }
}

export const bench: Bench = {
  name: 'transform',
  about:
    'Rows of a transformer, from lines to partitions, beside one statement by hand (--rows=1000000, --memory-mb=512), from a topic beside a bare loop (--records=100000), and one erasure from small and large files (--mb=20, --files=400, --target-files=4)',
  run: async () => [...(await engineCases()), ...(await topicCases()), ...(await compactionCases())],
};
