import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';

/** No step of the work leaves its files alone for so long. */
const untouchedMsMax = 24 * 60 * 60 * 1_000;

/**
 * Makes an empty directory `<name>-<host>-<pid>` for this process alone, and removes those of processes that are gone: what
 * they left behind when they were killed may hold records. Containers that share the parent have equal pids, and see nothing of
 * each other's processes: a directory of another host is left alone for a day after its last change.
 */
export async function openScratchDirectory(parent: string, name: string): Promise<string> {
  await mkdir(parent, { recursive: true, mode: 0o700 });
  const host = hostname().replace(/[^\w.]/gu, '_');
  const pattern = new RegExp(`^${name}-([\\w.]+)-(\\d+)$`, 'u');
  for (const entry of await readdir(parent)) {
    const [, itsHost, pid] = pattern.exec(entry) ?? [];
    if (pid === undefined) continue;
    const directory = join(parent, entry);
    const isLeft =
      itsHost === host
        ? Number(pid) === process.pid || !isAlive(Number(pid))
        : (await lastChange(directory)) < Date.now() - untouchedMsMax;
    if (isLeft) await rm(directory, { recursive: true, force: true });
  }
  const own = join(parent, `${name}-${host}-${process.pid}`);
  await mkdir(own, { mode: 0o700 });
  return own;
}

/** When something in a directory was last written, in milliseconds. */
async function lastChange(directory: string): Promise<number> {
  const names = await readdir(directory, { recursive: true }).catch(() => []);
  const times = await Promise.all(
    ['.', ...names].map((inner) =>
      stat(join(directory, inner)).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  );
  return Math.max(...times);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It runs as somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
