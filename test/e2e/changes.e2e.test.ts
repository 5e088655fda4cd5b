import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLogger } from '../../src/adapters/telemetry/logger.ts';
import { type App, startApp } from '../../src/app.ts';
import { loadEnv } from '../../src/config/env.ts';
import { expireUnapproved } from '../../src/services/operations/identifier-expiry.ts';
import {
  type Data,
  documentOf,
  eventually,
  postGraphql,
  register,
  type TestApp,
  testApp,
  webSocketClient,
} from '../testkit/app.ts';
import { type WebhookReceiver, webhookReceiver } from '../testkit/webhooks.ts';

let app: TestApp;
/** Another process of the installation, which seals nothing and only answers. */
let other: App;
let receiver: WebhookReceiver;

beforeAll(async () => {
  app = await testApp({ WEBHOOK_PRIVATE_ADDRESSES: 'true' });
  const env = loadEnv({ ...app.settings, LINEWARD_ROLES: 'api' });
  other = await startApp(env, createLogger(env.LOG_LEVEL));
  receiver = await webhookReceiver();
});
afterAll(async () => {
  await other?.stop();
  await app?.stop();
  await receiver?.close();
});

const fields = 'seq type at actorId action resourceType resourceId resourceName status';
const list = `query ($first: Int, $after: String, $last: Int, $before: String, $types: [ChangeType!]) {
  changes(first: $first, after: $after, last: $last, before: $before, types: $types) {
    totalCount nodes { ${fields} } edges { cursor } pageInfo { hasNextPage hasPreviousPage endCursor } } }`;
const follow = `subscription ($after: String, $types: [ChangeType!]) { changed(after: $after, types: $types) { ${fields} } }`;
const seqsOf = (changes: readonly Data[]): readonly number[] => changes.map(({ seq }) => seq);

async function changesNow(variables: Record<string, unknown> = {}): Promise<Data[]> {
  const { changes } = await app.done(list, { first: 100, ...variables });
  return changes.nodes;
}
const endNow = async (): Promise<string> => (await app.done(list, { last: 1 })).changes.pageInfo.endCursor ?? '0';
let made = 0;
/** Registers an entity, of which two changes tell, through one of the processes. */
async function change(url = app.urls.main): Promise<Data> {
  made += 1;
  const variables = { input: { document: documentOf(`Changed${made}`) } };
  return (await postGraphql(url, { query: register, variables })).data.registerEntityVersion;
}
async function untilSealed(): Promise<void> {
  await eventually(
    () => app.em.fork().execute('select 1 from audit_pending limit 1'),
    (waiting) => waiting.length === 0,
  );
}

