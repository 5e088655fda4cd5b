import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LocalKeyProvider } from '../../../src/adapters/keys/local/local-key-provider.ts';
import type { ChangeType } from '../../../src/domain/changes/change-type.ts';
import type { Webhook } from '../../../src/domain/changes/webhook.ts';
import { audit } from '../../../src/services/audit/audit.service.ts';
import { tester } from '../../testkit/actor.ts';
import { eventually } from '../../testkit/app.ts';
import { startChild } from '../../testkit/child-process.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { keyParts } from '../../testkit/keys.ts';
import {
  makeChanges,
  type Received,
  type WebhookPartsOptions,
  type WebhookReceiver,
  webhookParts,
  webhookReceiver,
} from '../../testkit/webhooks.ts';

const day = 24 * 3_600_000;
const childModule = fileURLToPath(new URL('../../testkit/webhook-child.ts', import.meta.url));
let database: TestDatabase;
let directory: string;
let receiver: WebhookReceiver;
let clock: Date;
let count = 0;

beforeAll(async () => {
  database = await testDatabase();
  directory = await mkdtemp(join(tmpdir(), 'lineward-webhook-'));
  return async () => {
    await database.close();
    await rm(directory, { recursive: true, force: true });
  };
});
beforeEach(async () => {
  clock = new Date();
  receiver = await webhookReceiver();
});
afterEach(() => receiver.close());

const parts = (options: Partial<WebhookPartsOptions> = {}) =>
  webhookParts({ em: database.em, keyFile: join(directory, 'kek.key'), now: () => clock, ...options });
type Parts = Awaited<ReturnType<typeof parts>>;
const never = new AbortController().signal;

async function made({ service }: Parts, types: readonly ChangeType[] | null = null, url = receiver.url) {
  count += 1;
  const { webhook, secret } = await service.createWebhook(tester, { name: `hook ${count}`, url, types });
  return { id: webhook.id, secret };
}
async function stateOf({ readModel }: Parts, id: string): Promise<Webhook> {
  const [webhook] = await readModel.webhooksById([id]);
  if (webhook === undefined) throw new Error('the webhook is gone');
  return webhook;
}
const behind = async ({ readModel }: Parts, id: string) => (await readModel.changesBehind([id])).get(id);
/** Lets the time pass until the next attempt. */
async function untilNext(worker: Parts, id: string): Promise<void> {
  const { nextAttemptAt } = await stateOf(worker, id);
  if (nextAttemptAt !== null) clock = new Date(nextAttemptAt.getTime() + 1);
}

/** What a receiver computes, by the text of the standard and not by our code. */
function expectedSignature(secret: string, { headers, body }: Received): string {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const content = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  return `v1,${createHmac('sha256', key).update(content).digest('base64')}`;
}

describe('a webhook', () => {
  it('is told all changes in their order, in signed batches, and nothing else of them', async () => {
    await makeChanges(database.em, 3);
    const worker = await parts();
    const { id, secret } = await made(worker);
    const seqs = await makeChanges(database.em, 250);
    expect(await behind(worker, id)).toBe(250);
    await worker.delivery.deliver(id, never);
    expect(receiver.seqs()).toEqual(seqs);
    expect(receiver.received.map((message) => message.seqs.length)).toEqual([100, 100, 50]);
    for (const message of receiver.received)
      expect(message.headers['webhook-signature']).toBe(expectedSignature(secret, message));
    const [first] = receiver.received;
    expect(first?.path).toBe('/hook?token=path-secret');
    expect(first?.headers['webhook-id']).toMatch(new RegExp(`^msg_${id}_${seqs[0]}_${seqs[99]}_[\\da-f]{16}$`));
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(3);
    expect(Number(first?.headers['webhook-timestamp'])).toBe(Math.floor(clock.getTime() / 1_000));
    const { type, data } = JSON.parse(first?.body ?? '');
    expect(type).toBe('lineward.changes');
    expect(data.changes[0]).toEqual({
      ...{ seq: seqs[0], type: 'MAPPING_CHANGED', at: expect.any(String), actorId: 'tester', action: 'mapEntity' },
      ...{ resourceType: 'Mapping', resourceId: expect.any(String), resourceName: null, status: null },
    });
    expect(await stateOf(worker, id)).toMatchObject({
      ...{ state: 'ACTIVE', attempts: 0, lastOutcome: 'DELIVERED', lastStatus: 204, deliveredSeq: seqs.at(-1) },
    });
    expect(await behind(worker, id)).toBe(0);
    await worker.delivery.deliver(id, never);
    expect(receiver.received).toHaveLength(3);
  });

  it('is told its types alone, and does not go through the others again', async () => {
    const worker = await parts();
    const { id } = await made(worker, ['ENTITY_DESCRIBED']);
    const others = await makeChanges(database.em, 5);
    await worker.delivery.deliver(id, never);
    expect(receiver.received).toHaveLength(0);
    expect((await stateOf(worker, id)).deliveredSeq).toBe(others.at(-1));
    await database.em
      .fork()
      .transactional(async (tx) =>
        audit(tx, tester, { action: 'describeEntity', resourceType: 'Entity', resourceId: null }),
      );
    await makeChanges(database.em, 1);
    await worker.delivery.deliver(id, never);
    expect(receiver.received.map(({ body }) => JSON.parse(body).data.changes)).toEqual([
      [expect.objectContaining({ type: 'ENTITY_DESCRIBED' })],
    ]);
  });

  it('keeps URL and secret sealed', async () => {
    const worker = await parts();
    const { id, secret } = await made(worker);
    expect(secret).toMatch(/^whsec_[A-Za-z\d+/]{43}=$/);
    const rows = await database.em.fork().execute('select * from webhook where id = ?', [id]);
    const events = await database.em.fork().execute(`select * from audit_event where resource_type = 'Webhook'`);
    const raw = Buffer.from(secret.slice(6), 'base64');
    for (const kept of [Buffer.from(JSON.stringify([rows, events])), ...Object.values(rows[0] ?? {})]) {
      if (!Buffer.isBuffer(kept)) continue;
      for (const hidden of [secret.slice(6), 'path-secret', raw]) expect(kept.includes(hidden)).toBe(false);
    }
    expect(events.length).toBeGreaterThan(0);
  });
});

