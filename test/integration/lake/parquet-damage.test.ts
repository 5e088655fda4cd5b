import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DuckdbEngine } from '../../../src/adapters/lake/duckdb/duckdb-engine.ts';
import type { EngineSelection } from '../../../src/services/lake/ports.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { caughtUp, foreignTable } from '../../testkit/foreign-table.ts';
import { erasureTarget, executionContext, type LakeParts, lakeParts, planOf } from '../../testkit/lake.ts';
import { plainDuckdb } from '../../testkit/plain-table.ts';

const vector = (name: string): string => `test/vectors/parquet/${name}.parquet`;
const selection: EngineSelection = { accountColumn: 'account_sid', act: [{ account: 'AC0' }], keep: [] };

/** One of AC0's rows becomes one of AC1's, by one bit. */
async function hideOne(source: string, target: string): Promise<void> {
  const bytes = await readFile(source);
  // In the second page, behind its length: the statistics of the header have no such length.
  const place = bytes.indexOf('\u0003\0\0\0AC0', bytes.indexOf('\u0003\0\0\0AC0') + 100);
  bytes[place + 6] = 0x31;
  await writeFile(target, bytes);
}

/** A number in a column that is no key becomes another one. */
async function spoilOther(source: string, target: string): Promise<void> {
  const bytes = await readFile(source);
  const number = Buffer.alloc(8);
  number.writeBigInt64LE(42n);
  // Written out once, in its page; the statistics have it as the greatest or least of none.
  bytes[bytes.indexOf(number)] = 43;
  await writeFile(target, bytes);
}

