import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Selection } from '../../../src/domain/governance/selection.ts';
import type { TargetReceipt } from '../../../src/domain/operations/target.ts';
import type { LakeTable } from '../../../src/entities/lake-table.entity.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import type { LakeEngine } from '../../../src/services/lake/ports.ts';
import type { TestDatabase } from '../../testkit/database.ts';
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
import { type LakePlace, lakePlace } from '../../testkit/lake-place.ts';
import type { LakeKill } from './lake-child.ts';
import { runLakeChild } from './run-lake-child.ts';

let place: LakePlace;
let db: TestDatabase;
let root: string;
let parts: LakeParts;
let calls: string[] = [];
let hook: (verb: string) => void | Promise<void> = () => undefined;
beforeAll(async () => {
  const watched = async (verb: string, call: () => unknown) => {
    calls.push(verb);
    await hook(verb);
    return call();
  };
  place = await lakePlace('directory', {
    store: (store) => around(store, watched),
    engine: (engine) => around(engine, watched),
  });
  ({ db, root, parts } = place);
});
afterAll(() => place?.close());

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

  it('leave out one that is cancelled in the moment before the swap, and keep the evidence of one that is right behind it', async () => {
    const { table, leader, companions } = await filled();
    const [early, late] = companions as [(typeof companions)[0], (typeof companions)[0]];
    const cancel = (targetId: string) =>
      db.em
        .fork()
        .execute(`update operation_target set status = 'CANCELLED' where id = ? and status = 'PENDING'`, [targetId]);
    for (const { targetId } of companions)
      await db.em.fork().execute(`update operation_target set status = 'PENDING' where id = ?`, [targetId]);
    let asked = 0;
    const selection = () => {
      asked += 1;
      return asked <= 2 ? early.selection : { act: [], keep: [] };
    };
    const joint = [
      // Cancelled when all have been asked for the last time.
      { ...early, selection },
      {
        ...late,
        selection: async () => {
          if (asked === 2) await cancel(early.targetId);
          return late.selection;
        },
      },
    ];
    hook = async (verb) => {
      if (verb === 'swapIf' || verb === 'removeIf') await cancel(late.targetId);
    };
    const receipt = await parts.executor.execute(executionContext({ table, ...leader, companions: joint }));
    hook = () => undefined;
    expect(receipt).toMatchObject({ recordsErased: 6, open: [] });
    expect(await statusOf(early.targetId)).toMatchObject({ status: 'CANCELLED', fencing_token: '0' });
    expect(await statusOf(late.targetId)).toMatchObject({ status: 'EXECUTING', fencing_token: '1' });
    const nobody: Selection = { act: [], keep: [] };
    const soFar = (target: (typeof companions)[0]) =>
      parts.executor.receiptSoFar(executionContext({ table, ...target, selection: nobody, fencingToken: 2 }));
    expect([(await soFar(early))?.recordsErased, (await soFar(late))?.recordsErased]).toEqual([0, 12]);
  });

  it('are not kept from their work by one that the files refuse', async () => {
    const { table, leader, companions } = await filled();
    const odd: Selection = { act: [{ accountId: 'AC2', subject: { field: 'tags', value: '1' } }], keep: [] };
    const refused = { ...(await erasureTarget(db.em, table)), selection: odd };
    const joint = [...companions, refused];
    const receipt = await parts.executor.execute(executionContext({ table, ...leader, companions: joint }));
    expect(receipt).toMatchObject({ recordsErased: 6, filesRewritten: 2, open: [] });
    const own = await parts.executor.execute(executionContext({ table, ...refused, fencingToken: 2 }));
    expect(own).toMatchObject({ recordsErased: 0, filesRewritten: 0 });
    expect(own.open.map(({ code }) => code)).toEqual(Array(3).fill('LAKE_TABLE_REFUSED'));
  });

  it('are not kept from their work by others that are too much for the engine', async () => {
    const { table, leader, companions } = await filled();
    const failing = (engine: LakeEngine): LakeEngine =>
      new Proxy(engine, {
        get: (target, verb) => {
          const member: unknown = Reflect.get(target, verb, target);
          if (typeof member !== 'function') return member;
          return (request: { readonly selection?: { readonly act: readonly unknown[] } }) => {
            if ((request?.selection?.act.length ?? 0) > 1) throw new LinewardError('LAKE_ENGINE_FAILED');
            return member.call(target, request);
          };
        },
      });
    const own = await lakeParts(db.em, root, { engine: failing });
    const receipt = await own.executor.execute(executionContext({ table, ...leader, companions }));
    await own.engine.close();
    expect(receipt).toMatchObject({ recordsErased: 6, filesRewritten: 2, open: [] });
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

  const points: LakeKill[] = [
    { port: 'store', verb: 'swapIf', when: 'after', nth: 1 },
    // Within the transaction that puts the swap on record, for all.
    { port: 'store', verb: 'remove', when: 'after', nth: 1 },
  ];
  it.each(points)('and are killed by SIGKILL $when $verb $nth go on to the same receipts', async (kill) => {
    const { table, leader, companions } = await filled();
    const work = { ...place.asWork, tableId: table.id };
    const erase = { ...leader, companions };
    const killed = await runLakeChild({ ...work, kill, erase: { ...erase, fencingToken: 1 } });
    expect(killed).toMatchObject({ signal: 'SIGKILL' });
    const receipts = [await parts.executor.execute(executionContext({ table, ...erase, fencingToken: 2 }))];
    for (const companion of companions)
      receipts.push(await parts.executor.execute(executionContext({ table, ...companion, fencingToken: 3 })));
    expect(receipts.map(({ recordsErased }) => recordsErased)).toEqual([6, 2, 12]);
    await verified(table, [leader, ...companions]);
    expect(await parts.store.names(`${table.location}/_erasure`)).toEqual([]);
  });

  it.each(['one that came along', 'a stranger'])(
    'and are killed leave their evidence to %s who comes next',
    async (who) => {
      const { table, leader, companions } = await filled();
      const erase = { ...leader, companions, fencingToken: 1 };
      const kill: LakeKill = { port: 'store', verb: 'swapIf', when: 'after', nth: 1 };
      await runLakeChild({ ...place.asWork, tableId: table.id, kill, erase });
      const stranger = { ...(await erasureTarget(db.em, table)), selection: byAccount('AC2') };
      const next = who === 'a stranger' ? stranger : companions[1]!;
      const order = [next, ...[...companions, leader].filter((one) => one !== next)];
      const erased: number[] = [];
      for (const [index, target] of order.entries()) {
        const receipt = await parts.executor.execute(executionContext({ table, ...target, fencingToken: index + 2 }));
        erased.push(receipt.recordsErased);
      }
      expect(erased[0]).toBe(who === 'a stranger' ? 6 : 12);
      // Who comes first erases of the other files what two ask for; of the first one all that shared the swap say the same.
      const rows = await db.em.fork().execute<{ target_id: string }[]>(
        `select target_id from operation_file where erased > 0 and staged_sha256 is not null and source_version =
           (select source_version from operation_file where target_id = ? and rows_before = 4)`,
        [leader.targetId],
      );
      const sharing = [leader, ...companions].map(({ targetId }) => targetId);
      expect(rows.map((row) => row.target_id).sort()).toEqual(sharing.sort());
      await verified(table, [leader, ...companions]);
    },
  );
});
