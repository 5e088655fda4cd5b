import type { EntityManager } from '@mikro-orm/postgresql';
import type { Logger } from '../../domain/logger.ts';
import type { WebhookDelivery } from './webhook-delivery.ts';

/** Webhooks that one process tells at a time; a receiver that is slow holds up no other. */
const atOnceMax = 32;

/** Looks which webhooks have something to be told, and has each told apart from the others. */
export class WebhookDeliveries {
  readonly #em: EntityManager;
  readonly #delivery: Pick<WebhookDelivery, 'deliver'>;
  readonly #logger: Logger;
  readonly #now: () => Date;
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #stopping = new AbortController();

  constructor(deps: {
    readonly em: EntityManager;
    readonly delivery: Pick<WebhookDelivery, 'deliver'>;
    readonly logger: Logger;
    readonly now: () => Date;
  }) {
    this.#em = deps.em;
    this.#delivery = deps.delivery;
    this.#logger = deps.logger;
    this.#now = deps.now;
  }

  /** Begins what is due, and does not wait for it. */
  async sweep(): Promise<void> {
    const due = await this.#em.fork().execute<{ id: string }[]>(
      `select id from webhook where state = 'ACTIVE' and (next_attempt_at is null or next_attempt_at <= ?)
         and delivered_seq < (select coalesce(max(seq), 0) from change) order by next_attempt_at nulls first, id`,
      [this.#now()],
    );
    for (const { id } of due) {
      if (this.#stopping.signal.aborted || this.#underWay.size >= atOnceMax) return;
      if (!this.#underWay.has(id)) this.#begin(id);
    }
  }

  /** Ends what is under way; what nobody answered to is sent again. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#underWay.values());
  }

  #begin(id: string): void {
    const work = this.#delivery
      .deliver(id, this.#stopping.signal)
      .catch((error: unknown) => this.#logger.warn({ webhookId: id, error }, 'a webhook could not be told of changes'))
      .finally(() => this.#underWay.delete(id));
    this.#underWay.set(id, work);
  }
}
