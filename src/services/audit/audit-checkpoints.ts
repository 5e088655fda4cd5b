import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { CheckpointBody } from '../../domain/audit/checkpoint.ts';
import { MerkleRoot } from '../../domain/audit/merkle-root.ts';
import { canonicalJson, digestOf } from '../../domain/canonical-json.ts';
import type { Logger } from '../../domain/logger.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { Notary } from '../operations/ports.ts';
import { nativeTransaction, type Statements } from '../sql.ts';
import { readCheckpoint } from './checkpoint-row.ts';
import type { CheckpointSink } from './ports.ts';

/** Most links between two checkpoints, however little time passed. */
const linksMax = 100_000;
/** Checkpoints that are published in one go. */
const publishedMax = 1_000;

const due = z.object({ links: z.coerce.number(), is_time: z.boolean() });

/** Signs from time to time what the audit log is, and publishes it where the database's administrator cannot write. */
export class AuditCheckpoints {
  readonly #em: EntityManager;
  readonly #notary: Pick<Notary, 'sign'>;
  readonly #sink: CheckpointSink;
  readonly #intervalMs: number;
  readonly #logger: Logger;
  /** The checkpoint whose number is taken where they are published, if one is: told once. */
  #refused: number | null = null;

  constructor(deps: {
    readonly em: EntityManager;
    readonly notary: Pick<Notary, 'sign'>;
    readonly sink: CheckpointSink;
    readonly intervalMs: number;
    readonly logger: Logger;
  }) {
    this.#em = deps.em;
    this.#notary = deps.notary;
    this.#sink = deps.sink;
    this.#intervalMs = deps.intervalMs;
    this.#logger = deps.logger;
  }

  /** Makes the checkpoints that are due, unless another process is at it, and publishes those that were not published. */
  async keepUp(): Promise<void> {
    const em = this.#em.fork();
    while (await this.#isDue(em)) {
      let isMade = false;
      await nativeTransaction(em, async (tx) => {
        isMade = await this.#make(tx);
      });
      if (!isMade) break;
    }
    await this.#publish(em);
  }

  async #isDue(em: EntityManager): Promise<boolean> {
    const [row] = await em.execute(
      `select (select coalesce(max(seq), 0) from audit_seal) - coalesce(last.seq, 0) as links,
         last.number is null or now() - last.made_at >= make_interval(secs => ?::float8 / 1000) as is_time
       from (select) as one left join (select * from audit_checkpoint order by number desc limit 1) as last on true`,
      [this.#intervalMs],
    );
    const { links, is_time: isTime } = due.parse(row);
    return links >= linksMax || (links > 0 && isTime);
  }

  /** False when another process is at it, or was. */
  async #make(tx: Statements): Promise<boolean> {
    const [lock] = await tx.execute<{ is_free: boolean; now: string }[]>(
      `select pg_try_advisory_xact_lock(hashtext('lineward.audit.checkpoint')) as is_free, now() as now`,
    );
    if (lock?.is_free !== true) return false;
    const [row] = await tx.execute('select * from audit_checkpoint order by number desc limit 1');
    const before = row === undefined ? null : readCheckpoint(row).body;
    const links = await tx.execute<{ seq: string; hash: string }[]>(
      `select seq, hash from audit_seal where seq > ?::bigint order by seq limit ${linksMax}`,
      [before?.seq ?? 0],
    );
    const last = links.at(-1);
    if (last === undefined) return false;
    const tree = new MerkleRoot();
    for (const { hash } of links) tree.add(hash);
    const body: CheckpointBody = {
      type: 'lineward.audit.checkpoint',
      version: 1,
      number: (before?.number ?? 0) + 1,
      seq: Number(last.seq),
      hash: last.hash,
      root: tree.root(),
      previous: before === null ? null : digestOf(before),
      at: new Date(lock.now).toISOString(),
    };
    const text = canonicalJson(body);
    const { signature, publicKey } = this.#notary.sign(text);
    await tx.execute(
      'insert into audit_checkpoint (number, seq, body, signature, public_key, made_at) values (?, ?, ?, ?, ?, ?)',
      [body.number, body.seq, text, signature, publicKey, lock.now],
    );
    return true;
  }

  async #publish(em: EntityManager): Promise<void> {
    const rows = await em.execute(
      `select * from audit_checkpoint where published_at is null order by number limit ${publishedMax}`,
    );
    for (const row of rows) {
      const checkpoint = readCheckpoint(row);
      const { number } = checkpoint.body;
      try {
        await this.#sink.publish(checkpoint);
      } catch (error) {
        if (!(error instanceof LinewardError) || error.code !== 'AUDIT_CHECKPOINT_REFUSED') throw error;
        // After a restore of the database this is how it is until a person has decided; sealing goes on meanwhile.
        if (this.#refused !== number) this.#logger.error({ number, error }, refusedTelling);
        this.#refused = number;
        return;
      }
      await em.execute('update audit_checkpoint set published_at = now() where number = ? and published_at is null', [
        number,
      ]);
    }
    this.#refused = null;
  }
}

const refusedTelling =
  'another checkpoint of this number was published before: the database was restored from an older dump, or the audit log was made anew; docs/audit.md says how to go on';
