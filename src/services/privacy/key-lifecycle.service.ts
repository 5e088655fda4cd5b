import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import type { AccountKeyView } from '../../domain/privacy/key-state.ts';
import { type AccountKeyRow, AccountKeySchema } from '../../entities/account-key.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import type { AccountKeyReadModel } from './account-key.read-model.ts';
import type { AccountKeyService } from './account-key.service.ts';
import type { KeyHolders, KeySelector } from './key-holders.ts';
import type { KeyProviders } from './key-providers.ts';
import type { OtherWrappedKeys } from './ports.ts';

export interface RewrapAccountKeys {
  /** Keys that were wrapped before; now by default. Give the same time again to go on. */
  readonly wrappedBefore?: Date | undefined;
  /** Most keys of this call. */
  readonly limit?: number | undefined;
}

export interface RewrappedKeys {
  readonly rewrapped: number;
  /** Keys wrapped before the time that are still to do. */
  readonly remaining: number;
  readonly wrappedBefore: Date;
}

const rewrapDefault = 1_000;
const rewrapMax = 10_000;
/** Keys that a provider is asked for at a time. */
const rewrapsAtOnce = 16;

/** Replaces keys, and the keys that wrap them. Values stay as they are. */
export class KeyLifecycleService {
  readonly #em: EntityManager;
  readonly #keys: AccountKeyService;
  readonly #holders: KeyHolders;
  readonly #providers: KeyProviders;
  readonly #readModel: AccountKeyReadModel;
  readonly #others: OtherWrappedKeys;

  constructor(deps: {
    readonly em: EntityManager;
    readonly keys: AccountKeyService;
    readonly holders: KeyHolders;
    readonly keyProviders: KeyProviders;
    readonly accountKeys: AccountKeyReadModel;
    readonly otherKeys: OtherWrappedKeys;
  }) {
    this.#em = deps.em;
    this.#keys = deps.keys;
    this.#holders = deps.holders;
    this.#providers = deps.keyProviders;
    this.#readModel = deps.accountKeys;
    this.#others = deps.otherKeys;
  }

  /**
   * Makes a new version of a key, which encrypts from `activateAt` on, or from now.
   * @throws LinewardError VALUE_INVALID, KEY_DESTROYED, KEY_UNAVAILABLE, CONFLICT; BAD_INPUT for a time in the past.
   */
  async rotateAccountKey(actor: Actor, selector: KeySelector, activateAt?: Date): Promise<AccountKeyView> {
    if (activateAt !== undefined && activateAt.getTime() < Date.now() - 1_000)
      throw new LinewardError('BAD_INPUT', 'activateAt: must be in the future', { path: ['activateAt'] });
    const holder = await this.#holders.holderOf(selector);
    const id = await this.#em.fork().transactional(async (tx) => {
      const row = await this.#keys.addVersion(tx, holder, activateAt);
      audit(tx, actor, {
        action: 'rotateAccountKey',
        resourceType: 'AccountKey',
        resourceId: row.id,
        details: { accountId: row.accountId, version: row.version, state: row.state },
      });
      return row.id;
    });
    const [view] = await this.#readModel.accountKeysById([id]);
    if (view === undefined) throw new LinewardError('INTERNAL', 'A key that was made is not there.');
    return view;
  }

  /**
   * Wraps keys anew under the newest wrapping key of the current provider, those first that were wrapped longest ago, and those of webhooks. No value
   * changes, and other processes notice nothing.
   * @throws LinewardError BAD_INPUT; KEY_UNAVAILABLE: what was wrapped until then stays so; KEY_MISMATCH when all was done
   * but keys that cannot be unwrapped.
   */
  async rewrapAccountKeys(actor: Actor, input: RewrapAccountKeys): Promise<RewrappedKeys> {
    const { wrappedBefore = new Date(), limit = rewrapDefault } = input;
    if (!Number.isInteger(limit) || limit < 1 || limit > rewrapMax)
      throw new LinewardError('BAD_INPUT', `limit: must be 1 to ${rewrapMax}`, { path: ['limit'] });
    await this.#others.rewrapAll();
    const em = this.#em.fork();
    const due = { state: { $ne: 'DESTROYED' as const }, wrappedAt: { $lt: wrappedBefore } };
    const rows = await em.find(AccountKeySchema, due, { orderBy: { wrappedAt: 'asc', id: 'asc' }, limit });
    let rewrapped = 0;
    const damaged: string[] = [];
    for (let start = 0; start < rows.length; start += rewrapsAtOnce) {
      const done = await Promise.all(rows.slice(start, start + rewrapsAtOnce).map((row) => this.#rewrap(row, damaged)));
      rewrapped += done.filter(Boolean).length;
    }
    const remaining = await em.count(AccountKeySchema, due);
    await em.transactional(async (tx) => {
      audit(tx, actor, {
        action: 'rewrapAccountKeys',
        resourceType: 'AccountKey',
        resourceId: null,
        details: { rewrapped, remaining, damaged: damaged.length, kekId: this.#providers.current.id },
      });
    });
    if (damaged.length > 0)
      throw new LinewardError(
        'KEY_MISMATCH',
        `${damaged.length} wrapped keys cannot be unwrapped, e.g. ${damaged[0]}.`,
        {
          details: { rewrapped, remaining, damaged },
        },
      );
    return { rewrapped, remaining, wrappedBefore };
  }

  /** True unless somebody destroyed or wrapped the key meanwhile, or nobody can unwrap it: one bad key stops no others. */
  async #rewrap({ id, kekId, wrapped }: AccountKeyRow, damaged: string[]): Promise<boolean> {
    if (wrapped == null) return false;
    const anew = await this.#providers.rewrap({ kekId, wrapped: Buffer.from(wrapped) }).catch((error: unknown) => {
      if (!(error instanceof LinewardError) || error.code !== 'KEY_MISMATCH') throw error;
      damaged.push(id);
      return null;
    });
    if (anew === null) return false;
    const changed = await this.#em
      .fork()
      .execute<unknown[]>(
        `update account_key set wrapped = ?, kek_id = ?, wrapped_at = now() where id = ? and wrapped = ? returning 1`,
        [anew.wrapped, anew.kekId, id, wrapped],
      );
    return changed.length === 1;
  }
}
