import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectLegalHoldCommand,
  GetObjectRetentionCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { LinewardError } from '../../../errors/lineward-error.ts';
import type { FolderContent } from '../../../services/lake/ports.ts';
import { sha256OfFile } from '../local/durable-file.ts';
import { isForbidden, isMissing, isRefused } from './s3-failure.ts';

export interface S3Object {
  readonly key: string;
  readonly bytes: number;
  readonly etag: string;
}

export interface S3Version {
  readonly key: string;
  readonly versionId: string;
  /** Null for a delete marker. */
  readonly etag: string | null;
  readonly isLatest: boolean;
}

/** What keeps a version from being deleted. */
export interface VersionLock {
  /** ISO 8601; null where no retention is in force. */
  readonly until: string | null;
  readonly legalHold: boolean;
  /** False where the credentials may not ask for all of it. */
  readonly known: boolean;
}

/** Most bytes that S3 takes in one request. */
const putBytesMax = 5 * 1024 ** 3;

/** The requests of S3 that a lake needs, on one bucket. */
export class S3Objects {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  async *list(prefix: string): AsyncGenerator<S3Object> {
    for (let token: string | undefined; ; ) {
      const page = await this.#client.send(
        new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: prefix, ContinuationToken: token }),
      );
      for (const { Key, Size, ETag } of page.Contents ?? [])
        if (Key !== undefined) yield { key: Key, bytes: Size ?? 0, etag: ETag ?? '' };
      token = page.NextContinuationToken;
      if (page.IsTruncated !== true) return;
    }
  }

  /** Names directly under a prefix that ends in `/`: of objects, and of folders. */
  async names(prefix: string): Promise<readonly string[]> {
    const names = new Set<string>();
    for (let token: string | undefined; ; ) {
      const page = await this.#client.send(
        new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: prefix, Delimiter: '/', ContinuationToken: token }),
      );
      for (const { Key = '' } of page.Contents ?? []) names.add(Key.slice(prefix.length));
      for (const { Prefix = '' } of page.CommonPrefixes ?? []) names.add(Prefix.slice(prefix.length, -1));
      token = page.NextContinuationToken;
      if (page.IsTruncated !== true) break;
    }
    // An object whose key is the folder itself, which some tools make.
    names.delete('');
    return [...names].sort();
  }

  /** What is directly under a prefix that is empty or ends in `/`; whole pages, until there are as many as asked for. */
  async look(prefix: string, entriesMax: number): Promise<FolderContent> {
    const folders: string[] = [];
    const files: { name: string; bytes: number }[] = [];
    for (let token: string | undefined; ; ) {
      const page = await this.#client.send(
        new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: prefix, Delimiter: '/', ContinuationToken: token }),
      );
      for (const { Key = '', Size = 0 } of page.Contents ?? [])
        if (Key !== prefix) files.push({ name: Key.slice(prefix.length), bytes: Size });
      for (const { Prefix = '' } of page.CommonPrefixes ?? []) folders.push(Prefix.slice(prefix.length, -1));
      token = page.NextContinuationToken;
      const isAll = page.IsTruncated !== true;
      if (isAll || folders.length + files.length >= entriesMax) return { folders, files, complete: isAll };
    }
  }

  async head(key: string): Promise<S3Object | null> {
    try {
      const head = await this.#client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: key }));
      return { key, bytes: head.ContentLength ?? 0, etag: head.ETag ?? '' };
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  /** The content as a stream; null when there is none. */
  async read(key: string): Promise<AsyncIterable<Uint8Array> | null> {
    try {
      const { Body } = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key: key }));
      return Body === undefined ? null : (Body as unknown as AsyncIterable<Uint8Array>);
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  /** Bytes of an object from `from` to before `to`. */
  async readRange(key: string, { from, to }: { readonly from: number; readonly to: number }): Promise<Buffer> {
    const { Body } = await this.#client.send(
      new GetObjectCommand({ Bucket: this.#bucket, Key: key, Range: `bytes=${from}-${to - 1}` }),
    );
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  }

  /** Writes a local file under a condition; S3 proves the content by its SHA-256. Answers what was written, whatever is there by then. */
  async write(
    key: string,
    local: string,
    condition: { readonly IfMatch: string } | { readonly IfNoneMatch: '*' },
  ): Promise<S3Object> {
    const { size } = await stat(local);
    if (size > putBytesMax) {
      throw new LinewardError('LAKE_TABLE_REFUSED', 'A lake file in S3 can be written up to 5 GiB.', {
        details: { reason: 'it is larger than 5 GiB' },
      });
    }
    const answer = await this.#client.send(
      new PutObjectCommand({
        Bucket: this.#bucket,
        Key: key,
        Body: createReadStream(local),
        ContentLength: size,
        ChecksumSHA256: Buffer.from(await sha256OfFile(local), 'hex').toString('base64'),
        ...condition,
      }),
    );
    return { key, bytes: size, etag: answer.ETag ?? '' };
  }

  /** Without a version: the current one, which a bucket with versions only hides. */
  async delete(key: string, which: { readonly VersionId?: string; readonly IfMatch?: string } = {}): Promise<void> {
    await this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: key, ...which }));
  }

  /** The object lock of one version. A bucket without locks, or a server that knows none, has none on it. */
  async lockOf(key: string, versionId: string): Promise<VersionLock> {
    const at = { Bucket: this.#bucket, Key: key, VersionId: versionId };
    const retention = await answered(
      async () => (await this.#client.send(new GetObjectRetentionCommand(at))).Retention,
    );
    const hold = await answered(async () => (await this.#client.send(new GetObjectLegalHoldCommand(at))).LegalHold);
    const until = retention.answer?.RetainUntilDate ?? null;
    return {
      until: until !== null && until.getTime() > Date.now() ? until.toISOString() : null,
      legalHold: hold.answer?.Status === 'ON',
      known: retention.known && hold.known,
    };
  }

  /** All versions and delete markers below a prefix; one version of each object where the bucket keeps none. */
  async *versions(prefix: string): AsyncGenerator<S3Version> {
    for (let marker: { KeyMarker?: string; VersionIdMarker?: string } = {}; ; ) {
      const page = await this.#client.send(
        new ListObjectVersionsCommand({ Bucket: this.#bucket, Prefix: prefix, ...marker }),
      );
      for (const { Key = '', VersionId = 'null', ETag, IsLatest } of page.Versions ?? [])
        yield { key: Key, versionId: VersionId, etag: ETag ?? '', isLatest: IsLatest === true };
      for (const { Key = '', VersionId = 'null', IsLatest } of page.DeleteMarkers ?? [])
        yield { key: Key, versionId: VersionId, etag: null, isLatest: IsLatest === true };
      if (page.IsTruncated !== true) return;
      marker = {
        ...(page.NextKeyMarker !== undefined && { KeyMarker: page.NextKeyMarker }),
        ...(page.NextVersionIdMarker !== undefined && { VersionIdMarker: page.NextVersionIdMarker }),
      };
    }
  }
}

/** An answer about a lock; none where there is no lock, and not known where it is forbidden to ask. */
async function answered<T>(
  ask: () => Promise<T | undefined>,
): Promise<{ readonly answer: T | undefined; readonly known: boolean }> {
  try {
    return { answer: await ask(), known: true };
  } catch (error) {
    if (!isRefused(error)) throw error;
    return { answer: undefined, known: !isForbidden(error) };
  }
}
