import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { systemActor, webhookActor } from '../../domain/access/actor.ts';
import type { Change } from '../../domain/changes/change.ts';
import type { Webhook } from '../../domain/changes/webhook.ts';
import { changesMessage, retryDelayMs } from '../../domain/changes/webhook-message.ts';
import type { CatalogReaders } from '../access/catalog-readers.ts';
import { readAs } from '../access/reader.ts';
import { audit } from '../audit/audit.service.ts';
import type { HeldLease, LeaseService } from '../operations/lease.service.ts';
import type { ChangeFeed } from './change-feed.read-model.ts';
import { readWebhook } from './webhook.read-model.ts';
import type { Attempt, WebhookAttempts } from './webhook-attempt.ts';
import { webhookLease } from './webhook-lease.ts';
import { type SealedSecrets, sealedSecretsOf } from './webhook-vault.ts';

const batchMax = 100;
/** How long one message is tried. */
const givenUpAfterMs = 24 * 3_600_000;
/** What a receiver answers that wants nothing any more. */
const gone = 410;

const progressRow = z.object({ sending_until: z.coerce.number().nullable() });

interface Row {
  readonly webhook: Webhook;
  readonly sealed: SealedSecrets;
  readonly sendingUntil: number | null;
}

/**
 * Tells one webhook what it has not been told, batch by batch, under its lease. The end of a batch is written down before it is
 * sent, and how far the webhook is only after the receiver took it: who is killed in between sends the same message again.
 */
export class WebhookDelivery {
  readonly #em: EntityManager;
  readonly #feed: ChangeFeed;
  readonly #attempts: WebhookAttempts;
  readonly #leases: LeaseService;
  readonly #readers: Pick<CatalogReaders, 'of'>;
  readonly #now: () => Date;

  constructor(deps: {
    readonly em: EntityManager;
    readonly feed: ChangeFeed;
    readonly attempts: WebhookAttempts;
    readonly leases: LeaseService;
    readonly readers: Pick<CatalogReaders, 'of'>;
    readonly now: () => Date;
  }) {
    this.#em = deps.em;
    this.#feed = deps.feed;
    this.#attempts = deps.attempts;
    this.#leases = deps.leases;
    this.#readers = deps.readers;
    this.#now = deps.now;
  }

  /** Returns once there is nothing more to tell now, or another process is at it. */
  async deliver(id: string, signal: AbortSignal): Promise<void> {
    const lease = await this.#leases.acquire(webhookLease(id));
    if (lease === null) return;
    try {
      while (!signal.aborted && (await this.#deliverBatch(id, lease, signal)));
    } finally {
      await lease.release();
    }
  }

  /** True when there may be more. */
  async #deliverBatch(id: string, lease: HeldLease, signal: AbortSignal): Promise<boolean> {
    const row = await this.#dueRow(id);
    if (row === null) return false;
    const batch = await this.#batch(row);
    if (batch === null) return false;
    await lease.assertHeld();
    const attempt = await this.#attempts.send({ id, sealed: row.sealed }, changesMessage(id, batch), signal);
    // Stopped half way: nobody knows whether it arrived, so that it is sent again and counts as no failure.
    if (signal.aborted && attempt.outcome !== 'DELIVERED') return false;
    const last = batch.at(-1) ?? batch[0];
    if (attempt.outcome !== 'DELIVERED') await this.#failed(row.webhook, attempt);
    else await this.#delivered(row.webhook, last.seq, attempt);
    return attempt.outcome === 'DELIVERED';
  }

  async #dueRow(id: string): Promise<Row | null> {
    const [row] = await this.#em
      .fork()
      .execute(
        `select * from webhook where id = ? and state = 'ACTIVE' and (next_attempt_at is null or next_attempt_at <= ?)`,
        [id, this.#now()],
      );
    if (row === undefined) return null;
    const { sending_until: sendingUntil } = progressRow.parse(row);
    return { webhook: readWebhook(row), sealed: sealedSecretsOf(row), sendingUntil };
  }

  /** The batch under way, or else the next one; null where there is nothing to tell. */
  async #batch({ webhook, sendingUntil }: Row): Promise<readonly [Change, ...Change[]] | null> {
    const { id, types, deliveredSeq: after } = webhook;
    // Read before the changes: what comes in between is behind it.
    const until = sendingUntil ?? (await this.#feed.end());
    // A policy may keep things from a webhook as from a person: it goes by its name.
    const reader = this.#readers.of(webhookActor(webhook.name));
    const [first, ...more] = await readAs(reader, () => this.#feed.changesIn(types, { after, until, limit: batchMax }));
    if (first === undefined) {
      if (until > after) await this.#move(id, after, `delivered_seq = ?, sending_until = null`, [until]);
      return null;
    }
    const isOurs =
      sendingUntil !== null || (await this.#move(id, after, 'sending_until = ?', [more.at(-1)?.seq ?? first.seq]));
    return isOurs ? [first, ...more] : null;
  }

  async #delivered({ id, deliveredSeq }: Webhook, seq: number, { outcome, status }: Attempt): Promise<void> {
    await this.#move(
      id,
      deliveredSeq,
      `delivered_seq = ?, sending_until = null, attempts = 0, failing_since = null, next_attempt_at = null, last_outcome = ?, last_status = ?,
       last_attempt_at = now(), last_delivered_at = now()`,
      [seq, outcome, status],
    );
  }

  async #failed(webhook: Webhook, { outcome, status }: Attempt): Promise<void> {
    const { id, name, origin, deliveredSeq } = webhook;
    const now = this.#now();
    const failingSince = webhook.failingSince ?? now;
    const attempts = webhook.attempts + 1;
    const next = new Date(now.getTime() + retryDelayMs(attempts, Math.random()));
    const reason = pausedReason(outcome, status, now.getTime() - failingSince.getTime());
    await this.#em.fork().transactional(async (tx) => {
      const changed = await tx.execute<unknown[]>(
        `update webhook set attempts = ?, failing_since = ?, next_attempt_at = ?, last_outcome = ?, last_status = ?,
           last_attempt_at = now(), state = ?, paused_reason = ?
         where id = ? and delivered_seq = ? and state = 'ACTIVE' returning 1`,
        [
          ...[
            attempts,
            failingSince,
            reason === null ? next : null,
            outcome,
            status,
            reason === null ? 'ACTIVE' : 'PAUSED',
            reason,
          ],
          ...[id, deliveredSeq],
        ],
      );
      if (reason !== null && changed.length > 0)
        audit(tx, systemActor, {
          ...{ action: 'pauseWebhook', resourceType: 'Webhook', resourceId: id },
          details: { name, origin, outcome, status, attempts },
        });
    });
  }

  /** Changes the row; false when a worker that had the lease in between has moved it, or it was deleted. */
  async #move(id: string, from: number, columns: string, values: readonly unknown[]): Promise<boolean> {
    const changed = await this.#em
      .fork()
      .execute<unknown[]>(`update webhook set ${columns} where id = ? and delivered_seq = ? returning 1`, [
        ...values,
        id,
        from,
      ]);
    return changed.length > 0;
  }
}

/** Why a webhook is no longer tried; null while it is. */
function pausedReason(outcome: Attempt['outcome'], status: number | null, failingMs: number): string | null {
  if (status === gone) return 'the receiver answered 410: it wants nothing any more';
  if (failingMs < givenUpAfterMs) return null;
  return `nothing could be delivered for a day, last: ${outcome}${status === null ? '' : ` (${status})`}`;
}
