import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { S3LakeStore } from '../../src/adapters/store/s3/s3-store.ts';
import { gatewayCredentials, gatewayProgram } from '../../tools/s3/gateway.ts';

/** Why there is no S3 server here; null when there is one. */
export async function missingS3(): Promise<string | null> {
  if (process.env.LINEWARD_TEST_S3) return null;
  return (await gatewayProgram()) === null ? 'no Go to make the S3 server with' : 'the S3 server did not start';
}

export interface TestBucket {
  readonly bucket: string;
  readonly endpoint: string;
  readonly client: S3Client;
  /** A store on the bucket, as another process would have it. */
  store(): Promise<S3LakeStore>;
  /** All versions and delete markers below a prefix of the bucket. */
  versions(prefix?: string): Promise<readonly { key: string; versionId: string; isMarker: boolean }[]>;
  close(): Promise<void>;
}

const ignore = () => {};
const silent = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };

export const bucketPrefix = 'lake/main';

/** A new bucket, which keeps versions unless told otherwise. */
export async function testBucket({ versions = true, lock = false } = {}): Promise<TestBucket> {
  // The client of the product takes credentials where every program of AWS looks for them.
  process.env.AWS_ACCESS_KEY_ID = gatewayCredentials.accessKeyId;
  process.env.AWS_SECRET_ACCESS_KEY = gatewayCredentials.secretAccessKey;
  const endpoint = process.env.LINEWARD_TEST_S3 ?? '';
  const client = new S3Client({ region: 'us-east-1', endpoint, forcePathStyle: true, logger: silent });
  const bucket = `lineward-${randomUUID()}`;
  await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: lock }));
  if (versions)
    await client.send(
      new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' } }),
    );
  const scratch = await mkdtemp(join(tmpdir(), 'lineward-s3-'));
  const stores: S3LakeStore[] = [];
  return {
    bucket,
    endpoint,
    client,
    async store() {
      const own = await mkdtemp(join(scratch, 'store-'));
      const store = new S3LakeStore({ bucket, prefix: bucketPrefix, scratch: own, region: 'us-east-1', endpoint });
      stores.push(store);
      return store;
    },
    async versions(prefix = '') {
      const page = await client.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: prefix }));
      return [
        ...(page.Versions ?? []).map(({ Key = '', VersionId = '' }) => ({
          key: Key,
          versionId: VersionId,
          isMarker: false,
        })),
        ...(page.DeleteMarkers ?? []).map(({ Key = '', VersionId = '' }) => ({
          key: Key,
          versionId: VersionId,
          isMarker: true,
        })),
      ];
    },
    async close() {
      for (const store of stores) store.close();
      client.destroy();
      await rm(scratch, { recursive: true, force: true });
    },
  };
}
