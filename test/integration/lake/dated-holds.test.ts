import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { KeptDays, Selection } from '../../../src/domain/governance/selection.ts';
import type { TargetReceipt } from '../../../src/domain/operations/target.ts';
import type { LakeTable } from '../../../src/entities/lake-table.entity.ts';
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
  planOf,
  retain,
  retentionPlanOf,
  tableContent,
} from '../../testkit/lake.ts';
import type { LakeKill } from './lake-child.ts';
import { runLakeChild } from './run-lake-child.ts';

let db: TestDatabase;
let root: string;
let parts: LakeParts;
let hook: (verb: string, call: () => unknown) => unknown = (_verb, call) => call();
beforeAll(async () => {
  db = await testDatabase();
  root = await mkdtemp(join(tmpdir(), 'lineward-dated-'));
  parts = await lakeParts(db.em, root, {
    store: (store) => around(store, (verb, call) => hook(verb, call)),
    engine: (engine) => around(engine, (verb, call) => hook(verb, call)),
    now: () => new Date('2018-07-03T12:00:00Z'),
  });
});
afterEach(() => {
  hook = (_verb, call) => call();
});
afterAll(async () => {
  await parts.engine.close();
  await db.close();
  await rm(root, { recursive: true, force: true });
});

/** Three days of ten rows each; account AC1 has every other one. */
const messages: readonly Message[] = ['2018-06-01', '2018-06-02', '2018-06-03'].flatMap((day) =>
  Array.from({ length: 10 }, (_, n) => ({ account: `AC${n % 2}`, to: `+${n}`, day })),
);
/** One file of several days, and of no day, of AC1. */
const straddling = ['2018-06-01', '2018-06-02T23:59:59Z', '2018-06-03T00:30:00+01:00', '2018-06-03', null, 'soon'];
const dayOf = (iso: string): number => Date.parse(`${iso}T00:00:00Z`) / 86_400_000;
/** What a hold keeps of 2018-06-02. */
const thatDay = (selectors: KeptDays['ranges'][number]['selectors']): KeptDays => ({
  dateField: 'date_created',
  ranges: [{ selectors, days: { from: dayOf('2018-06-02'), until: dayOf('2018-06-03') } }],
});
const asked: Selection = { act: [{ accountId: 'AC1' }], keep: [] };
const held: Selection = { ...asked, keepWithin: thatDay([{ accountId: 'AC1' }]) };
const everyone: Selection = { everyone: true, act: [], keep: [] };

async function filled() {
  const made = await messageTable(parts);
  await landMessages(parts, made, messages);
  const rows = straddling.map((date_created, n) => ({ sid: `X${n}`, account_sid: 'AC1', to: '+1', date_created }));
  const path = parts.localPath(`${made.table.location}/2018/06/05/foreign.parquet`);
  await parts.engine.write({ path, columns: messageColumns, rows });
  return { ...made, target: await erasureTarget(db.em, made.table) };
}
async function work(selection: Selection | (() => Selection), how: object = {}) {
  const { table, target } = await filled();
  let fencingToken = 0;
  const context = () => {
    fencingToken += 1;
    return executionContext({ table, ...target, selection, fencingToken, ...how });
  };
  return {
    table,
    execute: () => parts.executor.execute(context()),
    verify: () => parts.executor.verify(context()),
  };
}
/** Rows of AC1 by file. */
const rowsIn = async (table: LakeTable) =>
  Object.fromEntries(
    Object.entries(await tableContent(parts, table)).map(([path, rows]) => [
      path.slice(0, 10),
      rows.filter((row) => row.includes('"AC1"')).map((row) => JSON.parse(row) as Record<string, string | null>),
    ]),
  );
const told = (gaps: TargetReceipt['open']) =>
  gaps.map(({ code, reason }) => `${code} ${reason.replace(/^.*: /u, '')}`).sort();
const openPoints = [
  'HOLD_ACTIVE 4 row(s) are of dates that a legal hold is about, and stay; 2 of them have no date that can be read',
  'HOLD_ACTIVE 5 row(s) are of dates that a legal hold is about, and stay',
];

