import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Selection } from '../../../src/domain/governance/selection.ts';
import type { TargetReceipt } from '../../../src/domain/operations/target.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import {
  around,
  erasureTarget,
  executionContext,
  type LakeParts,
  lakeParts,
  landMessages,
  type Message,
  messageColumns,
  messageTable,
  retain,
  retentionPlanOf,
  tableContent,
} from '../../testkit/lake.ts';
import type { LakeKill } from './lake-child.ts';
import { runLakeChild } from './run-lake-child.ts';

let db: TestDatabase;
let root: string;
let parts: LakeParts;
let now = new Date('2018-07-03T12:00:00Z');
let hook: (verb: string, call: () => unknown) => unknown = (_verb, call) => call();
beforeAll(async () => {
  db = await testDatabase();
  root = await mkdtemp(join(tmpdir(), 'lineward-retention-'));
  parts = await lakeParts(db.em, root, {
    store: (store) => around(store, (verb, call) => hook(verb, call)),
    now: () => now,
  });
});
afterEach(() => {
  hook = (_verb, call) => call();
  now = new Date('2018-07-03T12:00:00Z');
});
afterAll(async () => {
  await parts.engine.close();
  await db.close();
  await rm(root, { recursive: true, force: true });
});

const limit = { dateField: 'date_created', days: 30, before: '2018-06-03' };
/** Two old days and two young ones, 10 rows each; account AC0 has every other row. */
const messages: readonly Message[] = ['2018-06-01', '2018-06-02', '2018-06-03', '2018-06-04'].flatMap((day) =>
  Array.from({ length: 10 }, (_, n) => ({ account: `AC${n % 2}`, to: `+${n}`, day })),
);
const everyone: Selection = { everyone: true, act: [], keep: [] };
const held: Selection = { ...everyone, keep: [{ accountId: 'AC0', subject: { field: 'to', value: '+4' } }] };

async function filled() {
  const made = await messageTable(parts);
  await landMessages(parts, made, messages);
  await retain(db.em, made.table, 30);
  return { ...made, target: await erasureTarget(db.em, made.table) };
}

/** A retention of a table; each call is a task of its own under the next fencing token. */
async function retention(selection: Selection | (() => Selection) = everyone) {
  const { table, target, streamId } = await filled();
  let fencingToken = 0;
  const context = () => {
    fencingToken += 1;
    return executionContext({ table, ...target, limit, selection, fencingToken });
  };
  return {
    table,
    streamId,
    execute: () => parts.executor.execute(context()),
    verify: () => parts.executor.verify(context()),
    days: async () =>
      Object.entries(await tableContent(parts, table)).map(([path, rows]) => [path.slice(0, 10), rows.length]),
  };
}

const addForeign = async (location: string, day: string, dates: readonly (string | null)[]): Promise<void> => {
  const rows = dates.map((date_created, n) => ({ sid: `X${n}`, account_sid: 'AC1', to: '+1', date_created }));
  const path = parts.localPath(`${location}/${day}/foreign.parquet`);
  await parts.engine.write({ path, columns: messageColumns, rows });
};

