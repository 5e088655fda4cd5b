import type { EntityManager } from '@mikro-orm/postgresql';
import type { KeyHolder } from '../../domain/privacy/key-holder.ts';
import { holderId } from '../../domain/privacy/key-holder.ts';
import { type AccountKeyRow, AccountKeySchema } from '../../entities/account-key.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { textArray } from '../sql.ts';

/** Holds the keys of one holder against other writers until the transaction ends. */
export async function lockHolder(tx: EntityManager, holder: KeyHolder): Promise<void> {
  await tx.execute('select pg_advisory_xact_lock(hashtextextended(?, 0))', [`account_key:${holderId(holder)}`]);
}

/** The number after the newest version. A holder whose newest version is destroyed gets no further key. */
export async function nextVersion(em: EntityManager, holder: KeyHolder): Promise<number> {
  const [newest] = await em.find(AccountKeySchema, { ...holder }, { orderBy: { version: 'desc' }, limit: 1 });
  if (holder.scope !== '' && holder.accountId !== '') await assertAccountLives(em, holder.accountId);
  if (newest === undefined) return 1;
  if (isGone(newest)) throw new LinewardError('KEY_DESTROYED');
  return newest.version + 1;
}

// Who destroys an account's keys means the persons in it that come later, too.
async function assertAccountLives(em: EntityManager, accountId: string): Promise<void> {
  const where = { accountId, scope: '' };
  const [newest] = await em.find(AccountKeySchema, where, { orderBy: { version: 'desc' }, limit: 1 });
  if (newest !== undefined && isGone(newest)) throw new LinewardError('KEY_DESTROYED');
}

/**
 * True when the holder's keys were destroyed, all of them. A database that was restored from before a rotation has a version
 * that was destroyed by itself as its newest.
 */
function isGone({ state, destroyedSingly }: AccountKeyRow): boolean {
  return state === 'DESTROYED' && !destroyedSingly;
}

/** Keys that encrypt now, and keys made ahead whose time has come, of many holders in one statement. */
export async function currentRows(
  em: EntityManager,
  holders: readonly KeyHolder[],
  now: Date,
): Promise<ReadonlyMap<string, AccountKeyRow>> {
  if (holders.length === 0) return new Map();
  const rows = await em
    .createQueryBuilder(AccountKeySchema, 'k')
    .where(
      `(k.account_id, k.scope) in (select * from unnest(?::text[], ?::text[]))
       and (k.state = 'ACTIVE' or (k.state = 'PRE_ACTIVE' and k.activated_at <= ?))`,
      [textArray(holders.map((one) => one.accountId)), textArray(holders.map((one) => one.scope)), now],
    )
    .orderBy({ version: 'asc' })
    .getResultList();
  return new Map(rows.map((row) => [holderId(row), row]));
}

/** Says to all processes that what they keep of a key is not to be used any more. */
export async function announceKeyChange(em: EntityManager, keyId: string): Promise<void> {
  await em.execute(`select pg_notify('account_key_changed', ?)`, [keyId]);
}
