import {
  GetObjectCommand,
  GetObjectLockConfigurationCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { Checkpoint } from '../../domain/audit/checkpoint.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { CheckpointSink } from '../../services/audit/ports.ts';
import { s3Client } from '../store/s3/s3-client.ts';
import { isMissing, isUnequal } from '../store/s3/s3-failure.ts';
import { S3Objects } from '../store/s3/s3-objects.ts';
import { checkpointName, checkpointText, isCheckpointName, isSame, readCheckpoints } from './checkpoint-file.ts';

interface CheckpointBucketOptions {
  readonly bucket: string;
  /** Folder in the bucket, without slashes at its ends; empty for the whole of it. */
  readonly prefix: string;
  readonly region: string;
  readonly endpoint?: string | undefined;
  /** How long nobody may delete a checkpoint, days. */
  readonly lockDays: number;
}

const dayMs = 86_400_000;

/**
 * Checkpoints as objects of a bucket with Object Lock in the mode COMPLIANCE, in which no account can delete or shorten them.
 * What counts is the oldest version of an object: later ones and markers of deletion may be laid over it, by whoever may write
 * there, and take nothing away.
 */
export class CheckpointBucket implements CheckpointSink {
  readonly #client: S3Client;
  readonly #objects: S3Objects;
  readonly #options: CheckpointBucketOptions;
  readonly #folder: string;

  private constructor(options: CheckpointBucketOptions) {
    this.#client = s3Client(options);
    this.#objects = new S3Objects(this.#client, options.bucket);
    this.#options = options;
    this.#folder = options.prefix === '' ? '' : `${options.prefix}/`;
  }

  /** @throws LinewardError CONFIG_INVALID for a bucket that does not exist, lets nobody ask, or has no Object Lock. */
  static async open(options: CheckpointBucketOptions): Promise<CheckpointBucket> {
    const sink = new CheckpointBucket(options);
    try {
      const asked = new GetObjectLockConfigurationCommand({ Bucket: options.bucket });
      const { ObjectLockConfiguration: lock } = await sink.#client.send(asked);
      if (lock?.ObjectLockEnabled === 'Enabled') return sink;
      throw unlocked(options.bucket);
    } catch (error) {
      sink.close();
      throw error instanceof LinewardError ? error : unlocked(options.bucket, error);
    }
  }

  close(): void {
    this.#client.destroy();
  }

  async publish(checkpoint: Checkpoint): Promise<void> {
    const key = `${this.#folder}${checkpointName(checkpoint)}`;
    const text = checkpointText(checkpoint);
    if (isSame(key, await this.#first(key), text)) return;
    try {
      await this.#client.send(
        new PutObjectCommand({
          Bucket: this.#options.bucket,
          Key: key,
          Body: text,
          ContentType: 'application/json',
          ChecksumAlgorithm: 'SHA256',
          IfNoneMatch: '*',
          ObjectLockMode: 'COMPLIANCE',
          ObjectLockRetainUntilDate: new Date(Date.now() + this.#options.lockDays * dayMs),
        }),
      );
    } catch (error) {
      // Another process published it meanwhile.
      if (!isUnequal(error) || !isSame(key, await this.#first(key), text)) throw error;
    }
  }

  /** @throws LinewardError AUDIT_CHECKPOINT_REFUSED for an object of such a name that is no checkpoint. */
  async checkpoints(): Promise<readonly Checkpoint[]> {
    const first = await this.#firstVersions(`${this.#folder}checkpoint-`);
    const places = [...first]
      .map(([key, versionId]) => ({ key, versionId, name: key.slice(this.#folder.length) }))
      .filter(({ name }) => isCheckpointName(name))
      .sort((one, other) => (one.name < other.name ? -1 : 1));
    return readCheckpoints(places, ({ key, versionId }) => this.#read(key, versionId));
  }

  /** The oldest version of each object below a prefix. */
  async #firstVersions(prefix: string): Promise<ReadonlyMap<string, string>> {
    const first = new Map<string, string>();
    // S3 lists the versions of an object from the newest to the oldest.
    for await (const { key, versionId, etag } of this.#objects.versions(prefix))
      if (etag !== null) first.set(key, versionId);
    return first;
  }

  /** The text of the oldest version; null when there is none. */
  async #first(key: string): Promise<string | null> {
    const versionId = (await this.#firstVersions(key)).get(key);
    return versionId === undefined ? null : this.#read(key, versionId);
  }

  async #read(Key: string, VersionId: string): Promise<string> {
    const { Body } = await this.#client.send(new GetObjectCommand({ Bucket: this.#options.bucket, Key, VersionId }));
    return (await Body?.transformToString()) ?? '';
  }
}

function unlocked(bucket: string, cause?: unknown): LinewardError {
  const why =
    cause === undefined || isMissing(cause)
      ? 'there is no such bucket, or it has no Object Lock, without which whoever may write there can take checkpoints back: make it with Object Lock, which turns versions on'
      : 'it does not tell whether it has Object Lock: give the credentials s3:GetBucketObjectLockConfiguration, ListBucketVersions, GetObjectVersion, PutObject, PutObjectRetention, and look whether it can be reached';
  return new LinewardError('CONFIG_INVALID', `AUDIT_CHECKPOINT_URL: bucket ${bucket}: ${why}.`, { cause });
}
