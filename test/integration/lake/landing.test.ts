import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import { LakeReadModel } from '../../../src/services/lake/lake.read-model.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import {
  around,
  type LakeParts,
  lakeParts,
  landMessages,
  type Message,
  messageKeys,
  messageTable,
} from '../../testkit/lake.ts';
import type { LakeKill } from './lake-child.ts';
import { runLakeChild } from './run-lake-child.ts';

let db: TestDatabase;
let root: string;
let parts: LakeParts;
beforeAll(async () => {
  db = await testDatabase();
  root = await mkdtemp(join(tmpdir(), 'lineward-landing-'));
  parts = await lakeParts(db.em, root);
});
afterAll(async () => {
  await parts.engine.close();
  await db.close();
  await rm(root, { recursive: true, force: true });
});

const messages = (count: number): Message[] =>
  Array.from({ length: count }, (_, n) => ({ account: `AC${n % 3}`, to: `+${n}`, day: `2018-06-0${1 + (n % 2)}` }));

type Table = Awaited<ReturnType<typeof messageTable>>;

async function rowsByFile({ table }: Table): Promise<Record<string, number>> {
  const files = await parts.store.list(table.location);
  const findings = await parts.engine.find({
    files: files.map(({ path }) => parts.localPath(path)),
    selection: { accountColumn: 'account_sid', act: [], keep: [] },
  });
  return Object.fromEntries(
    files.map(({ path }, index) => {
      const finding = findings[index];
      return [path.slice(table.location.length + 1), finding?.error === undefined ? (finding?.rows ?? -1) : -1];
    }),
  );
}

const summaryOf = async ({ table }: Table) =>
  (await new LakeReadModel({ em: db.em }).summaryOfDatasets([table.datasetId])).get(table.datasetId);

const name = (first: number, last: number): string =>
  `messages-0-${String(first).padStart(20, '0')}-${String(last).padStart(20, '0')}.parquet`;

describe('landing', () => {
  it('lands each batch once, by day, with registered and indexed files, and moves the position', async () => {
    const table = await messageTable(parts);
    expect(await parts.landing.positionOf(table.streamId, 0)).toBeNull();
    await landMessages(parts, table, messages(5));
    expect(await rowsByFile(table)).toEqual({
      [`2018/06/01/${name(0, 4)}`]: 3,
      [`2018/06/02/${name(0, 4)}`]: 2,
    });
    expect(await parts.landing.positionOf(table.streamId, 0)).toBe('5');
    expect(await summaryOf(table)).toMatchObject({ files: 2, rows: 5, indexedFiles: 2 });
    expect(await readdir(parts.localPath(`${table.table.location}/_landing`))).toEqual([]);
  });

  it('moves only the position for an empty batch, also over offsets that hold no record', async () => {
    const table = await messageTable(parts);
    await landMessages(parts, table, [], 7);
    expect(await parts.landing.positionOf(table.streamId, 0)).toBe('7');
    await landMessages(parts, table, messages(1), 20);
    expect(Object.keys(await rowsByFile(table))).toEqual([`2018/06/01/${name(20, 20)}`]);
  });

  it('refuses offsets that another consumer has landed, and lands nothing then', async () => {
    const table = await messageTable(parts);
    await landMessages(parts, table, messages(5));
    await expect(landMessages(parts, table, messages(5), 3)).rejects.toMatchObject({ code: 'LEASE_LOST' });
    expect(await summaryOf(table)).toMatchObject({ rows: 5 });
  });

  it('lets one of two consumers that land the same offsets at once win', async () => {
    const table = await messageTable(parts);
    const other = await lakeParts(db.em, root);
    const ends = await Promise.allSettled([
      landMessages(parts, table, messages(6)),
      landMessages(other, table, messages(4)),
    ]);
    await other.engine.close();
    const lost = ends.filter((end) => end.status === 'rejected');
    expect(lost.map((end) => end.reason)).toMatchObject([{ code: 'LEASE_LOST' }]);
    const position = Number(await parts.landing.positionOf(table.streamId, 0));
    const rows = Object.values(await rowsByFile(table)).reduce((sum, n) => sum + n, 0);
    expect([4, 6]).toContain(position);
    expect(rows).toBe(position);
  });

  it('says that another consumer took over when its staged file is removed while it writes', async () => {
    const table = await messageTable(parts);
    const removed = new LinewardError('LAKE_FILE_CHANGED');
    const other = await lakeParts(db.em, root, {
      engine: (engine) => around(engine, (verb, call) => (verb === 'write' ? Promise.reject(removed) : call())),
    });
    await expect(landMessages(other, table, messages(1))).rejects.toMatchObject({ code: 'LEASE_LOST' });
    await other.engine.close();
  });

  it('keeps records whose date cannot be read', async () => {
    const table = await messageTable(parts);
    await landMessages(parts, table, [{ account: 'AC1', to: null, day: 'yesterday' }]);
    expect(await rowsByFile(table)).toEqual({ [`unknown_date/${name(0, 0)}`]: 1 });
  });

  it('refuses a batch with a value or field that has no place in the table, naming offset and column', async () => {
    const table = await messageTable(parts);
    const land = (value: Record<string, unknown>) =>
      parts.landing.land({
        streamId: table.streamId,
        tableId: table.table.id,
        topic: 'messages',
        partition: 0,
        records: [
          { offset: '8', value: { sid: 'ok' } },
          { offset: '9', value },
        ],
        nextOffset: '10',
        ...messageKeys,
      });
    await expect(land({ sid: 7 })).rejects.toMatchObject({
      code: 'VALUE_INVALID',
      details: { misfits: [{ offset: '9', column: 'sid' }] },
    });
    await expect(land({ shoe_size: 7 })).rejects.toMatchObject({
      details: { misfits: [{ offset: '9', column: 'shoe_size' }] },
    });
    expect(await parts.landing.positionOf(table.streamId, 0)).toBeNull();
    expect(await rowsByFile(table)).toEqual({});
    await land({ sid: 'mended' });
    expect(await summaryOf(table)).toMatchObject({ rows: 2 });
  });

  const points: LakeKill[] = [
    { port: 'engine', verb: 'write', when: 'after', nth: 1 },
    { port: 'store', verb: 'publish', when: 'before', nth: 1 },
    { port: 'store', verb: 'publish', when: 'after', nth: 1 },
    { port: 'store', verb: 'publish', when: 'after', nth: 2 },
    { port: 'engine', verb: 'index', when: 'before', nth: 1 },
  ];
  it.each(points)('lands exactly once when killed $when $verb $nth', async (kill) => {
    const table = await messageTable(parts);
    await landMessages(parts, table, messages(2));
    const land = { streamId: table.streamId, messages: messages(8), first: 2 };
    const end = await runLakeChild({ url: db.url, root, tableId: table.table.id, kill, land });
    expect(end).toMatchObject({ signal: 'SIGKILL' });
    // The next consumer begins with another batch size.
    const successor = await lakeParts(db.em, root);
    const position = Number(await successor.landing.positionOf(table.streamId, 0));
    await landMessages(successor, table, messages(20), position);
    await successor.engine.close();
    const rows = Object.values(await rowsByFile(table)).reduce((sum, n) => sum + n, 0);
    expect(rows).toBe(position + 20);
    expect(await summaryOf(table)).toMatchObject({ rows, files: Object.keys(await rowsByFile(table)).length });
    expect(await readdir(parts.localPath(`${table.table.location}/_landing`))).toEqual([]);
  });
});
