import type { EntityManager } from '@mikro-orm/postgresql';
import { newId } from '../../domain/id.ts';
import { announceKeyChange } from './key-rows.ts';
import type { ShreddedHolder } from './ports.ts';

/**
 * Destroys every version of a holder's keys, or the one that is named, and leaves a row where there was none: what the ledger
 * tells stays so in a database that never had the key. Again it changes nothing. `destroyed` is told in the same transaction
 * how many keys there were.
 */
export async function destroyKeys(
  em: EntityManager,
  holder: Omit<ShreddedHolder, 'at'>,
  destroyed: (tx: EntityManager, keys: number) => void = () => undefined,
): Promise<void> {
  await em.fork().transactional(async (tx) => {
    const ids = await (holder.version === undefined ? destroyAll(tx, holder) : destroyOne(tx, holder, holder.version));
    for (const id of ids) await announceKeyChange(tx, id);
    if (ids.length > 0) destroyed(tx, ids.length);
  });
}

type Destroyed = Pick<ShreddedHolder, 'operationId' | 'accountId' | 'scope' | 'isWhole'>;

/** A version that had gone by itself before now goes with its holder. */
async function destroyAll(tx: EntityManager, { operationId, accountId, scope, isWhole }: Destroyed): Promise<string[]> {
  await tx.execute(
    `insert into account_key (id, account_id, scope, version, state, kek_id, enc_count, created_at, destroyed_at, destroyed_by)
     select ?, ?, ?, 1, 'DESTROYED', '', 0, now(), now(), ?
     where not exists (select 1 from account_key where account_id = ? and scope = ?)
     on conflict do nothing`,
    [newId(), accountId, scope, operationId, accountId, scope],
  );
  await tx.execute(
    `update account_key set destroyed_singly = false where account_id = ? and (? or scope = ?) and destroyed_singly`,
    [accountId, isWhole, scope],
  );
  return idsOf(
    await tx.execute(
      `update account_key set state = 'DESTROYED', wrapped = null, destroyed_at = now(), destroyed_by = ?
       where account_id = ? and (? or scope = ?) and state <> 'DESTROYED' returning id`,
      [operationId, accountId, isWhole, scope],
    ),
  );
}

async function destroyOne(
  tx: EntityManager,
  { operationId, accountId, scope }: Destroyed,
  version: number,
): Promise<string[]> {
  await tx.execute(
    `insert into account_key
       (id, account_id, scope, version, state, kek_id, enc_count, created_at, destroyed_at, destroyed_by, destroyed_singly)
     values (?, ?, ?, ?, 'DESTROYED', '', 0, now(), now(), ?, true)
     on conflict do nothing`,
    [newId(), accountId, scope, version, operationId],
  );
  return idsOf(
    await tx.execute(
      `update account_key
       set state = 'DESTROYED', wrapped = null, destroyed_at = now(), destroyed_by = ?, destroyed_singly = true
       where account_id = ? and scope = ? and version = ? and state <> 'DESTROYED' returning id`,
      [operationId, accountId, scope, version],
    ),
  );
}

const idsOf = (rows: readonly { readonly id: string }[]): string[] => rows.map(({ id }) => id);
