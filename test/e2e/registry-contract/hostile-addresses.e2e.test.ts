import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Data } from '../../testkit/app.ts';
import { post, type Registry, startRegistry } from './contract.ts';

let registry: Registry;
let operations: readonly { readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'; readonly path: string; api: Data }[];
beforeAll(async () => {
  registry = await startRegistry();
  const [method, , body] = post('"string"');
  await registry.ask(method, '/subjects/known/versions', { body });
  const { body: api } = await registry.ask('GET', '/openapi.json');
  // What the listener describes is Fastify's own table of routes.
  operations = Object.entries<Data>(api.paths).flatMap(([path, methods]) =>
    Object.entries<Data>(methods).map(([name, one]) => ({ method: name.toUpperCase() as 'GET', path, api: one })),
  );
});
afterAll(() => registry?.stop());

/** As they stand in an address: U+0000, halves of pairs, broken UTF-8 and encoding, others that programs trip over. */
const hostile = [
  '%00',
  'a%00b',
  '%ED%A0%80',
  '%ED%BF%BF',
  '%FF',
  '%',
  '%EF%BF%BE',
  '%F0%9F%98%80',
  '%27%22%5C%3B--',
  '%2e%2e',
  '__proto__',
];
const bodies: readonly unknown[] = [undefined, {}, { schema: '"string"' }, { requests: [{ resourceId: 'a\ud800' }] }];

async function statusOf(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string): Promise<string[]> {
  const failed: string[] = [];
  for (const body of method === 'GET' || method === 'DELETE' ? [undefined] : bodies) {
    const answer = await registry.ask(method, path, body === undefined ? {} : { body });
    if (answer.status >= 500) failed.push(`${method} ${path} ${JSON.stringify(body)}: ${answer.status} ${answer.text}`);
  }
  return failed;
}

const good: Readonly<Record<string, string>> = { subject: 'known', version: '1', id: '1', entity: 'a.B' };

test('no part of an address makes a fault of the server, on any route', async () => {
  expect(operations.length).toBeGreaterThan(45);
  const failed: string[] = [];
  let asked = 0;
  for (const { method, path } of operations) {
    for (const prefix of ['', '/contexts/{context}']) {
      const address = `${prefix}${path}`;
      for (const [, name = ''] of address.matchAll(/\{(\w+)\}/g)) {
        for (const value of hostile) {
          const filled = address.replace(/\{(\w+)\}/g, (_all, one: string) =>
            one === name ? value : (good[one] ?? 'known'),
          );
          failed.push(...(await statusOf(method, filled)));
          asked += 1;
        }
      }
    }
  }
  expect(asked).toBeGreaterThan(500);
  expect(failed).toEqual([]);
}, 120_000);

test('no part of a query makes a fault of the server, on any route', async () => {
  const failed: string[] = [];
  let asked = 0;
  for (const { method, path, api } of operations) {
    const filled = path.replace(/\{(\w+)\}/g, (_all, one: string) => good[one] ?? 'known');
    const named = ((api.parameters ?? []) as Data[]).filter((one) => one.in === 'query').map((one) => String(one.name));
    for (const name of [...named, 'unknown']) {
      for (const value of hostile) {
        failed.push(...(await statusOf(method, `${filled}?${name}=${value}`)));
        asked += 1;
      }
    }
  }
  expect(asked).toBeGreaterThan(500);
  expect(failed).toEqual([]);
}, 120_000);

test.each([
  ['GET', '/v1/entities/%00', 422],
  ['GET', '/v1/entities/a%00b/mappings', 422],
  ['GET', '/associations/resources/%00', 422],
  ['GET', '/subjects/%00/versions', 422],
  ['GET', '/v1/entities?after=%00', 422],
  ['GET', '/v1/entities/%ED%A0%80', 400],
] as const)('%s %s is refused with %i', async (method, path, status) => {
  const answer = await registry.ask(method, path);
  expect(answer).toMatchObject({ status, body: { error_code: expect.any(Number), message: expect.any(String) } });
});

test.each([
  [
    'a reference',
    '/subjects/refers/versions',
    { schema: '"string"', references: [{ name: 'r', subject: 'a\ud800', version: 1 }] },
  ],
  [
    'an association',
    '/associations',
    { resourceId: 'r', resourceName: 'r', resourceNamespace: 'n', associations: [{ subject: 'a\udc00' }] },
  ],
])('half of a surrogate pair in the subject of %s is refused', async (_name, path, body) => {
  const { status } = await registry.ask('POST', path, { body });
  expect([400, 422]).toContain(status);
});
