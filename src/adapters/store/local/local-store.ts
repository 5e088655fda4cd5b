import type { BigIntStats } from 'node:fs';
import { chmod, chown, link, lstat, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isDataName } from '../../../domain/lake/data-name.ts';
import { LinewardError } from '../../../errors/lineward-error.ts';
import type { FileIdentity, FolderContent, LakeStore, PassedOver } from '../../../services/lake/ports.ts';
import { fsyncDirectory, fsyncFile, makeDirectory, sha256OfFile } from './durable-file.ts';
import { errnoOf, fileFailure } from './file-failure.ts';
import { localLakePath } from './lake-path.ts';
import { readSmallFiles, writeSmallFile } from './small-file.ts';

/** All that is below a folder. */
interface Walk {
  readonly found: FileIdentity[];
  readonly passedOver: PassedOver[];
}

const byPath = (a: { readonly path: string }, b: { readonly path: string }): number => (a.path < b.path ? -1 : 1);
const byName = (a: { readonly name: string }, b: { readonly name: string }): number => (a.name < b.name ? -1 : 1);

/** Footers of a whole folder in one file; they repeat minimum and maximum values of rows that may be gone. */
const summaryNames = ['_metadata', '_common_metadata'];

/** A lake in a local directory. Every change is on the disk when a call returns; renames are atomic. */
export class LocalLakeStore implements LakeStore {
  readonly url: string;
  readonly namespace = 'file';
  readonly readBytesMax = Number.POSITIVE_INFINITY;
  readonly #root: string;

  constructor(options: { readonly root: string }) {
    this.#root = resolve(options.root);
    this.url = pathToFileURL(this.#root).href;
  }

  reading<T>(paths: readonly string[], work: (locals: readonly string[]) => Promise<T>): Promise<T> {
    return work(paths.map((path) => this.#localPath(path)));
  }

  readingFooters<T>(paths: readonly string[], work: (locals: readonly string[]) => Promise<T>): Promise<T> {
    return this.reading(paths, work);
  }

  stagingPath(staged: string): string {
    return this.#localPath(staged);
  }

  async stage(staged: string, content: Uint8Array): Promise<void> {
    const path = this.#localPath(staged);
    await writeSmallFile(path, content).catch((error: unknown) => Promise.reject(fileFailure(error, staged)));
  }

  contents(paths: readonly string[]): Promise<readonly (Buffer | null)[]> {
    return this.reading(paths, readSmallFiles);
  }

  /** A directory keeps one content of a path. */
  forgetVersions(): Promise<readonly never[]> {
    return Promise.resolve([]);
  }

  olderVersions(): Promise<readonly never[]> {
    return Promise.resolve([]);
  }

  #localPath(path: string): string {
    try {
      return localLakePath(this.#root, path);
    } catch (error) {
      throw fileFailure(error, path);
    }
  }

  list(prefix: string): Promise<readonly FileIdentity[]> {
    return this.#guard(prefix, async () => (await this.#walk(prefix)).found.sort(byPath));
  }

  passedOver(prefix: string): Promise<readonly PassedOver[]> {
    return this.#guard(prefix, async () => (await this.#walk(prefix)).passedOver.sort(byPath));
  }

  look(folder: string | null, entriesMax: number): Promise<FolderContent> {
    return this.#guard(folder ?? '', async () => {
      const local = folder === null ? this.#root : this.#localPath(folder);
      const isFolder = (await statOrNull(local))?.isDirectory() === true;
      const entries = isFolder ? (await readdir(local, { withFileTypes: true })).sort(byName) : [];
      const some = entries.slice(0, entriesMax);
      const files: { name: string; bytes: number }[] = [];
      for (const { name } of some.filter((entry) => entry.isFile())) {
        const stats = await statOrNull(join(local, name));
        if (stats !== null) files.push({ name, bytes: Number(stats.size) });
      }
      const folders = some.filter((entry) => entry.isDirectory()).map(({ name }) => name);
      return { folders, files, complete: some.length === entries.length };
    });
  }

  names(folder: string): Promise<readonly string[]> {
    return this.#guard(folder, async () => {
      const local = this.#localPath(folder);
      return (await statOrNull(local))?.isDirectory() ? (await readdir(local)).sort() : [];
    });
  }

  stat(path: string): Promise<FileIdentity | null> {
    return this.#guard(path, async () => {
      const stats = await statOrNull(this.#localPath(path));
      return stats?.isFile() ? identityOf(path, stats) : null;
    });
  }

  sha256(path: string): Promise<string | null> {
    return this.#guard(path, async () => ((await this.stat(path)) ? sha256OfFile(this.#localPath(path)) : null));
  }

  publish(staged: string, path: string): Promise<FileIdentity> {
    return this.#guard(path, async () => {
      const from = this.#localPath(staged);
      const to = this.#localPath(path);
      await fsyncStaged(from, staged);
      await makeDirectory(dirname(to));
      try {
        // A hard link, unlike a rename, never replaces a file that is there.
        await link(from, to);
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') throw error;
        await refuseOtherContent(from, to, path);
      }
      await fsyncDirectory(dirname(to));
      await rm(from, { force: true });
      return this.#identity(path);
    });
  }

  swapIf(expected: FileIdentity, staged: string): Promise<FileIdentity> {
    return this.#guard(expected.path, async () => {
      const from = this.#localPath(staged);
      const to = this.#localPath(expected.path);
      await fsyncStaged(from, staged);
      await copyOwner(await this.#unchanged(expected), from);
      await this.#removeDerived(expected.path);
      await this.#unchanged(expected);
      // Inode and times go with it; what is at the path afterwards could be somebody else's already.
      const swapped = identityOf(expected.path, await lstat(from, { bigint: true }));
      await rename(from, to);
      await fsyncDirectory(dirname(to));
      return swapped;
    });
  }

  removeIf(expected: FileIdentity): Promise<void> {
    return this.#guard(expected.path, async () => {
      const local = this.#localPath(expected.path);
      await this.#unchanged(expected);
      await this.#removeDerived(expected.path);
      await this.#unchanged(expected);
      await rm(local);
      await fsyncDirectory(dirname(local));
    });
  }

  remove(path: string): Promise<void> {
    return this.#guard(path, async () => {
      const local = this.#localPath(path);
      const stats = await statOrNull(local);
      if (stats === null) return;
      await (stats.isDirectory() ? rmdir(local) : rm(local, { force: true }));
      await fsyncDirectory(dirname(local));
    });
  }

  async #guard<T>(path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw fileFailure(error, path);
    }
  }

  async #walk(prefix: string): Promise<Walk> {
    const walk: Walk = { found: [], passedOver: [] };
    const start = await statOrNull(this.#localPath(prefix));
    if (start?.isDirectory()) await this.#collect(prefix, walk);
    return walk;
  }

  async #collect(folder: string, walk: Walk): Promise<void> {
    for (const entry of await readdir(this.#localPath(folder), { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (!isDataName(entry.name)) walk.passedOver.push({ path, kind: 'HIDDEN' });
      else if (entry.isDirectory()) await this.#collect(path, walk);
      else if (!entry.isFile()) walk.passedOver.push({ path, kind: 'LINK' });
      else {
        // A file may vanish between the two calls; then it is not part of the listing.
        const stats = await statOrNull(this.#localPath(path));
        if (stats?.isFile()) walk.found.push(identityOf(path, stats));
      }
    }
  }

  async #identity(path: string): Promise<FileIdentity> {
    return identityOf(path, await lstat(this.#localPath(path), { bigint: true }));
  }

  async #unchanged(expected: FileIdentity): Promise<BigIntStats> {
    const stats = await statOrNull(this.#localPath(expected.path));
    const now = stats?.isFile() ? identityOf(expected.path, stats) : null;
    if (stats !== null && now?.bytes === expected.bytes && now.version === expected.version) return stats;
    throw new LinewardError(
      'LAKE_FILE_CHANGED',
      `The lake file ${expected.path} ${now === null ? 'is gone' : 'was changed'} since it was planned; plan it again.`,
      { details: { path: expected.path, expected: expected.version, now: now?.version ?? null } },
    );
  }

  /** Removes what other tools derived from the file: its stale checksum, and summary footers up to the root. */
  async #removeDerived(path: string): Promise<void> {
    const local = this.#localPath(path);
    await removeDurably(join(dirname(local), `.${basename(local)}.crc`));
    for (let folder = dirname(local); folder.length >= this.#root.length; folder = dirname(folder)) {
      for (const name of summaryNames) await removeDurably(join(folder, name));
    }
  }
}

