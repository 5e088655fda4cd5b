import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Data, type TestApp, testApp, webSocketClient } from '../testkit/app.ts';

const root = 'the-root-token-of-rate-limits';
let app: TestApp;
beforeAll(async () => {
  app = await testApp({ LINEWARD_API_TOKEN: root, API_REQUESTS_PER_MINUTE: '200', API_QUERY_COST_PER_MINUTE: '10000' });
});
afterAll(() => app?.stop());

const me = '{ me { actorId } }';
/** Costs 5,100.5: a hundred datasets with fifty fields each. */
const large = '{ datasets(first: 100) { nodes { fields(first: 50) { nodes { path } } } } }';

async function send(url: string, token: string, body?: string): Promise<Data> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const answer = await fetch(url, body === undefined ? { headers } : { method: 'POST', headers, body });
  const text = await answer.text();
  return {
    status: answer.status,
    wait: Number(answer.headers.get('retry-after')),
    body: text === '' ? null : JSON.parse(text),
  };
}
const ask = (token: string, query: string): Promise<Data> =>
  send(`${app.urls.main}/graphql`, token, JSON.stringify({ query }));

const idOf = (globalId: string): string => Buffer.from(globalId, 'base64url').toString().split(':')[1] ?? '';

async function tokenOf(name: string, role = 'viewer'): Promise<string> {
  const query = `mutation { createApiToken(input: { name: "${name}", roles: [${role}] }) { secret userErrors { message } } }`;
  return (await ask(root, query)).body.data.createApiToken.secret;
}
async function untilLimited(work: () => Promise<Data>): Promise<Data> {
  for (let sent = 0; sent < 2_000; sent += 1) {
    const answer = await work();
    if (answer.status === 429) return answer;
  }
  throw new Error('nothing was limited');
}

test('whoever sends too much is told when to come back, on each listener, and nobody else is', async () => {
  const [busy, other] = [await tokenOf('busy'), await tokenOf('other')];
  const { wait, body } = await untilLimited(() => ask(busy, me));
  expect(body).toMatchObject({ code: 'RATE_LIMITED', message: expect.stringContaining('200 requests') });
  expect(wait).toBeGreaterThanOrEqual(1);
  const [registry, produce] = [
    await untilLimited(() => send(`${app.urls.registry}/subjects`, busy)),
    await untilLimited(() => send(`${app.urls.produce}/topics`, busy)),
  ];
  expect([registry.body.error_code, produce.body.error_code]).toEqual([429, 42_901]);
  expect(registry.wait).toBeGreaterThanOrEqual(1);
  expect((await ask(other, me)).body).toEqual({ data: { me: { actorId: 'other' } } });
  // What is open to everybody has no actor, and no limit.
  expect((await send(`${app.urls.main}/healthz`, busy)).status).toBe(200);
});

test('what queries cost is counted apart: an actor who used it up may still ask for little', async () => {
  const heavy = await tokenOf('heavy');
  expect((await ask(heavy, large)).status).toBe(200);
  const { wait, body } = await untilLimited(() => ask(heavy, large));
  const [error] = body.errors;
  expect(error).toMatchObject({
    message: expect.stringMatching(/costs 10000 in a minute, and this query costs 5\d\d\d; try again in \d+ s/),
    extensions: { code: 'RATE_LIMITED', retryable: true },
  });
  expect(wait).toBeGreaterThanOrEqual(1);
  expect((await ask(heavy, me)).status).toBe(200);
});

test('each event of a subscription costs what its answer does; who used it up is let go', async () => {
  const officer = await tokenOf('watcher', 'privacy_officer');
  const asked = await ask(
    officer,
    'mutation { requestErasure(input: { subjects: [{ accountId: "AC1" }] }) { operation { id } } }',
  );
  const { id } = asked.body.data.requestErasure.operation;
  const client = webSocketClient(app.urls.main, officer);
  // Costs 3,060 for each event.
  const query = `subscription { operationUpdated(id: "${id}") { status targets(first: 60) { nodes { dataset { name mappings(first: 50) { nodes { role } } } } } } }`;
  const events: Data[] = [];
  const ended = new Promise((resolve) => {
    client.subscribe({ query }, { next: (event) => events.push(event), error: resolve, complete: () => resolve(null) });
  });
  const told = (async () => {
    for (let change = 0; change < 20; change += 1) {
      await app.em.fork().execute(`update operation set status_reason = ? where id = ?`, [`${change}`, idOf(id)]);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  expect(await ended).toMatchObject({ code: 4429 });
  expect(events.length).toBeGreaterThan(0);
  expect(events.length).toBeLessThan(5);
  await told;
  await client.dispose();
});

test('operations of WebSockets count like requests', async () => {
  const token = await tokenOf('socket');
  const client = webSocketClient(app.urls.main, token);
  const answers: Data[] = [];
  for (let sent = 0; sent < 2_000 && answers.at(-1)?.errors === undefined; sent += 1)
    answers.push(
      await client
        .iterate<Data>({ query: me })
        .next()
        .then(({ value }) => value)
        .catch((errors) => ({ errors })),
    );
  expect(answers.at(-1).errors).toMatchObject([{ extensions: { code: 'RATE_LIMITED', retryable: true } }]);
  expect((await untilLimited(() => ask(token, me))).status).toBe(429);
  await client.dispose();
});
