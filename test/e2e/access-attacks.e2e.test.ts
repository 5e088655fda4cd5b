import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../../src/domain/id.ts';
import { type Data, eventually, type TestApp, testApp, webSocketClient } from '../testkit/app.ts';

// Of the shape of a token of a provider, and still the way in.
const root = 'the-one.way-that.leads-back-in';
let app: TestApp;
let viewer: string;
beforeAll(async () => {
  app = await testApp({
    ...{ LINEWARD_API_TOKEN: root, APPROVAL_BY_ANOTHER: 'true' },
    ...{ OIDC_ISSUER: 'https://login.invalid', OIDC_AUDIENCE: 'lineward' },
  });
  ({ secret: viewer } = await created('viewer', ['viewer']));
});
afterAll(() => app?.stop());

async function ask(token: string, query: string, variables: object = {}): Promise<Data> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  const body = JSON.stringify({ query, variables });
  const response = await fetch(`${app.urls.main}/graphql`, { method: 'POST', headers, body });
  return { status: response.status, ...((await response.json()) as object) };
}
async function created(name: string, roles: readonly string[]): Promise<{ id: string; secret: string }> {
  const { data } = await ask(
    root,
    `mutation ($input: CreateApiTokenInput!) { createApiToken(input: $input) { secret apiToken { id } } }`,
    { input: { name, roles } },
  );
  return { id: data.createApiToken.apiToken.id, secret: data.createApiToken.secret };
}
const revoke = (id: string): Promise<Data> =>
  ask(root, 'mutation ($id: ID!) { revokeApiToken(input: { id: $id }) { apiToken { id } } }', { id });
const me = '{ me { actorId } }';
const request = `mutation { requestErasure(input: { subjects: [{ accountId: "AC1" }], dryRun: true }) { operation { id } } }`;

async function planned(): Promise<string> {
  const { data } = await ask(root, request);
  const { id } = data.requestErasure.operation;
  await eventually(
    () => ask(root, 'query ($id: ID!) { node(id: $id) { ... on Operation { status } } }', { id }),
    (answer) => answer.data.node.status === 'PLANNED',
  );
  return id;
}

test('a token that is revoked ends connections that it opened: the next operation and the next event', async () => {
  const { id: tokenId, secret } = await created('watcher', ['privacy_officer']);
  const id = await planned();
  const [asking, watching] = [webSocketClient(app.urls.main, secret), webSocketClient(app.urls.main, secret)];
  const query = 'subscription ($id: ID!) { operationUpdated(id: $id) { status } }';
  const [held, watched] = [asking, watching].map((client) => client.iterate<Data>({ query, variables: { id } }));
  try {
    for (const one of [held, watched]) expect((await one?.next())?.value.data.operationUpdated.status).toBe('PLANNED');
    expect((await asking.iterate<Data>({ query: me }).next()).value.data.me.actorId).toBe('watcher');
    await revoke(tokenId);
    await eventually(
      () => ask(secret, me),
      ({ status }) => status === 401,
    );
    await expect(asking.iterate({ query: me }).next()).rejects.toMatchObject({ code: 4403 });
    const event = expect(watched?.next()).rejects.toMatchObject({ code: 4403 });
    await ask(root, 'mutation ($id: ID!) { cancelOperation(input: { id: $id }) { operation { id } } }', { id });
    await event;
  } finally {
    await Promise.allSettled([asking.dispose(), watching.dispose()]);
  }
});

test('a token that is revoked ends a stream of values that it began', async () => {
  const { id, secret } = await created('reader', ['privacy_officer']);
  const { hostname, port } = new URL(app.urls.main);
  const headers = { 'content-type': 'application/x-ndjson', authorization: `Bearer ${secret}` };
  const path = '/api/v1/crypto:seal';
  const line = `${JSON.stringify({ accountId: 'AC1', value: 'v', ref: 'r' })}\n`;
  const request = httpRequest({ hostname, port, method: 'POST', path, headers });
  let text = '';
  let ended: Promise<unknown> = Promise.resolve();
  await new Promise<void>((resolve, reject) => {
    request.on('error', reject).on('response', (response) => {
      ended = once(response, 'end');
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        resolve();
      });
    });
    request.write(line.repeat(10_000));
  });
  await revoke(id);
  await eventually(
    () => ask(secret, me),
    ({ status }) => status === 401,
  );
  request.end(line);
  await ended;
  const answers = text.trim().split('\n');
  expect(answers).toHaveLength(10_001);
  expect(JSON.parse(answers[0] ?? '')).toMatchObject({ ok: true });
  expect(JSON.parse(answers.at(-1) ?? '')).toMatchObject({ ok: false, code: 'UNAUTHENTICATED' });
});

