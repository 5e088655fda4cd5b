import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';

/**
 * Starts `module` in a Node process of its own; what it says of errors is passed on.
 * A test hands its own output ('inherit') to nobody: a child that outlives a failed test would hold it open, and the
 * whole run waits until it closes.
 */
export function startChild(module: string, ...args: readonly string[]): ChildProcessByStdio<null, Readable, Readable> {
  const child = spawn(process.execPath, [module, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stderr.pipe(process.stderr);
  // Nobody may want to read it, and a full pipe would hold the child up.
  child.stdout.resume();
  return child;
}
