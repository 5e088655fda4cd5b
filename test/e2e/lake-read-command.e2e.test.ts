import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LakeClient } from '../../packages/lake-client/src/index.ts';
import { type Data, documentOf, register, type TestApp, testApp } from '../testkit/app.ts';
import { registeredTable } from '../testkit/lake-reads.ts';
import { clickFields, clicks, plainDuckdb } from '../testkit/plain-table.ts';

let app: TestApp;
let directory: string;

/** The command as somebody runs it. */
function lineward(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const all = ['src/cli/main.ts', 'lake', 'read', ...args, '--url', `${app.urls.main}/graphql`];
    execFile(process.execPath, all, { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}
const why = ['--purpose', 'a test'];

beforeAll(async () => {
  app = await testApp();
  directory = await mkdtemp(join(tmpdir(), 'lineward-command-'));
  const { registerEntityVersion } = await app.done(register, { input: { document: documentOf('Click', clickFields) } });
  const entityId = registerEntityVersion.entity.id;
  await app.done(
    'mutation ($input: CreateLakeLandingInput!) { createLakeLanding(input: $input) { userErrors { code message } } }',
    { input: { entityId, area: 'web', dateField: 'day', accountField: 'account', subjectFields: ['person'] } },
  );
  const records = ((await plainDuckdb(clicks(20))) as Data[]).map(({ id, ...row }) => ({
    ...row,
    id: Number(id),
  }));
  const { body } = await app.post('/api/v1/entities/Demo.Click/records', { records });
  expect(body.results.every(({ ok }: Data) => ok)).toBe(true);
  const { registerEntityVersion: other } = await app.done(register, {
    input: { document: documentOf('Huge', clickFields) },
  });
  await mkdir(join(app.lakeRoot, 'events/huge'), { recursive: true });
  const rows = clicks(150_000).replace(`'note ' || i AS note`, `repeat('x', 1000) AS note`);
  await plainDuckdb(`COPY (${rows}) TO '${join(app.lakeRoot, 'events/huge/part.parquet')}' (FORMAT parquet)`);
  await registeredTable(app, { location: 'events/huge', entityId: other.entity.id });
});
afterAll(async () => {
  await app?.stop();
  await rm(directory, { recursive: true, force: true });
});

describe('lineward lake read', () => {
  // What the policy of the type removed is an empty text.
  test('prints rows as lines of JSON, and tells of itself beside them', async () => {
    const { code, stdout, stderr } = await lineward('Demo.Click', ...why, '--columns', 'id,note,device');
    expect(code).toBe(0);
    const read = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(read.sort((a, b) => a.id - b.id)).toEqual(
      Array.from({ length: 20 }, (_, id) => ({ id, note: '', device: null })),
    );
    expect(stderr).toMatch(
      /^data\/web\/\S+: 5 file\(s\), in clear; masked: nothing\n(?:\d+ row\(s\) so far\n)*20 row\(s\)\n$/u,
    );
  });

  test('reads the days that are asked for, from their files alone', async () => {
    const days = ['--from', '2018-06-02', '--to', '2018-06-03'];
    const { code, stdout, stderr } = await lineward('Demo.Click', ...why, ...days, '--format', 'csv');
    expect(code).toBe(0);
    expect(stdout.split('\n').sort()).toEqual(
      [
        '',
        ...[1, 5, 9, 13, 17].map((id) => `${id},AC${id % 3},p${id % 5},2018-06-02T10:00:00Z,,`),
        'id,account,person,day,note,device',
      ].sort(),
    );
    expect(stderr).toContain('1 file(s), 4 left out by their days');
    const table = await lineward(
      'Demo.Click',
      ...why,
      ...days,
      '--format',
      'table',
      '--limit',
      '1',
      '--columns',
      'day,id',
    );
    expect(table.stdout).toMatch(/^day {19}id\n2018-06-02T10:00:00Z {2}\d+\n$/u);
    const none = await lineward('Demo.Click', ...why, '--from', '2019-01-01', '--format', 'csv');
    expect([none.code, none.stdout]).toEqual([0, 'id,account,person,day,note,device\n']);
  });

  test('writes a file as a whole, in Parquet too', async () => {
    const output = join(directory, 'clicks.parquet');
    const written = await lineward('Demo.Click', ...why, '--format', 'parquet', '--output', output);
    expect([written.code, written.stdout]).toEqual([0, '']);
    expect(written.stderr).toContain(`20 row(s) written to ${output}`);
    expect(
      await plainDuckdb(`SELECT count(*) AS n, sum(id) AS ids, typeof(any_value(id)) AS type FROM '${output}'`),
    ).toEqual([{ n: 20n, ids: 190n, type: 'BIGINT' }]);
    const lines = join(directory, 'clicks.ndjson');
    expect((await lineward('Demo.Click', ...why, '--output', lines)).code).toBe(0);
    expect((await readFile(lines, 'utf8')).trimEnd().split('\n')).toHaveLength(20);
    expect((await readdir(directory)).sort()).toEqual(['clicks.ndjson', 'clicks.parquet']);
  });

  test('fails with a code and where the fault is, and leaves what was there as it was', async () => {
    const refused = async (...args: readonly string[]) => {
      const { code, stdout, stderr } = await lineward(...args);
      expect([code, stdout]).toEqual([1, '']);
      return stderr.trim();
    };
    expect(await refused('Demo.Nothing')).toMatch(/^lineward: NOT_FOUND: entity: /u);
    expect(await refused('Demo.Click', '--columns', 'id,colour')).toMatch(/^lineward: BAD_INPUT: columns\.1: /u);
    expect(await refused('Demo.Click', '--from', 'yesterday')).toMatch(/^lineward: BAD_INPUT: from: /u);
    expect(await refused('Demo.Click', '--format', 'xml')).toMatch(/^lineward: BAD_INPUT: --format: /u);
    expect(await refused('Demo.Click', '--format', 'parquet')).toMatch(/^lineward: BAD_INPUT: --output: /u);
    expect(await refused('Demo.Click', '--limit', '-1')).toMatch(/^lineward: BAD_INPUT/u);
    expect(await refused()).toMatch(/^lineward: BAD_INPUT: unknown or incomplete command/u);
    const output = join(directory, 'kept');
    await writeFile(output, 'as it was');
    const broken = 'events/huge/part.parquet';
    const whole = await readFile(join(app.lakeRoot, broken));
    await writeFile(join(app.lakeRoot, broken), whole.subarray(0, whole.length - 100));
    expect(await refused('Demo.Huge', ...why, '--output', output)).toContain('LAKE_FILE_UNREADABLE');
    await writeFile(join(app.lakeRoot, broken), whole);
    expect(await readFile(output, 'utf8')).toBe('as it was');
    expect(await readdir(directory)).toHaveLength(3);
  });

  test('is a stream: no more memory is taken for more rows', async () => {
    const read = await new LakeClient({ url: app.urls.main }).open({ entity: 'Demo.Huge', purpose: 'a test' });
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    // What is held, whenever the collector would have come by itself.
    const used = (): number => {
      collect();
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const before = used();
    let [rows, peak] = [0, 0];
    for await (const row of read) {
      rows += 1;
      if (rows % 15_000 === 0) peak = Math.max(peak, used() - before);
      if (rows === 1) expect(String(row.note)).toHaveLength(1_000);
    }
    expect(rows).toBe(150_000);
    // The service runs in this process, too; the rows are 150 MB.
    expect(peak).toBeLessThan(75 * 1024 * 1024);
  });
});