describe('a receiver', () => {
  it('that refuses gets the same message again, later and later, and then what came meanwhile', async () => {
    const worker = await parts();
    const { id } = await made(worker);
    const seqs = [...(await makeChanges(database.em, 2))];
    receiver.answer((response) => response.writeHead(500).end('secret words'));
    const delays: number[] = [];
    for (let attempt = 0; attempt < 4; attempt += 1) {
      await worker.delivery.deliver(id, never);
      const { nextAttemptAt, attempts } = await stateOf(worker, id);
      delays.push(Number(nextAttemptAt?.getTime()) - clock.getTime());
      expect(attempts).toBe(attempt + 1);
      await worker.delivery.deliver(id, never);
      expect(receiver.received).toHaveLength(attempt + 1);
      seqs.push(...(await makeChanges(database.em, 1)));
      await untilNext(worker, id);
    }
    for (const [index, delay] of delays.entries()) {
      expect(delay).toBeGreaterThanOrEqual(500 * 2 ** index);
      expect(delay).toBeLessThanOrEqual(1_000 * 2 ** index);
    }
    expect(await stateOf(worker, id)).toMatchObject({ lastOutcome: 'REFUSED', lastStatus: 500, state: 'ACTIVE' });
    expect(await behind(worker, id)).toBe(6);
    receiver.answer((response) => response.writeHead(200).end());
    await worker.delivery.deliver(id, never);
    const [first, ...again] = receiver.received;
    for (const message of again.slice(0, 4)) {
      expect(message.headers['webhook-id']).toBe(first?.headers['webhook-id']);
      expect(message.body).toBe(first?.body);
    }
    expect(receiver.seqs().slice(2 * 4)).toEqual(seqs);
    const kept = await database.em.fork().execute('select * from webhook where id = ?', [id]);
    expect(JSON.stringify(kept)).not.toContain('secret words');
  });

  it('that sends elsewhere is not followed', async () => {
    const elsewhere = await webhookReceiver();
    const worker = await parts();
    const { id } = await made(worker);
    await makeChanges(database.em, 1);
    for (const status of [301, 302, 307, 308]) {
      receiver.answer((response) => response.writeHead(status, { location: elsewhere.url }).end());
      await worker.delivery.deliver(id, never);
      expect(await stateOf(worker, id)).toMatchObject({ lastOutcome: 'REDIRECTED', lastStatus: status });
      await untilNext(worker, id);
    }
    expect(elsewhere.received).toHaveLength(0);
    await elsewhere.close();
  });

  it('that is slow, cuts the connection or is down is told once it is back', async () => {
    const worker = await parts({ timeoutMs: 200 });
    const { id } = await made(worker);
    const seqs = await makeChanges(database.em, 3);
    receiver.answer(() => {});
    await worker.delivery.deliver(id, never);
    expect(await stateOf(worker, id)).toMatchObject({ lastOutcome: 'TIMEOUT', lastStatus: null });
    await untilNext(worker, id);
    receiver.answer((response) => response.destroy());
    await worker.delivery.deliver(id, never);
    expect(await stateOf(worker, id)).toMatchObject({ lastOutcome: 'UNREACHABLE', attempts: 2 });
    await receiver.close();
    await untilNext(worker, id);
    await worker.delivery.deliver(id, never);
    expect(await stateOf(worker, id)).toMatchObject({ lastOutcome: 'UNREACHABLE', attempts: 3 });
    await receiver.listenAgain();
    receiver.answer((response) => response.writeHead(200).end());
    await untilNext(worker, id);
    await worker.delivery.deliver(id, never);
    expect(receiver.received.at(-1)?.seqs).toEqual(seqs);
  });

  it('that answers 410 is told nothing more, until it is resumed', async () => {
    const worker = await parts();
    const { id } = await made(worker);
    const seqs = await makeChanges(database.em, 1);
    receiver.answer((response) => response.writeHead(410).end());
    await worker.delivery.deliver(id, never);
    expect(await stateOf(worker, id)).toMatchObject({ state: 'PAUSED', pausedReason: expect.stringContaining('410') });
    clock = new Date(clock.getTime() + 2 * day);
    await worker.delivery.deliver(id, never);
    expect(receiver.received).toHaveLength(1);
    receiver.answer((response) => response.writeHead(200).end());
    await worker.service.resumeWebhook(tester, id);
    await worker.delivery.deliver(id, never);
    expect(receiver.received.at(-1)?.seqs).toEqual(seqs);
  });

  it('that takes nothing for a day is paused, with the reason and an event', async () => {
    const worker = await parts();
    const { id } = await made(worker);
    await makeChanges(database.em, 1);
    receiver.answer((response) => response.writeHead(503).end());
    const begin = clock.getTime();
    let attempts = 0;
    for (; (await stateOf(worker, id)).state === 'ACTIVE'; attempts += 1) {
      await untilNext(worker, id);
      await worker.delivery.deliver(id, never);
    }
    expect(clock.getTime() - begin).toBeGreaterThanOrEqual(day);
    expect(clock.getTime() - begin).toBeLessThan(day + 2 * 3_600_000);
    expect(attempts).toBeLessThan(70);
    expect((await stateOf(worker, id)).pausedReason).toContain('REFUSED (503)');
    const events = await database.em
      .fork()
      .execute(`select actor_id, details from audit_event where resource_id = ? and action = 'pauseWebhook'`, [id]);
    expect(events).toEqual([
      { actor_id: 'system', details: expect.objectContaining({ origin: new URL(receiver.url).origin }) },
    ]);
  });
});

