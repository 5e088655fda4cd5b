import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LinewardError } from '../../../errors/lineward-error.ts';

// The data directory holds keys; a lake may have other readers.
const places = {
  LINEWARD_DATA_DIR: { name: 'data directory', mode: 0o700 },
  LAKE_URL: { name: 'lake', mode: 0o777 },
} as const;

/**
 * Makes the directory unless it is there.
 * @throws LinewardError DATA_DIR_NOT_WRITABLE naming the setting that chose it.
 */
export async function ensureWritable(directory: string, setting: keyof typeof places): Promise<void> {
  try {
    await makeDirectories(directory, places[setting].mode);
    await access(directory, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new LinewardError(
      'DATA_DIR_NOT_WRITABLE',
      `The ${places[setting].name} ${directory} cannot be written. Give this user the right to write there, or set ${setting} to another place.`,
      { path: [setting], cause },
    );
  }
}

/** Level by level: Node's recursive mkdir tries for ever where a file system refuses new names with ENOENT, as /proc does. */
async function makeDirectories(directory: string, mode: number): Promise<void> {
  if (await isDirectory(directory)) return;
  if (dirname(directory) !== directory) await makeDirectories(dirname(directory), mode);
  try {
    await mkdir(directory, { mode });
  } catch (error) {
    // Another process may have been faster.
    if (!(await isDirectory(directory))) throw error;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  );
}
