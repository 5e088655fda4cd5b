import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { LinewardError } from '../../../errors/lineward-error.ts';
import type { KeyProvider } from '../../../services/privacy/ports.ts';
import { keyMismatch, keyUnavailable } from '../key-errors.ts';
import { unwrapKey, wrapKey } from './key-wrap.ts';
import { changeSecret, readOrCreateSecret, readSecret } from './secret-file.ts';

const kekBytes = 32;
const holder = 'The local key file';
/** Where the wrapping keys of a data directory stand. */
export const localKeyFile = (dataDir: string): string => join(dataDir, 'keys', 'kek.key');

const newKek = (): Buffer => randomBytes(kekBytes);

/**
 * Key provider for one machine: the wrapping keys stand in a file that only its owner may read, 32 random bytes each, the
 * newest last; each of them is a provider of its own. Who loses the file loses every encrypted value.
 */
export class LocalKeyProvider implements KeyProvider {
  readonly id: string;
  readonly #path: string;
  readonly #kek: Buffer;

  private constructor(path: string, kek: Buffer) {
    this.id = kekId(kek);
    this.#path = path;
    this.#kek = kek;
  }

  /**
   * The newest key of the file, which is made first where there is none.
   * @throws LinewardError CONFIG_INVALID when others may read the file, or it does not hold whole keys.
   */
  static async open(path: string): Promise<LocalKeyProvider> {
    const keks = keksOf(path, await readOrCreateSecret(path, newKek));
    return new LocalKeyProvider(path, keks.newest);
  }

  /** All keys of the file, the newest first; none where there is no file. Throws as `open` does. */
  static async openAll(path: string): Promise<readonly LocalKeyProvider[]> {
    const bytes = await readSecret(path);
    return bytes === null
      ? []
      : keksOf(path, bytes)
          .all.map((kek) => new LocalKeyProvider(path, kek))
          .toReversed();
  }

  /**
   * Adds a new key to the file, and makes the file where there is none. The key wraps in processes that start from now
   * on; the ones before still unwrap. Throws as `open` does.
   */
  static async addKey(path: string): Promise<LocalKeyProvider> {
    if ((await readSecret(path)) !== null) {
      await changeSecret(path, (before) => Buffer.concat([...keksOf(path, before).all, newKek()]));
    }
    return LocalKeyProvider.open(path);
  }

  async wrap(key: Buffer): Promise<Buffer> {
    return wrapKey(this.#kek, key);
  }

  async unwrap(wrapped: Buffer): Promise<Buffer> {
    try {
      return unwrapKey(this.#kek, wrapped);
    } catch {
      throw keyMismatch(holder);
    }
  }

  async rewrap(wrapped: Buffer): Promise<Buffer> {
    const key = await this.unwrap(wrapped);
    try {
      return await this.wrap(key);
    } finally {
      key.fill(0);
    }
  }

  async health(): Promise<void> {
    const isThere = await LocalKeyProvider.openAll(this.#path).then(
      (providers) => providers.some(({ id }) => id === this.id),
      () => false,
    );
    if (!isThere) throw keyUnavailable(holder, 'it is gone, unreadable or without the key in use; put it back');
  }
}

interface Keks {
  readonly all: readonly Buffer[];
  readonly newest: Buffer;
}

function keksOf(path: string, bytes: Buffer): Keks {
  if (bytes.length === 0 || bytes.length % kekBytes !== 0) {
    throw new LinewardError(
      'CONFIG_INVALID',
      `The key file ${path} holds ${bytes.length} bytes; it must hold whole keys of ${kekBytes} bytes.`,
    );
  }
  const starts = Array.from({ length: bytes.length / kekBytes }, (_, index) => index * kekBytes);
  return {
    all: starts.map((start) => bytes.subarray(start, start + kekBytes)),
    newest: bytes.subarray(bytes.length - kekBytes),
  };
}

/** A name that tells keys apart and gives nothing of them away. */
function kekId(kek: Buffer): string {
  return `local:${createHash('sha256').update('lineward:kek-id').update(kek).digest('hex').slice(0, 16)}`;
}
