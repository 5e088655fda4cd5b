import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { type AuditRecord, type SealedEvent, sealed } from '../../domain/audit/sealed-event.ts';
import { changeTypeOf } from '../../domain/changes/change.ts';
import { nativeTransaction, type Statements } from '../sql.ts';
import { auditRecordColumns, auditRecordText } from './audit-record.ts';

/** Events that are sealed in one transaction. */
const batchMax = 5_000;

const lastLink = z.object({ seq: z.coerce.number(), hash: z.string() });

/**
 * Puts audit events into the hash chain. Events wait in `audit_pending` from their own transaction on; one process at a time
 * takes them from there, so there is one chain, and what commits late is sealed late and not forgotten.
 */
export class AuditSealer {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** Seals what waits, unless another process is at it. */
  async seal(): Promise<void> {
    const em = this.#em.fork();
    for (let isMore = true; isMore; ) {
      const waiting = await em.execute('select 1 from audit_pending limit 1');
      if (waiting.length === 0) return;
      await nativeTransaction(em, async (tx) => {
        isMore = (await sealBatch(tx)) === batchMax;
      });
    }
  }
}

/** Answers how many events were sealed. */
async function sealBatch(tx: Statements): Promise<number> {
  const [lock] = await tx.execute<{ is_free: boolean }[]>(
    `select pg_try_advisory_xact_lock(hashtext('lineward.audit.seal')) as is_free`,
  );
  if (lock?.is_free !== true) return 0;
  const [last] = await tx.execute('select seq, hash from audit_seal order by seq desc limit 1');
  const taken = await tx.execute<{ event_id: string }[]>(
    `delete from audit_pending where event_id in (select event_id from audit_pending order by event_id limit ${batchMax})
     returning event_id`,
  );
  const rows = await tx.execute<{ id: string }[]>(
    `select ${auditRecordColumns} from audit_event event where event.id = any(?::text[]) order by event.id`,
    [taken.map((row) => row.event_id)],
  );
  const links = sealed(rows.map(auditRecordText), last === undefined ? null : lastLink.parse(last));
  await tx.execute(
    `insert into audit_seal (seq, event_id, record, prev, hash, sealed_at)
     select *, now() from unnest(?::bigint[], ?::text[], ?::text[], ?::text[], ?::text[])`,
    [
      links.map(({ seq }) => seq),
      rows.map(({ id }) => id),
      links.map(({ record }) => record),
      links.map(({ prev }) => prev),
      links.map(({ hash }) => hash),
    ],
  );
  await tellChanges(tx, links);
  return taken.length;
}

/** Puts what is for it into the change feed, together with the links, and wakes who follows it once they are committed. */
async function tellChanges(tx: Statements, links: readonly SealedEvent[]): Promise<void> {
  const changes = links.flatMap(({ seq, record }) => {
    const type = changeTypeOf(JSON.parse(record) as AuditRecord);
    return type === null ? [] : [{ seq, type }];
  });
  // Somebody who cut the log off left its changes: they must not keep from being sealed what takes their numbers.
  await tx.execute('delete from change where seq >= ?::bigint', [links[0]?.seq ?? null]);
  if (changes.length === 0) return;
  await tx.execute('insert into change (seq, type) select * from unnest(?::bigint[], ?::text[])', [
    changes.map(({ seq }) => seq),
    changes.map(({ type }) => type),
  ]);
  await tx.execute(`select pg_notify('change_sealed', '')`);
}
