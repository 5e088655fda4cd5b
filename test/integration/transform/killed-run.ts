import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ChildRun } from './run-child.ts';

export type { RunKill } from './run-child.ts';

const childModule = fileURLToPath(new URL('./run-child.ts', import.meta.url));

/** The signal by which a process ended that ran a transformer. */
export const killed = (work: ChildRun): Promise<string | null> =>
  new Promise((resolve) => {
    const child = execFile(process.execPath, [childModule, JSON.stringify(work)], () => resolve(child.signalCode));
  });
