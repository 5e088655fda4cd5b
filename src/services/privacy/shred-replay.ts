import type { EntityManager } from '@mikro-orm/postgresql';
import { systemActor } from '../../domain/access/actor.ts';
import { audit } from '../audit/audit.service.ts';
import { destroyKeys } from './destroy-keys.ts';
import type { ShredLedger } from './ports.ts';

/**
 * Destroys again what the ledger says was destroyed, from where this database stopped reading: a database that was restored from
 * a backup has an earlier place and older keys. Run before anything is served. Answers how many entries were read.
 */
export async function replayShreds(em: EntityManager, ledger: ShredLedger): Promise<number> {
  const [known] = await em
    .fork()
    .execute<{ bytes: string }[]>('select bytes from shred_ledger_position where ledger = ?', [ledger.id]);
  let count = 0;
  for await (const { holder, next } of ledger.entries(Number(known?.bytes ?? 0))) {
    await destroyKeys(em, holder, (tx, keys) =>
      audit(tx, systemActor, {
        action: 'destroyKeysAgain',
        resourceType: 'Operation',
        resourceId: holder.operationId,
        details: { keys },
      }),
    );
    count += 1;
    await em.fork().execute(
      `insert into shred_ledger_position (ledger, bytes) values (?, ?)
       on conflict (ledger) do update set bytes = greatest(shred_ledger_position.bytes, excluded.bytes)`,
      [ledger.id, next],
    );
  }
  return count;
}