describe('the lake engine on damaged and odd Parquet files', () => {
  let root: string;
  let engine: DuckdbEngine;
  const at = (name: string): string => join(root, name);
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'lineward-damage-'));
    engine = new DuckdbEngine({ memoryLimitMb: 256, threads: 2, timeoutMs: 30_000, tempDir: at('tmp') });
    await copyFile(vector('checksums-v1'), at('sound.parquet'));
    await hideOne(vector('checksums-v1'), at('hidden.parquet'));
    await spoilOther(vector('checksums-v1'), at('other.parquet'));
  });
  afterAll(async () => {
    await engine?.close();
    await rm(root, { recursive: true, force: true });
  });

  /** What each verb says of a file: what it answers in short, or why it does not. */
  const told = async (path: string) => {
    const short = (work: Promise<unknown>) =>
      work.then(
        () => 'read',
        ({ code, details }) => [code, details.reason],
      );
    const [finding] = await engine.find({ files: [path], selection });
    const request = { source: path, staged: at('x.staged'), selection };
    const transform = {
      columns: ['to'],
      keyColumns: ['account_sid'],
      metadata: {},
      transform: async ({ to = [] }) => ({ to: to.map((text) => `${text}!`) }),
    };
    const answers = {
      find: finding?.error === undefined ? 'read' : [finding.error, finding.reason],
      keys: await short(engine.keys({ path, columns: ['account_sid', 'to'], rowsMax: 1_000 })),
      rewrite: await short(engine.rewrite(request)),
      transform: await short(engine.transform({ ...request, ...transform })),
      verify: await short(engine.verify({ path, selection })),
      profile: await short(engine.profile({ path })),
    };
    await rm(at('x.staged'), { force: true });
    return answers;
  };
  const all = (answer: unknown) => ({
    find: answer,
    keys: answer,
    rewrite: answer,
    transform: answer,
    verify: answer,
    profile: answer,
  });
  const damaged = ['LAKE_FILE_UNREADABLE', expect.stringMatching(/checksum of a page/u)];

  it('reads what is sound, also where checksums say so', async () => {
    for (const name of ['checksums-v1', 'checksums-v1-snappy', 'checksums-v2-zstd'])
      expect(await told(vector(name))).toEqual(all('read'));
    const [finding] = await engine.find({ files: [vector('checksums-v2-zstd')], selection });
    expect(finding).toMatchObject({ rows: 100, matches: 50 });
  });

  it('does not take a key for read that a checksum says is damaged, although DuckDB reads it', async () => {
    const ofAccount = `SELECT count(*) AS n FROM '${at('hidden.parquet')}' WHERE account_sid = 'AC0'`;
    expect(await plainDuckdb(ofAccount)).toEqual([{ n: 49n }]);
    expect(await told(at('hidden.parquet'))).toEqual({
      ...all(damaged),
      find: ['UNREADABLE', damaged[1]],
      profile: 'read',
    });
    const files = [at('hidden.parquet'), at('sound.parquet')];
    const findings = await engine.find({ files, selection });
    expect(findings.map((finding) => finding.error ?? finding.matches)).toEqual(['UNREADABLE', 50]);
  });

  it('copies no damage of other columns under a checksum of none, and finds it when it reads the file back', async () => {
    expect(await plainDuckdb(`SELECT count(*) AS n FROM '${at('other.parquet')}' WHERE n = 43`)).toEqual([{ n: 2n }]);
    expect(await told(at('other.parquet'))).toEqual({ ...all(damaged), find: 'read', keys: 'read', profile: 'read' });
    expect((await readdir(root)).filter((name) => name.includes('staged'))).toEqual([]);
  });

  it.each(['encrypted-footer', 'encrypted-key', 'encrypted-other'])('tells %s as encrypted', async (name) => {
    const encrypted = ['LAKE_TABLE_REFUSED', 'it is encrypted'];
    expect(await told(vector(name))).toEqual({ ...all(encrypted), find: ['REFUSED', encrypted[1]] });
    const [surveyed] = await engine.survey({ files: [vector(name)], keyColumns: ['account_sid'] });
    expect(surveyed).toEqual({ path: vector(name), error: 'REFUSED', reason: 'it is encrypted' });
  });

  describe('of a few bytes', () => {
    let tiny: Buffer;
    beforeAll(async () => {
      await plainDuckdb(`COPY (SELECT 'AC0' AS account_sid, '+1' AS "to") TO '${at('tiny.parquet')}' (FORMAT parquet)`);
      tiny = await readFile(at('tiny.parquet'));
    });
    afterAll(async () => {
      // It lives, and does its work.
      const [finding] = await engine.find({ files: [at('tiny.parquet')], selection });
      expect(finding).toMatchObject({ rows: 1, matches: 1 });
    });
    /** Replaces the codec of every column: the field behind the path of its name. */
    const underCodec = async (codec: number): Promise<string> => {
      const bytes = Buffer.from(tiny);
      for (const name of ['\u000baccount_sid\u0015', '\u0002to\u0015']) {
        const place = bytes.lastIndexOf(name);
        expect(place).toBeGreaterThan(0);
        bytes[place + name.length] = codec * 2;
      }
      await writeFile(at('codec.parquet'), bytes);
      return at('codec.parquet');
    };

    it.each([
      [3, 'LZO'],
      [5, 'LZ4 in the form of Hadoop'],
      [8, 'unknown'],
      [60, 'unknown'],
    ])('refuses by its name a codec that is not read: %i', async (codec, name) => {
      const refused = ['LAKE_TABLE_REFUSED', expect.stringContaining(name)];
      expect(await told(await underCodec(codec))).toEqual({ ...all(refused), find: ['REFUSED', refused[1]] });
    });

    it.each([2, 4, 6])('tells content that is not under the codec that it claims as damaged: %i', async (codec) => {
      const answers = await told(await underCodec(codec));
      const unread = ['LAKE_FILE_UNREADABLE', expect.any(String)];
      expect(answers).toMatchObject({ keys: unread, rewrite: unread, verify: unread, find: ['UNREADABLE', unread[1]] });
    });

    const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >> 7)]);
    const footerOnly = (footer: readonly number[]): Buffer => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(footer.length);
      return Buffer.concat([Buffer.from('PAR1'), Buffer.from(footer), length, Buffer.from('PAR1')]);
    };
    it.each<[string, () => Buffer]>([
      [
        'lists within lists of millions',
        () =>
          footerOnly(
            Array(9)
              .fill([0xf9, ...varint(33_000_000)])
              .flat(),
          ),
      ],
      ['a billion row groups', () => footerOnly([0x49, 0xfc, ...varint(1_000_000_000)])],
      ['a text longer than the file', () => footerOnly([0x68, ...varint(2_000_000_000)])],
      ['structs without end', () => footerOnly(Array(5_000).fill(0x1c))],
      ['a number without end', () => footerOnly([0x16, ...Array(5_000).fill(0xff)])],
      [
        'a footer longer than the file',
        () => Buffer.concat([tiny.subarray(0, -8), Buffer.from('\xff\xff\xff\x7fPAR1', 'latin1')]),
      ],
      ['no footer', () => footerOnly([])],
    ])('refuses %s', async (_, bytes) => {
      await writeFile(at('hostile.parquet'), bytes());
      const pid = engine.childPid;
      const unread = ['LAKE_FILE_UNREADABLE', expect.stringContaining('footer')];
      expect(await told(at('hostile.parquet'))).toEqual({ ...all(unread), find: ['UNREADABLE', unread[1]] });
      expect(engine.childPid).toBe(pid);
    });

    it('survives any one byte of it', async () => {
      for (let place = 4; place < tiny.length; place += 3) {
        const bytes = Buffer.from(tiny);
        bytes[place] = place % 2 === 0 ? 0xff : 0x7f;
        await writeFile(at('byte.parquet'), bytes);
        const ends = await Promise.allSettled([
          engine.find({ files: [at('byte.parquet')], selection }),
          engine.rewrite({ source: at('byte.parquet'), staged: at('byte.staged'), selection }),
          engine.verify({ path: at('byte.parquet'), selection }),
        ]);
        for (const end of ends) {
          if (end.status === 'rejected')
            expect(['LAKE_FILE_UNREADABLE', 'LAKE_TABLE_REFUSED', 'LAKE_CHECK_FAILED', 'LAKE_ENGINE_FAILED']).toContain(
              end.reason.code,
            );
        }
      }
    }, 120_000);
  });
});

