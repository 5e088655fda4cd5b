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

test('ten answers are at the database at most, and what is behind them goes on', async () => {
  await app.restart({ API_STATEMENT_TIMEOUT_MS: '3000', LINEWARD_ROLES: 'api' });
  await locked('dataset', async () => {
    const asked = Array.from({ length: 25 }, () => app.graphql(datasets));
    const waiting = async (): Promise<number> => {
      const [row] = await app.em
        .fork()
        .execute(
          `select count(*)::integer as count from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        );
      return row?.count ?? 0;
    };
    expect(await eventually(waiting, (count) => count >= 10)).toBe(10);
    expect((await fetch(`${app.urls.main}/readyz`)).status).toBe(200);
    const codes = (await Promise.all(asked)).map(({ errors }) => errors[0]?.extensions.code);
    expect(codes.filter((code) => code !== 'TIMEOUT' && code !== 'DATABASE_UNAVAILABLE')).toEqual([]);
  });
});
