import { readFileSync } from 'node:fs';
import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LinewardError } from '../../errors/lineward-error.ts';

/** Start time of a process in clock ticks, so that a reused pid is not taken for the old owner; null off Linux. */
function startTicks(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function liveOwner(path: string): Promise<number | null> {
  const [pidText, ticks] = (await readFile(path, 'utf8').catch(() => '')).trim().split(' ');
  const pid = Number(pidText);
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid || !isAlive(pid)) return null;
  return ticks !== undefined && ticks !== '-' && startTicks(pid) !== ticks ? null : pid;
}

/**
 * Takes the data directory for this process; answers how to give it back. A lock left by a killed process is taken over.
 * @throws LinewardError DATA_DIR_LOCKED (names the pid that runs on it).
 */
export async function lockDataDir(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, 'lineward.pid');
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      const file = await open(path, 'wx', 0o600);
      await file.writeFile(`${process.pid} ${startTicks(process.pid) ?? '-'}\n`);
      await file.close();
      return () => rm(path, { force: true });
    } catch (cause) {
      const owner = await liveOwner(path);
      if (owner !== null || attempt > 0) throw lockedError(directory, owner, cause);
      await rm(path, { force: true });
    }
  }
  throw lockedError(directory, null, undefined);
}

function lockedError(directory: string, owner: number | null, cause: unknown): LinewardError {
  const who = owner === null ? 'Another process' : `Process ${owner}`;
  return new LinewardError(
    'DATA_DIR_LOCKED',
    `${who} already runs Lineward on ${directory}. Stop it first, or set LINEWARD_DATA_DIR to another directory.`,
    { path: ['LINEWARD_DATA_DIR'], cause },
  );
}
