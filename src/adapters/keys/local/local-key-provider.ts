import { createHash, randomBytes } from 'node:crypto';
import { LinewardError } from '../../../errors/lineward-error.ts';
import type { KeyProvider } from '../../../services/privacy/ports.ts';
import { unwrapKey, wrapKey } from './key-wrap.ts';
import { readOrCreateSecret, readSecret } from './secret-file.ts';

const kekBytes = 32;

/**
 * Key provider for one machine: the wrapping key is a file of 32 random bytes that only its owner may read. Who loses
 * the file loses every encrypted value.
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
   * Reads the key file, and makes it first where there is none.
   * @throws LinewardError CONFIG_INVALID when others may read the file, or it does not hold 32 bytes.
   */
  static async open(path: string): Promise<LocalKeyProvider> {
    const kek = await readOrCreateSecret(path, () => randomBytes(kekBytes));
    if (kek.length !== kekBytes) {
      throw new LinewardError(
        'CONFIG_INVALID',
        `The key file ${path} holds ${kek.length} bytes; a key has ${kekBytes}.`,
      );
    }
    return new LocalKeyProvider(path, kek);
  }

  async wrap(key: Buffer): Promise<Buffer> {
    return wrapKey(this.#kek, key);
  }

  async unwrap(wrapped: Buffer): Promise<Buffer> {
    try {
      return unwrapKey(this.#kek, wrapped);
    } catch (cause) {
      throw new LinewardError('KEY_UNAVAILABLE', 'The account key was not wrapped by the key of this file.', { cause });
    }
  }

  async health(): Promise<void> {
    const kek = await readSecret(this.#path);
    if (kek === null || kekId(kek) !== this.id) {
      throw new LinewardError('KEY_UNAVAILABLE', 'The key file is gone or holds another key; put it back.');
    }
  }
}

/** A name that tells key files apart and gives nothing of the key away. */
function kekId(kek: Buffer): string {
  return `local:${createHash('sha256').update('lineward:kek-id').update(kek).digest('hex').slice(0, 16)}`;
}