describe('changes', () => {
  test('tell who changed what and when, by global ids, and nothing that not all may know', async () => {
    const after = await endNow();
    const { entity, version } = await change();
    await app.done(
      `mutation { placeLegalHold(input: { matterId: "M", reason: "hidden words", scope: { accountId: "AC" } }) { userErrors { code } } }`,
    );
    await app.done(
      `mutation { encrypt(input: { item: { accountId: "AC", type: "email", value: "a@b.c" } }) { userErrors { code } } }`,
    );
    await app.done(
      `mutation { defineSemanticType(input: { name: "badge", redaction: { kind: NULL } }) { userErrors { code } } }`,
    );
    await fetch(`${app.urls.registry}/subjects/calls-value/versions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ schema: '"string"' }),
    });
    await untilSealed();
    const found = await changesNow({ after });
    expect(found).toMatchObject([
      { type: 'ENTITY_VERSION_REGISTERED', resourceType: 'EntityVersion', resourceId: version.id, actorId: 'local' },
      { type: 'SEMANTIC_TYPE_DEFINED', resourceId: null, resourceName: 'badge', status: null },
      { type: 'SCHEMA_REGISTERED', resourceName: expect.stringContaining('calls-value'), action: 'registerSchema' },
    ]);
    expect(entity.id).toBeTruthy();
    expect(new Date(found[0].at).getTime()).toBeGreaterThan(Date.now() - 60_000);
    expect([...seqsOf(found)].sort((one, more) => one - more)).toEqual(seqsOf(found));
    const all = await changesNow({ types: ['SEMANTIC_TYPE_DEFINED'], after });
    expect(seqsOf(all)).toEqual([found[1].seq]);
    expect(JSON.stringify(await changesNow())).not.toMatch(/Hold|hidden|crypt|Token/);
  });

  test('have pages in both directions, by cursors that are places', async () => {
    for (let n = 0; n < 5; n += 1) await change();
    await untilSealed();
    const all = seqsOf(await changesNow());
    const { changes: first } = await app.done(list, { first: 2 });
    expect([seqsOf(first.nodes), first.totalCount]).toEqual([all.slice(0, 2), all.length]);
    expect(first.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false, endCursor: String(all[1]) });
    expect(first.edges[1].cursor).toBe(String(all[1]));
    const { changes: next } = await app.done(list, { first: 2, after: String(all[1]) });
    expect(seqsOf(next.nodes)).toEqual(all.slice(2, 4));
    const { changes: last } = await app.done(list, { last: 3 });
    expect([seqsOf(last.nodes), last.pageInfo.hasPreviousPage]).toEqual([all.slice(-3), true]);
    const { changes: before } = await app.done(list, { last: 2, before: String(all.at(-3)) });
    expect(seqsOf(before.nodes)).toEqual(all.slice(-5, -3));
    const { changes: between } = await app.done(list, { first: 9, after: String(all[0]), before: String(all[3]) });
    expect(seqsOf(between.nodes)).toEqual(all.slice(1, 3));
    expect((await app.done(list, { first: 5, types: [] })).changes.nodes).toEqual([]);
  });

  test.each(['x', '-1', '1.5', '', '99999999999999999999', '900000000'])(
    'refuse %j, which is no place',
    async (after) => {
      const { errors } = await app.graphql(list, { after });
      expect(errors).toMatchObject([{ extensions: { code: 'BAD_CURSOR' } }]);
      const client = webSocketClient(other.urls.main);
      const [told] = await client
        .iterate({ query: follow, variables: { after } })
        .next()
        .then(
          ({ value }) => value.errors,
          (failed) => failed,
        );
      expect(told).toMatchObject({ extensions: { code: 'BAD_CURSOR' } });
      await client.dispose();
    },
  );
});

describe('changed', () => {
  /** Follows from a place in the other process until it has been told so many; answers what it was told. */
  async function told(after: string, count: number): Promise<Data[]> {
    const client = webSocketClient(other.urls.main);
    const found: Data[] = [];
    for await (const { data } of client.iterate<Data>({ query: follow, variables: { after } })) {
      found.push(data.changed);
      if (found.length === count) break;
    }
    await client.dispose();
    return found;
  }

  test('is taken up where it broke off: nothing is left out or told twice, whichever process wrote it', async () => {
    const start = await endNow();
    const writers = Promise.all(
      Array.from({ length: 30 }, (_, index) => change(index % 2 === 0 ? app.urls.main : other.urls.main)),
    );
    const found: Data[] = [];
    for (const count of [1, 7, 2, 15]) found.push(...(await told(String(found.at(-1)?.seq ?? start), count)));
    await writers;
    found.push(...(await told(String(found.at(-1)?.seq), 5)));
    await untilSealed();
    expect(found).toEqual(await changesNow({ after: start }));
    expect(found).toHaveLength(30);
  });

  test('goes on when the connection of its notices was cut', async () => {
    const client = webSocketClient(other.urls.main);
    const after = await endNow();
    const iterator = client.iterate<Data>({ query: follow, variables: { after } });
    const first = iterator.next();
    await change();
    const { value } = await first;
    await app.em
      .fork()
      .execute(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like 'listen %'`,
      );
    const second = iterator.next();
    await change();
    expect(seqsOf([value.data.changed, (await second).value.data.changed])).toEqual(
      seqsOf(await changesNow({ after })),
    );
    await client.dispose();
  });

  test('without a place tells what comes, by type', async () => {
    const client = webSocketClient(app.urls.main);
    const iterator = client.iterate<Data>({ query: follow, variables: { types: ['SEMANTIC_TYPE_DEFINED'] } });
    let isTold = false;
    const first = iterator.next().then((answer) => {
      isTold = true;
      return answer;
    });
    // From when on it is told nobody says, so that it is changed until it is.
    for (let n = 0; !isTold; n += 1) {
      await change();
      await app.done(
        `mutation { defineSemanticType(input: { name: "b${n}", redaction: { kind: NULL } }) { userErrors { code } } }`,
      );
      await untilSealed();
    }
    expect((await first).value.data.changed).toMatchObject({ type: 'SEMANTIC_TYPE_DEFINED' });
    await client.dispose();
  });
});

