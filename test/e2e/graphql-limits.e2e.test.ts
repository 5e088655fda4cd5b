import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, type TestApp, testApp, webSocketClient } from '../testkit/app.ts';

const token = 'a-token-of-the-tests';
let development: TestApp;
let production: TestApp;

beforeAll(async () => {
  development = await testApp({ LINEWARD_ROLES: 'api' });
  production = await testApp({ LINEWARD_ROLES: 'api', NODE_ENV: 'production', LINEWARD_API_TOKEN: token });
});
afterAll(async () => {
  await development?.stop();
  await production?.stop();
});

async function post(app: TestApp, body: unknown): Promise<{ status: number; body: Data }> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  const response = await fetch(`${app.urls.main}/graphql`, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, body: await response.json() };
}

async function overWebSocket(app: TestApp, query: string, variables: Record<string, unknown> = {}): Promise<Data> {
  const client = webSocketClient(app.urls.main, token);
  const first = await client
    .iterate({ query, variables })
    .next()
    .catch((errors: unknown) => ({ value: { errors } }));
  await client.dispose();
  return first.value;
}

const deep = `{ entities { nodes { ${'latestVersion { entity { '.repeat(6)} id ${'} } '.repeat(6)} } } }`;
const costly = 'query ($n: Int!) { entities(first: $n) { nodes { versions(first: $n) { nodes { id } } } } }';
const long = `{ ${'__typename '.repeat(5_000)} }`;

describe('a query over a limit', () => {
  test('is answered with status 400 and a code, by each entrance and in each mode', async () => {
    for (const app of [development, production]) {
      for (const [query, variables] of [
        [deep, {}],
        [costly, { n: 100 }],
        [long, {}],
      ] as const) {
        const { status, body } = await post(app, { query, variables });
        expect(status).toBe(400);
        expect(body.data).toBeUndefined();
        expect(body.errors).toMatchObject([{ extensions: { code: 'QUERY_TOO_COMPLEX', retryable: false } }]);
        const told = await overWebSocket(app, query, variables);
        expect(told.errors).toMatchObject([{ extensions: { code: 'QUERY_TOO_COMPLEX', retryable: false } }]);
      }
    }
  });

  test('is refused also by GET, and again when it comes again', async () => {
    const url = `${development.urls.main}/graphql?query=${encodeURIComponent(deep)}`;
    for (let time = 0; time < 2; time += 1) {
      const response = await fetch(url, { headers: { 'apollo-require-preflight': '1' } });
      expect([response.status, ((await response.json()) as Data).errors[0].extensions.code]).toEqual([
        400,
        'QUERY_TOO_COMPLEX',
      ]);
    }
  });

  test('with small pages passes, with the same document', async () => {
    expect((await post(development, { query: costly, variables: { n: 50 } })).body.errors).toBeUndefined();
    expect((await post(development, { query: costly, variables: { n: 100 } })).status).toBe(400);
  });
});

describe('introspection', () => {
  test('of standard clients passes in development, and nothing is told in production', async () => {
    const query = getIntrospectionQuery();
    expect((await post(development, { query })).body.data.__schema.types.length).toBeGreaterThan(50);
    expect((await overWebSocket(development, query)).data.__schema.types.length).toBeGreaterThan(50);
    expect((await post(production, { query })).status).toBe(400);
    const misspelt = '{ entitys { totalCount } }';
    expect((await post(development, { query: misspelt })).body.errors[0].message).toContain('Did you mean');
    for (const { errors } of [
      (await post(production, { query: misspelt })).body,
      await overWebSocket(production, misspelt),
    ])
      expect(errors[0].message).toBe('Cannot query field "entitys" on type "Query".');
  });

  test('at most five faults of a document are told', async () => {
    const { body } = await post(development, { query: `{ ${'nothing '.repeat(20)} }` });
    expect(body.errors).toHaveLength(6);
    expect(body.errors[5].message).toMatch(/Too many validation errors/);
  });
});

describe('values that do not fit their types', () => {
  const request = `mutation ($input: RequestErasureInput!) { requestErasure(input: $input) { userErrors { code } } }`;

  test('are never repeated', async () => {
    const subjects = [{ accountId: ['CANARY-7'] }];
    const variables = { input: { subjects, reason: { why: 'CANARY-8' } } };
    const answered = await post(development, { query: request, variables });
    expect(answered).toMatchObject({
      status: 400,
      body: { errors: [{ extensions: { code: 'BAD_INPUT', field: ['input', 'reason'] } }] },
    });
    const nested = await post(development, { query: request, variables: { input: { subjects } } });
    expect(nested.body.errors[0].extensions.field).toEqual(['input', 'subjects', '0', 'accountId']);
    const told = await overWebSocket(development, request, variables);
    const literal = await post(development, {
      query:
        'mutation { requestErasure(input: { subjects: [{ accountId: "a" }], dryRun: "CANARY-9" }) { userErrors { code } } }',
    });
    expect(literal.status).toBe(400);
    expect(literal.body.errors[0].message).toContain('(value)');
    expect(JSON.stringify([answered, nested, told, literal])).not.toContain('CANARY');
  });
});

test('several operations in one request, and requests that a form could send, are refused', async () => {
  const { status } = await post(development, [{ query: '{ __typename }' }, { query: '{ __typename }' }]);
  expect(status).toBe(400);
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
    const body = '{"query":"{ entities { totalCount } }"}';
    const form = await fetch(`${development.urls.main}/graphql`, {
      method: 'POST',
      headers: { 'content-type': type },
      body,
    });
    expect(form.status).toBeGreaterThanOrEqual(400);
  }
  const get = await fetch(`${development.urls.main}/graphql?query=${encodeURIComponent('{ __typename }')}`);
  expect(get.status).toBe(400);
});
