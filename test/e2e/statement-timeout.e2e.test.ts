import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Data, documentOf, eventually, register, type TestApp, testApp } from '../testkit/app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await testApp({ API_STATEMENT_TIMEOUT_MS: '300' });
});
afterAll(() => app?.stop());

const datasets = '{ datasets(first: 1) { nodes { name } } }';

/** Does the work while nobody gets at a table. */
function locked(table: string, work: () => Promise<void>): Promise<void> {
  return app.em.fork().transactional(async (tx) => {
    await tx.execute(`lock table ${table} in access exclusive mode`);
    await work();
  });
}

/** Statements that wait for a lock. */
async function waiting(): Promise<number> {
  const [row] = await app.em
    .fork()
    .execute(
      `select count(*)::integer as count from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
  return row?.count ?? 0;
}

test('an answer whose statement takes too long is ended, on each listener, and told as what it is', async () => {
  await locked('dataset, registry_subject', async () => {
    const { data, errors } = await app.graphql(datasets);
    expect(data).toBeNull();
    expect(errors).toMatchObject([
      { message: expect.stringContaining('ask for less at a time'), extensions: { code: 'TIMEOUT', retryable: true } },
    ]);
    const registry = await fetch(`${app.urls.registry}/subjects`);
    expect([registry.status, await registry.json()]).toMatchObject([500, { error_code: 50_002 }]);
    const lineage = await fetch(`${app.urls.main}/api/v1/namespaces/any/datasets`);
    expect([lineage.status, await lineage.json()]).toMatchObject([504, { code: 'TIMEOUT' }]);
  });
  expect((await app.graphql(datasets)).errors).toEqual([]);
});

test('a change takes the time it takes', async () => {
  let changed: Promise<Data> = Promise.resolve();
  await locked('entity', async () => {
    changed = app.done(register, { input: { document: documentOf('Patient') } });
    await expect(Promise.race([changed, new Promise((resolve) => setTimeout(resolve, 900, 'waits'))])).resolves.toBe(
      'waits',
    );
  });
  expect((await changed).registerEntityVersion.entity.id).toEqual(expect.any(String));
});

test('eight answers of one actor are at the database at most and ten of all, and others and what is behind go on', async () => {
  const root = 'the-root-token-of-timeouts';
  await app.restart({ API_STATEMENT_TIMEOUT_MS: '3000', LINEWARD_ROLES: 'api', LINEWARD_API_TOKEN: root });
  const ask = async (token: string, query: string): Promise<Data> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await fetch(`${app.urls.main}/graphql`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ query }),
    });
    return answer.json();
  };
  const create = 'mutation { createApiToken(input: { name: "patient", roles: [viewer] }) { secret } }';
  const patient: string = (await ask(root, create)).data.createApiToken.secret;
  await locked('dataset', async () => {
    const greedy = Array.from({ length: 25 }, () => ask(root, datasets));
    expect(await eventually(waiting, (count) => count >= 8)).toBe(8);
    expect(await ask(patient, '{ entities(first: 1) { nodes { name } } }')).toMatchObject({ data: { entities: {} } });
    expect(await waiting()).toBe(8);
    const others = Array.from({ length: 5 }, () => ask(patient, datasets));
    expect(await eventually(waiting, (count) => count >= 10)).toBe(10);
    expect((await fetch(`${app.urls.main}/readyz`)).status).toBe(200);
    const codes = (await Promise.all([...greedy, ...others])).map(({ errors }) => errors[0]?.extensions.code);
    expect(codes.filter((code) => code !== 'TIMEOUT' && code !== 'DATABASE_UNAVAILABLE')).toEqual([]);
  });
  expect((await ask(root, datasets)).errors).toBeUndefined();
});
