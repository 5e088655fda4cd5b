import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LakeWork } from './lake-child.ts';

const childModule = fileURLToPath(new URL('./lake-child.ts', import.meta.url));

export interface ChildEnd {
  readonly signal: string | null;
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one piece of lake work in a process of its own. */
export function runLakeChild(work: LakeWork): Promise<ChildEnd> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [childModule, JSON.stringify(work)], (_error, stdout, stderr) => {
      resolve({ signal: child.signalCode, code: child.exitCode, stdout, stderr });
    });
  });
}