describe('a retention rule of a lake table', () => {
  it('is planned with files, rows, bytes and what holds keep, and writes nothing', async () => {
    const { table } = await filled();
    const before = await tableContent(parts, table);
    const plan = await retentionPlanOf(parts, table, held);
    expect(plan).toMatchObject({ action: 'REWRITE', files: 2, records: 18 });
    expect(plan.bytes).toBeGreaterThan(0);
    expect(plan.gaps.map(({ code, reason }) => [code, reason.replace(/^.*: /, '')])).toEqual(
      Array(2).fill(['HOLD_ACTIVE', '1 older row(s) are under a legal hold and stay']),
    );
    expect(plan.manifest.slice(0, 2)).toEqual([
      { transformation: { retention: limit } },
      { table: { files: 4, rows: 40 } },
    ]);
    expect(await tableContent(parts, table)).toEqual(before);
    // One day later one more day is older; the clock before the limit finds nothing.
    now = new Date('2018-07-04T00:00:00Z');
    expect(await retentionPlanOf(parts, table, everyone)).toMatchObject({ files: 3, records: 30 });
    now = new Date('2018-06-03T00:00:00Z');
    expect(await retentionPlanOf(parts, table, everyone)).toMatchObject({ action: 'NONE', records: 0, gaps: [] });
  });

  it('removes the files of old partitions whole, with what the index knew of them', async () => {
    const run = await retention();
    expect((await parts.store.names(`${run.table.location}/_index`)).length).toBe(4);
    expect(await run.execute()).toMatchObject({ recordsErased: 20, filesRemoved: 2, filesRewritten: 0, open: [] });
    expect(await run.verify()).toMatchObject({ survivors: 0, lost: 0, recordsScanned: 20, open: [] });
    expect(await run.days()).toEqual([
      ['2018/06/03', 10],
      ['2018/06/04', 10],
    ]);
    expect((await parts.store.names(`${run.table.location}/_index`)).length).toBe(2);
    const left = await db.em.fork().execute('select 1 from lake_file where table_id = ?', [run.table.id]);
    expect(left).toHaveLength(2);
  });

  it('keeps exactly the rows that are under a hold in an old partition', async () => {
    const run = await retention(held);
    expect(await run.execute()).toMatchObject({
      recordsErased: 18,
      recordsKept: 2,
      filesRewritten: 2,
      filesRemoved: 0,
      open: Array(2).fill({ code: 'HOLD_ACTIVE', reason: expect.stringContaining('1 older row(s)') }),
    });
    expect(await run.verify()).toMatchObject({ survivors: 0, lost: 0, open: [] });
    expect((await run.days()).map(([, rows]) => rows)).toEqual([1, 1, 10, 10]);
    for (const [path, rows] of Object.entries(await tableContent(parts, run.table)))
      if (path < '2018/06/03') expect(rows).toEqual([expect.stringContaining('"to":"+4"')]);
  });

  it('reads holds again before each file', async () => {
    let selection = everyone;
    const run = await retention(() => selection);
    let removed = 0;
    hook = async (verb, call) => {
      const done = await call();
      if (verb === 'removeIf') {
        removed += 1;
        selection = held;
      }
      return done;
    };
    const receipt = await run.execute();
    expect([removed, receipt.filesRemoved, receipt.filesRewritten, receipt.recordsErased]).toEqual([1, 1, 1, 19]);
    expect(await run.verify()).toMatchObject({ survivors: 0, lost: 0 });
  });

  it('rewrites a file that straddles the limit, and counts rows without a date as open', async () => {
    const run = await retention();
    await addForeign(run.table.location, '2018/06/02', [
      '2018-06-02',
      '2018-06-05T00:00:00Z',
      null,
      'soon',
      '2018-01-01',
    ]);
    expect(await run.execute()).toMatchObject({
      recordsErased: 22,
      filesRewritten: 1,
      filesRemoved: 2,
      open: [{ code: 'DATE_UNKNOWN', reason: expect.stringMatching(/foreign.parquet: 2 row\(s\) have no date/) }],
    });
    expect(await run.verify()).toMatchObject({ survivors: 0, lost: 0, recordsScanned: 23 });
  });

  it('tells of rows without a date in files that it leaves alone', async () => {
    const run = await retention();
    await addForeign(run.table.location, '2018/06/04', ['2018-06-05', null]);
    const { open } = await run.execute();
    expect(open).toMatchObject([{ code: 'DATE_UNKNOWN', reason: expect.stringContaining('1 row(s)') }]);
  });

  it('sees files that come while it works', async () => {
    const run = await retention();
    let added = false;
    hook = async (verb, call) => {
      if (verb === 'removeIf' && !added) {
        added = true;
        await addForeign(run.table.location, '2018/06/01', ['2018-06-01', '2018-06-01']);
      }
      return call();
    };
    expect(await run.execute()).toMatchObject({ recordsErased: 22, filesRemoved: 3, open: [] });
    expect(await run.verify()).toMatchObject({ survivors: 0, open: [] });
  });

  it('says, when it verifies, that nobody searched what a link leads to', async () => {
    const run = await retention();
    await run.execute();
    await symlink(root, parts.localPath(`${run.table.location}/2018/link`));
    expect(await run.verify()).toMatchObject({
      survivors: 0,
      open: [{ code: 'LAKE_TABLE_REFUSED', reason: expect.stringContaining('2018/link: it is a symbolic link') }],
    });
  });

  it('finds old rows that came after it, when it verifies', async () => {
    const run = await retention();
    await run.execute();
    await addForeign(run.table.location, '2018/06/01', ['2018-06-01']);
    expect(await run.verify()).toMatchObject({ survivors: 1 });
  });

  it('does nothing in an empty table, and not under another rule than was approved', async () => {
    const { table } = await messageTable(parts);
    await retain(db.em, table, 30);
    const target = await erasureTarget(db.em, table);
    expect(await retentionPlanOf(parts, table, everyone)).toMatchObject({ action: 'NONE', records: 0 });
    const context = executionContext({ table, ...target, limit, selection: everyone });
    expect(await parts.executor.execute(context)).toMatchObject({ recordsErased: 0, open: [] });
    expect(await parts.executor.verify(context)).toMatchObject({ survivors: 0, recordsScanned: 0, open: [] });
    await db.em.fork().execute('update lake_retention set days = 31 where table_id = ?', [table.id]);
    await expect(parts.executor.execute(context)).rejects.toMatchObject({ code: 'PLAN_CHANGED' });
    await db.em.fork().execute('delete from lake_retention where table_id = ?', [table.id]);
    await expect(parts.executor.execute(context)).rejects.toMatchObject({ code: 'PLAN_CHANGED' });
    expect(await retentionPlanOf(parts, table, everyone)).toMatchObject({ gaps: [{ code: 'NO_RETENTION_RULE' }] });
  });

  const points: LakeKill[] = [
    { port: 'engine', verb: 'find', when: 'before', nth: 1 },
    { port: 'engine', verb: 'rewrite', when: 'after', nth: 1 },
    { port: 'store', verb: 'removeIf', when: 'before', nth: 1 },
    { port: 'store', verb: 'removeIf', when: 'after', nth: 1 },
    { port: 'store', verb: 'swapIf', when: 'before', nth: 1 },
    { port: 'store', verb: 'swapIf', when: 'after', nth: 1 },
    { port: 'store', verb: 'remove', when: 'after', nth: 1 },
    { port: 'engine', verb: 'index', when: 'before', nth: 1 },
  ];
  it.each(points)('killed $when $verb $nth goes on to the same rows', async (kill) => {
    const onFirstDay = { ...everyone, keep: [{ accountId: 'AC0', subject: { field: 'sid', value: 'SM2' } }] };
    const { table, target } = await filled();
    const work = { url: db.url, root, tableId: table.id };
    const run = { ...target, selection: onFirstDay, limit };
    const killed = await runLakeChild({ ...work, kill, erase: { ...run, fencingToken: 1 } });
    expect(killed).toMatchObject({ signal: 'SIGKILL' });
    const next = await runLakeChild({ ...work, kill: null, erase: { ...run, fencingToken: 2 } });
    expect(next).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(next.stdout) as TargetReceipt).toMatchObject({
      recordsErased: 19,
      recordsKept: 1,
      filesRewritten: 1,
      filesRemoved: 1,
    });
    const context = executionContext({ table, ...run, fencingToken: 3 });
    expect(await parts.executor.verify(context)).toMatchObject({ survivors: 0, lost: 0, recordsScanned: 21, open: [] });
    expect(await parts.store.names(`${table.location}/_erasure`)).toEqual([]);
  });
});

