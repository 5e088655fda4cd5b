import { rename, rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { LakeTable } from '../../../src/entities/lake-table.entity.ts';
import { caughtUp, foreignTable, linesOf, summaryOf, writeSent } from '../../testkit/foreign-table.ts';
import { landMessages, messageTable } from '../../testkit/lake.ts';
import { asIs, byAccount, one, type WatchedLake, watchedLake } from './watched-lake.ts';

let watched: WatchedLake;
beforeAll(async () => {
  watched = await watchedLake();
});
beforeEach(() => Object.assign(watched, { hook: asIs, calls: [], scanned: [] }));
afterAll(() => watched?.close());

describe('the index of a table that others write', () => {
  test('covers files of all formats, spares their scans, and forgets with the rows', async () => {
    const table = await foreignTable(watched.parts);
    for (const ending of ['parquet', 'ndjson', 'avro'])
      for (const account of ['AC1', 'AC2'])
        await writeSent(watched.local(table, `d/${account}.${ending}`), [...one(account), ...one('AC3', '+3')]);
    expect(await watched.planned(table, byAccount('AC1'))).toMatchObject({ scans: 6 });
    expect(await summaryOf(watched.parts, table)).toMatchObject({
      files: 0,
      indexedFiles: 0,
      indexBytes: 0,
      indexedAsOf: null,
    });
    await caughtUp(watched.parts, table);
    const summary = await summaryOf(watched.parts, table);
    expect(summary).toMatchObject({ files: 6, rows: 12, indexedFiles: 6, indexLeftFiles: 0, indexFault: null });
    expect(summary.indexBytes).toBeGreaterThan(0);
    expect(summary.indexedAsOf).toBeInstanceOf(Date);
    expect(await watched.planned(table, byAccount('AC9'))).toEqual({ found: {}, scans: 0, gaps: [] });
    const files = { 'd/AC1.avro': 1, 'd/AC1.ndjson': 1, 'd/AC1.parquet': 1 };
    expect(await watched.planned(table, byAccount('AC1'))).toEqual({ found: files, scans: 3, gaps: [] });
    const person = { act: [{ accountId: 'AC2', subject: { field: 'to', value: '+1' } }], keep: [] };
    expect(Object.keys((await watched.planned(table, person)).found)).toHaveLength(3);

    watched.scanned = [];
    watched.calls = [];
    const { receipt, verification } = await watched.erased(table, byAccount('AC1'));
    expect(receipt).toMatchObject({ recordsErased: 3, filesRewritten: 3, open: [] });
    expect(verification).toMatchObject({ survivors: 0, lost: 0, recordsScanned: 9, open: [] });
    // One pass finds them, the next that nothing was left: neither reads what the index rules out, the proof reads all.
    expect(
      new Set(watched.scanned.map((path) => path.slice(path.lastIndexOf('/') + 1, path.lastIndexOf('.')))),
    ).toEqual(new Set(['AC1']));
    expect(watched.calls.filter((verb) => verb === 'verify')).toHaveLength(6);
    expect(await summaryOf(watched.parts, table)).toMatchObject({ files: 6, rows: 9, indexedFiles: 6 });
    const listed = await watched.parts.store.list(table.location);
    const free = await watched.parts.index.withoutMatch(table, listed, {
      accountField: 'account_sid',
      selectors: [{ accountId: 'AC1' }],
    });
    expect(free.size).toBe(6);
    await watched.erased(table, { act: [{ accountId: 'AC2' }, { accountId: 'AC3' }], keep: [] });
    expect([await watched.parts.store.list(table.location), await watched.segmentsOf(table)]).toEqual([[], []]);
  });

  test('spares scans under a minimum retention, too, which has nothing to say of others', async () => {
    const made = await messageTable(watched.parts);
    const sent = [1, 2, 3].map((day) => ({ account: day === 2 ? 'AC2' : 'AC1', to: '+1', day: `2018-06-0${day}` }));
    await landMessages(watched.parts, made, sent);
    const minimum = { dateField: 'date_created', days: 10, before: '2018-06-02' };
    const planned = await watched.planned(made.table, { ...byAccount('AC1'), minimum });
    expect([planned.scans, Object.values(planned.found)]).toEqual([2, [1]]);
    expect(planned.gaps).toMatchObject([
      { code: 'MINIMUM_RETENTION', reason: expect.stringMatching(/2018\/06\/03.*: 1 record/) },
    ]);
  });

  describe('never hides a subject of a file that was', () => {
    const [before, after] = [one('AC1'), one('AC2')];
    const name = 'a.ndjson';
    test.each<[string, (table: LakeTable) => Promise<void>, Record<string, number>]>([
      ['added', (table) => writeSent(watched.local(table, 'b.ndjson'), after), { 'b.ndjson': 1 }],
      [
        'changed in place, to the same size',
        (table) => writeFile(watched.local(table, name), linesOf(after)),
        { [name]: 1 },
      ],
      [
        'replaced under its name',
        async (table) => {
          await writeFile(watched.local(table, '.new'), linesOf(after));
          await rename(watched.local(table, '.new'), watched.local(table, name));
        },
        { [name]: 1 },
      ],
      [
        'removed and written anew',
        async (table) => {
          await rm(watched.local(table, name));
          await writeSent(watched.local(table, name), after);
        },
        { [name]: 1 },
      ],
      ['removed', (table) => rm(watched.local(table, name)), {}],
    ])('%s', async (_what, change, found) => {
      const table = await foreignTable(watched.parts);
      await writeSent(watched.local(table, name), before);
      await caughtUp(watched.parts, table);
      expect(await watched.planned(table, byAccount('AC2'))).toMatchObject({ found: {}, scans: 0 });
      await change(table);
      expect((await watched.planned(table, byAccount('AC2'))).found).toEqual(found);
      await caughtUp(watched.parts, table);
      expect((await watched.planned(table, byAccount('AC2'))).found).toEqual(found);
      expect(await watched.planned(table, byAccount('AC9'))).toMatchObject({ found: {}, scans: 0 });
      const { files, indexedFiles } = await summaryOf(watched.parts, table);
      const there = (await watched.parts.store.list(table.location)).length;
      expect([files, indexedFiles, (await watched.segmentsOf(table)).length]).toEqual([there, there, there]);
    });
  });

  test('tells of files that it cannot speak of, and tries them again only when they change', async () => {
    const table = await foreignTable(watched.parts);
    await writeSent(watched.local(table, 'good.ndjson'), one('AC1'));
    await writeFile(watched.local(table, 'bad.ndjson'), 'no json\n');
    await writeFile(watched.local(table, 'float.ndjson'), '{"account_sid":1.5,"to":"+1"}\n');
    await caughtUp(watched.parts, table);
    expect(await summaryOf(watched.parts, table)).toMatchObject({ files: 3, indexedFiles: 1, indexLeftFiles: 2 });
    const { found, gaps } = await watched.planned(table, byAccount('AC1'));
    expect(found).toEqual({ 'good.ndjson': 1 });
    expect(gaps.map(({ code }) => code)).toEqual(['LAKE_FILE_UNREADABLE', 'LAKE_TABLE_REFUSED']);
    watched.calls = [];
    await caughtUp(watched.parts, table);
    expect(watched.calls).not.toContain('index');
    await writeSent(watched.local(table, 'bad.ndjson'), one('AC2'));
    await caughtUp(watched.parts, table);
    expect(await summaryOf(watched.parts, table)).toMatchObject({ indexedFiles: 2, indexLeftFiles: 1 });
  });

  test('keeps a file in mind that a registration saw, and forgets one that came later', async () => {
    const table = await foreignTable(watched.parts);
    for (const name of ['seen', 'later', 'stays']) await writeSent(watched.local(table, `${name}.ndjson`), one('AC1'));
    await caughtUp(watched.parts, table);
    await watched.db.em
      .fork()
      .execute(`update lake_file set standing = 'EXPECTED' where table_id = ? and path like '%seen%'`, [table.id]);
    await rename(watched.local(table, 'seen.ndjson'), `${watched.root}/seen`);
    await rm(watched.local(table, 'later.ndjson'));
    await caughtUp(watched.parts, table);
    expect(await watched.segmentsOf(table)).toHaveLength(1);
    expect(await summaryOf(watched.parts, table)).toMatchObject({ files: 1, indexedFiles: 1 });
    const { verification } = await watched.erased(table, byAccount('AC7'));
    expect(verification.open).toMatchObject([{ code: 'LAKE_FILE_MISSING', reason: expect.stringContaining('seen') }]);
    expect(verification.open[0]?.reason).toContain('1 registered file');
    await rename(`${watched.root}/seen`, watched.local(table, 'seen.ndjson'));
    await caughtUp(watched.parts, table);
    expect(await summaryOf(watched.parts, table)).toMatchObject({ files: 2, indexedFiles: 2 });
    expect((await watched.erased(table, byAccount('AC7'))).verification.open).toEqual([]);
  });

  test('is not believed by the verification', async () => {
    const table = await foreignTable(watched.parts);
    await writeSent(watched.local(table, 'a.ndjson'), one('AC1'));
    await writeSent(watched.local(table, 'b.ndjson'), one('AC2'));
    await caughtUp(watched.parts, table);
    const [first = '', second = ''] = (
      await watched.db.em
        .fork()
        .execute<{ id: string }[]>('select id from lake_file where table_id = ? order by path', [table.id])
    ).map(({ id }) => watched.parts.localPath(`_lineward/index/${table.id}/${id}.keys`));
    // An index that lies: that of the other file.
    await rm(first);
    await rename(second, first);
    const { receipt, verification } = await watched.erased(table, byAccount('AC1'));
    expect(receipt.recordsErased).toBe(0);
    expect(verification).toMatchObject({ survivors: 1, recordsScanned: 2 });
  });

  test('is not asked for everyone, nor for accounts in another column than it was made for', async () => {
    const table = await foreignTable(watched.parts);
    await writeSent(watched.local(table, 'a.ndjson'), one('AC1'));
    await caughtUp(watched.parts, table);
    const everyone = await watched.planned(table, { everyone: true, act: [], keep: [] });
    expect(everyone).toMatchObject({ found: { 'a.ndjson': 1 }, scans: 1 });
    const files = await watched.parts.store.list(table.location);
    const free = (accountField: string) =>
      watched.parts.index.withoutMatch(table, files, {
        accountField,
        selectors: [{ accountId: 'AC9', subject: { field: 'to', value: '+9' } }],
      });
    expect([(await free('account_sid')).size, (await free('to')).size]).toEqual([1, 0]);
  });
});
