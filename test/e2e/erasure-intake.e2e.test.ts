import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Data, eventually, type TestApp, testApp } from '../testkit/app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await testApp();
});
afterAll(() => app?.stop());

const line = (n: number): string =>
  JSON.stringify(
    n % 10 === 0 ? { accountId: `AC${n}` } : { accountId: 'AC', subject: { field: 'user', value: `u${n}` } },
  );
const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, index) => `${line(from + index)}\n`).join('');
async function send(key: string | null, body: string, query = '', type = 'application/x-ndjson'): Promise<Data> {
  const headers = { 'content-type': type, ...(key !== null && { 'idempotency-key': key }) };
  const response = await fetch(`${app.urls.main}/api/v1/erasures${query}`, { method: 'POST', headers, body });
  return { status: response.status, body: await response.json() };
}
async function countOf(sql: string, params: readonly string[] = []): Promise<number> {
  const [row] = await app.em.fork().execute<{ n: string }[]>(sql, [...params]);
  return Number(row?.n);
}
const kept = async (key: string): Promise<number> =>
  countOf('select count(*) as n from erasure_intake where key = ?', [JSON.stringify(['local', key])]);
const operation = async (id: string): Promise<Data> =>
  (
    await app.done(
      `query ($id: ID!) { node(id: $id) { ... on Operation { kind status reason dryRun subjects(first: 1) { totalCount } } } }`,
      { id },
    )
  ).node;

test('very many subjects become one erasure, each counted once', async () => {
  const { status, body } = await send('many', `${lines(0, 25_000) + lines(0, 1_000)}\n\n`, '?reason=queue&dryRun=true');
  expect(status).toBe(202);
  expect(body).toMatchObject({ status: 'REQUESTED', subjects: 25_000, repeated: 1_000 });
  expect(await kept('many')).toBe(0);
  const planned = await eventually(
    () => operation(body.operationId),
    ({ status: now }) => now === 'PLANNED',
  );
  expect(planned).toMatchObject({ kind: 'ERASURE', reason: 'queue', dryRun: true, subjects: { totalCount: 25_000 } });
});

test('the same again answers the same operation, in whatever order, and another list is refused', async () => {
  const first = await send('same', lines(0, 100));
  const again = await send('same', lines(50, 100) + lines(0, 50));
  expect(again.body).toMatchObject({ operationId: first.body.operationId, subjects: 100 });
  expect(await send('same', lines(0, 101))).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_MISMATCH' } });
  expect(await send('same', lines(0, 100), '?reason=other')).toMatchObject({ body: { code: 'IDEMPOTENCY_MISMATCH' } });
});

test('a stream that breaks off is continued by the rest', async () => {
  const { hostname, port } = new URL(app.urls.main);
  const headers = {
    'content-type': 'application/x-ndjson',
    'idempotency-key': 'broken',
    'transfer-encoding': 'chunked',
  };
  const broken = httpRequest({ hostname, port, method: 'POST', path: '/api/v1/erasures', headers });
  broken.on('error', () => undefined);
  broken.write(lines(0, 5_000));
  await eventually(
    () => kept('broken'),
    (count) => count >= 4_000,
  );
  broken.destroy();
  const { status, body } = await send('broken', lines(3_000, 6_000));
  expect(status).toBe(202);
  expect(body.subjects).toBe(6_000);
  expect(body.repeated).toBeGreaterThanOrEqual(1_000);
});

test('bad lines are named by number without what is in them, and nothing is requested', async () => {
  const bad = [
    'canary',
    '{"accountId": 7, "x": "canary"}',
    '[]',
    '{"accountId": ""}',
    `{"accountId":"${'c'.repeat(2_000)}"}`,
  ];
  const { status, body } = await send(
    'bad',
    `${lines(0, 3)}${bad.join('\n')}\n${lines(3, 5)}"${'x'.repeat(20_000)}"\n`,
  );
  expect(status).toBe(400);
  expect(body).toMatchObject({ code: 'BAD_INPUT' });
  expect([...body.message.matchAll(/line (\d+) /g)].map(([, number]) => Number(number))).toEqual([4, 5, 6, 7, 8, 11]);
  expect(JSON.stringify(body)).not.toMatch(/canary|ccccc|xxxxx/);
  expect(await countOf("select count(*) as n from operation where idempotency_key = 'bad'")).toBe(0);
  expect((await send('bad', lines(0, 5))).body.subjects).toBe(5);
});

test('refuses what cannot be a request', async () => {
  expect(await send(null, lines(0, 1))).toMatchObject({ status: 400, body: { code: 'BAD_INPUT' } });
  expect(await send('empty', '')).toMatchObject({ status: 400, body: { code: 'BAD_INPUT' } });
  expect(await send('json', '{"accountId":"A"}', '', 'application/json')).toMatchObject({ status: 400 });
  expect(await send('none', lines(0, 1), '?entity=No.Such')).toMatchObject({
    status: 404,
    body: { code: 'NOT_FOUND' },
  });
  expect(await send('x'.repeat(300), lines(0, 1))).toMatchObject({ status: 400 });
});

test('two streams under one key at once make one operation', async () => {
  const ends = await Promise.all([send('twice', lines(0, 4_000)), send('twice', lines(0, 4_000))]);
  const done = ends.filter(({ status }) => status === 202);
  expect(done.length).toBeGreaterThan(0);
  expect(new Set(done.map(({ body }) => body.operationId)).size).toBe(1);
});
