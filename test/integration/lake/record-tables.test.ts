import { mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { DuckdbEngine } from '../../../src/adapters/lake/duckdb/duckdb-engine.ts';
import type { SubjectSelector } from '../../../src/domain/governance/selection.ts';
import type { LakeTable } from '../../../src/entities/lake-table.entity.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import {
  erasureTarget,
  executionContext,
  type LakeParts,
  lakeParts,
  landMessages,
  messageTable,
  planOf,
  retain,
} from '../../testkit/lake.ts';
import { ndjson, put, readAvro, type TestRecord, writeAvro } from '../../testkit/record-files.ts';
import { bucketPrefix, missingS3, type TestBucket, testBucket } from '../../testkit/s3.ts';

const text = { type: ['null', 'string'], default: null };
const schema = {
  type: 'record',
  name: 'Message',
  fields: ['sid', 'account_sid', 'date_created', 'to'].map((name) => ({ name, ...text })),
};

const messagesOf = (day: string, accounts: readonly string[]): readonly TestRecord[] =>
  Array.from({ length: 12 }, (_, n) => ({
    sid: `${day}-${n}`,
    account_sid: accounts[n % accounts.length] ?? '',
    date_created: `${day}T10:00:00Z`,
    to: `+${n}`,
  }));

/** Files that other programs wrote: the first of each format is of the erased account alone. */
const files: readonly { readonly path: string; readonly records: readonly TestRecord[] }[] = [
  ['2018/06/01/all.ndjson', ['AC0']],
  ['2018/06/01/all.avro', ['AC0']],
  ['2018/06/02/some.json', ['AC0', 'AC1']],
  ['2018/06/02/some.json.gz', ['AC0', 'AC1']],
  ['2018/06/03/some.avro', ['AC1', 'AC0', 'AC2']],
  ['2018/06/03/none.jsonl', ['AC1']],
].map(([path, accounts]) => ({
  path: String(path),
  records: messagesOf(String(path).slice(0, 10).replaceAll('/', '-'), [accounts ?? []].flat()),
}));

async function writeFiles(root: string): Promise<void> {
  for (const { path, records } of files) {
    const target = join(root, path);
    if (path.endsWith('.avro'))
      await writeAvro(await put(target, ''), records, { codec: 'snappy', schema, blockSize: 200 });
    else await put(target, path.endsWith('.gz') ? gzipSync(ndjson(records)) : ndjson(records));
  }
}

async function recordsIn(path: string): Promise<readonly TestRecord[]> {
  if (path.endsWith('.avro')) return readAvro(path);
  const bytes = await readFile(path);
  const lines = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString().split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as TestRecord);
}

const held = { accountId: 'AC0', subject: { field: 'to', value: '+2' } };
const selection = { act: [{ accountId: 'AC0' }], keep: [held] };
const stays = ({ account_sid, to }: TestRecord): boolean => account_sid !== 'AC0' || to === '+2';
const erased = files.flatMap(({ records }) => records).filter((record) => !stays(record)).length + 1;

const all = files.flatMap(({ records }) => records);
const isHeld = (record: TestRecord): boolean => record.account_sid === 'AC0' && record.to === held.subject.value;
const everyoneBut = (keep: readonly SubjectSelector[]) => ({ everyone: true, act: [], keep });

/** Values of all files are changed once, but for records that a hold keeps. */
async function expectShouted(lake: LakeParts, table: LakeTable, isKept: typeof isHeld): Promise<void> {
  for (const { path, records } of files) {
    const found = await lake.store.reading([`${table.location}/${path}`], ([copy = '']) => recordsIn(copy));
    expect([path, found]).toEqual([
      path,
      records.map((record) => (isKept(record) ? record : { ...record, to: `${record.to}!` })),
    ]);
  }
  expect(await lake.store.names(`${table.location}/_erasure`)).toEqual([]);
}

