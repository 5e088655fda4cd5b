import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * A Python with packages in an environment of their own below `.cache`, installed once; null where there is no Python.
 * `probe` is a statement that only works with all of them in place.
 */
export async function pythonWith(name: string, packages: readonly string[], probe: string): Promise<string | null> {
  const environment = `.cache/${name}`;
  const python = `${environment}/bin/python`;
  if (await works(python, ['-c', probe])) return python;
  if (!(await works('python3', ['--version']))) return null;
  await mkdir('.cache', { recursive: true });
  await run('python3', ['-m', 'venv', ...(existsSync(environment) ? ['--clear'] : []), environment]);
  await run(python, ['-m', 'pip', 'install', '--quiet', ...packages], { timeout: 240_000 });
  return python;
}

const works = (command: string, args: string[]): Promise<boolean> =>
  run(command, args).then(
    () => true,
    () => false,
  );