describe('a minimum retention of a lake table', () => {
  const minimum = (before: string) => ({ dateField: 'date_created', days: 30, before });
  const asked: Selection = { act: [{ accountId: 'AC1' }], keep: [] };

  async function erasure(selection: Selection | (() => Selection)) {
    const made = await messageTable(parts);
    await landMessages(parts, made, messages);
    // One file of two ages, and a row without a date.
    await addForeign(made.table.location, '2018/06/05', ['2018-06-01', '2018-06-02', '2018-06-05', null]);
    const target = await erasureTarget(db.em, made.table);
    let fencingToken = 0;
    const context = () => {
      fencingToken += 1;
      return executionContext({ ...made, ...target, selection, fencingToken });
    };
    return {
      ...made,
      execute: () => parts.executor.execute(context()),
      verify: () => parts.executor.verify(context()),
    };
  }

  it('keeps the young rows of who is erased, names the day of the last one, and lets the old ones go', async () => {
    const run = await erasure({ ...asked, minimum: minimum('2018-06-03') });
    const receipt = await run.execute();
    expect(receipt).toMatchObject({ recordsErased: 12, filesRewritten: 3 });
    const minimums = receipt.open.filter(({ code }) => code === 'MINIMUM_RETENTION');
    expect(minimums.map(({ until }) => until).sort()).toEqual([
      '2018-07-04T00:00:00.000Z',
      '2018-07-05T00:00:00.000Z',
      '2018-07-06T00:00:00.000Z',
    ]);
    expect(receipt.open.filter((gap) => !minimums.includes(gap))).toMatchObject([
      { code: 'DATE_UNKNOWN', reason: expect.stringContaining('1 row(s)') },
    ]);
    expect(await run.verify()).toMatchObject({ survivors: 0, lost: 0, recordsScanned: 32 });
  });

  it('that is set between staging and swap still keeps what it speaks about', async () => {
    let calls = 0;
    const longer = { ...asked, minimum: minimum('2018-05-01') };
    // The table is searched and the first file staged by the first two; the third is that before its swap.
    const run = await erasure(() => {
      calls += 1;
      return calls < 3 ? asked : longer;
    });
    const swaps: string[] = [];
    hook = (verb, call) => {
      if (verb === 'swapIf' || verb === 'removeIf') swaps.push(verb);
      return call();
    };
    expect(await run.execute()).toMatchObject({ recordsErased: 0 });
    expect([swaps, calls >= 3]).toEqual([[], true]);
    expect(await run.verify()).toMatchObject({ survivors: 0, lost: 0, recordsScanned: 44 });
  });

  it.each([
    // The longer of both is what counts; what the rule alone would have removed is told.
    ['longer', '2018-06-02', 10, 10],
    ['as long', '2018-06-03', 20, 0],
    ['shorter', '2018-06-04', 20, 0],
  ])('that is %s than the rule lets %3$i rows go', async (_, before, erased, retained) => {
    const run = await retention({ ...everyone, minimum: minimum(before) });
    const { recordsErased, open } = await run.execute();
    expect(recordsErased).toBe(erased);
    expect(open.map(({ code, reason }) => [code, /: (\d+) record/.exec(reason)?.[1]])).toEqual(
      retained === 0 ? [] : [['MINIMUM_RETENTION', String(retained)]],
    );
    expect(await run.verify()).toMatchObject({ survivors: 0, lost: 0 });
  });
});
