import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import type { KeyHolder } from '../../domain/privacy/key-holder.ts';
import type { AccessGuard } from '../access/access-guard.ts';
import { textArray } from '../sql.ts';
import type { TokenKeys } from './token-keys.ts';

/** Persons of one call that are looked through; with more, all persons of their accounts count. */
const personsMax = 20_000;

/** True for a holder of keys whose values are not to be read. */
export type IsDeferred = (holder: KeyHolder) => boolean;

/**
 * Whose data is kept for a hold or a regulation alone, since its erasure was asked for: it is not decrypted meanwhile, but by
 * those who may place holds. A person inside an account is known by the key of their own; what the account's key encrypted is the
 * account's.
 */
export class DeferredHolders {
  readonly #em: EntityManager;
  readonly #access: Pick<AccessGuard, 'may'>;
  readonly #tokenKeys: Pick<TokenKeys, 'subjectScope'>;

  constructor(deps: {
    readonly em: EntityManager;
    readonly access: Pick<AccessGuard, 'may'>;
    readonly tokenKeys: Pick<TokenKeys, 'subjectScope'>;
  }) {
    this.#em = deps.em;
    this.#access = deps.access;
    this.#tokenKeys = deps.tokenKeys;
  }

  async among(actor: Actor, accountIds: readonly string[]): Promise<IsDeferred> {
    if (this.#access.may(actor, 'HOLD')) return () => false;
    const rows = await this.#em.fork().execute<{ account_id: string; field: string | null; value: string | null }[]>(
      `select distinct s.account_id, s.subject_field as field, s.subject_value as value
       from erasure_deferral d join operation_subject s on s.operation_id = d.operation_id
       -- Of whom one version of a key was to go, nobody asked for the data.
       where d.ended_at is null and s.key_version is null and s.account_id = any(?::text[]) limit ${personsMax + 1}`,
      [textArray(accountIds.filter((id) => id.isWellFormed() && !id.includes('\0')))],
    );
    if (rows.length === 0) return () => false;
    const accounts = new Set(rows.filter(({ field }) => field === null).map((row) => row.account_id));
    if (rows.length > personsMax) return ({ accountId, scope }) => scope !== '' || accounts.has(accountId);
    const scopeOf = await this.#tokenKeys.subjectScope();
    const scopes = new Set(
      rows.flatMap(({ account_id: accountId, field, value }) =>
        field === null || value === null ? [] : [scopeOf({ accountId, field, value })],
      ),
    );
    return ({ accountId, scope }) => accounts.has(accountId) || (scope !== '' && scopes.has(scope));
  }
}
