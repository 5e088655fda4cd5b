import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import { isDataName } from '../../../domain/lake/data-name.ts';
import { endingOf, formatOf } from '../../../domain/lake/file-format.ts';
import { LinewardError } from '../../../errors/lineward-error.ts';
import type {
  FileIdentity,
  FolderContent,
  KeptVersion,
  LakeStore,
  OlderVersions,
  PassedOver,
} from '../../../services/lake/ports.ts';
import { sha256OfFile } from '../local/durable-file.ts';
import { errnoOf } from '../local/file-failure.ts';
import { localLakePath } from '../local/lake-path.ts';
import { readSmallFiles, writeSmallFile } from '../local/small-file.ts';
import { forgetVersions } from './forget-versions.ts';
import { s3Client } from './s3-client.ts';
import { copyAll, copyFooter, copyWhole } from './s3-copies.ts';
import { isMissing, isUnequal, s3Failure } from './s3-failure.ts';
import { type S3Object, S3Objects } from './s3-objects.ts';
import { ignoreMissing, isStaged, stagedIdentity } from './staged-file.ts';

/** Copies that are on the disk at once take about so much, one larger file aside. */
const readBytesMax = 2 * 1024 ** 3;

export interface S3StoreOptions {
  readonly bucket: string;
  /** Folder in the bucket, without slashes at its ends; empty for the whole of it. */
  readonly prefix: string;
  /** Local directory of this process alone, for staged files and for copies while they are read. */
  readonly scratch: string;
  readonly region: string;
  /** Another server than Amazon's. */
  readonly endpoint?: string | undefined;
}

/**
 * A lake in a bucket of S3. Writes are conditional, so that a foreign write is never overwritten; what engines read is copied
 * to the local disk for as long as it is read, and what they write waits there until it is published.
 */
export class S3LakeStore implements LakeStore {
  readonly url: string;
  readonly namespace: string;
  readonly readBytesMax = readBytesMax;
  readonly #client: S3Client;
  readonly #objects: S3Objects;
  readonly #prefix: string;
  readonly #scratch: string;

  constructor({ bucket, prefix, scratch, region, endpoint }: S3StoreOptions) {
    this.namespace = `s3://${bucket}`;
    this.url = prefix === '' ? this.namespace : `${this.namespace}/${prefix}`;
    this.#client = s3Client({ region, endpoint });
    this.#objects = new S3Objects(this.#client, bucket);
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
    this.#scratch = scratch;
  }

  close(): void {
    this.#client.destroy();
  }

