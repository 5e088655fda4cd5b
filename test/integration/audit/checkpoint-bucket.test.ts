import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DeleteObjectCommand,
  GetObjectRetentionCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CheckpointBucket } from '../../../src/adapters/audit/checkpoint-bucket.ts';
import { checkpointText } from '../../../src/adapters/audit/checkpoint-file.ts';
import { LocalNotary } from '../../../src/adapters/keys/local/local-notary.ts';
import type { Checkpoint, CheckpointBody } from '../../../src/domain/audit/checkpoint.ts';
import { canonicalJson } from '../../../src/domain/canonical-json.ts';
import { missingS3, type TestBucket, testBucket } from '../../testkit/s3.ts';

const noServer = await missingS3();
const day = 86_400_000;

describe.skipIf(noServer !== null)('checkpoints in a bucket with Object Lock', () => {
  let locked: TestBucket;
  let sink: CheckpointBucket;
  let directory: string;
  let notary: LocalNotary;
  const options = (own: TestBucket) => ({
    ...{ bucket: own.bucket, prefix: 'audit/main', region: 'us-east-1', endpoint: own.endpoint },
    lockDays: 30,
  });
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'lineward-audit-'));
    notary = await LocalNotary.open(directory);
    locked = await testBucket({ lock: true });
    sink = await CheckpointBucket.open(options(locked));
  });
  afterAll(async () => {
    sink?.close();
    await locked?.close();
    await rm(directory, { recursive: true, force: true });
  });

  function checkpoint(number: number, hash = 'a'.repeat(64)): Checkpoint {
    const body: CheckpointBody = {
      ...{ type: 'lineward.audit.checkpoint', version: 1, number, seq: number, hash, root: 'b'.repeat(64) },
      ...{ previous: number === 1 ? null : 'c'.repeat(64), at: '2026-11-26T00:00:00.000Z' },
    };
    return { body, ...notary.sign(canonicalJson(body)) };
  }
  const keyOf = (number: number): string => `audit/main/checkpoint-${String(number).padStart(12, '0')}.json`;
  async function versionsOf(number: number): Promise<readonly string[]> {
    const { Versions = [] } = await locked.client.send(
      new ListObjectVersionsCommand({ Bucket: locked.bucket, Prefix: keyOf(number) }),
    );
    return Versions.map(({ VersionId = '' }) => VersionId);
  }

  it('keeps each once, whoever publishes it and how often, so that nobody can delete it', async () => {
    const others = await Promise.all([1, 2, 3, 4].map(() => CheckpointBucket.open(options(locked))));
    await Promise.all(others.map((other) => other.publish(checkpoint(1))));
    for (const other of others) other.close();
    await sink.publish(checkpoint(1));
    const versions = await versionsOf(1);
    expect(versions).toHaveLength(1);
    const place = { Bucket: locked.bucket, Key: keyOf(1), VersionId: versions[0] };
    const { Retention } = await locked.client.send(new GetObjectRetentionCommand(place));
    expect(Retention?.Mode).toBe('COMPLIANCE');
    expect(Number(Retention?.RetainUntilDate) - Date.now()).toBeGreaterThan(29 * day);
    const forced = { ...place, BypassGovernanceRetention: true };
    await expect(locked.client.send(new DeleteObjectCommand(forced))).rejects.toMatchObject({
      $metadata: { httpStatusCode: 403 },
    });
    expect(await sink.checkpoints()).toEqual([checkpoint(1)]);
  });

  it('refuses another of the same number', async () => {
    await sink.publish(checkpoint(2));
    await expect(sink.publish(checkpoint(2, 'd'.repeat(64)))).rejects.toMatchObject({
      code: 'AUDIT_CHECKPOINT_REFUSED',
    });
  });

  it('answers what was published first, whatever is laid over it, in the order of numbers', async () => {
    await sink.publish(checkpoint(3));
    const over = { Bucket: locked.bucket, Key: keyOf(3) };
    await locked.client.send(new PutObjectCommand({ ...over, Body: checkpointText(checkpoint(3, 'e'.repeat(64))) }));
    await locked.client.send(new DeleteObjectCommand(over));
    await expect(sink.publish(checkpoint(3, 'e'.repeat(64)))).rejects.toMatchObject({
      code: 'AUDIT_CHECKPOINT_REFUSED',
    });
    await sink.publish(checkpoint(3));
    await locked.client.send(
      new PutObjectCommand({ Bucket: locked.bucket, Key: 'audit/main/checkpoint-notes.txt', Body: 'not one' }),
    );
    expect(await sink.checkpoints()).toEqual([1, 2, 3].map((number) => checkpoint(number)));
  });

  it('names an object that is no checkpoint', async () => {
    const own = await CheckpointBucket.open({ ...options(locked), prefix: 'torn' });
    const torn = { Bucket: locked.bucket, Key: 'torn/checkpoint-000000000001.json', Body: '{' };
    await locked.client.send(new PutObjectCommand(torn));
    await expect(own.checkpoints()).rejects.toMatchObject({ code: 'AUDIT_CHECKPOINT_REFUSED' });
    own.close();
  });

  it('is not opened where anybody who may write could take checkpoints back', async () => {
    const plain = await testBucket();
    const refused = { code: 'CONFIG_INVALID', message: expect.stringContaining('no Object Lock') };
    await expect(CheckpointBucket.open(options(plain))).rejects.toMatchObject(refused);
    await expect(CheckpointBucket.open({ ...options(plain), bucket: 'not-there' })).rejects.toMatchObject(refused);
    await plain.close();
  });
});
