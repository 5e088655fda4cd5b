import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { ChainEnd } from '../../domain/audit/chain-verifier.ts';
import { type AuditRecord, chainStart, sealed } from '../../domain/audit/sealed-event.ts';
import { changeTypeOf } from '../../domain/changes/change.ts';
import { nativeTransaction, type Statements, textArrayBytes } from '../sql.ts';
import { auditRecord, auditRecordColumns, auditRecordText } from './audit-record.ts';

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
        isMore = await sealBatch(tx);
      });
    }
  }
}

/** Which of those that wait, is told by their place in the table: nobody changes them there, and by id each would be looked up again. */
const take = `
  with taken as materialized (
    delete from audit_pending
    where ctid = any(array(select ctid from audit_pending order by event_id limit ${batchMax})) returning event_id
  )
  select ${auditRecordColumns} from taken join audit_event event on event.id = taken.event_id order by event.id`;

/** Links, and what of them is for the change feed, behind the link whose number and hash are given. */
const link = `
  with given as materialized (
    select ?::bigint + place as seq, event_id, record, lag(hash, 1, ?::text) over (order by place) as prev, hash, type
    from unnest(?::text[], ?::text[], ?::text[], ?::text[]) with ordinality given(event_id, record, hash, type, place)
  ), linked as (
    insert into audit_seal (seq, event_id, record, prev, hash, sealed_at)
    select seq, event_id, record, prev, hash, now() from given
  ), told as (
    insert into change (seq, type) select seq, type from given where type <> '' returning 1
  )
  select count(*)::integer as told from told`;

/** False when another process is at it. */
async function sealBatch(tx: Statements): Promise<boolean> {
  const [lock] = await tx.execute<{ is_free: boolean }[]>(
    `select pg_try_advisory_xact_lock(hashtext('lineward.audit.seal')) as is_free`,
  );
  if (lock?.is_free !== true) return false;
  const [found] = await tx.execute('select seq, hash from audit_seal order by seq desc limit 1');
  const last = found === undefined ? { seq: 0, hash: chainStart } : lastLink.parse(found);
  const rows = await tx.execute<object[]>(take);
  if (rows.length === 0) return true;
  // Somebody who cut the log off left its changes: they must not keep from being sealed what takes their numbers.
  await tx.execute('delete from change where seq > ?::bigint', [last.seq]);
  const [done] = await tx.execute<{ told: number }[]>(link, linkValues(rows.map(auditRecord), last));
  // Who follows the changes wakes once they are committed.
  if ((done?.told ?? 0) > 0) await tx.execute(`select pg_notify('change_sealed', '')`);
  return true;
}

/** The values of `link` for records behind the last link. */
function linkValues(records: readonly AuditRecord[], last: ChainEnd): unknown[] {
  const links = sealed(records.map(auditRecordText), last);
  return [
    ...[last.seq, last.hash],
    textArrayBytes(records.map(({ id }) => id)),
    textArrayBytes(links.map(({ record }) => record)),
    textArrayBytes(links.map(({ hash }) => hash)),
    textArrayBytes(records.map((record) => changeTypeOf(record) ?? '')),
  ];
}
