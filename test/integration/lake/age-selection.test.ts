import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DuckdbEngine } from '../../../src/adapters/lake/duckdb/duckdb-engine.ts';
import { partitionOf } from '../../../src/domain/lake/table-location.ts';
import { plainDuckdb } from '../../testkit/plain-table.ts';

let root: string;
let engine: DuckdbEngine;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'lineward-age-'));
  engine = new DuckdbEngine({ memoryLimitMb: 256, threads: 2, timeoutMs: 60_000, tempDir: join(root, 'tmp') });
});
afterAll(async () => {
  await engine.close();
  await rm(root, { recursive: true, force: true });
});

const before = '2018-06-04';
const noHold = { within: 0, withinUndated: 0 };
const selection = (keep: readonly { account: string }[] = []) => ({
  accountColumn: 'account',
  everyone: true,
  act: [],
  keep,
  olderThan: { column: 'day', before },
});

async function fileOf(name: string, day: string, rows: string): Promise<string> {
  const path = join(root, `${name}.parquet`);
  await plainDuckdb(
    `COPY (SELECT 'AC' || row_number() OVER () AS account, ${day} AS day FROM (VALUES ${rows}) t(v)) TO '${path}' (FORMAT parquet)`,
  );
  return path;
}

/** What the three verbs say of a file, which must be the same. */
async function judged(path: string) {
  const [found] = await engine.find({ files: [path], selection: selection() });
  const { matches } = await engine.verify({ path, selection: selection() });
  const staged = `${path}.staged`;
  const rewritten = await engine.rewrite({ source: path, staged, selection: selection() });
  expect([matches, rewritten.found]).toEqual(Array(2).fill(found?.error === undefined ? found?.matches : null));
  return found;
}

describe('rows by age', () => {
  const texts = [
    '2018-06-03',
    '2018-06-04',
    '2018-06-03T23:59:59.999Z',
    '2018-06-04T00:00:00Z',
    // 22:30 of the day before, and 01:30 of the day after, in UTC.
    '2018-06-04T00:30:00+02:00',
    '2018-06-03T23:30:00-02:00',
    '2018-06-04t00:30+0200',
    '2018-06-03 10:00',
    '2018-06-04 00:30:00 +0200',
    '2018-06-04 00:30 +02',
    '2018-06-03 23:59:59 Z',
    '2018-06-03T24:00:00Z',
    '0001-01-01',
    '9999-12-31',
  ];
  const none = [
    '',
    'yesterday',
    '2018-02-30',
    '2018-6-3',
    '20180603',
    '-2018-06-03',
    'infinity',
    'epoch',
    ' 2018-06-03',
    '2018-06-03T12:00:00+24:00',
    '2018-06-03T23:59:60Z',
  ];

  it('are those whose UTC day is before the limit, where landings would put them', async () => {
    for (const [index, text] of texts.entries()) {
      const found = await judged(await fileOf(`text-${index}`, 'v', `('${text}')`));
      expect([text, found]).toEqual([
        text,
        expect.objectContaining({
          matches: partitionOf(text) < before.replaceAll('-', '/') ? 1 : 0,
          age: { ...noHold, held: 0, undated: 0, retained: 0, daysLeft: null },
        }),
      ]);
    }
  });

  it('stay and are counted where they have no date', async () => {
    const path = await fileOf(
      'none',
      'v',
      [...none.map((text) => `('${text}')`), '(NULL)', `('2018-01-01')`].join(', '),
    );
    expect(await judged(path)).toMatchObject({ matches: 1, age: { held: 0, undated: none.length + 1 } });
    for (const text of none) expect(partitionOf(text)).toBe('unknown_date');
  });

  it.each([
    ['DATE', 1],
    ['TIMESTAMP', 1],
    ['TIMESTAMP_S', 1],
    ['TIMESTAMP_NS', 1],
    ['TIMESTAMPTZ', 1],
  ])('are read from columns of %s', async (type, older) => {
    const values = `('2018-06-03 23:59:59'), ('2018-06-04 00:00:00'), (NULL)`;
    const path = await fileOf(type, `CAST(v AS ${type})`, values);
    expect(await judged(path)).toMatchObject({ matches: older, age: { undated: 1 } });
  });

  it('are found in columns that no rewrite would keep as they are', async () => {
    const path = await fileOf('millis', 'CAST(v AS TIMESTAMP_MS)', `('2018-06-03 23:59:59'), ('2018-06-04 00:00:00')`);
    const [found] = await engine.find({ files: [path], selection: selection() });
    expect(found).toMatchObject({ matches: 1, age: { undated: 0 } });
  });

  it('are told apart from those under a hold', async () => {
    const path = await fileOf('held', 'v', `('2018-06-01'), ('2018-06-02'), ('2018-06-09')`);
    const [found] = await engine.find({
      files: [path],
      selection: selection([{ account: 'AC1' }, { account: 'AC3' }]),
    });
    expect(found).toMatchObject({ rows: 3, matches: 1, age: { held: 1, undated: 0 } });
  });

  it('are told apart from those that a minimum keeps, with the days that they have to go', async () => {
    const path = await fileOf('minimum', 'v', `('2018-06-03'), ('2018-06-04'), ('2018-06-09'), ('2018-06-30'), (NULL)`);
    const act = ['AC1', 'AC2', 'AC3', 'AC5'].map((account) => ({ account }));
    const under = (askedBefore: string | null, keep: readonly { account: string }[] = []) => ({
      ...{ accountColumn: 'account', act, keep },
      olderThan: { column: 'day', before, askedBefore },
    });
    const ages = await Promise.all(
      [under(null), under('2018-06-09'), under(null, [{ account: 'AC3' }]), under(before)].map(async (asked) => {
        const [found] = await engine.find({ files: [path], selection: asked });
        return found?.error === undefined ? [found?.matches, found?.age] : found;
      }),
    );
    expect(ages).toEqual([
      [1, { ...noHold, held: 0, undated: 1, retained: 2, daysLeft: 5 }],
      [1, { ...noHold, held: 0, undated: 1, retained: 1, daysLeft: 0 }],
      [1, { ...noHold, held: 0, undated: 1, retained: 1, daysLeft: 0 }],
      [1, { ...noHold, held: 0, undated: 1, retained: 0, daysLeft: null }],
    ]);
  });

  it('are not looked for in columns that hold no dates', async () => {
    const files = [await fileOf('number', '5::BIGINT', `('x')`), await fileOf('list', '[v]', `('x')`)];
    const found = await engine.find({ files, selection: selection() });
    expect(found).toMatchObject([
      { error: 'REFUSED', reason: 'its date column day has the type BIGINT, which is no date' },
      { error: 'REFUSED' },
    ]);
  });

  it('go with a file that could not be rewritten, when nothing else is in it', async () => {
    const path = join(root, 'ids.parquet');
    await plainDuckdb(
      `COPY (SELECT 'AC' || i AS account, DATE '2018-06-02' + CAST(i AS INTEGER) AS day FROM range(2) t(i)) TO '${path}' (FORMAT parquet, FIELD_IDS {account: 7})`,
    );
    const [source, staged] = [path, `${path}.staged`];
    expect(await engine.rewrite({ source, staged, selection: selection() })).toMatchObject({
      found: 2,
      stagedSha256: null,
    });
    const some = { ...selection(), olderThan: { column: 'day', before: '2018-06-03' } };
    await expect(engine.rewrite({ source, staged, selection: some })).rejects.toMatchObject({
      code: 'LAKE_TABLE_REFUSED',
    });
  });
});