describe('workers', () => {
  it('killed between a message and its note send it again, and leave nothing out', async () => {
    const worker = await parts({ now: () => new Date() });
    const { id } = await made(worker);
    const seqs = [...(await makeChanges(database.em, 120))];
    const argument = JSON.stringify({ url: database.url, keyFile: join(directory, 'kek.key'), id });
    for (let kill = 0; kill < 2; kill += 1) {
      const before = receiver.received.length;
      const child = startChild(childModule, argument);
      const [, signal] = await once(child, 'exit');
      expect(signal).toBe('SIGKILL');
      expect(receiver.received.length).toBe(before + 1);
      seqs.push(...(await makeChanges(database.em, 1)));
      // The lease of the dead must be over first.
      await eventually(
        () =>
          database.em
            .fork()
            .execute('select 1 from lease where resource = ? and expires_at > now()', [`webhook:${id}`]),
        (alive) => alive.length === 0,
      );
    }
    await worker.delivery.deliver(id, never);
    const [first, second, third, ...rest] = receiver.received;
    expect([second?.body, third?.body]).toEqual([first?.body, first?.body]);
    expect([...(third?.seqs ?? []), ...rest.flatMap((message) => message.seqs)]).toEqual(seqs);
  });

  it('two at once tell each change once and one message at a time', async () => {
    const workers = [await parts({ now: () => new Date() }), await parts({ now: () => new Date() })];
    const [one] = workers;
    if (one === undefined) throw new Error('no worker');
    const { id } = await made(one);
    const seqs = await makeChanges(database.em, 450);
    await eventually(
      async () => {
        await Promise.all(workers.map(({ deliveries }) => deliveries.sweep()));
        return behind(one, id);
      },
      (left) => left === 0,
    );
    await Promise.all(workers.map(({ deliveries }) => deliveries.stop()));
    expect(receiver.seqs()).toEqual(seqs);
    expect(receiver.mostAtOnce()).toBe(1);
  });

  it('that stop in the middle count no failure', async () => {
    const worker = await parts({ now: () => new Date() });
    const { id } = await made(worker);
    const seqs = await makeChanges(database.em, 1);
    receiver.answer(() => {});
    await worker.deliveries.sweep();
    await eventually(
      async () => receiver.received.length,
      (received) => received === 1,
    );
    await worker.deliveries.stop();
    expect(await stateOf(worker, id)).toMatchObject({ attempts: 0, state: 'ACTIVE', lastOutcome: null });
    receiver.answer((response) => response.writeHead(200).end());
    await worker.delivery.deliver(id, never);
    expect(receiver.received.map((message) => message.seqs)).toEqual([seqs, seqs]);
  });
});

