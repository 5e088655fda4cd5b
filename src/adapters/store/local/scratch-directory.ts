import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Makes an empty directory `<name>-<pid>` for this process alone, and removes those of processes that are gone: what they
 * left behind when they were killed may hold records.
 */
export async function openScratchDirectory(parent: string, name: string): Promise<string> {
  await mkdir(parent, { recursive: true, mode: 0o700 });
  for (const entry of await readdir(parent)) {
    const pid = new RegExp(`^${name}-(\\d+)$`, 'u').exec(entry)?.[1];
    if (pid !== undefined && (Number(pid) === process.pid || !isAlive(Number(pid))))
      await rm(join(parent, entry), { recursive: true, force: true });
  }
  const own = join(parent, `${name}-${process.pid}`);
  await mkdir(own, { mode: 0o700 });
  return own;
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
