import { HttpWebhookSender } from './adapters/webhook/http-webhook-sender.ts';
import type { Env } from './config/env.ts';
import type { Logger } from './domain/logger.ts';
import type { Parts } from './open-parts.ts';
import type { CatalogReaders } from './services/access/catalog-readers.ts';
import { ChangeFeed } from './services/changes/change-feed.read-model.ts';
import { ChangeFollowers } from './services/changes/change-followers.ts';
import { WebhookReadModel } from './services/changes/webhook.read-model.ts';
import { WebhookService } from './services/changes/webhook.service.ts';
import { WebhookAttempts } from './services/changes/webhook-attempt.ts';
import { WebhookDeliveries } from './services/changes/webhook-deliveries.ts';
import { WebhookDelivery } from './services/changes/webhook-delivery.ts';
import { WebhookTesting } from './services/changes/webhook-testing.ts';
import type { WebhookVault } from './services/changes/webhook-vault.ts';
import { LeaseService } from './services/operations/lease.service.ts';

/** The feed of changes, and who is told of it. */
export function buildChanges(
  env: Env,
  logger: Logger,
  {
    database: { em },
    changeNotices,
    vault,
    readers,
  }: Pick<Parts, 'database' | 'changeNotices'> & { readonly vault: WebhookVault; readonly readers: CatalogReaders },
) {
  const now = (): Date => new Date();
  const changes = new ChangeFeed({ em });
  const sender = new HttpWebhookSender({
    isPrivateAllowed: env.WEBHOOK_PRIVATE_ADDRESSES,
    timeoutMs: env.WEBHOOK_TIMEOUT_MS,
  });
  const attempts = new WebhookAttempts({ vault, sender, now });
  const leases = new LeaseService({ em, logger, ttlMs: env.LEASE_TTL_MS });
  const delivery = new WebhookDelivery({ em, feed: changes, attempts, leases, readers, now });
  return {
    changes,
    changeFollowers: new ChangeFollowers({ changes, changeNotices }),
    webhooks: new WebhookReadModel({ em }),
    webhookService: new WebhookService({ em, vault, sender }),
    webhookTesting: new WebhookTesting({ em, attempts, now }),
    webhookDeliveries: new WebhookDeliveries({ em, delivery, logger, now }),
  };
}
