import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { S3LakeStore } from '../../../src/adapters/store/s3/s3-store.ts';
import { lossyGate } from '../../testkit/lossy-gate.ts';
import { bucketPrefix, missingS3, type TestBucket, testBucket } from '../../testkit/s3.ts';
import { tcpGate } from '../../testkit/tcp-gate.ts';

const missing = await missingS3();

describe.skipIf(missing !== null)(`a lake in S3 that others write to and that fails (${missing ?? ''})`, () => {
  let bucket: TestBucket;
  let store: S3LakeStore;
  let scratch: string;
  let count = 0;
  let path: string;
  beforeAll(async () => {
    bucket = await testBucket();
    store = await bucket.store();
    scratch = await mkdtemp(join(tmpdir(), 'lineward-s3-faults-'));
  });
  beforeEach(() => {
    count += 1;
    path = `t${count}/a.parquet`;
  });
  afterAll(async () => {
    await bucket?.close();
    await rm(scratch, { recursive: true, force: true });
  });

  const put = (Body: string | Uint8Array, { client, bucket: Bucket } = bucket) =>
    client.send(new PutObjectCommand({ Bucket, Key: `${bucketPrefix}/${path}`, Body }));
  const stage = async (text: string, own = store): Promise<string> => {
    const name = `t${count}/1.staged`;
    await mkdir(dirname(own.stagingPath(name)), { recursive: true });
    await writeFile(own.stagingPath(name), text);
    return name;
  };
  const read = (own = store) => own.reading([path], ([local = '']) => readFile(local, 'utf8'));
  const identity = async (own = store) => (await own.stat(path)) ?? expect.fail('no file');
  const behind = (endpoint: string) =>
    new S3LakeStore({
      bucket: bucket.bucket,
      prefix: bucketPrefix,
      scratch: join(scratch, `s${count}`),
      region: 'us-east-1',
      endpoint,
    });

  it('leaves what somebody else wrote right after a swap, and forgets only what was before it', async () => {
    await put('old');
    const swapped = await store.swapIf(await identity(), await stage('ours'));
    await put('foreign');
    expect(await store.forgetVersions(path)).toEqual([]);
    expect(await read()).toBe('foreign');
    expect(await bucket.versions(`${bucketPrefix}/${path}`)).toHaveLength(1);
    expect(swapped.version).not.toBe((await identity()).version);
  });

  it('leaves what somebody else wrote right after a removal', async () => {
    await put('old');
    await store.removeIf(await identity());
    await put('foreign');
    expect(await store.forgetVersions(path)).toEqual([]);
    expect(await read()).toBe('foreign');
    expect(await bucket.versions(`${bucketPrefix}/${path}`)).toHaveLength(1);
  });

  it('brings nothing back by a removal, not even what a lock keeps', async () => {
    const locked = await testBucket({ lock: true });
    const own = await locked.store();
    const { VersionId } = await put('older', locked);
    const Key = `${bucketPrefix}/${path}`;
    await locked.client.send(
      new PutObjectLegalHoldCommand({ Bucket: locked.bucket, Key, VersionId, LegalHold: { Status: 'ON' } }),
    );
    await put('old', locked);
    await own.removeIf(await identity(own));
    expect(await own.stat(path)).toBeNull();
    expect(await own.forgetVersions(path)).toHaveLength(1);
    expect(await own.stat(path)).toBeNull();
    expect(await own.olderVersions(dirname(path))).toEqual([{ path, count: 1 }]);
    await locked.close();
  });

  it('works on a bucket whose versions were suspended', async () => {
    const suspended = await testBucket();
    const own = await suspended.store();
    await put('older', suspended);
    const VersioningConfiguration = { Status: 'Suspended' as const };
    await suspended.client.send(new PutBucketVersioningCommand({ Bucket: suspended.bucket, VersioningConfiguration }));
    await put('old', suspended);
    const swapped = await own.swapIf(await identity(own), await stage('new', own));
    expect(await own.forgetVersions(path)).toEqual([]);
    expect(await own.stat(path)).toEqual(swapped);
    expect(await suspended.versions()).toHaveLength(1);
    await own.removeIf(swapped);
    expect(await own.forgetVersions(path)).toEqual([]);
    expect(await suspended.versions()).toEqual([]);
    await suspended.close();
  });

  it('knows its own swap and removal again when the answers were lost', async () => {
    await put('old');
    const gate = await lossyGate(bucket.endpoint);
    const own = behind(gate.url);
    gate.loseAnswerTo('PUT');
    const [before, staged] = [await identity(), await stage('new', own)];
    await expect(own.swapIf(before, staged)).rejects.toMatchObject({ code: 'LAKE_STORE_UNAVAILABLE' });
    expect(gate.lost).toBe(1);
    const swapped = await own.swapIf(before, staged);
    expect(swapped).toEqual(await identity());
    expect(await read()).toBe('new');
    gate.loseAnswerTo('DELETE');
    await own.removeIf(swapped);
    expect(gate.lost).toBe(2);
    expect(await store.stat(path)).toBeNull();
    own.close();
    await gate.close();
  });

  it('forgets more versions than a page has, below a delete marker too', async () => {
    for (let start = 0; start < 1_100; start += 20)
      await Promise.all(Array.from({ length: 20 }, (_, n) => put(`v${start + n}`)));
    await bucket.client.send(new DeleteObjectCommand({ Bucket: bucket.bucket, Key: `${bucketPrefix}/${path}` }));
    expect(await store.olderVersions(dirname(path))).toEqual([{ path, count: 1_100 }]);
    expect(await store.forgetVersions(path)).toEqual([]);
    expect(await bucket.versions(`${bucketPrefix}/${path}`)).toEqual([]);
  }, 120_000);

  it('swaps what was uploaded in parts', async () => {
    const at = { Bucket: bucket.bucket, Key: `${bucketPrefix}/${path}` };
    const { UploadId } = await bucket.client.send(new CreateMultipartUploadCommand(at));
    const Parts = [];
    for (const PartNumber of [1, 2]) {
      const Body = randomBytes(5 * 1024 ** 2);
      const { ETag } = await bucket.client.send(new UploadPartCommand({ ...at, UploadId, PartNumber, Body }));
      Parts.push({ ETag, PartNumber });
    }
    await bucket.client.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts } }));
    const before = await identity();
    expect(before.version).toContain('-2');
    expect(await store.swapIf(before, await stage('new'))).toEqual(await identity());
  });

  it.each(['a b+c%20d&e=ü#?.parquet', `q"u'o<te>.parquet`, '日本/语.parquet'])('works on the key %j', async (name) => {
    path = `t${count}/${name}`;
    await put('old');
    expect(await store.list(`t${count}`)).toEqual([await identity()]);
    await store.swapIf(await identity(), await stage('new'));
    expect(await read()).toBe('new');
    expect(await store.forgetVersions(path)).toEqual([]);
    expect(await store.olderVersions(`t${count}`)).toEqual([]);
  });

  it('passes over no object whose key is no path', async () => {
    const listed = (key: string) =>
      `<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>${key}</Key><Size>1</Size></Contents></ListBucketResult>`;
    let key = '';
    const server = createServer((_, response) => response.end(listed(key))).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const own = behind(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    for (key of ['t//a.parquet', 't/a\\b.parquet', 't/x//a.parquet'].map((one) => `${bucketPrefix}/${one}`))
      await expect(own.list('t')).rejects.toMatchObject({ code: 'LAKE_TABLE_REFUSED' });
    for (key of ['t/', 't/x/', 't/_tmp//a.parquet'].map((one) => `${bucketPrefix}/${one}`))
      expect(await own.list('t')).toEqual([]);
    own.close();
    server.close();
  });

  it('says so when the bucket goes away in the middle of a copy, and leaves nothing of it', async () => {
    await put(randomBytes(24 * 1024 ** 2));
    const gate = await tcpGate(bucket.endpoint);
    const own = behind(gate.url);
    const reading = own.reading([path, ...Array(20).fill(path)], () => Promise.resolve('read'));
    await new Promise((resolve) => setTimeout(resolve, 60));
    await gate.close();
    await expect(reading).rejects.toMatchObject({ code: 'LAKE_STORE_UNAVAILABLE' });
    expect(await readdir(join(scratch, `s${count}`, 'reading'))).toEqual([]);
    own.close();
  });
});