const identityOf = (path: string, stats: BigIntStats): FileIdentity => ({
  path,
  bytes: Number(stats.size),
  version: `${stats.ino}:${stats.mtimeNs}`,
});

async function statOrNull(local: string): Promise<BigIntStats | null> {
  try {
    return await lstat(local, { bigint: true });
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return null;
    throw error;
  }
}

async function fsyncStaged(local: string, staged: string): Promise<void> {
  try {
    await fsyncFile(local);
  } catch (error) {
    throw fileFailure(error, staged);
  }
}

async function refuseOtherContent(from: string, to: string, path: string): Promise<void> {
  if ((await sha256OfFile(from)) === (await sha256OfFile(to))) return;
  throw new LinewardError('ALREADY_EXISTS', `The lake file ${path} exists already with other content.`, {
    details: { path },
  });
}

/** The replaced file's mode and owner, so that the lake's other readers can still open it. */
async function copyOwner(source: BigIntStats, staged: string): Promise<void> {
  const now = await lstat(staged);
  await chmod(staged, Number(source.mode) & 0o777);
  if (now.uid === Number(source.uid) && now.gid === Number(source.gid)) return;
  try {
    await chown(staged, Number(source.uid), Number(source.gid));
  } catch (error) {
    // Only a privileged process may give files away; the mode above still lets others in as before.
    if (errnoOf(error) !== 'EPERM') throw error;
  }
}

async function removeDurably(local: string): Promise<void> {
  try {
    await rm(local);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw error;
  }
  await fsyncDirectory(dirname(local));
}