describe('webhooks', () => {
  const facts = `id name origin types state pausedReason deliveredSeq behind attempts failingSince nextAttemptAt lastAttemptAt
    lastAttemptOutcome lastStatus lastDeliveredAt createdBy createdAt`;
  const create = `mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) {
    webhook { ${facts} } secret userErrors { code message field } } }`;
  const does = (verb: string, id: string, selection = `webhook { ${facts} }`) =>
    app.done(`mutation ($id: ID!) { ${verb}(input: { id: $id }) { ${selection} userErrors { code } } }`, { id });

  test('can tell a chat that an operation waits for approval, is approved, and how it ended, or that nobody approved it', async () => {
    const types = ['OPERATION_REQUESTED', 'OPERATION_AWAITS_APPROVAL', 'OPERATION_APPROVED', 'OPERATION_ENDED'];
    const { createWebhook } = await app.done(create, { input: { name: 'approvals', url: receiver.url, types } });
    const { webhook, secret } = createWebhook;
    expect(webhook).toMatchObject({ origin: new URL(receiver.url).origin, types, state: 'ACTIVE', behind: 0 });
    const { entity } = await change();
    const request = async (): Promise<string> => {
      const { requestErasure } = await app.done(
        `mutation ($input: RequestErasureInput!) { requestErasure(input: $input) { operation { id } userErrors { code } } }`,
        { input: { subjects: [{ accountId: 'AC-chat' }], entityId: entity.id } },
      );
      return requestErasure.operation.id;
    };
    const id = await request();
    const toldOf = (operation: string): Data[] =>
      receiver.received
        .flatMap(({ body }) => JSON.parse(body).data.changes ?? [])
        .filter(({ resourceId }) => resourceId === operation);
    const untilTold = (operation: string, type: string): Promise<Data[]> =>
      eventually(
        async () => toldOf(operation),
        (told) => told.some((one) => one.type === type),
      );
    await untilTold(id, 'OPERATION_AWAITS_APPROVAL');
    const { node } = await app.done('query ($id: ID!) { node(id: $id) { ... on Operation { status planHash } } }', {
      id,
    });
    expect(node.status).toBe('PLANNED');
    await app.done(
      `mutation ($input: ApproveOperationInput!) { approveOperation(input: $input) { userErrors { code message } } }`,
      { input: { id, planHash: node.planHash } },
    );
    const wordsOf = (told: readonly Data[]) => told.map(({ type, status }) => [type, status]);
    expect(wordsOf(await untilTold(id, 'OPERATION_ENDED'))).toEqual([
      ['OPERATION_REQUESTED', null],
      ['OPERATION_AWAITS_APPROVAL', 'PLANNED'],
      ['OPERATION_APPROVED', 'APPROVED'],
      ['OPERATION_ENDED', expect.stringMatching(/COMPLETED|PARTIAL/)],
    ]);
    const expiring = await request();
    await untilTold(expiring, 'OPERATION_AWAITS_APPROVAL');
    await app.em
      .fork()
      .execute(`update operation set approval_expires_at = now() - interval '1 s' where status = 'PLANNED'`);
    await expireUnapproved(app.em);
    expect(wordsOf(await untilTold(expiring, 'OPERATION_ENDED'))).toEqual([
      ['OPERATION_REQUESTED', null],
      ['OPERATION_AWAITS_APPROVAL', 'PLANNED'],
      ['OPERATION_ENDED', 'CANCELLED'],
    ]);
    for (const { headers, body } of receiver.received) {
      expect(body).not.toContain('AC-chat');
      const content = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
      const key = Buffer.from(secret.slice(6), 'base64');
      expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(content).digest('base64')}`);
    }
    const { webhooks } = await app.done(`{ webhooks(first: 10) { totalCount nodes { ${facts} } } }`);
    expect(JSON.stringify(webhooks)).not.toMatch(/whsec|path-secret/);
    await does('deleteWebhook', webhook.id);
    expect((await app.done('query ($id: ID!) { node(id: $id) { id } }', { id: webhook.id })).node).toBeNull();
  });

  test('are paused, resumed, tested, given a new secret, and deleted', async () => {
    const { createWebhook } = await app.done(create, { input: { name: 'steered', url: receiver.url } });
    const { id } = createWebhook.webhook;
    expect(createWebhook.webhook.types).toBeNull();
    expect((await does('pauseWebhook', id)).pauseWebhook.webhook).toMatchObject({
      ...{ state: 'PAUSED', pausedReason: 'paused by local', nextAttemptAt: null },
    });
    expect(
      await app.refusals(`mutation { pauseWebhook(input: { id: "${id}" }) { userErrors { code } } }`),
    ).toMatchObject([{ code: 'CONFLICT' }]);
    const before = receiver.received.length;
    const { testWebhook } = await does('testWebhook', id, 'outcome status');
    expect(testWebhook).toMatchObject({ outcome: 'DELIVERED', status: 204 });
    expect(JSON.parse(receiver.received[before]?.body ?? '')).toMatchObject({ type: 'lineward.test', data: {} });
    await change();
    await untilSealed();
    const listed = async () =>
      (await app.done(`query ($id: ID!) { node(id: $id) { ... on Webhook { ${facts} } } }`, { id })).node;
    expect(await listed()).toMatchObject({ behind: 1, state: 'PAUSED' });
    await does('resumeWebhook', id);
    expect(await eventually(listed, ({ behind }) => behind === 0)).toMatchObject({
      ...{ state: 'ACTIVE', lastAttemptOutcome: 'DELIVERED', lastStatus: 204, pausedReason: null },
    });
    const { rotateWebhookSecret } = await does('rotateWebhookSecret', id, 'secret');
    expect(rotateWebhookSecret.secret).not.toBe(createWebhook.secret);
    await does('testWebhook', id, 'outcome');
    expect(String(receiver.received.at(-1)?.headers['webhook-signature']).split(' ')).toHaveLength(2);
    const events = await app.em
      .fork()
      .execute<{ action: string; details: unknown }[]>(
        `select action, details from audit_event where resource_type = 'Webhook' and details->>'name' = 'steered' order by id`,
      );
    await does('deleteWebhook', id);
    expect(events.map(({ action }) => action)).toEqual([
      ...['createWebhook', 'pauseWebhook', 'testWebhook', 'resumeWebhook', 'rotateWebhookSecret', 'testWebhook'],
    ]);
    expect(JSON.stringify(events)).not.toMatch(/path-secret|whsec/);
    const again = await app.graphql(`mutation { resumeWebhook(input: { id: "${id}" }) { userErrors { code } } }`);
    expect(again.data.resumeWebhook.userErrors).toMatchObject([{ code: 'NOT_FOUND' }]);
  });
});
