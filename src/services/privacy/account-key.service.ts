import { createSecretKey, randomBytes } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { systemActor } from '../../domain/access/actor.ts';
import { newId } from '../../domain/id.ts';
import {
  type AccountKey,
  holderId,
  isKeyHolder,
  type KeyHolder,
  type KeyVersionName,
  versionId,
} from '../../domain/privacy/key-holder.ts';
import { isDueForRotation } from '../../domain/privacy/key-state.ts';
import { type SealForm, sealUnderKey } from '../../domain/privacy/seal-under-key.ts';
import { type AccountKeyRow, AccountKeySchema } from '../../entities/account-key.entity.ts';
import { LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import { textArray } from '../sql.ts';
import { KeyLeases } from './key-leases.ts';
import type { KeyProviders } from './key-providers.ts';
import { type CurrentKey, currentRows, lockHolder, nextVersion } from './key-rows.ts';
import { keyCacheTtlMsMax, UnwrappedKeyCache } from './unwrapped-key-cache.ts';

export interface AccountKeyServiceDeps {
  readonly em: EntityManager;
  readonly providers: KeyProviders;
  readonly clock?: () => Date;
  readonly cache?: { readonly entriesMax: number; readonly ttlMs: number };
}

const dataKeyBytes = 32;
const defaultCache = { entriesMax: 10_000, ttlMs: keyCacheTtlMsMax };
/** What every key seals when it is made, to prove later that it opens or that it is gone. */
const canaryText = 'lineward:canary';
const canaryForm: SealForm = { semanticType: '', suite: 1, padding: false };

/**
 * Keeps the data keys of accounts and of persons in them, in versions. The row is read for every call and only the unwrapping
 * is cached, so a rotation or a destruction by another process holds at once.
 */
export class AccountKeyService {
  readonly #em: EntityManager;
  readonly #providers: KeyProviders;
  readonly #clock: () => Date;
  readonly #cache: UnwrappedKeyCache;
  readonly #leases: KeyLeases;

  constructor({ em, providers, clock = () => new Date(), cache = defaultCache }: AccountKeyServiceDeps) {
    this.#em = em;
    this.#providers = providers;
    this.#clock = clock;
    this.#cache = new UnwrappedKeyCache({ ...cache, now: () => clock().getTime() });
    this.#leases = new KeyLeases({ em });
  }

  /**
   * The key that encrypts for a holder; the first call makes version 1, and a call on a key that is due makes the next.
   * @throws LinewardError VALUE_INVALID for what is no holder, KEY_DESTROYED once the holder's keys were destroyed,
   * KEY_UNAVAILABLE when the provider does not answer, KEY_EXHAUSTED.
   */
  async activeKey(holder: KeyHolder): Promise<AccountKey> {
    const answer = (await this.activeKeys([holder])).get(holderId(holder));
    if (answer === undefined) throw new LinewardError('INTERNAL', 'A key holder was left without an answer.');
    if (answer instanceof LinewardError) throw answer;
    return answer;
  }

  /**
   * {@link activeKey} for many holders with one read, by `holderId`; each has a key or the error that keeps it from one.
   * Charge each key with what was encrypted under it.
   */
  async activeKeys(holders: readonly KeyHolder[]): Promise<ReadonlyMap<string, AccountKey | LinewardError>> {
    const distinct = new Map(holders.map((holder) => [holderId(holder), holder]));
    const valid = [...distinct.values()].filter(isKeyHolder);
    const rows = await currentRows(this.#em.fork(), valid, this.#clock());
    const answers = new Map<string, AccountKey | LinewardError>();
    for (const [id, holder] of distinct) {
      try {
        answers.set(id, await this.#encrypting(holder, rows.get(id)));
      } catch (error) {
        answers.set(id, toLinewardError(error));
      }
    }
    return answers;
  }

  /** Counts values encrypted under a key. */
  charge(key: AccountKey, count: number): void {
    this.#leases.charge(key.id, count);
  }

  /**
   * The key of one version, to decrypt with.
   * @throws LinewardError KEY_DESTROYED; DECRYPT_FAILED when there is no such holder or version, the same as for an
   * envelope that does not fit, so that nobody learns which accounts exist.
   */
  async keyVersion(name: KeyVersionName): Promise<AccountKey> {
    const answer = (await this.keyVersions([name])).get(versionId(name));
    if (answer instanceof LinewardError || answer === undefined) throw answer ?? new LinewardError('DECRYPT_FAILED');
    return answer;
  }

  /** {@link keyVersion} for many with one read, by `versionId`. */
  async keyVersions(names: readonly KeyVersionName[]): Promise<ReadonlyMap<string, AccountKey | LinewardError>> {
    const valid = names.filter(isKeyHolder);
    const rows = await this.#em
      .fork()
      .createQueryBuilder(AccountKeySchema, 'k')
      .where('(k.account_id, k.scope, k.version) in (select * from unnest(?::text[], ?::text[], ?::int[]))', [
        textArray(valid.map((one) => one.accountId)),
        textArray(valid.map((one) => one.scope)),
        `{${valid.map((one) => one.version).join(',')}}`,
      ])
      .getResultList();
    const answers = new Map<string, AccountKey | LinewardError>();
    for (const row of rows)
      answers.set(versionId(row), await this.#unwrapped(row).catch((error: unknown) => toLinewardError(error)));
    return answers;
  }

  /**
   * Makes a new version that encrypts from `activateAt` on, now by default; the one before only decrypts from then on.
   * Answers the new version.
   * @throws LinewardError VALUE_INVALID, KEY_DESTROYED, KEY_UNAVAILABLE; CONFLICT when a first use came in between.
   */
  async addVersion(tx: EntityManager, holder: KeyHolder, activateAt: Date = this.#clock()): Promise<AccountKeyRow> {
    assertHolder(holder);
    await lockHolder(tx, holder);
    const version = await nextVersion(tx, holder);
    const isNow = activateAt <= this.#clock();
    if (isNow) await this.#retireActive(tx, holder);
    const made = await this.#insert(tx, { ...holder, version }, isNow ? 'ACTIVE' : 'PRE_ACTIVE', activateAt);
    // A first use at this moment may have made the version; the insert then does nothing, and the caller tries again.
    if (made === null)
      throw new LinewardError('CONFLICT', 'The account got its first key at the same moment; rotate again.');
    return made;
  }

  /** Drops what this process keeps of a key. */
  forget(keyId: string): void {
    this.#cache.delete(keyId);
    this.#leases.forget(keyId);
  }

  /** Drops all that this process keeps of keys. */
  forgetAll(): void {
    this.#cache.clear();
  }

  async #encrypting(holder: KeyHolder, known: CurrentKey | undefined): Promise<AccountKey> {
    assertHolder(holder);
    let row = known ?? (await this.#firstKey(holder));
    if (row.state === 'PRE_ACTIVE') row = await this.#activated(row);
    if (isDueForRotation(row, this.#clock())) row = await this.#replaced(row);
    const key = await this.#unwrapped(row);
    await this.#leases.ensure(row.id);
    return key;
  }

  /** Makes the holder's first key unless another process just did; reads back the one that counts. */
  async #firstKey(holder: KeyHolder): Promise<CurrentKey> {
    const em = this.#em.fork();
    await this.#insert(em, { ...holder, version: await nextVersion(em, holder) }, 'ACTIVE', this.#clock());
    const row = (await currentRows(em, [holder], this.#clock())).get(holderId(holder));
    if (row === undefined) throw new LinewardError('CONFLICT', 'The keys of the account changed meanwhile; try again.');
    return row;
  }

  /** A key that was made ahead takes over; of two processes that notice, one does it. */
  async #activated({ id, accountId, scope }: CurrentKey): Promise<CurrentKey> {
    return this.#em.fork().transactional(async (tx) => {
      await lockHolder(tx, { accountId, scope });
      const row = await tx.findOneOrFail(AccountKeySchema, { id });
      if (row.state !== 'PRE_ACTIVE') return row;
      await this.#retireActive(tx, { accountId, scope });
      row.state = 'ACTIVE';
      return row;
    });
  }

  /**
   * The version after a key that is due; of two processes that notice, one makes it. A key that is due may go on up to its
   * cap, so a provider that does not wrap just now stops nobody.
   */
  async #replaced(due: CurrentKey): Promise<CurrentKey> {
    const { accountId, scope } = due;
    const replaced = this.#em.fork().transactional(async (tx) => {
      await lockHolder(tx, { accountId, scope });
      const now = (await currentRows(tx, [due], this.#clock())).get(holderId(due));
      if (now !== undefined && now.id !== due.id) return now;
      const made = await this.addVersion(tx, { accountId, scope });
      audit(tx, systemActor, {
        action: 'rotateAccountKey',
        resourceType: 'AccountKey',
        resourceId: made.id,
        details: { accountId, version: made.version, state: made.state, reason: 'age or number of values' },
      });
      return made;
    });
    return replaced.catch((error: unknown) => {
      if (error instanceof LinewardError && error.code === 'KEY_UNAVAILABLE') return due;
      throw error;
    });
  }

  async #retireActive(tx: EntityManager, { accountId, scope }: KeyHolder): Promise<void> {
    const retired = { state: 'RETIRED' as const, retiredAt: this.#clock() };
    await tx.nativeUpdate(AccountKeySchema, { accountId, scope, state: 'ACTIVE' }, retired);
  }

  /** Null when the version, or an active key, is there already. A key that its provider cannot unwrap is never kept. */
  async #insert(
    em: EntityManager,
    { accountId, scope, version }: KeyVersionName,
    state: 'ACTIVE' | 'PRE_ACTIVE',
    activatedAt: Date,
  ): Promise<AccountKeyRow | null> {
    const bytes = randomBytes(dataKeyBytes);
    try {
      const { kekId, wrapped } = await this.#providers.wrap(bytes);
      const key = { id: '', accountId, scope, version, key: createSecretKey(bytes) };
      const canary = accountId === '' ? null : sealUnderKey(key, canaryText, canaryForm);
      const now = this.#clock();
      const id = newId();
      const rows = await em.execute<unknown[]>(
        `insert into account_key
           (id, account_id, scope, version, state, wrapped, kek_id, wrapped_at, canary, enc_count, created_at, activated_at)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)
         on conflict do nothing returning 1`,
        [id, accountId, scope, version, state, wrapped, kekId, now, canary, now, activatedAt],
      );
      return rows.length === 0 ? null : em.findOneOrFail(AccountKeySchema, { id }, { refresh: true });
    } finally {
      bytes.fill(0);
    }
  }

  async #unwrapped(row: CurrentKey): Promise<AccountKey> {
    const { id, accountId, scope, version, kekId, wrapped } = row;
    if (row.state === 'DESTROYED' || wrapped == null) throw new LinewardError('KEY_DESTROYED');
    const cached = this.#cache.get(id);
    if (cached !== null) return { id, accountId, scope, version, key: cached };
    const bytes = await this.#providers.unwrap({ kekId, wrapped: Buffer.from(wrapped) });
    try {
      const key = createSecretKey(bytes);
      this.#cache.set(id, key);
      return { id, accountId, scope, version, key };
    } finally {
      bytes.fill(0);
    }
  }
}

function assertHolder(holder: KeyHolder): void {
  if (!isKeyHolder(holder))
    throw new LinewardError('VALUE_INVALID', 'An account id has 1 to 200 characters and no control characters.');
}