let db: TestDatabase;
let root: string;
let parts: LakeParts;
beforeAll(async () => {
  db = await testDatabase();
  root = await mkdtemp(join(tmpdir(), 'lineward-record-tables-'));
  parts = await lakeParts(db.em, root);
});
afterAll(async () => {
  await parts?.engine.close();
  await db?.close();
  await rm(root, { recursive: true, force: true });
});

/** A landed table with a file of Parquet, in which others have put files of other formats. */
async function mixedTable() {
  const made = await messageTable(parts);
  await landMessages(parts, made, [
    { account: 'AC0', to: '+1', day: '2018-06-02' },
    { account: 'AC1', to: '+1', day: '2018-06-02' },
  ]);
  await writeFiles(parts.localPath(made.table.location));
  return { table: made.table, target: await erasureTarget(db.em, made.table) };
}

async function expectErased(table: LakeTable): Promise<void> {
  for (const { path, records } of files) {
    const left = records.filter(stays);
    expect([path, await recordsIn(parts.localPath(`${table.location}/${path}`))]).toEqual([path, left]);
  }
  expect(await parts.store.names(`${table.location}/_erasure`)).toEqual([]);
}

describe('a table of files of several formats', () => {
  it('is planned, erased from and verified file by file', async () => {
    const { table, target } = await mixedTable();
    expect(await planOf(parts, table, selection)).toMatchObject({ files: 6, records: erased, gaps: [] });
    const receipt = await parts.executor.execute(executionContext({ table, ...target, selection }));
    expect(receipt).toMatchObject({ recordsErased: erased, filesRewritten: 6, filesRemoved: 0, open: [] });
    const context = executionContext({ table, ...target, selection, fencingToken: 2 });
    expect(await parts.executor.verify(context)).toMatchObject({ survivors: 0, lost: 0, open: [] });
    await expectErased(table);
    // Another operation finds nothing more.
    expect(await planOf(parts, table, selection)).toMatchObject({ action: 'NONE', records: 0 });
  });

  it('loses files in which no record stays, and what is older than a rule allows', async () => {
    const { table, target } = await mixedTable();
    await retain(db.em, table, 30);
    const limit = { dateField: 'date_created', days: 30, before: '2018-06-03' };
    const run = { table, ...target, limit, selection: { everyone: true, act: [], keep: [held] } };
    const receipt = await parts.executor.execute(executionContext(run));
    const kept = files
      .flatMap(({ records }) => records)
      .filter(({ account_sid, to, date_created }) => {
        return String(date_created) < '2018-06-03' && account_sid === 'AC0' && to === '+2';
      }).length;
    expect(receipt).toMatchObject({ recordsErased: 4 * 12 + 2 - kept, filesRewritten: 4, filesRemoved: 1 });
    expect(receipt.open.map(({ code }) => code)).toEqual(Array(4).fill('HOLD_ACTIVE'));
    const verified = await parts.executor.verify(executionContext({ ...run, fencingToken: 2 }));
    expect(verified).toMatchObject({ survivors: 0, lost: 0, recordsScanned: kept + 24 });
    const none = { ...run, selection: { everyone: true, act: [], keep: [] }, fencingToken: 3 };
    const again = await erasureTarget(db.em, table);
    const second = await parts.executor.execute(executionContext({ ...none, ...again }));
    expect(second).toMatchObject({ recordsErased: kept, filesRemoved: 4, filesRewritten: 0, open: [] });
  });

  it('tells files that cannot be read as open, and does all others', async () => {
    const { table, target } = await mixedTable();
    const bad = { 'cut.json': '{"account_sid":"AC0"', 'bad.avro': 'Obj\x01', 'float.ndjson': '{"account_sid":1.5}\n' };
    for (const [name, content] of Object.entries(bad))
      await put(parts.localPath(`${table.location}/2018/06/04/${name}`), content);
    const receipt = await parts.executor.execute(executionContext({ table, ...target, selection }));
    expect(receipt.recordsErased).toBe(erased);
    expect(receipt.open.map(({ code, reason }) => [code, reason.replace(/^.*\//u, '')])).toEqual([
      ['LAKE_FILE_UNREADABLE', expect.stringContaining('bad.avro: its header is damaged')],
      ['LAKE_FILE_UNREADABLE', 'cut.json: line 1 is no JSON object'],
      ['LAKE_TABLE_REFUSED', expect.stringContaining('float.ndjson: its key column account_sid has in line 1')],
    ]);
    const context = executionContext({ table, ...target, selection, fencingToken: 2 });
    expect((await parts.executor.verify(context)).open).toHaveLength(3);
    await expectErased(table);
  });

  it('has its values changed once, but for those under a hold, and stays as it is the next time', async () => {
    const { table, target } = await mixedTable();
    const first = { table, ...target, selection: everyoneBut([held]), transforms: true };
    const receipt = await parts.executor.execute(executionContext(first));
    const kept = all.filter(isHeld).length;
    expect(receipt).toMatchObject({ recordsErased: 0, recordsChanged: all.length - kept + 2, filesRewritten: 7 });
    expect(receipt.open.map(({ code }) => code)).toEqual(Array(4).fill('HOLD_ACTIVE'));
    await expectShouted(parts, table, isHeld);
    // Files in which all was done say so, or it is known of them; in the others what was done would be done again.
    const second = { table, ...(await erasureTarget(db.em, table)), selection: everyoneBut([]), transforms: true };
    expect(await parts.executor.verify(executionContext({ ...first, fencingToken: 2 }))).toMatchObject({ lost: 0 });
    const again = await parts.executor.execute(executionContext(second));
    expect(again).toMatchObject({ recordsChanged: 4 * 12, filesRewritten: 4, open: [] });
    const third = { table, ...(await erasureTarget(db.em, table)), selection: everyoneBut([]), transforms: true };
    const last = await parts.executor.execute(executionContext(third));
    expect(last).toMatchObject({ recordsChanged: 0, filesRewritten: 0, open: [] });
    expect(await parts.executor.verify(executionContext({ ...third, fencingToken: 2 }))).toMatchObject({
      survivors: 0,
      lost: 0,
      open: [],
    });
  });

  it('knows what was done to a file that is erased from, renamed or put back later, and nothing of one written anew', async () => {
    const { table, target } = await mixedTable();
    const shouted = async () => {
      const run = { table, ...(await erasureTarget(db.em, table)), selection: everyoneBut([]), transforms: true };
      return parts.executor.execute(executionContext(run));
    };
    const at = (path: string) => parts.localPath(`${table.location}/${path}`);
    expect(await shouted()).toMatchObject({ recordsChanged: all.length + 2, open: [] });
    const before = await readFile(at('2018/06/02/some.json'));
    await parts.executor.execute(executionContext({ table, ...target, selection }));
    expect(await shouted()).toMatchObject({ recordsChanged: 0, filesRewritten: 0, open: [] });
    await rename(at('2018/06/02/some.json'), at('2018/06/02/other.jsonl'));
    await put(at('2018/06/02/some.json'), before);
    expect(await shouted()).toMatchObject({ recordsChanged: 0, filesRewritten: 0, open: [] });
    await put(at('2018/06/02/some.json'), Buffer.concat([before, Buffer.from('{"account_sid":"AC5","to":"+1"}\n')]));
    expect(await shouted()).toMatchObject({ recordsChanged: 13, filesRewritten: 1, open: [] });
  });
});

describe('an engine that is killed half way through a file', () => {
  it.each(['ndjson', 'json.gz', 'avro'])('of %s leaves the source, and nothing else', async (ending) => {
    const engine = new DuckdbEngine({ memoryLimitMb: 256, threads: 2, timeoutMs: 60_000, tempDir: join(root, 'half') });
    const source = join(root, `big.${ending}`);
    const many = Array.from({ length: 150_000 }, (_, n) => ({ acc: n % 2 === 0 ? 'A' : 'B', n }));
    if (ending === 'avro') await writeAvro(source, many, { codec: 'deflate', blockSize: 65_536 });
    else await put(source, ending === 'ndjson' ? ndjson(many) : gzipSync(ndjson(many)));
    const before = await readFile(source);
    const staged = join(root, 'half.staged');
    const request = { source, staged, selection: { accountColumn: 'acc', act: [{ account: 'A' }], keep: [] } };
    const running = engine.rewrite(request);
    const ended = expect(running).rejects.toMatchObject({ code: 'LAKE_ENGINE_FAILED' });
    await vi.waitFor(async () => expect((await stat(staged)).size).toBeGreaterThan(0), {
      timeout: 20_000,
      interval: 2,
    });
    process.kill(engine.childPid ?? 0, 'SIGKILL');
    await ended;
    expect((await readdir(root)).filter((name) => name.includes('half.staged'))).toEqual([]);
    expect((await readFile(source)).equals(before)).toBe(true);
    expect(await engine.rewrite(request)).toMatchObject({ found: 75_000, rowsAfter: 75_000 });
    await engine.close();
    expect(await readdir(join(root, 'half'))).toEqual([]);
  });
});

const missing = await missingS3();

describe.skipIf(missing !== null)(`files of several formats in S3${missing === null ? '' : ` (${missing})`}`, () => {
  let bucket: TestBucket;
  let remote: LakeParts;
  beforeAll(async () => {
    bucket = await testBucket();
    const store = await bucket.store();
    remote = await lakeParts(db.em, join(root, 's3'), { store: () => store });
  });
  afterAll(async () => {
    await remote?.engine.close();
    await bucket?.close();
  });

  const uploaded = async (): Promise<LakeTable> => {
    const { table } = await messageTable(remote);
    const local = join(root, 'upload');
    await writeFiles(local);
    for (const { path } of files) {
      const Key = `${bucketPrefix}/${table.location}/${path}`;
      await bucket.client.send(
        new PutObjectCommand({ Bucket: bucket.bucket, Key, Body: await readFile(join(local, path)) }),
      );
    }
    return table;
  };

  it('have their values changed once, and every older version is gone', async () => {
    const table = await uploaded();
    const run = async () => ({
      table,
      ...(await erasureTarget(db.em, table)),
      selection: everyoneBut([]),
      transforms: true,
    });
    const first = await run();
    const receipt = await remote.executor.execute(executionContext(first));
    expect(receipt).toMatchObject({ recordsChanged: all.length, filesRewritten: 6, open: [], residues: [] });
    const verified = await remote.executor.verify(executionContext({ ...first, fencingToken: 2 }));
    expect(verified).toMatchObject({ survivors: 0, lost: 0, open: [] });
    await expectShouted(remote, table, () => false);
    const again = await remote.executor.execute(executionContext(await run()));
    expect(again).toMatchObject({ recordsChanged: 0, filesRewritten: 0, open: [] });
    const keys = (await bucket.versions(`${bucketPrefix}/${table.location}/`)).map(({ key }) => key);
    expect([keys.length, new Set(keys).size]).toEqual([files.length, files.length]);
  });

  it('are erased from, and every older version is gone', async () => {
    const table = await uploaded();
    const target = await erasureTarget(db.em, table);
    const receipt = await remote.executor.execute(executionContext({ table, ...target, selection }));
    expect(receipt).toMatchObject({
      recordsErased: erased - 1,
      filesRewritten: 5,
      filesRemoved: 0,
      open: [],
      residues: [],
    });
    const verified = await remote.executor.verify(executionContext({ table, ...target, selection, fencingToken: 2 }));
    expect(verified).toMatchObject({ survivors: 0, lost: 0, open: [] });
    for (const { path, records } of files) {
      const left = await remote.store.reading([`${table.location}/${path}`], ([copy = '']) => recordsIn(copy));
      expect([path, left]).toEqual([path, records.filter(stays)]);
    }
    const keys = (await bucket.versions(`${bucketPrefix}/${table.location}/`)).map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys).toHaveLength(files.length);
  });
});
