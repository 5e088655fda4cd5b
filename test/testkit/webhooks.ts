import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { EntityManager } from '@mikro-orm/postgresql';
import { LocalKeyProvider } from '../../src/adapters/keys/local/local-key-provider.ts';
import { HttpWebhookSender } from '../../src/adapters/webhook/http-webhook-sender.ts';
import { newId } from '../../src/domain/id.ts';
import { audit } from '../../src/services/audit/audit.service.ts';
import { AuditSealer } from '../../src/services/audit/audit-sealer.ts';
import { ChangeFeed } from '../../src/services/changes/change-feed.read-model.ts';
import type { WebhookSender } from '../../src/services/changes/ports.ts';
import { WebhookReadModel } from '../../src/services/changes/webhook.read-model.ts';
import { WebhookService } from '../../src/services/changes/webhook.service.ts';
import { WebhookAttempts } from '../../src/services/changes/webhook-attempt.ts';
import { WebhookDeliveries } from '../../src/services/changes/webhook-deliveries.ts';
import { WebhookDelivery } from '../../src/services/changes/webhook-delivery.ts';
import { WebhookVault } from '../../src/services/changes/webhook-vault.ts';
import { LeaseService } from '../../src/services/operations/lease.service.ts';
import { KeyProviders } from '../../src/services/privacy/key-providers.ts';
import { quietLogger, tester } from './actor.ts';

/** What a receiver was sent. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Of the changes in it. */
  readonly seqs: readonly number[];
}

/** A real HTTP server that keeps what it is sent, and answers as it is told. */
export async function webhookReceiver() {
  const received: Received[] = [];
  let answer = (response: ServerResponse): void => void response.writeHead(204).end();
  let underWay = 0;
  let mostAtOnce = 0;
  const server = createServer(async (request, response) => {
    underWay += 1;
    mostAtOnce = Math.max(mostAtOnce, underWay);
    let body = '';
    for await (const chunk of request) body += chunk;
    const { data } = JSON.parse(body) as { data: { changes?: { seq: number }[] } };
    const seqs = (data.changes ?? []).map(({ seq }) => seq);
    received.push({ path: request.url ?? '', headers: request.headers, body, seqs });
    response.on('close', () => {
      underWay -= 1;
    });
    answer(response);
  });
  const listen = async (port: number): Promise<number> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const port = await listen(0);
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    if (server.listening) await new Promise((done) => server.close(done));
  };
  return {
    url: `http://127.0.0.1:${port}/hook?token=path-secret`,
    received,
    /** `seq` of all changes, in the order in which they came. */
    seqs: () => received.flatMap(({ seqs }) => seqs),
    mostAtOnce: () => mostAtOnce,
    answer(how: (response: ServerResponse) => void): void {
      answer = how;
    },
    close,
    listenAgain: () => listen(port),
  };
}
export type WebhookReceiver = Awaited<ReturnType<typeof webhookReceiver>>;

export interface WebhookPartsOptions {
  readonly em: EntityManager;
  readonly keyFile: string;
  readonly now?: () => Date;
  readonly leaseMs?: number;
  readonly timeoutMs?: number;
  readonly isPrivateAllowed?: boolean;
  /** Puts something between the worker and the network. */
  readonly around?: (sender: WebhookSender) => WebhookSender;
}

/** What tells webhooks, as one worker process builds it. */
export async function webhookParts(options: WebhookPartsOptions) {
  const { em, now = () => new Date(), leaseMs = 5_000, timeoutMs = 5_000, isPrivateAllowed = true } = options;
  const keyProviders = new KeyProviders(await LocalKeyProvider.open(options.keyFile));
  const vault = new WebhookVault({ em, keyProviders });
  const http = new HttpWebhookSender({ isPrivateAllowed, timeoutMs });
  const sender = options.around?.(http) ?? http;
  const attempts = new WebhookAttempts({ vault, sender, now });
  const feed = new ChangeFeed({ em });
  const leases = new LeaseService({ em, logger: quietLogger, ttlMs: leaseMs });
  const delivery = new WebhookDelivery({ em, feed, attempts, leases, readers: allReading, now });
  return {
    feed,
    vault,
    delivery,
    service: new WebhookService({ em, vault, sender }),
    readModel: new WebhookReadModel({ em }),
    deliveries: new WebhookDeliveries({ em, delivery, logger: quietLogger, now }),
  };
}

/** Writes changes as a service does, and seals them; answers their `seq`. */
export async function makeChanges(em: EntityManager, count: number): Promise<readonly number[]> {
  await em.fork().transactional(async (tx) => {
    for (let n = 0; n < count; n += 1)
      audit(tx, tester, {
        action: 'mapEntity',
        resourceType: 'Mapping',
        resourceId: newId(),
        details: { secret: 'x' },
      });
  });
  await new AuditSealer({ em }).seal();
  const rows = await em.fork().execute<{ seq: string }[]>('select seq from change order by seq desc limit ?', [count]);
  return rows.map(({ seq }) => Number(seq)).reverse();
}

/** From whom nothing is kept. */
const allReading: ConstructorParameters<typeof WebhookDelivery>[0]['readers'] = {
  of: (actor) => ({ actor, see: (statement) => statement, mark: () => allReading, isNarrowed: () => false }),
};