test('what an actor sent under a key is not requested in the name of another', async () => {
  const [first, second] = [await created('first', ['privacy_officer']), await created('second', ['privacy_officer'])];
  const send = async (token: string, body: string): Promise<Data> => {
    const headers = {
      ...{ 'content-type': 'application/x-ndjson', 'idempotency-key': 'daily', authorization: `Bearer ${token}` },
    };
    const response = await fetch(`${app.urls.main}/api/v1/erasures`, { method: 'POST', headers, body });
    return { ...((await response.json()) as object), status: response.status };
  };
  const smuggled = Array.from({ length: 4_000 }, (_, n) => JSON.stringify({ accountId: `AC${n}` })).join('\n');
  expect(await send(first.secret, `${smuggled}\nbroken`)).toMatchObject({ status: 400 });
  expect(await send(second.secret, '{"accountId":"ACown"}')).toMatchObject({ status: 202, subjects: 1 });
});

test('who set a retention rule does not approve what the schedule asks for by it', async () => {
  const [author, other] = [await created('author', ['privacy_officer']), await created('other', ['privacy_officer'])];
  const id = newId();
  const setAt = new Date('2026-11-01T00:00:00Z');
  await app.em.fork().transactional(async (tx) => {
    // Without a table behind it: what counts is who set the rule.
    await tx.execute('set local session_replication_role = replica');
    await tx.execute(
      `insert into lake_retention (table_id, dataset_id, date_field, days, action, auto_approve, set_by, set_at)
       values ('t', 'd', 'at', 30, 'DELETE', false, 'author', ?)`,
      [setAt],
    );
    await tx.execute(
      // By its key it was asked for by this rule; the schedule, which is awake, would cancel it otherwise.
      `insert into operation (id, idempotency_key, kind, status, dry_run, input_digest, dataset_ids, plan, plan_hash, round, attempt,
         requested_by, approvals_needed, created_at, updated_at)
       values (?, ?, 'RETENTION', 'PLANNED', false, '', '{d}', '{"operationId":"","kind":"RETENTION","subjects":[],"targets":[],"gaps":[{"code":"X","dataset":"d","reason":"r"}]}',
         'hash', 1, 0, 'retention-schedule', 1, now(), now())`,
      [id, `retention:d:${setAt.getTime()}:2026-11-27`],
    );
  });
  const approve = async (token: string): Promise<Data> => {
    const { data, errors } = await ask(
      token,
      'mutation ($id: ID!) { approveOperation(input: { id: $id, planHash: "hash" }) { userErrors { code message } } }',
      { id: Buffer.from(`Operation:${id}`).toString('base64url') },
    );
    expect(errors).toBeUndefined();
    return data.approveOperation.userErrors;
  };
  expect(await approve(author.secret)).toMatchObject([{ code: 'APPROVAL_REFUSED' }]);
  expect(await approve(other.secret)).toEqual([]);
});

describe('other ways to the same place', () => {
  const mutation = encodeURIComponent('mutation { rotateAccountKey(input: { accountId: "A" }) { __typename } }');
  test.each([
    ['HEAD', 'main', '/api/v1/audit/export'],
    ['GET', 'main', '/api/v1/audit%2Fexport'],
    ['GET', 'main', '/api/v1//audit/export'],
    ['GET', 'main', '/API/v1/audit/export'],
    ['GET', 'main', '/api/v1/audit/export/'],
    ['GET', 'main', '/api/v1/audit/./export'],
    ['GET', 'main', '/api/v1/x/%2e%2e/audit/export'],
    ['POST', 'main', '/api/v1/crypto%3Aopen'],
    ['POST', 'main', '/api/v1/crypto::open'],
    ['GET', 'main', `/graphql?query=${mutation}`],
    ['PUT', 'main', '/graphql'],
    ['POST', 'registry', '/contexts/.other/subjects/x/versions'],
    ['POST', 'registry', '/contexts/%2Eother/subjects/x/versions/'],
    ['DELETE', 'registry', '/contexts/.other/subjects/x'],
    ['PUT', 'registry', '/contexts/.other/config'],
    ['PUT', 'registry', '/mode/'],
    ['PATCH', 'registry', '/config'],
    ['POST', 'produce', '/topics/x/'],
    ['POST', 'produce', '/kafka/v3/clusters/x/topics/x/records'],
    ['OPTIONS', 'main', '/api/v1/audit/export'],
    ['OPTIONS', 'registry', '/subjects'],
    ['GET', 'main', '/nothing/here'],
    ['GET', 'registry', '/nothing/here'],
    ['GET', 'produce', '/nothing/here'],
  ] as const)('%s %s %s', async (method, listener, path) => {
    const { hostname, port } = new URL(app.urls[listener] ?? '');
    // `fetch` would tidy the path up.
    const status = (token: string | null): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const headers = {
          ...{ 'content-type': 'application/json', 'apollo-require-preflight': 'x' },
          ...(token !== null && { authorization: `Bearer ${token}` }),
        };
        const request = httpRequest({ hostname, port, method, path, headers }, (response) => {
          response.resume().on('end', () => resolve(response.statusCode));
        });
        request.on('error', reject).end(method === 'POST' || method === 'PUT' ? '{}' : undefined);
      });
    expect(await status(null)).toBe(401);
    expect([400, 403, 404, 405]).toContain(await status(viewer));
  });
});
