import { execFile } from 'node:child_process';

import { mkdtemp, rm, statfs, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A file system of its own and of a fixed size, which really is full when it is. */
export interface SmallDisk {
  readonly path: string;
  /** Takes all room but so many bytes. */
  fill(bytesLeft: number): Promise<void>;
  /** Gives that room back. */
  free(): Promise<void>;
  close(): Promise<void>;
}

/** A disk in memory; null where file systems cannot be mounted, which takes root on Linux. */
export async function smallDisk(megabytes: number): Promise<SmallDisk | null> {
  const path = await mkdtemp(join(tmpdir(), 'lineward-small-disk-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0777`, 'tmpfs', path]);
  } catch {
    await rm(path, { recursive: true });
    return null;
  }
  const filler = join(path, '.filler');
  return {
    path,
    async fill(bytesLeft) {
      const { bavail, bsize } = await statfs(path);
      await writeFile(filler, Buffer.alloc(Math.max(0, bavail * bsize - bytesLeft), 1));
    },
    free: () => truncate(filler),
    async close() {
      await run('umount', [path]);
      await rm(path, { recursive: true });
    },
  };
}

/** Why there is no small disk here; null when there is one. */
export async function missingDisk(): Promise<string | null> {
  const disk = await smallDisk(1);
  await disk?.close();
  return disk === null ? 'no file system can be mounted here, which takes root on Linux' : null;
}
