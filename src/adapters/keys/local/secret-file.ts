import { randomBytes } from 'node:crypto';
import { link, mkdir, open, rm } from 'node:fs/promises';
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

/** Makes the file whole or not at all: it is linked under its name only when its bytes are on the disk. */
async function createSecret(path: string, secret: Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(secret);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(draft, path);
  } catch (error) {
    // Another process was first; its secret is the one to use.
    if (codeOf(error) !== 'EEXIST') {
      throw new LinewardError('CONFIG_INVALID', `The key file ${path} cannot be made.`, { cause: error });
    }
  } finally {
    await rm(draft, { force: true });
  }
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
