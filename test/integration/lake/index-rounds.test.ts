import { rename, rm, writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import { indexTableProcessor } from '../../../src/jobs/index-table.processor.ts';
import type { JobScheduler } from '../../../src/jobs/kit.ts';
import { TableIndexSchedule } from '../../../src/services/lake/table-index-schedule.ts';
import type { TableIndexer } from '../../../src/services/lake/table-indexer.ts';
import { quietLogger } from '../../testkit/actor.ts';
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
import { landMessages, messageTable } from '../../testkit/lake.ts';
import { asIs, byAccount, one, type WatchedLake, watchedLake } from './watched-lake.ts';

let watched: WatchedLake;
beforeAll(async () => {
  watched = await watchedLake();
});
beforeEach(() => Object.assign(watched, { hook: asIs, calls: [], scanned: [] }));
afterAll(() => watched?.close());

describe('the index of a table that others write', () => {
  test('that a kill left half built is right at every point, and is gone on with', async () => {
    const table = await foreignTable(watched.parts);
    const names = ['a.ndjson', 'b.ndjson'];
    for (const name of names) await writeSent(watched.local(table, name), one('AC1'));
    const truth = Object.fromEntries(names.map((name) => [name, 1]));
    const dies = async (point: number, isDone: boolean): Promise<boolean> => {
      let left = point;
      watched.hook = async (_verb, call) => {
        left -= 1;
        if (left > 0) return call();
        if (isDone && left === 0) await call();
        throw new LinewardError('LAKE_STORE_UNAVAILABLE', 'the process is gone');
      };
      try {
        return await indexerOf(watched.parts, { restMs: 0 })
          .run(table.id, quietRun())
          .then(() => false)
          .catch(() => true);
      } finally {
        watched.hook = asIs;
      }
    };
    let point = 0;
    for (let died = true; died; ) {
      point += 1;
      // In the middle of a call, and right behind it.
      for (const isDone of [false, true]) {
        await watched.db.em
          .fork()
          .execute('update lake_file set indexed_version = null where table_id = ?', [table.id]);
        died = await dies(point, isDone);
        expect((await watched.planned(table, byAccount('AC1'))).found).toEqual(truth);
      }
    }
    expect(point).toBeGreaterThan(2 * 6);
    expect(await summaryOf(watched.parts, table)).toMatchObject({ files: 2, indexedFiles: 2 });
    expect(await watched.segmentsOf(table)).toHaveLength(2);
  });

  test('goes on behind the files that are done, and stops at the end of a step', async () => {
    const table = await foreignTable(watched.parts);
    for (const name of ['a', 'b', 'c']) await writeSent(watched.local(table, `${name}.ndjson`), one('AC1'));
    const indexer = indexerOf(watched.parts, { restMs: 0 });
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
    expect(await summaryOf(watched.parts, table)).toMatchObject({ indexedFiles: 2, indexedAsOf: null });
    expect(await watched.planned(table, byAccount('AC9'))).toMatchObject({ scans: 1 });
    await indexerOf(watched.parts, { restMs: 0, stepMs: 0 }).run(table.id, quietRun());
    expect(await summaryOf(watched.parts, table)).toMatchObject({ indexedFiles: 2, indexedAsOf: null });
    watched.calls = [];
    await indexer.run(table.id, quietRun());
    expect(watched.calls.filter((verb) => verb === 'index')).toHaveLength(1);
    expect((await summaryOf(watched.parts, table)).indexedAsOf).toBeInstanceOf(Date);
  });

  test('takes no segment for that of a content which came back after a kill', async () => {
    const table = await foreignTable(watched.parts);
    const file = watched.local(table, 'a.ndjson');
    await writeSent(file, one('AC1'));
    await caughtUp(watched.parts, table);
    // Keys were added to the mapping, so the file is indexed anew, and just then another content is under its name.
    await watched.db.em
      .fork()
      .execute(`update lake_file set indexed_columns = '{account_sid}' where table_id = ?`, [table.id]);
    await rename(file, `${watched.root}/kept`);
    await writeFile(file, linesOf(one('AC2')));
    watched.hook = async (verb, call) => {
      const done = await call();
      if (verb !== 'publish') return done;
      throw new LinewardError('LAKE_STORE_UNAVAILABLE', 'the process is gone');
    };
    const paths = [`${table.location}/a.ndjson`];
    const keys = { accountField: 'account_sid', subjectFields: ['to'] };
    await expect(watched.parts.index.refresh(table, paths, keys)).rejects.toMatchObject({
      code: 'LAKE_STORE_UNAVAILABLE',
    });
    watched.hook = asIs;
    expect(await watched.segmentsOf(table)).toHaveLength(1);
    await rename(`${watched.root}/kept`, file);
    expect((await watched.planned(table, byAccount('AC1'))).found).toEqual({ 'a.ndjson': 1 });
  });

  test('waits until a file has come to rest', async () => {
    const table = await foreignTable(watched.parts);
    const file = watched.local(table, 'a.ndjson');
    await writeSent(file, one('AC1'));
    await indexerOf(watched.parts, { restMs: 60_000 }).run(table.id, quietRun());
    expect(watched.calls).not.toContain('index');
    expect((await summaryOf(watched.parts, table)).indexedAsOf).toBeNull();
    // Still written to, it is left for the next round.
    await writeFile(file, linesOf([...one('AC1'), ...one('AC2')]));
    await indexerOf(watched.parts, { restMs: 0 }).run(table.id, quietRun());
    expect(await summaryOf(watched.parts, table)).toMatchObject({ indexedFiles: 0, indexLeftFiles: 1 });
    await caughtUp(watched.parts, table);
    expect(await summaryOf(watched.parts, table)).toMatchObject({ indexedFiles: 1, indexLeftFiles: 0, rows: 2 });
  });

  test('of a landed table is made up for where a landing was kept from it', async () => {
    const made = await messageTable(watched.parts);
    const { table } = made;
    await mapToMessages(watched.db.em, table);
    watched.hook = (verb, call) => {
      if (verb === 'index') throw new LinewardError('LAKE_ENGINE_FAILED', 'the engine is gone');
      return call();
    };
    await landMessages(watched.parts, made, [{ account: 'AC1', to: '+1', day: '2018-06-01' }]);
    watched.hook = asIs;
    await caughtUp(watched.parts, table);
    // What was too much for the engine is not tried again in each round.
    expect(await summaryOf(watched.parts, table)).toMatchObject({ files: 1, indexedFiles: 0, indexLeftFiles: 1 });
    await watched.db.em
      .fork()
      .execute(`update lake_file set updated_at = now() - interval '2 hours' where table_id = ?`, [table.id]);
    await caughtUp(watched.parts, table);
    expect(await summaryOf(watched.parts, table)).toMatchObject({
      files: 1,
      rows: 1,
      indexedFiles: 1,
      indexLeftFiles: 0,
    });
    expect(await watched.planned(table, byAccount('AC9'))).toMatchObject({ scans: 0 });
  });

  test('is asked for by the schedule until it has caught up, and after a failure not at once', async () => {
    const table = await foreignTable(watched.parts);
    await writeSent(watched.local(table, 'a.ndjson'), one('AC1'));
    const sent: string[] = [];
    const scheduler: JobScheduler = {
      enqueue: async (_contract, id) => void sent.push(id),
      stateOf: async (_contract, id) => (sent.includes(id) ? 'COMPLETED' : 'MISSING'),
    };
    const schedule = new TableIndexSchedule({ em: watched.db.em, scheduler, logger: quietLogger, intervalMs: 60_000 });
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
    await process(indexerOf(watched.parts, { restMs: 60_000 }));
    expect(await isAsked()).toBe(true);
    watched.hook = (verb, call) => {
      if (verb === 'index') throw new LinewardError('INTERNAL', 'something nobody thought of');
      return call();
    };
    await process(indexerOf(watched.parts, { restMs: 0 }));
    watched.hook = asIs;
    expect(await summaryOf(watched.parts, table)).toMatchObject({
      indexFault: 'INTERNAL',
      indexedFiles: 0,
      indexedAsOf: null,
    });
    expect(await isAsked()).toBe(false);
    await process(indexerOf(watched.parts, { restMs: 0 }));
    expect(await summaryOf(watched.parts, table)).toMatchObject({ indexFault: null, indexedFiles: 1 });
    expect(await isAsked()).toBe(false);
    await watched.db.em
      .fork()
      .execute(`update lake_index set as_of = as_of - interval '2 minutes' where id = ?`, [table.id]);
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
        const table = await foreignTable(watched.parts);
        await writeSent(watched.local(table, 'z.ndjson'), one('AC9'));
        const model = new Map<string, readonly Sent[]>([
          ['a.ndjson', one('AC1')],
          ['b.ndjson', one('AC2')],
        ]);
        for (const [file, rows] of model) await writeSent(watched.local(table, file), rows);
        await caughtUp(watched.parts, table);
        const doing = async (what: (typeof steps)[number]): Promise<void> => {
          if (what.do === 'WRITE') {
            await writeSent(watched.local(table, what.name), what.sent);
            model.set(what.name, what.sent);
          } else if (what.do === 'REPLACE') {
            await writeFile(watched.local(table, '.new'), linesOf(what.sent));
            await rename(watched.local(table, '.new'), watched.local(table, what.name));
            model.set(what.name, what.sent);
          } else if (what.do === 'REMOVE') {
            await rm(watched.local(table, what.name), { force: true });
            model.delete(what.name);
          } else if (what.do === 'SWAP') {
            const [a, b] = [model.get(what.name), model.get(what.other)];
            if (a === undefined || b === undefined || what.name === what.other) return;
            await rename(watched.local(table, what.name), watched.local(table, '.new'));
            await rename(watched.local(table, what.other), watched.local(table, what.name));
            await rename(watched.local(table, '.new'), watched.local(table, what.other));
            model.set(what.name, b);
            model.set(what.other, a);
          } else if (what.do === 'INDEX') await caughtUp(watched.parts, table);
          else if (what.do === 'KILL') {
            let left = what.point;
            watched.hook = (_verb, call) => {
              left -= 1;
              if (left > 0) return call();
              throw new LinewardError('LAKE_STORE_UNAVAILABLE', 'the process is gone');
            };
            await indexerOf(watched.parts)
              .run(table.id, quietRun())
              .catch(() => undefined);
            watched.hook = asIs;
          } else {
            const { verification } = await watched.erased(table, byAccount(what.account));
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
            expect((await watched.planned(table, byAccount(account))).found).toEqual(truth);
          }
        }
      }),
      { numRuns: 12 },
    );
  });
});
