import { type ChildProcess, execFile, type SpawnOptions, spawn } from 'node:child_process';
import { chmod, chown, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { LinewardError } from '../../errors/lineward-error.ts';

const run = promisify(execFile);

/** Starts PostgreSQL's programs as a user that PostgreSQL accepts: it refuses to run as root. */
export interface PostgresUser {
  spawn(program: string, args: readonly string[], options: SpawnOptions): ChildProcess;
  /** Makes a file or directory usable by that user. */
  own(path: string): Promise<void>;
}

const asSelf: PostgresUser = {
  spawn: (program, args, options) => spawn(program, args, options),
  own: async () => {},
};

// "nobody" exists on every Linux; initdb only needs the number to have a name.
const nobody = '65534';
const unshareArgs = ['--user', `--map-user=${nobody}`, `--map-group=${nobody}`];

/**
 * A user namespace in which our root appears as `nobody`: files stay owned by us, so it works below directories that
 * only we may enter (a 0700 checkout), where a switch to another OS user could not even reach the program.
 */
const asNobodyInNamespace: PostgresUser = {
  spawn: (program, args, options) => spawn('unshare', [...unshareArgs, program, ...args], options),
  own: async () => {},
};

async function namespacesWork(): Promise<boolean> {
  return run('unshare', [...unshareArgs, 'true']).then(
    () => true,
    () => false,
  );
}

async function osUser(): Promise<{ uid: number; gid: number } | null> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', 'postgres']), run('id', ['-g', 'postgres'])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return null;
  }
}

const asOsUser = (ids: { uid: number; gid: number }): PostgresUser => ({
  spawn: (program, args, options) => spawn(program, args, { ...options, ...ids }),
  own: async (path) => {
    await chown(path, ids.uid, ids.gid);
    // That user must be able to pass through our data directory, not to list it.
    if ((await stat(path)).isDirectory()) await chmod(dirname(path), 0o711);
  },
});

/**
 * Chooses how to start PostgreSQL over `directory`: as ourselves when we are not root, else in a user namespace, else
 * as the OS user `postgres`. A directory that user made before stays with that user.
 * @throws LinewardError CONFIG_INVALID when we are root and neither way exists.
 */
export async function postgresUser(directory: string): Promise<PostgresUser> {
  if (process.getuid?.() !== 0) return asSelf;
  const owner = await stat(directory).then(
    (info) => info.uid,
    () => 0,
  );
  if (owner === 0 && (await namespacesWork())) return asNobodyInNamespace;
  const ids = await osUser();
  if (ids !== null) return asOsUser(ids);
  throw new LinewardError(
    'CONFIG_INVALID',
    'PostgreSQL does not run as root. Start Lineward as another user, add an OS user "postgres", or set DATABASE_URL.',
    { path: ['DATABASE_URL'] },
  );
}
