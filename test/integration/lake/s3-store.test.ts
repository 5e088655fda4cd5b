import { access, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PutObjectCommand, PutObjectLegalHoldCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { S3LakeStore } from '../../../src/adapters/store/s3/s3-store.ts';
import { bucketPrefix, missingS3, type TestBucket, testBucket } from '../../testkit/s3.ts';

const missing = await missingS3();

describe.skipIf(missing !== null)(`lake store in S3${missing === null ? '' : ` (${missing})`}`, () => {
  let bucket: TestBucket;
  let store: S3LakeStore;
  beforeAll(async () => {
    bucket = await testBucket();
    store = await bucket.store();
  });
  afterAll(() => bucket?.close());

  const put = (path: string, text: string) =>
    bucket.client.send(new PutObjectCommand({ Bucket: bucket.bucket, Key: `${bucketPrefix}/${path}`, Body: text }));
  const stage = async (name: string, text: string): Promise<string> => {
    const local = store.stagingPath(name);
    await mkdir(dirname(local), { recursive: true });
    await writeFile(local, text);
    return name;
  };
  const read = (path: string) => store.reading([path], ([local = '']) => readFile(local, 'utf8'));
  const identity = async (path: string) => (await store.stat(path)) ?? expect.fail(`no file ${path}`);
  const versionsOf = async (path: string) => (await bucket.versions(`${bucketPrefix}/${path}`)).length;

  it('lists data files sorted, with partitions, without hidden names', async () => {
    for (const path of ['l/b.parquet', 'l/2018/06/a.parquet', 'l/_year=2018/c.parquet', 'l/_index/x.parquet', 'lx/a'])
      await put(path, path);
    await put('l/.b.parquet.crc', '');
    await put('l/2018/', '');
    expect((await store.list('l')).map(({ path }) => path)).toEqual([
      'l/2018/06/a.parquet',
      'l/_year=2018/c.parquet',
      'l/b.parquet',
    ]);
    expect(await store.list('none')).toEqual([]);
    expect(await store.stat('l/none')).toBeNull();
    expect(await store.stat('l/b.parquet')).toMatchObject({ path: 'l/b.parquet', bytes: 11 });
  });

  it('lists and names more than one page', async () => {
    await Promise.all(Array.from({ length: 1_050 }, (_, n) => put(`pages/${String(n).padStart(4, '0')}.parquet`, '')));
    expect(await store.list('pages')).toHaveLength(1_050);
    expect(await store.names('pages')).toHaveLength(1_050);
  });

  it('names what is directly in a folder, hidden things and staged files too', async () => {
    for (const path of ['n/b/c.parquet', 'n/_delta_log/0.json', 'n/.hoodie/x', 'n/a.parquet']) await put(path, '');
    await stage('n/1-1.staged', 'x');
    expect(await store.names('n')).toEqual(['.hoodie', '1-1.staged', '_delta_log', 'a.parquet', 'b']);
    expect(await store.names('none')).toEqual([]);
  });

  it('hands contents over as local copies, and leaves none behind', async () => {
    await put('r/a.parquet', 'abc');
    const locals = await store.reading(['r/a.parquet', 'r/none'], async ([first = '', second = '']) => {
      expect(await readFile(first, 'utf8')).toBe('abc');
      await expect(access(second)).rejects.toThrow();
      return [first, second];
    });
    await expect(access(dirname(locals[0] ?? ''))).rejects.toThrow();
    await expect(store.reading(['r/a.parquet'], () => Promise.reject(new Error('x')))).rejects.toThrow('x');
    expect(await readdir(join(dirname(locals[0] ?? ''), '..'))).toEqual([]);
    expect(await store.sha256('r/a.parquet')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(await store.sha256('r/none')).toBeNull();
  });

  it('publishes under a new name, again without harm, and never over other content', async () => {
    const published = await store.publish(await stage('p/1.staged', 'one'), 'p/a.parquet');
    expect(published).toEqual(await store.stat('p/a.parquet'));
    await expect(access(store.stagingPath('p/1.staged'))).rejects.toThrow();
    expect(await store.publish(await stage('p/2.staged', 'one'), 'p/a.parquet')).toEqual(published);
    await expect(store.publish(await stage('p/3.staged', 'two'), 'p/a.parquet')).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
    });
    expect(await read('p/a.parquet')).toBe('one');
    await expect(store.publish('p/none.staged', 'p/b.parquet')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('swaps an unchanged file, and forgets its older versions when it is told so', async () => {
    await put('s/a.parquet', 'old');
    await put('s/a.parquet', 'older');
    await put('s/a.parquet.bak', 'another key');
    const swapped = await store.swapIf(await identity('s/a.parquet'), await stage('s/1.staged', 'new'));
    expect(swapped).toEqual(await store.stat('s/a.parquet'));
    expect(await store.olderVersions('s')).toEqual([{ path: 's/a.parquet', count: 2 }]);
    expect(await store.forgetVersions('s/a.parquet')).toEqual([]);
    expect(await store.forgetVersions('s/a.parquet')).toEqual([]);
    expect(await versionsOf('s/')).toBe(2);
    expect(await store.olderVersions('s')).toEqual([]);
    expect(await read('s/a.parquet')).toBe('new');
  });

  it('leaves a file alone that changed or went since it was planned', async () => {
    await put('c/a.parquet', 'old');
    const planned = await identity('c/a.parquet');
    await put('c/a.parquet', 'foreign');
    await stage('c/1.staged', 'new');
    const changed = { code: 'LAKE_FILE_CHANGED', details: { path: 'c/a.parquet' } };
    await expect(store.swapIf(planned, 'c/1.staged')).rejects.toMatchObject(changed);
    await expect(store.removeIf(planned)).rejects.toMatchObject(changed);
    expect(await read('c/a.parquet')).toBe('foreign');
    expect(await readFile(store.stagingPath('c/1.staged'), 'utf8')).toBe('new');
    await store.remove('c/a.parquet');
    await expect(store.swapIf(planned, 'c/1.staged')).rejects.toMatchObject(changed);
    expect(await store.stat('c/a.parquet')).toBeNull();
  });

  it('lets one of two writers win', async () => {
    await put('w/a.parquet', 'old');
    const planned = await identity('w/a.parquet');
    const other = await bucket.store();
    await mkdir(dirname(other.stagingPath('w/1.staged')), { recursive: true });
    await writeFile(other.stagingPath('w/1.staged'), 'theirs');
    await stage('w/1.staged', 'ours');
    const ends = await Promise.allSettled([store.swapIf(planned, 'w/1.staged'), other.swapIf(planned, 'w/1.staged')]);
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('removes an unchanged file with all that was kept of it, and removes twice without harm', async () => {
    await put('d/a.parquet', 'old');
    await put('d/a.parquet', 'newer');
    await store.removeIf(await identity('d/a.parquet'));
    await store.forgetVersions('d/a.parquet');
    expect(await versionsOf('d/')).toBe(0);
    await stage('d/1.staged', 'x');
    for (const path of ['d/1.staged', 'd/1.staged', 'd/a.parquet', 'd']) await store.remove(path);
    expect(await store.names('d')).toEqual([]);
  });

  it('works on a bucket without versions', async () => {
    const plain = await testBucket({ versions: false });
    const own = await plain.store();
    await plain.client.send(
      new PutObjectCommand({ Bucket: plain.bucket, Key: `${bucketPrefix}/a.parquet`, Body: 'old' }),
    );
    const before = await own.stat('a.parquet');
    await mkdir(dirname(own.stagingPath('1.staged')), { recursive: true });
    await writeFile(own.stagingPath('1.staged'), 'new');
    if (before === null) return expect.fail('no file');
    const after = await own.swapIf(before, '1.staged');
    expect(await own.forgetVersions('a.parquet')).toEqual([]);
    await expect(own.removeIf(before)).rejects.toMatchObject({ code: 'LAKE_FILE_CHANGED' });
    await own.removeIf(after);
    expect(await own.stat('a.parquet')).toBeNull();
    await plain.close();
  });

  it('says which versions an object lock keeps', async () => {
    const locked = await testBucket({ lock: true });
    const own = await locked.store();
    const key = `${bucketPrefix}/a.parquet`;
    const { VersionId } = await locked.client.send(
      new PutObjectCommand({ Bucket: locked.bucket, Key: key, Body: 'old' }),
    );
    const hold = { Bucket: locked.bucket, Key: key, VersionId, LegalHold: { Status: 'ON' as const } };
    await locked.client.send(new PutObjectLegalHoldCommand(hold));
    const before = await own.stat('a.parquet');
    await mkdir(dirname(own.stagingPath('1.staged')), { recursive: true });
    await writeFile(own.stagingPath('1.staged'), 'new');
    if (before === null) return expect.fail('no file');
    await own.swapIf(before, '1.staged');
    const kept = { reason: expect.stringContaining('legal hold'), until: null, locked: true };
    expect(await own.forgetVersions('a.parquet')).toEqual([kept]);
    await locked.close();
  });

  it.each(['../x', 'a/../../x', '/etc/passwd', '', 'a//b', './a', 'a\\..\\b', 'a\0b'])(
    'refuses the path %j',
    async (path) => {
      expect(() => store.stagingPath(path)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
      for (const call of [store.list(path), store.stat(path), store.remove(path), store.publish('1.staged', path)])
        await expect(call).rejects.toMatchObject({ code: 'BAD_INPUT' });
    },
  );

  it('says so when the bucket does not answer, does not exist or refuses', async () => {
    const options = { bucket: bucket.bucket, prefix: '', scratch: store.stagingPath('x'), region: 'us-east-1' };
    const away = new S3LakeStore({ ...options, endpoint: 'http://127.0.0.1:9' });
    await expect(away.stat('a')).rejects.toMatchObject({ code: 'LAKE_STORE_UNAVAILABLE' });
    const none = new S3LakeStore({ ...options, bucket: 'no-such-bucket', endpoint: bucket.endpoint });
    await expect(none.list('a')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    for (const other of [away, none]) other.close();
  });
});
