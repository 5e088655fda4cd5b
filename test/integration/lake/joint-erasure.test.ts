import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Selection } from '../../../src/domain/governance/selection.ts';
import type { TargetReceipt } from '../../../src/domain/operations/target.ts';
import type { LakeTable } from '../../../src/entities/lake-table.entity.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import {
  around,
  erasureTarget,
  executionContext,
  type LakeParts,
  lakeParts,
  landMessages,
  type Message,
  messageTable,
  tableContent,
} from '../../testkit/lake.ts';
import type { KillPoint } from './lake-child.ts';
import { runLakeChild } from './run-lake-child.ts';

let db: TestDatabase;
let root: string;
let parts: LakeParts;
let calls: string[] = [];
let hook: (verb: string) => void = () => undefined;
beforeAll(async () => {
  db = await testDatabase();
  root = await mkdtemp(join(tmpdir(), 'lineward-joint-'));
  const watched = async (verb: string, call: () => unknown) => {
    calls.push(verb);
    hook(verb);
    return call();
  };
  parts = await lakeParts(db.em, root, {
    store: (store) => around(store, watched),
    engine: (engine) => around(engine, watched),
  });
});
afterAll(async () => {
  await parts?.engine.close();
  await db?.close();
  await rm(root, { recursive: true, force: true });
});

/** The first day has a record of each account, the second 20 of four, the third is of AC3 alone. */
const messages: readonly Message[] = [
  ...[0, 1, 2, 3].map((n) => ({ account: `AC${n}`, to: '+1', day: '2018-06-01' })),
  ...Array.from({ length: 20 }, (_, n) => ({ account: `AC${n % 4}`, to: `+${n}`, day: '2018-06-02' })),
  { account: 'AC3', to: '+1', day: '2018-06-03' },
];
const byAccount = (accountId: string): Selection => ({ act: [{ accountId }], keep: [] });
const person = { accountId: 'AC1', subject: { field: 'to', value: '+1' } };
/** The second asks for a part of what the third asks for; of the third's a hold keeps one record. */
const asked: readonly Selection[] = [
  byAccount('AC0'),
  { act: [person], keep: [] },
  {
    act: [{ accountId: 'AC1' }, { accountId: 'AC3' }],
    keep: [{ accountId: 'AC3', subject: { field: 'to', value: '+3' } }],
  },
];

async function filled() {
  const made = await messageTable(parts);
  await landMessages(parts, made, messages);
  const targets = [];
  for (const selection of asked) targets.push({ ...(await erasureTarget(db.em, made.table)), selection });
  const [leader, ...companions] = targets as [(typeof targets)[0], ...typeof targets];
  calls = [];
  return { table: made.table, leader, companions };
}
const statusOf = async (targetId: string) =>
  (await db.em.fork().execute('select status, fencing_token from operation_target where id = ?', [targetId]))[0];
const count = (verb: string) => calls.filter((one) => one === verb).length;
const outcomeOf = ({ recordsErased, filesRewritten, filesRemoved, open, evidence }: TargetReceipt) => {
  const files = evidence.map(({ rowsBefore, rowsAfter, found, erased, counts }) => {
    return { rowsBefore, rowsAfter, found, erased, counts };
  });
  return { recordsErased, filesRewritten, filesRemoved, open, files };
};
async function verified(
  table: LakeTable,
  targets: readonly { operationId: string; targetId: string; selection: Selection }[],
) {
  for (const target of targets) {
    const context = executionContext({ table, ...target, fencingToken: 9 });
    expect(await parts.executor.verify(context)).toMatchObject({ survivors: 0, lost: 0, open: [] });
  }
}

