import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { audit } from '../audit/audit.service.ts';
import { textArray } from '../sql.ts';

export type CryptoVerb = 'SEAL' | 'OPEN' | 'REDACT';

const actions = { SEAL: 'encrypt', OPEN: 'decrypt', REDACT: 'redact' } as const;

export interface CryptoUse {
  readonly verb: CryptoVerb;
  /** Values by account; the account of a redaction is empty. */
  readonly counts: ReadonlyMap<string, number>;
  /** Why values are decrypted. */
  readonly purpose?: string;
}

/**
 * Counts the values of a call against the quota of its actor and each account, and leaves one audit event per account, in one
 * transaction and before any value is given out. Answers the accounts whose quota is used up.
 */
export async function recordUse(
  em: EntityManager,
  actor: Actor,
  { verb, counts, purpose }: CryptoUse,
  quotaPerMinute: number,
): Promise<ReadonlySet<string>> {
  // One order for all callers, or two of them could wait for each other.
  const accounts = [...counts.keys()].sort();
  if (accounts.length === 0) return new Set();
  return em.fork().transactional(async (tx) => {
    const rows = await tx.execute<{ account_id: string; used: string }[]>(
      `insert into crypto_usage (actor_id, account_id, verb, minute, used)
       select ?, account_id, ?, floor(extract(epoch from now()) / 60), used from unnest(?::text[], ?::bigint[]) as given (account_id, used)
       on conflict (actor_id, account_id, verb) do update set
         used = case when crypto_usage.minute = excluded.minute then crypto_usage.used + excluded.used else excluded.used end,
         minute = excluded.minute
       returning account_id, used`,
      [actor.id, verb, textArray(accounts), `{${accounts.map((account) => counts.get(account) ?? 0).join(',')}}`],
    );
    const refused = new Set(rows.filter((row) => Number(row.used) > quotaPerMinute).map((row) => row.account_id));
    for (const account of accounts)
      audit(tx, actor, {
        action: actions[verb],
        resourceType: 'Account',
        resourceId: null,
        outcome: refused.has(account) ? 'REFUSED' : 'SUCCESS',
        details: {
          ...(account === '' ? {} : { accountId: account }),
          values: counts.get(account) ?? 0,
          ...(purpose === undefined ? {} : { purpose }),
        },
      });
    return refused;
  });
}
