import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../testkit/app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await testApp();
});
afterAll(() => app?.stop());

const always = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};
const headersOf = async (url: string, init?: RequestInit): Promise<Record<string, string>> =>
  Object.fromEntries((await fetch(url, init)).headers);

test('answers, refusals and what is not there alike tell browsers what to do with them', async () => {
  const { main, registry, produce } = app.urls;
  const query = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"query":"{ nothing }"}' };
  for (const [url, init] of [
    [`${main}/healthz`],
    [`${main}/metrics`],
    [`${main}/nowhere`],
    [`${main}/graphql`, query],
    [`${main}/graphql`, { ...query, body: '{' }],
    [`${registry}/subjects`],
    [`${registry}/nowhere`],
    [`${registry}/subjects`, { method: 'PUT' }],
    [`${produce}/topics`],
    [`${produce}/nowhere`],
  ] as const) {
    const headers = await headersOf(url, init);
    expect({ url, ...headers }).toMatchObject({ url, ...always });
    // Only HTTPS may promise HTTPS.
    expect(headers['strict-transport-security']).toBeUndefined();
    expect(headers['x-powered-by'] ?? headers.server).toBeUndefined();
  }
});

test('the Sandbox, the only page, may load what it is made of, and in no frame', async () => {
  const headers = await headersOf(`${app.urls.main}/graphql`, { headers: { accept: 'text/html' } });
  expect(headers['content-type']).toContain('text/html');
  expect(headers['content-security-policy']).toBeUndefined();
  expect(headers['x-frame-options']).toBe('DENY');
});