describe('a secret', () => {
  it('that is replaced signs for another day, beside the new one', async () => {
    const worker = await parts();
    const { id, secret: old } = await made(worker);
    const { secret } = await worker.service.rotateWebhookSecret(tester, id);
    const signaturesNow = async (): Promise<readonly string[]> => {
      await makeChanges(database.em, 1);
      await worker.delivery.deliver(id, never);
      return String(receiver.received.at(-1)?.headers['webhook-signature']).split(' ');
    };
    const both = await signaturesNow();
    const last = receiver.received.at(-1) as Received;
    expect(both).toEqual([expectedSignature(secret, last), expectedSignature(old, last)]);
    clock = new Date(clock.getTime() + day + 60_000);
    expect(await signaturesNow()).toEqual([expectedSignature(secret, receiver.received.at(-1) as Received)]);
  });
});

describe('the wrapping key', () => {
  it('is replaced for webhooks along with those of accounts', async () => {
    const keyFile = join(directory, 'moved.key');
    // Those of other tests are under a key that is not known here.
    await database.em.fork().execute('delete from webhook');
    const { id } = await made(await parts({ keyFile }));
    const [older, newer] = [await LocalKeyProvider.open(keyFile), await LocalKeyProvider.addKey(keyFile)];
    await keyParts({ em: database.em, provider: newer, others: [older] }).lifecycle.rewrapAccountKeys(tester, {});
    const seqs = await makeChanges(database.em, 1);
    // The older key is not known to this one.
    const worker = await parts({ keyFile });
    await worker.delivery.deliver(id, never);
    expect(receiver.seqs()).toEqual(seqs);
  });

  it('that does not answer costs time', async () => {
    const worker = await parts();
    const { id } = await made(worker);
    const seqs = await makeChanges(database.em, 1);
    const stranger = await parts({ keyFile: join(directory, 'stranger.key') });
    await stranger.delivery.deliver(id, never);
    expect(await stateOf(worker, id)).toMatchObject({ lastOutcome: 'SECRET_UNAVAILABLE', attempts: 1 });
    await untilNext(worker, id);
    await worker.delivery.deliver(id, never);
    expect(receiver.seqs()).toEqual(seqs);
  });
});

describe('addresses that are not public', () => {
  it('are refused where nothing allows them, by name and by number', async () => {
    const lenient = await parts();
    const strict = await parts({ isPrivateAllowed: false });
    const port = new URL(receiver.url).port;
    for (const host of ['localhost', '127.0.0.1', '[::1]', '[::ffff:127.0.0.1]', '2130706433', '0x7f.1']) {
      const { id } = await made(strict, null, `https://${host}:${port}/`);
      await makeChanges(database.em, 1);
      await strict.delivery.deliver(id, never);
      expect(await stateOf(strict, id), host).toMatchObject({ lastOutcome: 'ADDRESS_REFUSED', attempts: 1 });
    }
    // Plain HTTP is kept from when it was allowed, and is not let through either.
    const { id } = await made(lenient);
    await makeChanges(database.em, 1);
    await strict.delivery.deliver(id, never);
    expect((await stateOf(strict, id)).lastOutcome).toBe('ADDRESS_REFUSED');
    expect(receiver.received).toHaveLength(0);
  });

  it('are what the URL may not say either way: schemes, users, lengths, names that are taken', async () => {
    const { service } = await parts({ isPrivateAllowed: false });
    const create = (url: string, name = 'x', types: readonly ChangeType[] | null = null) =>
      service.createWebhook(tester, { name, url, types });
    for (const url of [
      ...['', 'nonsense', 'http://example.com/', 'ftp://example.com', 'file:///etc/passwd', '//example.com'],
      ...['https://user:password@example.com/', `https://example.com/${'x'.repeat(2_000)}`],
    ])
      await expect(create(url), url).rejects.toMatchObject({ code: 'BAD_INPUT', field: ['url'] });
    await expect(create('https://example.com', ' ')).rejects.toMatchObject({ field: ['name'] });
    await expect(create('https://example.com', 'x', [])).rejects.toMatchObject({ field: ['types'] });
    const twins = await Promise.allSettled([
      create('https://example.com', 'twin'),
      create('https://example.com', 'twin'),
    ]);
    expect(twins.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });
});
