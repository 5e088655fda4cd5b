import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import type { Selection } from '../../../src/domain/governance/selection.ts';
import type { LakeTable } from '../../../src/entities/lake-table.entity.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import { indexTableProcessor } from '../../../src/jobs/index-table.processor.ts';
import type { JobScheduler } from '../../../src/jobs/kit.ts';
import { TableIndexSchedule } from '../../../src/services/lake/table-index-schedule.ts';
import type { TableIndexer } from '../../../src/services/lake/table-indexer.ts';
import { quietLogger } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import {
  caughtUp,
  foreignTable,
  indexerOf,
  linesOf,
  mapToMessages,
  quietRun,
  type Sent,
  summaryOf,
  writeSent,
} from '../../testkit/foreign-table.ts';
import {
  around,
  erasureTarget,
  executionContext,
  type LakeParts,
  lakeParts,
  landMessages,
  messageTable,
  planOf,
} from '../../testkit/lake.ts';

type Hook = (verb: string, call: () => unknown) => unknown;
const asIs: Hook = (_verb, call) => call();

let db: TestDatabase;
let root: string;
let parts: LakeParts;
let hook: Hook = asIs;
let calls: string[] = [];
/** Data files that were searched by their own columns. */
let scanned: string[] = [];
beforeAll(async () => {
  db = await testDatabase();
  root = await mkdtemp(join(tmpdir(), 'lineward-foreign-index-'));
  const passed: Hook = (verb, call) => {
    calls.push(verb);
    return hook(verb, call);
  };
  parts = await lakeParts(db.em, root, {
    store: (store) => around(store, passed),
    engine: (engine) => {
      const hooked = around(engine, passed);
      return Object.assign(Object.create(hooked), {
        find: (request: Parameters<typeof engine.find>[0]) => {
          scanned.push(...request.files.filter((file) => !file.includes('/_lineward/')));
          return hooked.find(request);
        },
      });
    },
  });
});
beforeEach(() => {
  [hook, calls, scanned] = [asIs, [], []];
});
afterAll(async () => {
  await parts?.engine.close();
  await db?.close();
  await rm(root, { recursive: true, force: true });
});

const local = (table: LakeTable, name: string): string => parts.localPath(`${table.location}/${name}`);
const byAccount = (account: string): Selection => ({ act: [{ accountId: account }], keep: [] });
const segmentsOf = (table: LakeTable) => parts.store.names(`_lineward/index/${table.id}`);

/** Matches by name of the file, as a plan tells them, and how many files were read for it. */
async function planned(table: LakeTable, selection: Selection) {
  scanned = [];
  const { manifest, gaps } = await planOf(parts, table, selection);
  const found = manifest.map(({ path, matches }) => [String(path).slice(table.location.length + 1), matches]);
  return { found: Object.fromEntries(found) as Record<string, number>, scans: scanned.length, gaps };
}

async function erased(table: LakeTable, selection: Selection) {
  const target = await erasureTarget(db.em, table);
  const context = executionContext({ table, ...target, selection });
  const receipt = await parts.executor.execute(context);
  const verification = await parts.executor.verify(executionContext({ table, ...target, selection, fencingToken: 2 }));
  return { receipt, verification };
}

const one = (account: string, to = '+1'): readonly Sent[] => [{ account, to }];

