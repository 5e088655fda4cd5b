import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { S3LakeStore } from '../../src/adapters/store/s3/s3-store.ts';
import type { LakeTable } from '../../src/entities/lake-table.entity.ts';
import { type TestDatabase, testDatabase } from './database.ts';
import { type LakeParts, lakeParts, type PortWraps } from './lake.ts';
import { bucketPrefix, missingS3, type TestBucket, testBucket } from './s3.ts';

type PlaceKind = 'directory' | 'bucket';

/** Kinds of places for a suite that runs on all, with why one is not here. A bucket keeps versions. */
export const placeKinds: readonly { readonly kind: PlaceKind; readonly missing: string | null }[] = [
  { kind: 'directory', missing: null },
  { kind: 'bucket', missing: await missingS3() },
];

/** A lake of a test file, with real parts on a database of its own. */
export interface LakePlace {
  readonly db: TestDatabase;
  readonly root: string;
  readonly parts: LakeParts;
  /** Null for a directory. */
  readonly bucket: TestBucket | null;
  /** What another process needs to work in it. */
  readonly asWork: { readonly url: string; readonly root: string; readonly s3?: { bucket: string; endpoint: string } };
  /** Writes a file into a table, as another program does. */
  put(table: LakeTable, name: string, bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

export async function lakePlace(kind: PlaceKind, wraps: PortWraps = {}): Promise<LakePlace> {
  const db = await testDatabase();
  const root = await mkdtemp(join(tmpdir(), 'lineward-place-'));
  const bucket = kind === 'bucket' ? await testBucket() : null;
  const s3 = bucket === null ? null : { bucket: bucket.bucket, endpoint: bucket.endpoint };
  const remote = s3 === null ? null : bucketStore(s3, root);
  const parts = await lakeParts(db.em, root, {
    ...wraps,
    store: (local) => wraps.store?.(remote ?? local) ?? remote ?? local,
  });
  return {
    db,
    root,
    parts,
    bucket,
    asWork: { url: db.url, root, ...(s3 !== null && { s3 }) },
    async put({ location }, name, bytes) {
      const path = `${location}/${name}`;
      if (bucket === null) {
        await mkdir(dirname(parts.localPath(path)), { recursive: true });
        await writeFile(parts.localPath(path), bytes);
        return;
      }
      const object = { Bucket: bucket.bucket, Key: `${bucketPrefix}/${path}`, Body: bytes };
      await bucket.client.send(new PutObjectCommand(object));
    },
    async close() {
      await parts.engine.close();
      remote?.close();
      await bucket?.close();
      await db.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** The store of each process on one machine: staged files of one that was killed are met by the next. */
export const bucketStore = (s3: { readonly bucket: string; readonly endpoint: string }, root: string): S3LakeStore =>
  new S3LakeStore({ ...s3, prefix: bucketPrefix, scratch: join(root, 'scratch'), region: 'us-east-1' });
