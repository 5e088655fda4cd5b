import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { changeTypeNames } from '../../domain/changes/change-type.ts';
import { type AttemptOutcome, attemptOutcomes, type Webhook, webhookStates } from '../../domain/changes/webhook.ts';
import type { Page, PageRequest } from '../../domain/page.ts';
import { keysetPage } from '../keyset-page.ts';
import { textArray } from '../sql.ts';

const countedMax = 100_000;
const time = z.coerce.date();
const webhookRow = z
  .object({
    id: z.string(),
    name: z.string(),
    origin: z.string(),
    types: z.array(z.enum(changeTypeNames)).nullable(),
    state: z.enum(webhookStates),
    paused_reason: z.string().nullable(),
    delivered_seq: z.coerce.number(),
    attempts: z.number(),
    failing_since: time.nullable(),
    next_attempt_at: time.nullable(),
    last_attempt_at: time.nullable(),
    last_outcome: z.enum(Object.keys(attemptOutcomes) as AttemptOutcome[]).nullable(),
    last_status: z.number().nullable(),
    last_delivered_at: time.nullable(),
    created_by: z.string(),
    created_at: time,
  })
  .transform(
    (row): Webhook => ({
      ...{ id: row.id, name: row.name, origin: row.origin, types: row.types },
      ...{ state: row.state, pausedReason: row.paused_reason, deliveredSeq: row.delivered_seq, attempts: row.attempts },
      ...{ failingSince: row.failing_since, nextAttemptAt: row.next_attempt_at, lastAttemptAt: row.last_attempt_at },
      ...{ lastOutcome: row.last_outcome, lastStatus: row.last_status, lastDeliveredAt: row.last_delivered_at },
      ...{ createdBy: row.created_by, createdAt: row.created_at },
    }),
  );

/** A row of `webhook` as clients may know it. */
export const readWebhook = (row: unknown): Webhook => webhookRow.parse(row);

/** Questions about webhooks. */
export class WebhookReadModel {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  webhooks(request: PageRequest): Promise<Page<Webhook>> {
    return keysetPage(this.#em.fork(), {
      table: 'webhook',
      order: [{ column: 'id', type: 'text', descending: true }],
      request,
      parse: readWebhook,
    });
  }

  async webhooksById(ids: readonly string[]): Promise<readonly Webhook[]> {
    const rows = await this.#em.fork().execute('select * from webhook where id = any(?::text[])', [textArray(ids)]);
    return rows.map(readWebhook);
  }

  /** How many changes each has still to be told of, counted up to a limit: one that was paused long ago may be far behind. */
  async changesBehind(ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#em.fork().execute<{ id: string; behind: string }[]>(
      `select webhook.id, (select count(*) from (select 1 from change
         where change.seq > webhook.delivered_seq and (webhook.types is null or change.type = any(webhook.types))
         limit ${countedMax}) as counted) as behind
       from webhook where id = any(?::text[])`,
      [textArray(ids)],
    );
    return new Map(rows.map(({ id, behind }) => [id, Number(behind)]));
  }
}
