import { LinewardError } from '../../errors/lineward-error.ts';
import type { KeyProvider, WrappedKey } from './ports.ts';

/**
 * The wrapping keys of an installation: the current one wraps, and all of them unwrap what they once wrapped, so that keys
 * stay usable while they are moved from one provider or wrapping key to the next (ADR 0010).
 */
export class KeyProviders {
  readonly current: KeyProvider;
  readonly others: readonly KeyProvider[];
  readonly #byId: ReadonlyMap<string, KeyProvider>;

  constructor(current: KeyProvider, others: readonly KeyProvider[] = []) {
    this.current = current;
    this.others = others;
    this.#byId = new Map([...others, current].map((provider) => [provider.id, provider]));
  }

  async wrap(key: Buffer): Promise<WrappedKey> {
    return { kekId: this.current.id, wrapped: await this.current.wrap(key) };
  }

  /**
   * The key in a buffer of its own, which the caller overwrites after use.
   * @throws LinewardError KEY_UNAVAILABLE when no configured provider has the wrapping key, or it does not answer;
   * KEY_MISMATCH when it did not wrap these bytes.
   */
  async unwrap({ kekId, wrapped }: WrappedKey): Promise<Buffer> {
    return this.#holderOf(kekId).unwrap(wrapped);
  }

  /**
   * The same key under the newest version of the current wrapping key. Only a move between wrapping keys brings the key
   * into this process, and it is overwritten there at once.
   * @throws LinewardError KEY_UNAVAILABLE, KEY_MISMATCH as `unwrap` does.
   */
  async rewrap({ kekId, wrapped }: WrappedKey): Promise<WrappedKey> {
    if (kekId === this.current.id) return { kekId, wrapped: await this.current.rewrap(wrapped) };
    const key = await this.unwrap({ kekId, wrapped });
    try {
      return await this.wrap(key);
    } finally {
      key.fill(0);
    }
  }

  #holderOf(kekId: string): KeyProvider {
    const provider = this.#byId.get(kekId);
    if (provider === undefined) {
      throw new LinewardError('KEY_UNAVAILABLE', `The key was wrapped by ${kekId}, which is not set up.`, {
        details: { kekId },
      });
    }
    return provider;
  }
}
