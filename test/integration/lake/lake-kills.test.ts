import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TargetReceipt } from '../../../src/domain/operations/target.ts';
import type { LakeTable } from '../../../src/entities/lake-table.entity.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import {
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
beforeAll(async () => {
  db = await testDatabase();
  root = await mkdtemp(join(tmpdir(), 'lineward-kills-'));
  parts = await lakeParts(db.em, root);
});
afterAll(async () => {
  await parts.engine.close();
  await db.close();
  await rm(root, { recursive: true, force: true });
});

/** The first day is of the erased account alone: its file is removed. The two others are rewritten. */
const messages: readonly Message[] = [
  { account: 'AC0', to: '+1', day: '2018-06-01' },
  ...Array.from({ length: 20 }, (_, n) => ({ account: `AC${n % 3}`, to: `+${n}`, day: `2018-06-0${2 + (n % 2)}` })),
];
const selection = { act: [{ accountId: 'AC0' }], keep: [{ accountId: 'AC0', subject: { field: 'to', value: '+3' } }] };

async function filled() {
  const made = await messageTable(parts);
  await landMessages(parts, made, messages);
  return { table: made.table, target: await erasureTarget(db.em, made.table) };
}

/** What an erasure must leave, whatever befell it: counts of the receipt without identities. */
const outcomeOf = (receipt: TargetReceipt) => {
  const { recordsErased, recordsKept, filesRewritten, filesRemoved, open } = receipt;
  const files = receipt.evidence.map(({ rowsBefore, rowsAfter, found, erased }) => {
    return { rowsBefore, rowsAfter, found, erased };
  });
  return { recordsErased, recordsKept, filesRewritten, filesRemoved, open, files };
};

const points: KillPoint[] = [
  { port: 'engine', verb: 'find', when: 'before', nth: 1 },
  { port: 'engine', verb: 'rewrite', when: 'before', nth: 1 },
  { port: 'engine', verb: 'rewrite', when: 'after', nth: 2 },
  { port: 'store', verb: 'removeIf', when: 'before', nth: 1 },
  { port: 'store', verb: 'removeIf', when: 'after', nth: 1 },
  { port: 'store', verb: 'swapIf', when: 'before', nth: 1 },
  { port: 'store', verb: 'swapIf', when: 'after', nth: 1 },
  { port: 'store', verb: 'swapIf', when: 'after', nth: 2 },
  // Purging the index, within the transaction that records the swap.
  { port: 'store', verb: 'remove', when: 'after', nth: 1 },
  { port: 'store', verb: 'remove', when: 'after', nth: 2 },
  // The swap is on record, the new segment is not yet made.
  { port: 'engine', verb: 'keys', when: 'before', nth: 1 },
  { port: 'store', verb: 'stage', when: 'after', nth: 1 },
  { port: 'store', verb: 'publish', when: 'after', nth: 2 },
];

