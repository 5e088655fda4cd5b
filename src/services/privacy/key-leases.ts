import type { EntityManager } from '@mikro-orm/postgresql';
import { leaseBlock, messageCap } from '../../domain/privacy/key-state.ts';
import { LinewardError } from '../../errors/lineward-error.ts';

/** Keys whose blocks a process holds. There may be one key per person, and what is dropped costs the rest of a block. */
const keysMax = 100_000;

/**
 * Counts what is encrypted under each key. A process takes blocks of 2^20 values from the row and counts down in memory, so
 * that all processes together stay under the cap; a crash costs one block. A batch that is longer than the rest of a block
 * is taken all the same, which the tenth below the limit of the cipher has room for.
 */
export class KeyLeases {
  readonly #em: EntityManager;
  readonly #keysMax: number;
  /** Least recently leased first. */
  readonly #left = new Map<string, number>();

  constructor(deps: { readonly em: EntityManager; readonly keysMax?: number }) {
    this.#em = deps.em;
    this.#keysMax = deps.keysMax ?? keysMax;
  }

  /**
   * Makes sure that the process holds a block of a key.
   * @throws LinewardError KEY_EXHAUSTED when the key has encrypted as much as it may.
   */
  async ensure(keyId: string): Promise<void> {
    if ((this.#left.get(keyId) ?? 0) > 0) return;
    const rows = await this.#em
      .fork()
      .execute<unknown[]>(
        'update account_key set enc_count = enc_count + ? where id = ? and enc_count + ? <= ? returning 1',
        [leaseBlock, keyId, leaseBlock, messageCap],
      );
    if (rows.length === 0) throw new LinewardError('KEY_EXHAUSTED');
    const left = (this.#left.get(keyId) ?? 0) + leaseBlock;
    this.#left.delete(keyId);
    this.#left.set(keyId, left);
    const [oldest] = this.#left.keys();
    if (this.#left.size > this.#keysMax && oldest !== undefined) this.#left.delete(oldest);
  }

  /** Counts values that were encrypted. */
  charge(keyId: string, count: number): void {
    this.#left.set(keyId, (this.#left.get(keyId) ?? 0) - count);
  }

  /** Forgets a key that encrypts no more. */
  forget(keyId: string): void {
    this.#left.delete(keyId);
  }
}
