import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { KeyHolder } from '../../domain/privacy/key-holder.ts';
import { holderId } from '../../domain/privacy/key-holder.ts';
import { keyStates } from '../../domain/privacy/key-state.ts';
import { type AccountKeyRow, AccountKeySchema } from '../../entities/account-key.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { executePrepared, prepared, textArray } from '../sql.ts';

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

/** What of a key's row encrypting needs. */
export type CurrentKey = Pick<
  AccountKeyRow,
  'id' | 'accountId' | 'scope' | 'version' | 'state' | 'kekId' | 'wrapped' | 'encCount' | 'activatedAt'
>;

const currentKey = z
  .object({
    id: z.string(),
    account_id: z.string(),
    scope: z.string(),
    version: z.number(),
    state: z.enum(keyStates),
    kek_id: z.string(),
    wrapped: z.instanceof(Buffer).nullable(),
    enc_count: z.coerce.number(),
    activated_at: z.coerce.date().nullable(),
  })
  .transform(
    (row): CurrentKey => ({
      id: row.id,
      accountId: row.account_id,
      scope: row.scope,
      version: row.version,
      state: row.state,
      kekId: row.kek_id,
      wrapped: row.wrapped,
      encCount: row.enc_count,
      activatedAt: row.activated_at,
    }),
  );

// Every call that encrypts begins with it.
const currentKeys = prepared(
  'current_keys',
  `select id, account_id, scope, version, state, kek_id, wrapped, enc_count, activated_at from account_key
   where (account_id, scope) in (select * from unnest(:accounts::text[], :scopes::text[]))
     and (state = 'ACTIVE' or (state = 'PRE_ACTIVE' and activated_at <= :now::timestamptz))
   order by version`,
);

/** Keys that encrypt now, and keys made ahead whose time has come, of many holders in one statement. */
export async function currentRows(
  em: EntityManager,
  holders: readonly KeyHolder[],
  now: Date,
): Promise<ReadonlyMap<string, CurrentKey>> {
  if (holders.length === 0) return new Map();
  const rows = await executePrepared(em, currentKeys, {
    accounts: textArray(holders.map((one) => one.accountId)),
    scopes: textArray(holders.map((one) => one.scope)),
    now: now.toISOString(),
  });
  return new Map(rows.map((row) => currentKey.parse(row)).map((key) => [holderId(key), key]));
}

/** Says to all processes that what they keep of a key is not to be used any more. */
export async function announceKeyChange(em: EntityManager, keyId: string): Promise<void> {
  await em.execute(`select pg_notify('account_key_changed', ?)`, [keyId]);
}