describe('an erasure killed by SIGKILL', () => {
  let undisturbed: { content: Awaited<ReturnType<typeof tableContent>>; outcome: ReturnType<typeof outcomeOf> };
  beforeAll(async () => {
    const { table, target } = await filled();
    const receipt = await parts.executor.execute(executionContext({ table, ...target, selection }));
    undisturbed = { content: await tableContent(parts, table), outcome: outcomeOf(receipt) };
    expect(undisturbed.outcome).toMatchObject({ recordsErased: 7, filesRewritten: 2, filesRemoved: 1 });
  });

  it.each(points)('$when $verb $nth goes on to the same rows and the same receipt', async (kill) => {
    const { table, target } = await filled();
    const work = { url: db.url, root, tableId: table.id };
    const killed = await runLakeChild({ ...work, kill, erase: { ...target, selection, fencingToken: 1 } });
    expect(killed).toMatchObject({ signal: 'SIGKILL' });
    const next = await parts.executor.execute(executionContext({ table, ...target, selection, fencingToken: 2 }));
    expect(outcomeOf(next)).toEqual(undisturbed.outcome);
    expect(await tableContent(parts, table)).toEqual(undisturbed.content);
    const context = executionContext({ table, ...target, selection, fencingToken: 3 });
    expect(await parts.executor.verify(context)).toMatchObject({ survivors: 0, lost: 0, open: [] });
    expect(await parts.store.names(`${table.location}/_erasure`)).toEqual([]);
    expect((await parts.store.names(`${table.location}/_index`)).length).toBe(2);
  });

  it('and then given up tells what it had done, with the swap that was not on record yet', async () => {
    const { table, target } = await filled();
    const kill: KillPoint = { port: 'store', verb: 'swapIf', when: 'after', nth: 1 };
    const erase = { ...target, selection, fencingToken: 1 };
    await runLakeChild({ url: db.url, root, tableId: table.id, kill, erase });
    const nobody = { act: [], keep: [] };
    const context = executionContext({ table, ...target, selection: nobody, fencingToken: 2 });
    const receipt = await parts.executor.receiptSoFar(context);
    expect(receipt).toMatchObject({
      filesRewritten: 1,
      filesRemoved: 1,
      open: [{ code: 'FILES_NOT_REWRITTEN', reason: expect.stringMatching(/^1 file/) }],
    });
    for (const { path, sha256 } of receipt?.evidence ?? [])
      expect(sha256 === null ? null : await parts.store.sha256(String(path))).toBe(sha256);
    expect(receipt?.recordsErased).toBeGreaterThan(1);
    expect(receipt?.recordsErased).toBeLessThan(undisturbed.outcome.recordsErased);
    expect(await parts.store.names(`${table.location}/_erasure`)).toEqual([]);
  });
});

/** Values of `to` by row, wherever the row lies. */
async function numbersIn(table: LakeTable): Promise<Record<string, string | null>> {
  const numbers: Record<string, string | null> = {};
  for (const { path } of await parts.store.list(table.location))
    await parts.engine.transform({
      source: parts.localPath(path),
      staged: null,
      selection: { accountColumn: 'account_sid', everyone: true, act: [], keep: [] },
      columns: ['to'],
      keyColumns: ['sid'],
      metadata: {},
      transform: async (batch) => {
        for (const [row, sid] of (batch.sid ?? []).entries()) numbers[String(sid)] = batch.to?.[row] ?? null;
        return batch;
      },
    });
  return numbers;
}

describe('a change of values killed by SIGKILL', () => {
  const everyoneElse = { everyone: true, act: [], keep: selection.keep };
  const changes: KillPoint[] = [
    { port: 'engine', verb: 'profile', when: 'before', nth: 2 },
    { port: 'engine', verb: 'transform', when: 'before', nth: 1 },
    { port: 'engine', verb: 'transform', when: 'after', nth: 2 },
    { port: 'store', verb: 'swapIf', when: 'before', nth: 1 },
    { port: 'store', verb: 'swapIf', when: 'after', nth: 1 },
    { port: 'store', verb: 'swapIf', when: 'after', nth: 2 },
    { port: 'store', verb: 'remove', when: 'after', nth: 1 },
    { port: 'store', verb: 'stage', when: 'after', nth: 1 },
  ];
  it.each(changes)('$when $verb $nth changes every value once', async (kill) => {
    const { table, target } = await filled();
    const before = await numbersIn(table);
    const work = { url: db.url, root, tableId: table.id };
    const run = { ...target, selection: everyoneElse, transforms: true };
    const killed = await runLakeChild({ ...work, kill, erase: { ...run, fencingToken: 1 } });
    expect(killed).toMatchObject({ signal: 'SIGKILL' });
    const next = await parts.executor.execute(executionContext({ table, ...run, fencingToken: 2 }));
    expect(next).toMatchObject({ recordsErased: 0, recordsChanged: 20, filesRewritten: 3 });
    // One row of AC0 is under a hold.
    const expected = Object.entries(before).map(([sid, to]) => [sid, to === '+3' ? to : `${to}!`]);
    expect(await numbersIn(table)).toEqual(Object.fromEntries(expected));
    expect(await parts.store.names(`${table.location}/_erasure`)).toEqual([]);
  });
});
