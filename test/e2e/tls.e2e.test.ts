import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import { type Data, type TestApp, testApp } from '../testkit/app.ts';
import { type TestAuthority, testAuthority, writeCertificate } from '../testkit/certificates.ts';

let directory: string;
let authority: TestAuthority;
let app: TestApp;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lineward-tls-'));
  authority = await testAuthority();
  const { certFile, keyFile } = await writeCertificate(directory, await authority.issue('lineward'));
  app = await testApp({ TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile });
});
afterAll(async () => {
  await app?.stop();
  await rm(directory, { recursive: true, force: true });
});

const request = (url: string, options: RequestOptions = {}, body = ''): Promise<Data> =>
  new Promise((resolve, reject) => {
    const sent = httpsRequest(url, { ca: authority.cert, ...options }, (answer) => {
      let text = '';
      answer.on('data', (chunk) => {
        text += chunk;
      });
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, text }));
    });
    sent.on('error', reject);
    sent.end(body);
  });

test('the three listeners speak HTTPS, say so, and tell browsers to stay with it', async () => {
  for (const [url, path] of [
    [app.urls.main, '/healthz'],
    [app.urls.registry, '/subjects'],
    [app.urls.produce, '/'],
  ] as const) {
    expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    const { status, headers } = await request(`${url}${path}`);
    expect(status).toBe(200);
    expect(headers['strict-transport-security']).toBe('max-age=31536000');
    // What comes in clear gets no answer, and least of all one that says who is there.
    await expect(fetch(String(url).replace('https', 'http'))).rejects.toThrow();
  }
  const headers = { 'content-type': 'application/json' };
  const asked = await request(
    `${app.urls.main}/graphql`,
    { method: 'POST', headers },
    '{"query":"{ me { actorId } }"}',
  );
  expect(JSON.parse(asked.text)).toEqual({ data: { me: { actorId: 'local' } } });
});

test('what is older than TLS 1.2, and an authority that the client does not know, are no connection', async () => {
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  await expect(request(`${app.urls.main}/healthz`, old)).rejects.toThrow(/protocol|version/i);
  await expect(request(`${app.urls.main}/healthz`, { ca: [] })).rejects.toThrow(/certificate/i);
});

test('subscriptions go the same way', async () => {
  const trusting = class extends WebSocket {
    constructor(address: string | URL, protocols?: string | string[]) {
      super(address, protocols, { ca: authority.cert });
    }
  };
  const url = `${app.urls.main.replace('http', 'ws')}/graphql`;
  const client = createClient({ url, webSocketImpl: trusting, retryAttempts: 0 });
  const { value } = await client.iterate<Data>({ query: '{ me { actorId } }' }).next();
  expect(value.data.me.actorId).toBe('local');
  await client.dispose();
});

test('with TLS_CLIENT_CA_FILE who shows no certificate of that authority is not heard', async () => {
  const clients = await testAuthority();
  const caFile = join(directory, 'clients.pem');
  await writeFile(caFile, clients.cert);
  await app.restart({ TLS_CLIENT_CA_FILE: caFile });
  const url = `${app.urls.main}/healthz`;
  const [known, stranger] = [await clients.issue('known'), await authority.issue('stranger')];
  expect((await request(url, known)).status).toBe(200);
  await expect(request(url)).rejects.toThrow();
  await expect(request(url, stranger)).rejects.toThrow();
});