describe('the index of a table that others write', () => {
  test('covers files of all formats, spares their scans, and forgets with the rows', async () => {
    const table = await foreignTable(parts);
    for (const ending of ['parquet', 'ndjson', 'avro'])
      for (const account of ['AC1', 'AC2'])
        await writeSent(local(table, `d/${account}.${ending}`), [...one(account), ...one('AC3', '+3')]);
    expect(await planned(table, byAccount('AC1'))).toMatchObject({ scans: 6 });
    expect(await summaryOf(parts, table)).toMatchObject({
      files: 0,
      indexedFiles: 0,
      indexBytes: 0,
      indexedAsOf: null,
    });
    await caughtUp(parts, table);
    const summary = await summaryOf(parts, table);
    expect(summary).toMatchObject({ files: 6, rows: 12, indexedFiles: 6, indexLeftFiles: 0, indexFault: null });
    expect(summary.indexBytes).toBeGreaterThan(0);
    expect(summary.indexedAsOf).toBeInstanceOf(Date);
    expect(await planned(table, byAccount('AC9'))).toEqual({ found: {}, scans: 0, gaps: [] });
    const files = { 'd/AC1.avro': 1, 'd/AC1.ndjson': 1, 'd/AC1.parquet': 1 };
    expect(await planned(table, byAccount('AC1'))).toEqual({ found: files, scans: 3, gaps: [] });
    const person = { act: [{ accountId: 'AC2', subject: { field: 'to', value: '+1' } }], keep: [] };
    expect(Object.keys((await planned(table, person)).found)).toHaveLength(3);

    scanned = [];
    calls = [];
    const { receipt, verification } = await erased(table, byAccount('AC1'));
    expect(receipt).toMatchObject({ recordsErased: 3, filesRewritten: 3, open: [] });
    expect(verification).toMatchObject({ survivors: 0, lost: 0, recordsScanned: 9, open: [] });
    // One pass finds them, the next that nothing was left: neither reads what the index rules out, the proof reads all.
    expect(new Set(scanned.map((path) => path.slice(path.lastIndexOf('/') + 1, path.lastIndexOf('.'))))).toEqual(
      new Set(['AC1']),
    );
    expect(calls.filter((verb) => verb === 'verify')).toHaveLength(6);
    expect(await summaryOf(parts, table)).toMatchObject({ files: 6, rows: 9, indexedFiles: 6 });
    const listed = await parts.store.list(table.location);
    const free = await parts.index.withoutMatch(table, listed, {
      accountField: 'account_sid',
      selectors: [{ accountId: 'AC1' }],
    });
    expect(free.size).toBe(6);
    await erased(table, { act: [{ accountId: 'AC2' }, { accountId: 'AC3' }], keep: [] });
    expect([await parts.store.list(table.location), await segmentsOf(table)]).toEqual([[], []]);
  });

  describe('never hides a subject of a file that was', () => {
    const [before, after] = [one('AC1'), one('AC2')];
    const name = 'a.ndjson';
    test.each<[string, (table: LakeTable) => Promise<void>, Record<string, number>]>([
      ['added', (table) => writeSent(local(table, 'b.ndjson'), after), { 'b.ndjson': 1 }],
      ['changed in place, to the same size', (table) => writeFile(local(table, name), linesOf(after)), { [name]: 1 }],
      [
        'replaced under its name',
        async (table) => {
          await writeFile(local(table, '.new'), linesOf(after));
          await rename(local(table, '.new'), local(table, name));
        },
        { [name]: 1 },
      ],
      [
        'removed and written anew',
        async (table) => {
          await rm(local(table, name));
          await writeSent(local(table, name), after);
        },
        { [name]: 1 },
      ],
      ['removed', (table) => rm(local(table, name)), {}],
    ])('%s', async (_what, change, found) => {
      const table = await foreignTable(parts);
      await writeSent(local(table, name), before);
      await caughtUp(parts, table);
      expect(await planned(table, byAccount('AC2'))).toMatchObject({ found: {}, scans: 0 });
      await change(table);
      expect((await planned(table, byAccount('AC2'))).found).toEqual(found);
      await caughtUp(parts, table);
      expect((await planned(table, byAccount('AC2'))).found).toEqual(found);
      expect(await planned(table, byAccount('AC9'))).toMatchObject({ found: {}, scans: 0 });
      const { files, indexedFiles } = await summaryOf(parts, table);
      const there = (await parts.store.list(table.location)).length;
      expect([files, indexedFiles, (await segmentsOf(table)).length]).toEqual([there, there, there]);
    });
  });

  test('that a kill left half built is right at every point, and is gone on with', async () => {
    const table = await foreignTable(parts);
    const names = ['a.ndjson', 'b.ndjson'];
    for (const name of names) await writeSent(local(table, name), one('AC1'));
    const truth = Object.fromEntries(names.map((name) => [name, 1]));
    const dies = async (point: number, isDone: boolean): Promise<boolean> => {
      let left = point;
      hook = async (_verb, call) => {
        left -= 1;
        if (left > 0) return call();
        if (isDone && left === 0) await call();
        throw new LinewardError('LAKE_STORE_UNAVAILABLE', 'the process is gone');
      };
      try {
        return await indexerOf(parts, { restMs: 0 })
          .run(table.id, quietRun())
          .then(() => false)
          .catch(() => true);
      } finally {
        hook = asIs;
      }
    };
    let point = 0;
    for (let died = true; died; ) {
      point += 1;
      // In the middle of a call, and right behind it.
      for (const isDone of [false, true]) {
        await db.em.fork().execute('update lake_file set indexed_version = null where table_id = ?', [table.id]);
        died = await dies(point, isDone);
        expect((await planned(table, byAccount('AC1'))).found).toEqual(truth);
      }
    }
    expect(point).toBeGreaterThan(2 * 6);
    expect(await summaryOf(parts, table)).toMatchObject({ files: 2, indexedFiles: 2 });
    expect(await segmentsOf(table)).toHaveLength(2);
  });

  test('goes on behind the files that are done, and stops at the end of a step', async () => {
    const table = await foreignTable(parts);
    for (const name of ['a', 'b', 'c']) await writeSent(local(table, `${name}.ndjson`), one('AC1'));
    const indexer = indexerOf(parts, { restMs: 0 });
    const reports: number[] = [];
    const stopping = new AbortController();
    const run = {
      signal: stopping.signal,
      report: async ({ done }: { done: number }) => {
        reports.push(done);
        if (done === 2) stopping.abort(new LinewardError('CANCELLED', 'the worker stops'));
      },
    };
    await expect(indexer.run(table.id, run)).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(reports).toEqual([0, 1, 2]);
    expect(await summaryOf(parts, table)).toMatchObject({ indexedFiles: 2, indexedAsOf: null });
    expect(await planned(table, byAccount('AC9'))).toMatchObject({ scans: 1 });
    await indexerOf(parts, { restMs: 0, stepMs: 0 }).run(table.id, quietRun());
    expect(await summaryOf(parts, table)).toMatchObject({ indexedFiles: 2, indexedAsOf: null });
    calls = [];
    await indexer.run(table.id, quietRun());
    expect(calls.filter((verb) => verb === 'keys')).toHaveLength(1);
    expect((await summaryOf(parts, table)).indexedAsOf).toBeInstanceOf(Date);
  });

  test('takes no segment for that of a content which came back after a kill', async () => {
    const table = await foreignTable(parts);
    const file = local(table, 'a.ndjson');
    await writeSent(file, one('AC1'));
    await caughtUp(parts, table);
    // Keys were added to the mapping, so the file is indexed anew, and just then another content is under its name.
    await db.em.fork().execute(`update lake_file set indexed_columns = '{account_sid}' where table_id = ?`, [table.id]);
    await rename(file, `${root}/kept`);
    await writeFile(file, linesOf(one('AC2')));
    hook = async (verb, call) => {
      const done = await call();
      if (verb !== 'publish') return done;
      throw new LinewardError('LAKE_STORE_UNAVAILABLE', 'the process is gone');
    };
    const paths = [`${table.location}/a.ndjson`];
    const keys = { accountField: 'account_sid', subjectFields: ['to'] };
    await expect(parts.index.refresh(table, paths, keys)).rejects.toMatchObject({ code: 'LAKE_STORE_UNAVAILABLE' });
    hook = asIs;
    expect(await segmentsOf(table)).toHaveLength(1);
    await rename(`${root}/kept`, file);
    expect((await planned(table, byAccount('AC1'))).found).toEqual({ 'a.ndjson': 1 });
  });

  test('waits until a file has come to rest', async () => {
    const table = await foreignTable(parts);
    const file = local(table, 'a.ndjson');
    await writeSent(file, one('AC1'));
    await indexerOf(parts, { restMs: 60_000 }).run(table.id, quietRun());
    expect(calls).not.toContain('keys');
    expect((await summaryOf(parts, table)).indexedAsOf).toBeNull();
    // Still written to, it is left for the next round.
    await writeFile(file, linesOf([...one('AC1'), ...one('AC2')]));
    await indexerOf(parts, { restMs: 0 }).run(table.id, quietRun());
    expect(await summaryOf(parts, table)).toMatchObject({ indexedFiles: 0, indexLeftFiles: 1 });
    await caughtUp(parts, table);
    expect(await summaryOf(parts, table)).toMatchObject({ indexedFiles: 1, indexLeftFiles: 0, rows: 2 });
  });

  test('tells of files that it cannot speak of, and tries them again only when they change', async () => {
    const table = await foreignTable(parts);
    await writeSent(local(table, 'good.ndjson'), one('AC1'));
    await writeFile(local(table, 'bad.ndjson'), 'no json\n');
    await writeFile(local(table, 'float.ndjson'), '{"account_sid":1.5,"to":"+1"}\n');
    await caughtUp(parts, table);
    expect(await summaryOf(parts, table)).toMatchObject({ files: 3, indexedFiles: 1, indexLeftFiles: 2 });
    const { found, gaps } = await planned(table, byAccount('AC1'));
    expect(found).toEqual({ 'good.ndjson': 1 });
    expect(gaps.map(({ code }) => code)).toEqual(['LAKE_FILE_UNREADABLE', 'LAKE_TABLE_REFUSED']);
    calls = [];
    await caughtUp(parts, table);
    expect(calls).not.toContain('keys');
    await writeSent(local(table, 'bad.ndjson'), one('AC2'));
    await caughtUp(parts, table);
    expect(await summaryOf(parts, table)).toMatchObject({ indexedFiles: 2, indexLeftFiles: 1 });
  });

  test('keeps a file in mind that a registration saw, and forgets one that came later', async () => {
    const table = await foreignTable(parts);
    for (const name of ['seen', 'later', 'stays']) await writeSent(local(table, `${name}.ndjson`), one('AC1'));
    await caughtUp(parts, table);
    await db.em
      .fork()
      .execute(`update lake_file set standing = 'EXPECTED' where table_id = ? and path like '%seen%'`, [table.id]);
    await rename(local(table, 'seen.ndjson'), `${root}/seen`);
    await rm(local(table, 'later.ndjson'));
    await caughtUp(parts, table);
    expect(await segmentsOf(table)).toHaveLength(1);
    expect(await summaryOf(parts, table)).toMatchObject({ files: 1, indexedFiles: 1 });
    const { verification } = await erased(table, byAccount('AC7'));
    expect(verification.open).toMatchObject([{ code: 'LAKE_FILE_MISSING', reason: expect.stringContaining('seen') }]);
    expect(verification.open[0]?.reason).toContain('1 registered file');
    await rename(`${root}/seen`, local(table, 'seen.ndjson'));
    await caughtUp(parts, table);
    expect(await summaryOf(parts, table)).toMatchObject({ files: 2, indexedFiles: 2 });
    expect((await erased(table, byAccount('AC7'))).verification.open).toEqual([]);
  });

  test('is not believed by the verification', async () => {
    const table = await foreignTable(parts);
    await writeSent(local(table, 'a.ndjson'), one('AC1'));
    await writeSent(local(table, 'b.ndjson'), one('AC2'));
    await caughtUp(parts, table);
    const [first = '', second = ''] = (
      await db.em
        .fork()
        .execute<{ id: string }[]>('select id from lake_file where table_id = ? order by path', [table.id])
    ).map(({ id }) => parts.localPath(`_lineward/index/${table.id}/${id}.keys`));
    // An index that lies: that of the other file.
    await rm(first);
    await rename(second, first);
    const { receipt, verification } = await erased(table, byAccount('AC1'));
    expect(receipt.recordsErased).toBe(0);
    expect(verification).toMatchObject({ survivors: 1, recordsScanned: 2 });
  });

  test('is not asked for everyone, nor for accounts in another column than it was made for', async () => {
    const table = await foreignTable(parts);
    await writeSent(local(table, 'a.ndjson'), one('AC1'));
    await caughtUp(parts, table);
    const everyone = await planned(table, { everyone: true, act: [], keep: [] });
    expect(everyone).toMatchObject({ found: { 'a.ndjson': 1 }, scans: 1 });
    const files = await parts.store.list(table.location);
    const free = (accountField: string) =>
      parts.index.withoutMatch(table, files, {
        accountField,
        selectors: [{ accountId: 'AC9', subject: { field: 'to', value: '+9' } }],
      });
    expect([(await free('account_sid')).size, (await free('to')).size]).toEqual([1, 0]);
  });

  test('of a landed table is made up for where a landing was kept from it', async () => {
    const made = await messageTable(parts);
    const { table } = made;
    await mapToMessages(db.em, table);
    hook = (verb, call) => {
      if (verb === 'keys') throw new LinewardError('LAKE_ENGINE_FAILED', 'the engine is gone');
      return call();
    };
    await landMessages(parts, made, [{ account: 'AC1', to: '+1', day: '2018-06-01' }]);
    hook = asIs;
    await caughtUp(parts, table);
    // What was too much for the engine is not tried again in each round.
    expect(await summaryOf(parts, table)).toMatchObject({ files: 1, indexedFiles: 0, indexLeftFiles: 1 });
    await db.em
      .fork()
      .execute(`update lake_file set updated_at = now() - interval '2 hours' where table_id = ?`, [table.id]);
    await caughtUp(parts, table);
    expect(await summaryOf(parts, table)).toMatchObject({ files: 1, rows: 1, indexedFiles: 1, indexLeftFiles: 0 });
    expect(await planned(table, byAccount('AC9'))).toMatchObject({ scans: 0 });
  });

  test('is asked for by the schedule until it has caught up, and after a failure not at once', async () => {
    const table = await foreignTable(parts);
    await writeSent(local(table, 'a.ndjson'), one('AC1'));
    const sent: string[] = [];
    const scheduler: JobScheduler = {
      enqueue: async (_contract, id) => void sent.push(id),
      stateOf: async (_contract, id) => (sent.includes(id) ? 'COMPLETED' : 'MISSING'),
    };
    const schedule = new TableIndexSchedule({ em: db.em, scheduler, logger: quietLogger, intervalMs: 60_000 });
    const isAsked = async (): Promise<boolean> => {
      const before = sent.length;
      await schedule.sweep();
      return sent.slice(before).some((id) => id.startsWith(table.id));
    };
    const process = (tableIndexer: TableIndexer) =>
      indexTableProcessor({ tableIndexer }).run({
        id: 'task',
        payload: { tableId: table.id },
        attempt: 1,
        isLastAttempt: true,
        logger: quietLogger,
        ...quietRun(),
      });
    expect(await isAsked()).toBe(true);
    await process(indexerOf(parts, { restMs: 60_000 }));
    expect(await isAsked()).toBe(true);
    hook = (verb, call) => {
      if (verb === 'keys') throw new LinewardError('INTERNAL', 'something nobody thought of');
      return call();
    };
    await process(indexerOf(parts, { restMs: 0 }));
    hook = asIs;
    expect(await summaryOf(parts, table)).toMatchObject({ indexFault: 'INTERNAL', indexedFiles: 0, indexedAsOf: null });
    expect(await isAsked()).toBe(false);
    await process(indexerOf(parts, { restMs: 0 }));
    expect(await summaryOf(parts, table)).toMatchObject({ indexFault: null, indexedFiles: 1 });
    expect(await isAsked()).toBe(false);
    await db.em.fork().execute(`update lake_index set as_of = as_of - interval '2 minutes' where id = ?`, [table.id]);
    expect(await isAsked()).toBe(true);
  });

  it('agrees with the files whatever writers, kills and operations do', async () => {
    const names = ['a.ndjson', 'b.ndjson', 'c.ndjson'];
    const name = fc.constantFrom(...names);
    const sent = fc.array(
      fc.record({ account: fc.constantFrom('AC1', 'AC2', 'AC3'), to: fc.constantFrom('+1', '+2') }),
      { minLength: 1, maxLength: 2 },
    );
    const step = fc.oneof(
      fc.record({ do: fc.constant('WRITE' as const), name, sent }),
      fc.record({ do: fc.constant('REPLACE' as const), name, sent }),
      fc.record({ do: fc.constant('REMOVE' as const), name }),
      fc.record({ do: fc.constant('SWAP' as const), name, other: name }),
      fc.record({ do: fc.constant('INDEX' as const) }),
      fc.record({ do: fc.constant('KILL' as const), point: fc.integer({ min: 1, max: 20 }) }),
      fc.record({ do: fc.constant('ERASE' as const), account: fc.constantFrom('AC1', 'AC2') }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 8 }), async (steps) => {
        const table = await foreignTable(parts);
        await writeSent(local(table, 'z.ndjson'), one('AC9'));
        const model = new Map<string, readonly Sent[]>([
          ['a.ndjson', one('AC1')],
          ['b.ndjson', one('AC2')],
        ]);
        for (const [file, rows] of model) await writeSent(local(table, file), rows);
        await caughtUp(parts, table);
        const doing = async (what: (typeof steps)[number]): Promise<void> => {
          if (what.do === 'WRITE') {
            await writeSent(local(table, what.name), what.sent);
            model.set(what.name, what.sent);
          } else if (what.do === 'REPLACE') {
            await writeFile(local(table, '.new'), linesOf(what.sent));
            await rename(local(table, '.new'), local(table, what.name));
            model.set(what.name, what.sent);
          } else if (what.do === 'REMOVE') {
            await rm(local(table, what.name), { force: true });
            model.delete(what.name);
          } else if (what.do === 'SWAP') {
            const [a, b] = [model.get(what.name), model.get(what.other)];
            if (a === undefined || b === undefined || what.name === what.other) return;
            await rename(local(table, what.name), local(table, '.new'));
            await rename(local(table, what.other), local(table, what.name));
            await rename(local(table, '.new'), local(table, what.other));
            model.set(what.name, b);
            model.set(what.other, a);
          } else if (what.do === 'INDEX') await caughtUp(parts, table);
          else if (what.do === 'KILL') {
            let left = what.point;
            hook = (_verb, call) => {
              left -= 1;
              if (left > 0) return call();
              throw new LinewardError('LAKE_STORE_UNAVAILABLE', 'the process is gone');
            };
            await indexerOf(parts)
              .run(table.id, quietRun())
              .catch(() => undefined);
            hook = asIs;
          } else {
            const { verification } = await erased(table, byAccount(what.account));
            expect(verification).toMatchObject({ survivors: 0, lost: 0 });
            for (const [file, rows] of model) {
              const stay = rows.filter(({ account }) => account !== what.account);
              if (stay.length > 0) model.set(file, stay);
              else model.delete(file);
            }
          }
        };
        for (const what of steps) {
          await doing(what);
          for (const account of ['AC1', 'AC2', 'AC3']) {
            const counted = [...model].map(([file, rows]) => [
              file,
              rows.filter((row) => row.account === account).length,
            ]);
            const truth = Object.fromEntries(counted.filter(([, count]) => count !== 0));
            expect((await planned(table, byAccount(account))).found).toEqual(truth);
          }
        }
      }),
      { numRuns: 12 },
    );
  });
});
