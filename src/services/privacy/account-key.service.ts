import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { newId } from '../../domain/id.ts';
import { assertAccountId, isAccountId } from '../../domain/privacy/account-id.ts';
import { type AccountKeyRow, AccountKeySchema } from '../../entities/account-key.entity.ts';
import { LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import type { KeyProvider } from './ports.ts';
import { keyCacheTtlMsMax, UnwrappedKeyCache } from './unwrapped-key-cache.ts';

export interface AccountKey {
  readonly accountId: string;
  readonly version: number;
  readonly key: KeyObject;
}

export interface AccountKeyServiceDeps {
  readonly em: EntityManager;
  readonly provider: KeyProvider;
  readonly clock?: () => Date;
  readonly cache?: { readonly entriesMax: number; readonly ttlMs: number };
}

const dataKeyBytes = 32;
const defaultCache = { entriesMax: 10_000, ttlMs: keyCacheTtlMsMax };

/**
 * Keeps one data key per account, in versions. The row is read for every call and only the unwrapping is cached, so a
 * rotation or a destruction by another process holds at once.
 */
export class AccountKeyService {
  readonly #em: EntityManager;
  readonly #provider: KeyProvider;
  readonly #clock: () => Date;
  readonly #cache: UnwrappedKeyCache;

  constructor({ em, provider, clock = () => new Date(), cache = defaultCache }: AccountKeyServiceDeps) {
    this.#em = em;
    this.#provider = provider;
    this.#clock = clock;
    this.#cache = new UnwrappedKeyCache({ ...cache, now: () => clock().getTime() });
  }

  /**
   * The key that encrypts for an account; the first call makes version 1.
   * @throws LinewardError VALUE_INVALID for what is no account id, KEY_DESTROYED once the account's keys were
   * destroyed, KEY_UNAVAILABLE when the provider does not answer.
   */
  async activeKey(accountId: string): Promise<AccountKey> {
    const answer = (await this.activeKeys([accountId])).get(accountId);
    if (answer === undefined) throw new LinewardError('INTERNAL', 'An account was left without an answer.');
    if (answer instanceof LinewardError) throw answer;
    return answer;
  }

  /** {@link activeKey} for many accounts with one read; each account has a key or the error that keeps it from one. */
  async activeKeys(accountIds: readonly string[]): Promise<ReadonlyMap<string, AccountKey | LinewardError>> {
    const valid = [...new Set(accountIds)].filter(isAccountId);
    const em = this.#em.fork();
    const rows = await em.find(AccountKeySchema, { accountId: { $in: valid }, state: 'ACTIVE' });
    const active = new Map(rows.map((row) => [row.accountId, row]));
    const answers = new Map<string, AccountKey | LinewardError>();
    for (const accountId of accountIds) {
      if (answers.has(accountId)) continue;
      try {
        assertAccountId(accountId);
        answers.set(accountId, await this.#unwrapped(active.get(accountId) ?? (await this.#firstKey(accountId))));
      } catch (error) {
        answers.set(accountId, toLinewardError(error));
      }
    }
    return answers;
  }

  /**
   * The key of one version, to decrypt with.
   * @throws LinewardError KEY_DESTROYED; DECRYPT_FAILED when there is no such account or version, the same as for an
   * envelope that does not fit, so that nobody learns which accounts exist.
   */
  async keyVersion(accountId: string, version: number): Promise<AccountKey> {
    const row = isAccountId(accountId) ? await this.#em.fork().findOne(AccountKeySchema, { accountId, version }) : null;
    if (row === null) throw new LinewardError('DECRYPT_FAILED');
    return this.#unwrapped(row);
  }

  /**
   * Makes a new version that encrypts from now on; the one before only decrypts. Answers the new version.
   * @throws LinewardError VALUE_INVALID, KEY_DESTROYED, KEY_UNAVAILABLE; CONFLICT when a first use came in between.
   */
  async rotate(accountId: string): Promise<number> {
    assertAccountId(accountId);
    const wrapped = await this.#newWrappedKey();
    return this.#em.fork().transactional(async (tx) => {
      await tx.execute('select pg_advisory_xact_lock(hashtextextended(?, 0))', [`account_key:${accountId}`]);
      const version = await nextVersion(tx, accountId);
      await tx.nativeUpdate(AccountKeySchema, { accountId, state: 'ACTIVE' }, { state: 'RETIRED' });
      // A first use at this moment may have made the version; the insert then fails, and the caller tries again.
      if (!(await this.#insertActive(tx, accountId, version, wrapped))) {
        throw new LinewardError('CONFLICT', 'The account got its first key at the same moment; rotate again.');
      }
      return version;
    });
  }

  /** Makes the account's first key unless another process just did; reads back the one that counts. */
  async #firstKey(accountId: string): Promise<AccountKeyRow> {
    const em = this.#em.fork();
    await this.#insertActive(em, accountId, await nextVersion(em, accountId), await this.#newWrappedKey());
    const row = await em.findOne(AccountKeySchema, { accountId, state: 'ACTIVE' });
    if (row === null) throw new LinewardError('CONFLICT', 'The keys of the account changed meanwhile; try again.');
    return row;
  }

  async #insertActive(em: EntityManager, accountId: string, version: number, wrapped: Buffer): Promise<boolean> {
    const rows = await em.execute<{ id: string }[]>(
      `insert into account_key (id, account_id, version, state, wrapped, kek_id, created_at)
       values (?, ?, ?, 'ACTIVE', ?, ?, ?)
       on conflict do nothing
       returning id`,
      [newId(), accountId, version, wrapped, this.#provider.id, this.#clock()],
    );
    return rows.length === 1;
  }

  async #newWrappedKey(): Promise<Buffer> {
    const key = randomBytes(dataKeyBytes);
    try {
      return await this.#provider.wrap(key);
    } finally {
      key.fill(0);
    }
  }

  async #unwrapped(row: AccountKeyRow): Promise<AccountKey> {
    const { id, accountId, version, kekId, wrapped } = row;
    if (row.state === 'DESTROYED' || wrapped === null || wrapped === undefined)
      throw new LinewardError('KEY_DESTROYED');
    const cached = this.#cache.get(id);
    if (cached !== null) return { accountId, version, key: cached };
    if (kekId !== this.#provider.id) {
      throw new LinewardError(
        'KEY_UNAVAILABLE',
        `The account key was wrapped by ${kekId}; that provider is not set up.`,
      );
    }
    const bytes = await this.#provider.unwrap(Buffer.from(wrapped));
    try {
      const key = createSecretKey(bytes);
      this.#cache.set(id, key);
      return { accountId, version, key };
    } finally {
      bytes.fill(0);
    }
  }
}

/** The number after the newest version. An account whose newest version is destroyed gets no further key. */
async function nextVersion(em: EntityManager, accountId: string): Promise<number> {
  const [newest] = await em.find(AccountKeySchema, { accountId }, { orderBy: { version: 'desc' }, limit: 1 });
  if (newest === undefined) return 1;
  if (newest.state === 'DESTROYED') throw new LinewardError('KEY_DESTROYED');
  return newest.version + 1;
}