describe('erasures that are due on one table', () => {
  it('go in one pass, each with a receipt of its own', async () => {
    const { table, leader, companions } = await filled();
    await db.em
      .fork()
      .execute(`update operation_target set status = 'PENDING' where id = ?`, [companions[0]?.targetId ?? '']);
    const first = await parts.executor.execute(executionContext({ table, ...leader, companions }));
    // Two files are written anew and one goes, however many asked for it.
    expect([count('rewrite'), count('swapIf'), count('removeIf')]).toEqual([3, 2, 1]);
    expect(outcomeOf(first)).toEqual({
      recordsErased: 6,
      filesRewritten: 2,
      filesRemoved: 0,
      open: [],
      files: [
        { rowsBefore: 4, rowsAfter: 1, found: 1, erased: 1, counts: { erasedForOthers: 2 } },
        { rowsBefore: 20, rowsAfter: 6, found: 5, erased: 5, counts: { erasedForOthers: 9 } },
      ],
    });
    expect(await statusOf(companions[0]?.targetId ?? '')).toMatchObject({ status: 'EXECUTING', fencing_token: '1' });
    calls = [];
    const receipts: TargetReceipt[] = [];
    for (const companion of companions)
      receipts.push(await parts.executor.execute(executionContext({ table, ...companion, fencingToken: 2 })));
    expect([count('rewrite'), count('swapIf'), count('removeIf')]).toEqual([0, 0, 0]);
    // What the person's record was asked for by two, and each says so.
    expect(receipts.map(outcomeOf)).toMatchObject([
      { recordsErased: 2, filesRewritten: 2, filesRemoved: 0, open: [] },
      { recordsErased: 2 + 9 + 1, filesRewritten: 2, filesRemoved: 1, open: [] },
    ]);
    await verified(table, [leader, ...companions]);
    const left = Object.values(await tableContent(parts, table))
      .flat()
      .map((row) => JSON.parse(row));
    expect(left.map(({ account_sid }) => account_sid).sort()).toEqual([
      'AC2',
      'AC2',
      'AC2',
      'AC2',
      'AC2',
      'AC2',
      'AC3',
    ]);
  });

  it('go alone where a minimum keeps records, which each tells of its own', async () => {
    const { table, leader, companions } = await filled();
    const minimum = { dateField: 'date_created', days: 10, before: '2018-06-02' };
    const [first, second, third] = [leader, ...companions].map((one) => ({
      ...one,
      selection: { ...one.selection, minimum },
    }));
    const receipts = [
      await parts.executor.execute(executionContext({ table, ...first!, companions: [second!, third!] })),
    ];
    for (const one of [second!, third!])
      receipts.push(await parts.executor.execute(executionContext({ table, ...one, fencingToken: 2 })));
    const told = receipts.map(({ recordsErased, open }) => [
      recordsErased,
      open.map(({ code, reason }) => `${code} ${reason}`),
    ]);
    const kept = (records: number) => [expect.stringMatching(`^MINIMUM_RETENTION .*: ${records} record`)];
    expect(told).toEqual([
      [1, kept(5)],
      [1, kept(1)],
      [1, [...kept(9), ...kept(1)]],
    ]);
  });

  it('leave out one that is cancelled, or whose holds change, before the swap', async () => {
    const { table, leader, companions } = await filled();
    let isCancelled = false;
    hook = (verb) => {
      if (verb === 'rewrite') isCancelled = true;
    };
    const changing = companions.map((one) => ({
      ...one,
      selection: () => (isCancelled ? { act: [], keep: [] } : one.selection),
    }));
    const receipt = await parts.executor.execute(executionContext({ table, ...leader, companions: changing }));
    hook = () => undefined;
    expect(receipt).toMatchObject({ recordsErased: 6, filesRewritten: 2, filesRemoved: 0, open: [] });
    expect(outcomeOf(receipt).files.map(({ counts }) => counts)).toEqual([undefined, undefined]);
    const left = Object.values(await tableContent(parts, table)).flat();
    expect(left).toHaveLength(messages.length - 6);
    const own = await parts.executor.execute(executionContext({ table, ...companions[1]!, fencingToken: 2 }));
    expect(own.recordsErased).toBe(12);
  });

  it('are left at the end of a file for one that is urgent, and taken up again', async () => {
    const { table, leader, companions } = await filled();
    const giveWay = async () => {
      if (count('swapIf') > 0) throw new LinewardError('URGENT_FIRST');
    };
    const left = parts.executor.execute(executionContext({ table, ...leader, companions, giveWay }));
    await expect(left).rejects.toMatchObject({ code: 'URGENT_FIRST' });
    expect([count('swapIf'), await parts.store.names(`${table.location}/_erasure`)]).toEqual([1, []]);
    const receipt = await parts.executor.execute(executionContext({ table, ...leader, fencingToken: 2 }));
    expect(receipt).toMatchObject({ recordsErased: 6, filesRewritten: 2 });
    const others = [];
    for (const companion of companions)
      others.push(await parts.executor.execute(executionContext({ table, ...companion, fencingToken: 3 })));
    // Apart from one another, who comes first erases what both ask for.
    expect(others.map(({ recordsErased }) => recordsErased)).toEqual([2, 11]);
    await verified(table, [leader, ...companions]);
  });

  const points: KillPoint[] = [
    { port: 'store', verb: 'swapIf', when: 'after', nth: 1 },
    // Within the transaction that puts the swap on record, for all.
    { port: 'store', verb: 'remove', when: 'after', nth: 1 },
  ];
  it.each(points)('and are killed by SIGKILL $when $verb $nth go on to the same receipts', async (kill) => {
    const { table, leader, companions } = await filled();
    const work = { url: db.url, root, tableId: table.id };
    const erase = { ...leader, companions };
    const killed = await runLakeChild({ ...work, kill, erase: { ...erase, fencingToken: 1 } });
    expect(killed).toMatchObject({ signal: 'SIGKILL' });
    const next = await runLakeChild({ ...work, kill: null, erase: { ...erase, fencingToken: 2 } });
    expect(next).toMatchObject({ code: 0, stderr: '' });
    const receipts = [JSON.parse(next.stdout) as TargetReceipt];
    for (const companion of companions)
      receipts.push(await parts.executor.execute(executionContext({ table, ...companion, fencingToken: 3 })));
    expect(receipts.map(({ recordsErased }) => recordsErased)).toEqual([6, 2, 12]);
    await verified(table, [leader, ...companions]);
    expect(await parts.store.names(`${table.location}/_erasure`)).toEqual([]);
  });
});