  list(prefix: string): Promise<readonly FileIdentity[]> {
    return this.#guard(prefix, async () => {
      const folder = `${this.#keyOf(prefix)}/`;
      const found: FileIdentity[] = [];
      for await (const object of this.#objects.list(folder)) {
        const names = object.key.slice(folder.length).split('/');
        // A key that ends in a slash is an object that stands for a folder.
        if (names.at(-1) === '' || !names.every(isDataName)) continue;
        expectPath(object.key, names);
        found.push(this.#identityOf(object));
      }
      return found.sort((a, b) => (a.path < b.path ? -1 : 1));
    });
  }

  passedOver(prefix: string): Promise<readonly PassedOver[]> {
    return this.#guard(prefix, async () => {
      const folder = `${this.#keyOf(prefix)}/`;
      const hidden = new Set<string>();
      for await (const { key } of this.#objects.list(folder)) {
        const names = key.slice(folder.length).split('/');
        const place = names.findIndex((name) => name !== '' && !isDataName(name));
        if (place >= 0) hidden.add(`${prefix}/${names.slice(0, place + 1).join('/')}`);
      }
      return [...hidden].sort().map((path) => ({ path, kind: 'HIDDEN' as const }));
    });
  }

  look(folder: string | null, entriesMax: number): Promise<FolderContent> {
    return this.#guard(folder ?? '', () =>
      this.#objects.look(folder === null ? this.#prefix : `${this.#keyOf(folder)}/`, entriesMax),
    );
  }

  names(folder: string): Promise<readonly string[]> {
    return this.#guard(folder, async () => {
      const remote = await this.#objects.names(`${this.#keyOf(folder)}/`);
      const staged = await readdir(this.#local(folder)).catch(ignoreMissing);
      return [...new Set([...remote, ...staged])].sort();
    });
  }

  stat(path: string): Promise<FileIdentity | null> {
    return this.#guard(path, async () => {
      if (isStaged(path)) return stagedIdentity(path, this.#local(path));
      const head = await this.#objects.head(this.#keyOf(path));
      return head === null ? null : this.#identityOf(head);
    });
  }

  sha256(path: string): Promise<string | null> {
    return this.#guard(path, () => this.#digest(path));
  }

  reading<T>(paths: readonly string[], work: (locals: readonly string[]) => Promise<T>): Promise<T> {
    return this.#reading(paths, work, copyWhole);
  }

  readingFooters<T>(paths: readonly string[], work: (locals: readonly string[]) => Promise<T>): Promise<T> {
    return this.#reading(paths, work, (objects, key, local) =>
      formatOf(key) === 'PARQUET' ? copyFooter(objects, key, local) : copyWhole(objects, key, local),
    );
  }

  async #reading<T>(
    paths: readonly string[],
    work: (locals: readonly string[]) => Promise<T>,
    copy: typeof copyWhole,
  ): Promise<T> {
    const folder = join(this.#scratch, 'reading', randomUUID());
    const locals = paths.map((path, index) => join(folder, `${index}${endingOf(path)}`));
    try {
      await mkdir(folder, { recursive: true });
      await copyAll(paths, locals, (path, local) =>
        this.#guard(path, () => copy(this.#objects, this.#keyOf(path), local)),
      );
      return await work(locals);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  stagingPath(staged: string): string {
    this.#keyOf(staged);
    return this.#local(staged);
  }

  stage(staged: string, content: Uint8Array): Promise<void> {
    return this.#guard(staged, () => writeSmallFile(this.stagingPath(staged), content));
  }

  contents(paths: readonly string[]): Promise<readonly (Buffer | null)[]> {
    return this.reading(paths, readSmallFiles);
  }

  publish(staged: string, path: string): Promise<FileIdentity> {
    return this.#guard(path, async () => {
      const key = this.#keyOf(path);
      const local = this.stagingPath(staged);
      const published = await this.#objects.write(key, local, { IfNoneMatch: '*' }).catch(async (error: unknown) => {
        const there = isUnequal(error) ? await this.#sameAt(path, local) : null;
        if (there !== null || !isUnequal(error)) return there ?? Promise.reject(error);
        throw new LinewardError('ALREADY_EXISTS', `The lake file ${path} exists already with other content.`, {
          details: { path },
        });
      });
      await rm(local, { force: true });
      return this.#identityOf(published);
    });
  }

  swapIf(expected: FileIdentity, staged: string): Promise<FileIdentity> {
    return this.#guard(expected.path, async () => {
      const { path, version } = expected;
      const local = this.stagingPath(staged);
      const condition = { IfMatch: version };
      const swapped = await this.#objects.write(this.#keyOf(path), local, condition).catch(async (error: unknown) => {
        // A request that is sent again, since its answer was lost on the way, meets what it wrote itself.
        const there = isUnequal(error) ? await this.#sameAt(path, local) : null;
        if (there !== null) return there;
        if (isUnequal(error) || (await this.#objects.head(this.#keyOf(path))) === null) throw changed(expected);
        throw error;
      });
      await rm(local, { force: true });
      return this.#identityOf(swapped);
    });
  }

  removeIf(expected: FileIdentity): Promise<void> {
    return this.#guard(expected.path, async () => {
      const key = this.#keyOf(expected.path);
      const head = await this.#objects.head(key);
      if (head === null || head.etag !== expected.version) throw changed(expected);
      // Where versions are kept this hides them all: to delete the newest would bring back the one before.
      await this.#objects.delete(key, { IfMatch: head.etag }).catch(async (error: unknown) => {
        if (!isUnequal(error) && !isMissing(error)) throw error;
        // Sent again after a lost answer it finds nothing.
        if ((await this.#objects.head(key)) !== null) throw changed(expected);
      });
    });
  }

  remove(path: string): Promise<void> {
    return this.#guard(path, async () => {
      await rmdir(this.#local(path)).catch(async (error: unknown) => {
        if (errnoOf(error) === 'ENOTDIR') await rm(this.#local(path), { force: true });
        else if (errnoOf(error) !== 'ENOENT') throw error;
      });
      if (isStaged(path) || (await this.#objects.head(this.#keyOf(path))) === null) return;
      await this.#objects.delete(this.#keyOf(path));
      await this.forgetVersions(path);
    });
  }

  forgetVersions(path: string): Promise<readonly KeptVersion[]> {
    return this.#guard(path, () => forgetVersions(this.#objects, this.#keyOf(path)));
  }

  olderVersions(prefix: string): Promise<readonly OlderVersions[]> {
    return this.#guard(prefix, async () => {
      const counts = new Map<string, number>();
      for await (const { key, isLatest, etag } of this.#objects.versions(`${this.#keyOf(prefix)}/`)) {
        if (isLatest || etag === null) continue;
        const path = this.#pathOf(key);
        counts.set(path, (counts.get(path) ?? 0) + 1);
      }
      return [...counts].map(([path, count]) => ({ path, count }));
    });
  }

  async #guard<T>(path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw s3Failure(error, path);
    }
  }

  /** @throws LinewardError BAD_INPUT, as for local paths. */
  #keyOf(path: string): string {
    this.#local(path);
    return this.#prefix + path;
  }

  #pathOf(key: string): string {
    return key.slice(this.#prefix.length);
  }

  #local(path: string): string {
    return localLakePath(join(this.#scratch, 'staged'), path);
  }

  #identityOf({ key, bytes, etag }: S3Object): FileIdentity {
    return { path: this.#pathOf(key), bytes, version: etag };
  }

  /** The object at the path if it has the content of a local file. */
  async #sameAt(path: string, local: string): Promise<S3Object | null> {
    const head = await this.#objects.head(this.#keyOf(path));
    return head !== null && (await this.#digest(path)) === (await sha256OfFile(local)) ? head : null;
  }

  async #digest(path: string): Promise<string | null> {
    const content = await this.#objects.read(this.#keyOf(path));
    if (content === null) return null;
    const hash = createHash('sha256');
    for await (const bytes of content) hash.update(bytes);
    return hash.digest('hex');
  }
}

/** @throws LinewardError LAKE_TABLE_REFUSED for a key that is no path: what it holds must not be passed over in silence. */
function expectPath(key: string, names: readonly string[]): void {
  if (names.every((name) => name !== '' && !/[\\\p{Cc}\ufffd]/u.test(name))) return;
  const reason = `the key ${JSON.stringify(key)} has an empty part, a backslash or a control character; rename it`;
  throw new LinewardError('LAKE_TABLE_REFUSED', `The bucket has an object that cannot be worked on: ${reason}.`, {
    details: { reason },
  });
}

function changed({ path, version }: FileIdentity): LinewardError {
  return new LinewardError(
    'LAKE_FILE_CHANGED',
    `The lake file ${path} was changed or is gone since it was planned; plan it again.`,
    { details: { path, expected: version } },
  );
}
