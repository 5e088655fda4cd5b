import { randomBytes } from 'node:crypto';
import { type FileHandle, link, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LinewardError } from '../../../errors/lineward-error.ts';

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/**
 * A secret that only its owner may read; null when the file does not exist.
 * @throws LinewardError CONFIG_INVALID when others may read the file or it cannot be read.
 */
export async function readSecret(path: string): Promise<Buffer | null> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return null;
    throw new LinewardError('CONFIG_INVALID', `The key file ${path} cannot be read (${codeOf(error)}).`, {
      cause: error,
    });
  });
  if (file === null) return null;
  try {
    const { mode } = await file.stat();
    if ((mode & 0o077) !== 0) {
      throw new LinewardError('CONFIG_INVALID', `Others may read the key file ${path}. Run: chmod 600 ${path}`);
    }
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** The secret at `path`, made by `make` on first use; of two processes that make it at once, one wins for both. */
export async function readOrCreateSecret(path: string, make: () => Buffer): Promise<Buffer> {
  const known = await readSecret(path);
  if (known !== null) return known;
  await createSecret(path, make());
  const made = await readSecret(path);
  if (made === null)
    throw new LinewardError('CONFIG_INVALID', `The key file ${path} vanished right after it was made.`);
  return made;
}

/**
 * Puts in the place of an existing secret what `change` makes of it, whole or not at all.
 * @throws LinewardError CONFIG_INVALID when another process is at it, or the file cannot be read or written.
 */
export async function changeSecret(path: string, change: (before: Buffer) => Buffer): Promise<void> {
  const draft = `${path}.new`;
  // The draft is also the lock: it is taken before the secret is read, so that no change of another process is lost.
  const file = await open(draft, 'wx', 0o600).catch((cause: unknown) => {
    throw codeOf(cause) === 'EEXIST' ? beingChanged(path, draft, cause) : cannotBeMade(path, cause);
  });
  try {
    const before = await readSecret(path);
    if (before === null) throw new LinewardError('CONFIG_INVALID', `There is no key file ${path}.`);
    await writeWhole(file, change(before));
    await rename(draft, path);
  } finally {
    await file.close();
    await rm(draft, { force: true });
  }
  await syncFolderOf(path);
}

/** Makes the file whole or not at all: it is linked under its name only when its bytes are on the disk. */
async function createSecret(path: string, secret: Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    const file = await open(draft, 'wx', 0o600);
    await writeWhole(file, secret).finally(() => file.close());
    await link(draft, path);
  } catch (error) {
    // Another process was first; its secret is the one to use.
    if (codeOf(error) !== 'EEXIST') throw cannotBeMade(path, error);
  } finally {
    await rm(draft, { force: true });
  }
  await syncFolderOf(path);
}

const cannotBeMade = (path: string, cause: unknown): LinewardError =>
  new LinewardError('CONFIG_INVALID', `The key file ${path} cannot be made.`, { cause });

const beingChanged = (path: string, draft: string, cause: unknown): LinewardError =>
  new LinewardError('CONFIG_INVALID', `Another process changes the key file ${path}. If none does, remove ${draft}.`, {
    cause,
  });

async function writeWhole(file: FileHandle, secret: Buffer): Promise<void> {
  await file.writeFile(secret);
  await file.sync();
}

async function syncFolderOf(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
