import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import type { Webhook } from '../../domain/changes/webhook.ts';
import { testMessage } from '../../domain/changes/webhook-message.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import { readWebhook } from './webhook.read-model.ts';
import type { Attempt, WebhookAttempts } from './webhook-attempt.ts';
import { sealedSecretsOf } from './webhook-vault.ts';

/** Tries webhooks out, beside what they are told. */
export class WebhookTesting {
  readonly #em: EntityManager;
  readonly #attempts: WebhookAttempts;
  readonly #now: () => Date;

  constructor(deps: {
    readonly em: EntityManager;
    readonly attempts: WebhookAttempts;
    readonly now: () => Date;
  }) {
    this.#em = deps.em;
    this.#attempts = deps.attempts;
    this.#now = deps.now;
  }

  /** Sends a message that tells nothing, once, also of a webhook that is paused. @throws LinewardError NOT_FOUND */
  async testWebhook(actor: Actor, id: string): Promise<{ readonly webhook: Webhook; readonly attempt: Attempt }> {
    const [row] = await this.#em.fork().execute('select * from webhook where id = ?', [id]);
    if (row === undefined) throw new LinewardError('NOT_FOUND', 'id: there is no such webhook', { path: ['id'] });
    const webhook = readWebhook(row);
    const message = testMessage(id, this.#now());
    const attempt = await this.#attempts.send(
      { id, sealed: sealedSecretsOf(row) },
      message,
      new AbortController().signal,
    );
    await this.#em.fork().transactional(async (tx) =>
      audit(tx, actor, {
        ...{ action: 'testWebhook', resourceType: 'Webhook', resourceId: id },
        outcome: attempt.outcome === 'DELIVERED' ? 'SUCCESS' : 'FAILED',
        details: { name: webhook.name, origin: webhook.origin, ...attempt },
      }),
    );
    return { webhook, attempt };
  }
}