describe('a hold on a range of dates', () => {
  it('shows in the plan of an erasure what it keeps, row by row', async () => {
    const { table } = await filled();
    const plan = await planOf(parts, table, held);
    expect(plan).toMatchObject({ action: 'REWRITE', files: 3, records: 12 });
    expect(told(plan.gaps)).toEqual(openPoints);
  });

  it('keeps rows in it and rows without a date, and lets go all others of the same file', async () => {
    const run = await work(held);
    const receipt = await run.execute();
    expect(receipt).toMatchObject({ recordsErased: 12, filesRewritten: 3 });
    expect(told(receipt.open)).toEqual(openPoints);
    const rows = await rowsIn(run.table);
    expect(Object.values(rows).map((of) => of.length)).toEqual([0, 5, 0, 4]);
    expect(rows['2018/06/05']?.map(({ date_created }) => date_created)).toEqual([
      '2018-06-02T23:59:59Z',
      '2018-06-03T00:30:00+01:00',
      null,
      'soon',
    ]);
    expect(await run.verify()).toMatchObject({ survivors: 0, lost: 0, open: [] });
  });

  it('that comes between staging and swap still keeps them, and that is released lets them go', async () => {
    let selection = asked;
    const run = await work(() => selection);
    let [staged, swapped] = [0, 0];
    hook = async (verb, call) => {
      const done = await call();
      if (verb === 'rewrite') staged += 1;
      // The file of that day is staged without its rows of AC1, and about to be swapped.
      if (verb === 'rewrite' && staged === 2) selection = held;
      if (verb === 'swapIf') swapped += 1;
      return done;
    };
    expect(await run.execute()).toMatchObject({ recordsErased: 12 });
    expect(swapped).toBe(3);
    expect(staged).toBeGreaterThan(swapped);
    expect((await rowsIn(run.table))['2018/06/02']).toHaveLength(5);
    selection = { ...asked };
    expect(await run.execute()).toMatchObject({ recordsErased: 21, open: [] });
    expect(Object.values(await rowsIn(run.table)).flat()).toEqual([]);
    expect(await run.verify()).toMatchObject({ survivors: 0, lost: 0, open: [] });
  });

  it('and a retention rule: old rows of its dates stay, and no others', async () => {
    const limit = { dateField: 'date_created', days: 30, before: '2018-06-03' };
    const selection = { ...everyone, keepWithin: thatDay(null) };
    const run = await work(selection, { limit });
    await retain(db.em, run.table, 30);
    const plan = await retentionPlanOf(parts, run.table, selection);
    expect(plan).toMatchObject({ records: 11 });
    const receipt = await run.execute();
    expect(receipt).toMatchObject({ recordsErased: 11, filesRemoved: 1, filesRewritten: 1 });
    expect(told(receipt.open)).toEqual([
      'DATE_UNKNOWN 2 row(s) have no date in date_created that can be read, and stay',
      'HOLD_ACTIVE 10 row(s) are of dates that a legal hold is about, and stay',
      'HOLD_ACTIVE 2 row(s) are of dates that a legal hold is about, and stay',
    ]);
    expect(await run.verify()).toMatchObject({ survivors: 0, lost: 0, open: [] });
  });

  it('and a minimum: each keeps its own, and what both keep is the hold’s', async () => {
    const minimum = { dateField: 'date_created', days: 30, before: '2018-06-02' };
    const run = await work({ ...held, minimum });
    const receipt = await run.execute();
    expect(receipt).toMatchObject({ recordsErased: 6 });
    const codes = receipt.open.map(({ code }) => code).sort();
    expect(codes).toEqual(['DATE_UNKNOWN', 'HOLD_ACTIVE', 'HOLD_ACTIVE', 'MINIMUM_RETENTION', 'MINIMUM_RETENTION']);
    expect(await run.verify()).toMatchObject({ survivors: 0, lost: 0 });
  });

  it('keeps values as they are, in rows of its dates alone', async () => {
    const run = await work({ ...everyone, keepWithin: thatDay(null) }, { transforms: true });
    const receipt = await run.execute();
    expect(receipt).toMatchObject({ recordsErased: 0, recordsChanged: 22 });
    expect(receipt.open.map(({ code }) => code)).toEqual(['HOLD_ACTIVE', 'HOLD_ACTIVE']);
    const rows = await rowsIn(run.table);
    const changed = (of = rows['2018/06/01']) => of?.filter(({ to }) => to?.endsWith('!')).length;
    expect([changed(), changed(rows['2018/06/02']), changed(rows['2018/06/05'])]).toEqual([5, 0, 2]);
  });

  it('goes by no other date than the rule of the table', async () => {
    const limit = { dateField: 'other', days: 30, before: '2018-06-03' };
    const run = await work(held, { limit });
    await retain(db.em, run.table, 30);
    await db.em.fork().execute(`update lake_retention set date_field = 'other' where table_id = ?`, [run.table.id]);
    await expect(run.execute()).rejects.toMatchObject({ code: 'LAKE_TABLE_REFUSED' });
  });

  it('is told to the one whom it concerns: nobody erases along, and each keeps what is theirs', async () => {
    const { table, target } = await filled();
    const other = { ...(await erasureTarget(db.em, table)), selection: { act: [{ accountId: 'AC0' }], keep: [] } };
    const leader = { table, ...target, selection: held };
    const first = await parts.executor.execute(executionContext({ ...leader, companions: [other] }));
    expect(first).toMatchObject({ recordsErased: 12 });
    const second = await parts.executor.execute(
      executionContext({ table, ...other, companions: [leader], fencingToken: 2 }),
    );
    expect(second).toMatchObject({ recordsErased: 15, open: [] });
    expect(Object.values(await rowsIn(table)).flat()).toHaveLength(9);
  });

  const points: LakeKill[] = [
    { port: 'engine', verb: 'rewrite', when: 'after', nth: 1 },
    { port: 'store', verb: 'swapIf', when: 'before', nth: 1 },
    { port: 'store', verb: 'swapIf', when: 'after', nth: 2 },
  ];
  it.each(points)('keeps the same rows of work that is killed $when $verb $nth', async (kill) => {
    const { table, target } = await filled();
    const child = { url: db.url, root, tableId: table.id };
    const run = { ...target, selection: held };
    const killed = await runLakeChild({ ...child, kill, erase: { ...run, fencingToken: 1 } });
    expect(killed).toMatchObject({ signal: 'SIGKILL' });
    const receipt = await parts.executor.execute(executionContext({ table, ...run, fencingToken: 2 }));
    expect(receipt).toMatchObject({ recordsErased: 12, filesRewritten: 3 });
    expect(told(receipt.open)).toEqual(openPoints);
    expect(Object.values(await rowsIn(table)).map((of) => of.length)).toEqual([0, 5, 0, 4]);
    expect(await parts.store.names(`${table.location}/_erasure`)).toEqual([]);
  });
});
