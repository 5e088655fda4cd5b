import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, type TestApp, testApp, webSocketClient } from '../testkit/app.ts';

const trusted = 'query Me { me { actorId } }\n';
const changing = 'mutation { createApiToken(input: { name: "ann", roles: [viewer] }) { secret } }';
const subscribing = 'subscription { changed { seq } }';
const foreign = '{ entities { totalCount } }';
const refusal = [{ extensions: { code: 'DOCUMENT_NOT_TRUSTED' } }];
const persisted = (text: string) => ({ persistedQuery: { version: 1, sha256Hash: sha256(text) } });

let directory: string;
let app: TestApp;

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lineward-documents-'));
  await mkdir(join(directory, 'all', 'more'), { recursive: true });
  await writeFile(join(directory, 'all', 'me.graphql'), trusted);
  await writeFile(join(directory, 'all', 'more', 'token.graphql'), changing);
  await writeFile(join(directory, 'all', 'more', 'changed.graphql'), subscribing);
  app = await testApp({ LINEWARD_ROLES: 'api', TRUSTED_DOCUMENTS: join(directory, 'all') });
});
afterAll(async () => {
  await app?.stop();
  await rm(directory, { recursive: true, force: true });
});

async function post(body: unknown): Promise<{ status: number; body: Data }> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${app.urls.main}/graphql`, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, body: await response.json() };
}

async function get(parameters: string): Promise<{ status: number; body: Data }> {
  const headers = { 'apollo-require-preflight': '1' };
  const response = await fetch(`${app.urls.main}/graphql?${parameters}`, { headers });
  return { status: response.status, body: await response.json() };
}

async function overWebSocket(sent: { query: string; extensions?: Record<string, unknown> }): Promise<Data> {
  const client = webSocketClient(app.urls.main);
  const first = await client
    .iterate(sent)
    .next()
    .catch((errors: unknown) => ({ value: { errors } }));
  await client.dispose();
  return first.value;
}

describe('where documents are registered', () => {
  test('those are answered, as text and by their SHA-256, by each entrance', async () => {
    const me = { data: { me: { actorId: 'local' } } };
    expect(await post({ query: trusted })).toMatchObject({ status: 200, body: me });
    expect(await post({ extensions: persisted(trusted) })).toMatchObject({ status: 200, body: me });
    expect(await post({ query: trusted, extensions: persisted(trusted) })).toMatchObject({ status: 200, body: me });
    expect(await get(`query=${encodeURIComponent(trusted)}`)).toMatchObject({ status: 200, body: me });
    const extensions = encodeURIComponent(JSON.stringify(persisted(trusted)));
    expect(await get(`extensions=${extensions}`)).toMatchObject({ status: 200, body: me });
    expect(await overWebSocket({ query: trusted })).toMatchObject(me);
    expect(await overWebSocket({ query: '', extensions: persisted(trusted) })).toMatchObject(me);
    expect((await post({ query: changing })).body.data.createApiToken.secret).toMatch(/./);
  });

  test('all others are refused before anything is told of the schema, by each entrance', async () => {
    const nonsense = '{ entitiez { nodes { id } } }';
    for (const query of [foreign, nonsense, '{ __schema { types { name } } }', `${trusted} `, trusted.trim(), '']) {
      expect(await post({ query })).toMatchObject({ status: 400, body: { errors: refusal } });
      expect(await post({ query, extensions: persisted(query) })).toMatchObject({ status: 400 });
      expect(await overWebSocket({ query })).toMatchObject({ errors: refusal });
    }
    expect((await post({ query: nonsense })).body.errors[0].message).not.toMatch(/entit/);
    expect(await post({ extensions: persisted(foreign) })).toMatchObject({ status: 400, body: { errors: refusal } });
    expect(await overWebSocket({ query: '', extensions: persisted(foreign) })).toMatchObject({ errors: refusal });
    for (const extensions of [null, 'x', [], { persistedQuery: null }, { persistedQuery: { sha256Hash: ['x'] } }])
      expect((await post({ extensions })).status).toBe(400);
    expect(await get(`query=${encodeURIComponent(foreign)}`)).toMatchObject({ status: 400, body: { errors: refusal } });
    expect((await get('extensions=%7B')).status).toBe(400);
  });

  test('none is registered by a client, and none is put beside one that is', async () => {
    await post({ query: foreign, extensions: persisted(foreign) });
    expect(await post({ extensions: persisted(foreign) })).toMatchObject({ body: { errors: refusal } });
    const mismatch = await post({ query: foreign, extensions: persisted(trusted) });
    expect(mismatch).toMatchObject({ status: 400 });
    const [own, other] = [encodeURIComponent(trusted), encodeURIComponent(foreign)];
    for (const both of [`query=${own}&query=${other}`, `query=${other}&query=${own}`])
      expect((await get(both)).body.data?.entities).toBeUndefined();
    const response = await fetch(`${app.urls.main}/graphql?query=${own}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: foreign }),
    });
    expect(response.status).toBe(400);
  });
});

describe('the start', () => {
  const starting = async (file: string, content: string) => {
    const path = join(directory, file);
    await writeFile(path, content);
    return app.restart({ TRUSTED_DOCUMENTS: path });
  };

  test('refuses a list with a wrong sum, a document that is none, and an empty one', async () => {
    for (const [content, told] of [
      [JSON.stringify({ [sha256('x')]: trusted }), 'is not the SHA-256 of its document'],
      [JSON.stringify({ [sha256('{')]: '{' }), 'does not parse, line 1'],
      ['[]', 'is not a JSON object'],
      ['{}', 'has no documents'],
    ] as const)
      await expect(starting('list.json', content)).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining(told),
      });
    await expect(app.restart({ TRUSTED_DOCUMENTS: join(directory, 'nowhere') })).rejects.toThrow(/cannot be read/);
  });

  test('takes a list as tools write it', async () => {
    await starting('list.json', JSON.stringify({ [`sha256:${sha256(trusted)}`]: trusted }));
    expect((await post({ query: trusted })).status).toBe(200);
    expect((await post({ query: changing })).status).toBe(400);
  });
});