describe('an erasure of a table with Parquet files that are damaged under their checksums', () => {
  let db: TestDatabase;
  let root: string;
  let parts: LakeParts;
  beforeAll(async () => {
    db = await testDatabase();
    root = await mkdtemp(join(tmpdir(), 'lineward-damaged-table-'));
    parts = await lakeParts(db.em, root);
  });
  afterAll(async () => {
    await parts?.engine.close();
    await db?.close();
    await rm(root, { recursive: true, force: true });
  });

  it('names them in plan, receipt and verification, leaves them alone, and does the others', async () => {
    const table = await foreignTable(parts);
    const local = (name: string): string => parts.localPath(`${table.location}/${name}.parquet`);
    await mkdir(dirname(local('x')), { recursive: true });
    await copyFile(vector('checksums-v1-snappy'), local('sound'));
    await hideOne(vector('checksums-v1'), local('hidden'));
    await spoilOther(vector('checksums-v1'), local('other'));
    await copyFile(vector('encrypted-other'), local('encrypted'));
    // What the index cannot read it leaves to be scanned.
    await caughtUp(parts, table);
    const before = await Promise.all(['hidden', 'other', 'encrypted'].map((name) => readFile(local(name))));
    const account = { act: [{ accountId: 'AC0' }], keep: [] };
    const gap = (name: string, code: string, reason: string) => ({
      code,
      dataset: table.location,
      reason: expect.stringMatching(new RegExp(`${name}\\.parquet: .*${reason}`, 'u')),
    });
    const refused = gap('encrypted', 'LAKE_TABLE_REFUSED', 'encrypted');
    const hidden = gap('hidden', 'LAKE_FILE_UNREADABLE', 'checksum');
    const other = gap('other', 'LAKE_FILE_UNREADABLE', 'checksum');
    const { gaps, manifest } = await planOf(parts, table, account);
    expect(gaps).toEqual([refused, hidden]);
    expect(manifest.map(({ matches }) => matches)).toEqual([50, 50]);
    const target = await erasureTarget(db.em, table);
    const receipt = await parts.executor.execute(executionContext({ table, ...target, selection: account }));
    expect(receipt).toMatchObject({ recordsErased: 50, filesRewritten: 1, open: [refused, hidden, other] });
    const again = executionContext({ table, ...target, selection: account, fencingToken: 2 });
    expect(await parts.executor.verify(again)).toMatchObject({
      survivors: 0,
      lost: 0,
      recordsScanned: 50,
      open: [refused, hidden, other],
    });
    expect(await Promise.all(['hidden', 'other', 'encrypted'].map((name) => readFile(local(name))))).toEqual(before);
    expect(await parts.store.names(`${table.location}/_erasure`)).toEqual([]);
  });
});
