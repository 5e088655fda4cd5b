import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { AuditVerification } from '../../domain/audit/audit-proof.ts';
import { type AuditFault, type ChainEnd, ChainVerifier } from '../../domain/audit/chain-verifier.ts';
import type { Checkpoint } from '../../domain/audit/checkpoint.ts';
import { chainStart } from '../../domain/audit/sealed-event.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { readWhole } from '../access/reader.ts';
import type { Notary } from '../operations/ports.ts';
import { auditLogWithEvents, type LogEntryWithEvent, logBounds } from './audit-log.ts';
import type { CheckpointSink } from './ports.ts';

/** Most links that one call follows. */
const verifiedMax = 1_000_000;

const countRow = z.object({ count: z.coerce.number() });

/** Proves that the audit log is as it was written, or names the first place where it is not. */
export class AuditVerifier {
  readonly #em: EntityManager;
  readonly #notary: Pick<Notary, 'publicKey'>;
  readonly #sink: CheckpointSink;

  constructor(deps: {
    readonly em: EntityManager;
    readonly notary: Pick<Notary, 'publicKey'>;
    readonly sink: CheckpointSink;
  }) {
    this.#em = deps.em;
    this.#notary = deps.notary;
    this.#sink = deps.sink;
  }

  /**
   * Follows the chain behind the link `after`, compares each link with the event that it seals, and each checkpoint with the one
   * that was published.
   * @throws LinewardError NOT_FOUND when there is no link `after`.
   */
  verify(after: number): Promise<AuditVerification> {
    // It reads the log, which takes longer than an answer may.
    return readWhole(() => this.#verify(after));
  }

  async #verify(after: number): Promise<AuditVerification> {
    const em = this.#em.fork();
    const start = await chainEnd(em, after);
    // In this order: what is said to be published is there by then, and what is there is within the bounds.
    const said = await publishedSeqs(em, after);
    const published = await this.#sink.checkpoints();
    const bounds = await logBounds(em);
    const head = Math.min(bounds.head, after + verifiedMax);
    const isWhole = head === bounds.head;
    const verifier = new ChainVerifier(start, {
      trustedKey: this.#notary.publicKey,
      witnesses: published.filter(({ body }) => isWhole || body.seq <= head),
    });
    let fault: AuditFault | null = null;
    let checkpoints = 0;
    for await (const entry of auditLogWithEvents(em, after, { ...bounds, head })) {
      if (!isWhole && 'checkpoint' in entry && entry.checkpoint.body.seq > head) break;
      fault = faultOf(verifier, entry);
      if (fault !== null) break;
      if ('checkpoint' in entry) checkpoints += 1;
    }
    fault ??= verifier.end();
    fault ??= withdrawn(said, published);
    fault ??= isWhole ? await unsealedEvent(em, bounds.head) : null;
    const at = verifier.lastCheckpoint?.body.at;
    const [pending] = await em.execute('select count(*) from audit_pending');
    return {
      fault,
      links: verifier.last.seq - after,
      verifiedTo: verifier.last.seq,
      head: bounds.head,
      checkpoints,
      lastCheckpointAt: at === undefined ? null : new Date(at),
      pending: countRow.parse(pending).count,
      publicKey: this.#notary.publicKey,
    };
  }
}

function faultOf(verifier: ChainVerifier, entry: LogEntryWithEvent): AuditFault | null {
  if ('checkpoint' in entry) return verifier.checkpoint(entry.checkpoint);
  const { link, recordNow } = entry;
  const { seq } = link;
  const fault = verifier.link(link);
  if (fault !== null) return fault;
  if (recordNow === null)
    return { code: 'EVENT_MISSING', seq, explanation: `the event that link ${seq} seals is no longer in the log` };
  if (recordNow !== link.record)
    return { code: 'EVENT_CHANGED', seq, explanation: `the event that link ${seq} seals says something else now` };
  return null;
}

async function chainEnd(em: EntityManager, seq: number): Promise<ChainEnd> {
  if (seq === 0) return { seq, hash: chainStart };
  const [row] = await em.execute<{ hash: string }[]>('select hash from audit_seal where seq = ?::bigint', [seq]);
  if (row === undefined) throw new LinewardError('NOT_FOUND', `after: there is no link ${seq}`, { path: ['after'] });
  return { seq, hash: row.hash };
}

/** Links behind `after` that checkpoints name which the database says are published, by the number of the checkpoint. */
async function publishedSeqs(em: EntityManager, after: number): Promise<ReadonlyMap<number, number>> {
  const rows = await em.execute<{ number: string; seq: string }[]>(
    'select number, seq from audit_checkpoint where published_at is not null and seq > ?::bigint order by number',
    [after],
  );
  return new Map(rows.map(({ number, seq }) => [Number(number), Number(seq)]));
}

/** A checkpoint that is gone where it was published; nothing answers for what it has seen. */
function withdrawn(said: ReadonlyMap<number, number>, published: readonly Checkpoint[]): AuditFault | null {
  const there = new Set(published.map(({ body }) => body.number));
  const gone = [...said].find(([number]) => !there.has(number));
  if (gone === undefined) return null;
  const explanation = `checkpoint ${gone[0]} was published and is no longer in the directory of the ledger`;
  return { code: 'CHECKPOINT_MISSING', seq: gone[1], explanation };
}

/** An event that never waited to be sealed was put there by hand. */
async function unsealedEvent(em: EntityManager, head: number): Promise<AuditFault | null> {
  const rows = await em.execute<{ id: string }[]>(
    `select event.id from audit_event event
     left join audit_seal seal on seal.event_id = event.id
     left join audit_pending pending on pending.event_id = event.id
     where seal.event_id is null and pending.event_id is null limit 1`,
  );
  if (rows[0] === undefined) return null;
  const explanation = `the event ${rows[0].id} is in the log without having waited to be sealed`;
  return { code: 'EVENT_UNSEALED', seq: head + 1, explanation };
}
