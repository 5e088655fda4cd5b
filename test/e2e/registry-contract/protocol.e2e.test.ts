import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { a1, a2, answerType, breaking, type Case, post, type Registry, startRegistry, unique } from './contract.ts';

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry?.stop());

const json = 'application/json';
const older = 'application/vnd.schemaregistry+json';
const register = (subject: string, body: unknown, headers: Record<string, string> = {}) =>
  registry.ask('POST', `/subjects/${subject}/versions`, { body, headers });

/** Sends an address as it stands, which fetch would tidy up. */
function raw(path: string): Promise<{ status: number; type: string | undefined; body: unknown }> {
  const { hostname, port } = new URL(registry.url);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, method: 'GET' }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const body = JSON.parse(Buffer.concat(chunks).toString());
        resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'], body });
      });
    });
    sent.on('error', reject).end();
  });
}

describe('a body is read', () => {
  test.each([
    answerType,
    older,
    json,
    'application/octet-stream',
    `${answerType}; charset=utf-8`,
    `${json};charset=UTF-8`,
    `${older} ; charset="utf-8"; x=y`,
    'APPLICATION/JSON',
  ])('as JSON when its type is %s', async (type) => {
    const answer = await register(unique(), { schema: a1 }, { 'content-type': type });
    expect([answer.status, answer.body]).toEqual([200, { id: expect.any(Number) }]);
  });

  test('as JSON when it has no type', async () => {
    const response = await fetch(`${registry.url}/subjects/${unique()}/versions`, {
      method: 'POST',
      body: Buffer.from(JSON.stringify({ schema: a1 })),
    });
    expect([response.status, await response.json()]).toEqual([200, { id: expect.any(Number) }]);
  });

  test.each([
    'text/plain',
    'application/xml',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'application/vnd.kafka.json.v2+json',
    'json',
    'application/*',
    '',
  ])('not when its type is %j', async (type) => {
    const s = unique();
    const answer = await register(s, JSON.stringify({ schema: a1 }), { 'content-type': type });
    expect([answer.status, answer.body]).toEqual([
      415,
      { error_code: 415, message: 'HTTP 415 Unsupported Media Type' },
    ]);
    expect((await registry.ask('GET', `/subjects/${s}/versions`)).status).toBe(404);
  });

  test.each([
    ['is no JSON', '{"schema":'],
    ['is a list', '[]'],
    ['is text', '"x"'],
    ['is a number', '1'],
    ['is null', 'null'],
    ['is empty', ''],
    ['is no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])],
  ])('not when it %s', async (_name, body) => {
    for (const [method, path] of [
      ['POST', '/subjects/x/versions'],
      ['POST', '/subjects/x'],
      ['POST', '/compatibility/subjects/x/versions/latest'],
      ['PUT', '/config/x'],
      ['PUT', '/mode/x'],
    ] as const) {
      const answer = await registry.ask(method, path, { body });
      expect([answer.status, answer.body]).toEqual([400, { error_code: 400, message: expect.stringMatching(/\S/) }]);
    }
  });

  test('not when it has more than 10 MiB: that is a schema that is too large', async () => {
    const answer = await register(unique(), { schema: `"${'x'.repeat(11 * 1024 * 1024)}"` });
    expect([answer.status, answer.body]).toEqual([422, { error_code: 42_209, message: expect.stringMatching(/\S/) }]);
  });

  test('not when its schema has more than 4 Mi characters', async () => {
    const schema = JSON.stringify({ type: 'record', name: 'R', doc: 'x'.repeat(4 * 1024 * 1024), fields: [] });
    expect((await register(unique(), { schema })).body).toMatchObject({ error_code: 42_209 });
  });

  test('with keys that are special elsewhere', async () => {
    const s = unique();
    const body = `{"__proto__":{"schema":"x"},"constructor":1,"schema":${JSON.stringify(a1)},"metadata":{"properties":{"constructor":"c"}}}`;
    expect((await register(s, body)).status).toBe(200);
    expect((await registry.ask('GET', `/subjects/${s}/versions/1`)).body.metadata).toEqual({
      properties: { constructor: 'c' },
    });
  });

  test('not where there is none: a DELETE with a content type', async () => {
    const answer = await registry.ask('DELETE', `/subjects/${unique()}`, { headers: { 'content-type': json } });
    expect(answer.body).toMatchObject({ error_code: 40_401 });
  });
});

describe('an answer is', () => {
  test.each([
    [undefined, answerType],
    ['*/*', answerType],
    ['*', answerType],
    ['application/*', answerType],
    [answerType, answerType],
    [older, older],
    [json, json],
    [`${json}; q=0.9`, json],
    [`${answerType}, ${older}, ${json}`, answerType],
    [`${json}, ${answerType}`, answerType],
    [`${json}; q=0.9, ${answerType}; q=0.1`, json],
    [`${answerType};q=0, */*`, older],
    [`text/html, ${json};q=0.5`, json],
    ['text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2', answerType],
    [`${older};q=1.0,*/*;q=0.1`, older],
    ['Application/JSON', json],
    ['', answerType],
  ])('for Accept %j of type %s', async (accept, type) => {
    for (const path of ['/subjects', '/subjects/nobody-at-all/versions']) {
      const answer = await registry.ask('GET', path, { headers: accept === undefined ? {} : { accept } });
      expect([answer.status < 405, answer.headers.get('content-type')]).toEqual([true, type]);
    }
  });

  test.each(['text/html', 'application/xml', 'text/*', 'application/vnd.schemaregistry.v2+json', `${json};q=0`])(
    'none for Accept %j, and nothing is done',
    async (accept) => {
      const s = unique();
      const answer = await register(s, { schema: a1 }, { accept });
      expect([answer.status, answer.body]).toEqual([406, { error_code: 406, message: 'HTTP 406 Not Acceptable' }]);
      expect(answer.headers.get('content-type')).toBe(answerType);
      expect((await registry.ask('GET', `/subjects/${s}/versions`)).status).toBe(404);
    },
  );

  test.each(['/', '/subjects', '/schemas/types', '/config', '/mode', '/contexts', '/v1/metadata/id'])(
    'without its body for HEAD %s',
    async (path) => {
      const [head, get] = [await registry.ask('HEAD', path), await registry.ask('GET', path)];
      expect([head.status, head.text, head.headers.get('content-type')]).toEqual([200, '', answerType]);
      expect(head.headers.get('content-length')).toBe(get.headers.get('content-length'));
    },
  );
});

const paths: readonly (readonly [path: string, allowed: string])[] = [
  ['/', 'GET, HEAD, POST'],
  ['/subjects', 'GET, HEAD'],
  ['/subjects/x', 'DELETE, POST'],
  ['/subjects/x/versions', 'GET, HEAD, POST'],
  ['/subjects/x/versions/1', 'DELETE, GET, HEAD'],
  ['/subjects/x/versions/1/schema', 'GET, HEAD'],
  ['/subjects/x/versions/1/referencedby', 'GET, HEAD'],
  ['/subjects/x/versions/1/tags', 'POST'],
  ['/subjects/x/metadata', 'GET, HEAD'],
  ['/schemas', 'GET, HEAD'],
  ['/schemas/types', 'GET, HEAD'],
  ['/schemas/ids/1', 'GET, HEAD'],
  ['/schemas/ids/1/schema', 'GET, HEAD'],
  ['/schemas/ids/1/subjects', 'GET, HEAD'],
  ['/schemas/ids/1/versions', 'GET, HEAD'],
  ['/schemas/guids/x', 'GET, HEAD'],
  ['/schemas/guids/x/ids', 'GET, HEAD'],
  ['/compatibility/subjects/x/versions', 'POST'],
  ['/compatibility/subjects/x/versions/1', 'POST'],
  ['/config', 'DELETE, GET, HEAD, PUT'],
  ['/config/x', 'DELETE, GET, HEAD, PUT'],
  ['/mode', 'DELETE, GET, HEAD, PUT'],
  ['/mode/x', 'DELETE, GET, HEAD, PUT'],
  ['/contexts', 'GET, HEAD'],
  ['/contexts/x', 'DELETE'],
  ['/contexts/x/subjects', 'GET, HEAD'],
  ['/contexts/x/config/y', 'DELETE, GET, HEAD, PUT'],
  ['/v1/metadata/id', 'GET, HEAD'],
  ['/v1/metadata/version', 'GET, HEAD'],
  ['/v1/metadata/deployment', 'GET, HEAD'],
];

describe('an address', () => {
  test.each(paths)('%s has the methods %s and no others', async (path, allowed) => {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'] as const) {
      if (allowed.split(', ').includes(method)) continue;
      // Nothing else about the request matters before its method does.
      const answer = await registry.ask(method, path, {
        headers: { accept: 'text/html', 'content-type': 'text/plain' },
      });
      expect([answer.status, answer.body]).toEqual([405, { error_code: 405, message: 'HTTP 405 Method Not Allowed' }]);
      expect(answer.headers.get('allow')?.split(', ').sort().join(', ')).toBe(allowed);
    }
  });

  test.each([
    '/nowhere',
    '/subjects/a/b',
    '/subjects/a/versions/1/nothing',
    '/schemas/ids',
    '/schemas/ids/1/2',
    '/v1',
    '/v1/metadata',
    '/compatibility',
    '/config/a/b',
    '/exporters',
    '/schemas/guids',
  ])('%s leads nowhere', async (path) => {
    for (const method of ['GET', 'POST', 'DELETE'] as const) {
      const answer = await registry.ask(method, path, {
        headers: { 'content-type': 'text/plain', accept: 'text/html' },
      });
      expect([answer.status, answer.body]).toEqual([404, { error_code: 404, message: 'HTTP 404 Not Found' }]);
      expect(answer.headers.get('content-type')).toBe(answerType);
    }
  });

  test.each(['/subjects/', '/schemas/types/', '/config/', '/v1/metadata/id/'])(
    '%s is as without its slash',
    async (path) => {
      expect((await registry.ask('GET', path)).body).toEqual((await registry.ask('GET', path.slice(0, -1))).body);
    },
  );

  test.each([
    '/subjects/%/versions',
    '/subjects/%zz/versions',
    '/subjects/%c3%28/versions',
    '/subjects/%ff/versions',
    '/config/%',
    '/%',
  ])('%s is not valid', async (path) => {
    expect(await raw(path)).toEqual({
      status: 400,
      type: answerType,
      body: { error_code: 400, message: expect.stringMatching(/\S/) },
    });
  });

  test('with a part that is far too long is refused', async () => {
    expect(await raw(`/subjects/${'x'.repeat(3_000)}/versions`)).toMatchObject({
      status: 414,
      type: answerType,
      body: { error_code: 414 },
    });
  });
});

describe('a subject', () => {
  test.each([
    'a/b',
    'a/b/versions/1',
    'a:b',
    ':a',
    '::',
    'a b',
    ' a ',
    'a%b',
    '100%',
    '%2F',
    'a+b',
    'a?b',
    'a#b',
    'a&b=c',
    'ünï-wert',
    '主题',
    '🙂',
    'a"b',
    "a'b",
    'a\\b',
    '{a}',
    'a.b-value',
    'latest',
    'versions',
    '-1',
    'constructor',
    '__proto__',
    'x'.repeat(1_024),
  ])('may be called %j', async (name) => {
    const path = `/subjects/${encodeURIComponent(name).replaceAll('.', '%2E')}`;
    const { id } = (await registry.ask('POST', `${path}/versions`, { body: { schema: a1 } })).body;
    expect((await registry.ask('GET', `${path}/versions/latest`)).body).toEqual({
      subject: name,
      version: 1,
      id,
      schema: a1,
    });
    expect((await registry.ask('GET', '/subjects')).body).toContain(name);
    expect((await registry.ask('DELETE', path)).body).toEqual([1]);
  });
});

describe('the server says', () => {
  test.each<Case>([
    { name: 'that it is there', ask: ['GET', '/'], body: {} },
    { name: 'so to who posts', ask: ['POST', '/', {}], body: {} },
    {
      name: 'which cluster it is',
      ask: ['GET', '/v1/metadata/id'],
      body: {
        id: '',
        scope: {
          path: [],
          clusters: { 'kafka-cluster': expect.any(String), 'schema-registry-cluster': expect.any(String) },
        },
      },
    },
    {
      name: 'which release it speaks',
      ask: ['GET', '/v1/metadata/version'],
      body: { version: expect.stringMatching(/^\d+\.\d+\.\d+$/), commitId: expect.any(String) },
    },
    { name: 'how it is deployed', ask: ['GET', '/v1/metadata/deployment'], body: { attributes: [expect.any(String)] } },
  ])('$name', (one) => registry.check(one));
});

describe('a listener with other settings', () => {
  test('answers 40901 for incompatible schemas when it is told to', async () => {
    const other = await startRegistry({ REGISTRY_INCOMPATIBLE_CODE: '40901' });
    try {
      await other.check({ name: '', before: [post(a1)], ask: post(breaking), status: 409, code: 40_901 });
      await other.check({ name: '', before: [post(a1)], ask: post(a2), body: { id: expect.any(Number) } });
    } finally {
      await other.stop();
    }
  });

  test('wants the token on every address', async () => {
    const token = 'a-token-of-enough-length';
    const other = await startRegistry({ LINEWARD_API_TOKEN: token });
    try {
      for (const path of ['/', '/subjects', '/schemas/ids/1', '/nowhere']) {
        const answer = await other.ask('GET', path);
        expect([answer.status, answer.body]).toEqual([401, { error_code: 401, message: expect.stringMatching(/\S/) }]);
        expect(answer.headers.get('www-authenticate')).toMatch(/Basic/);
        expect(answer.headers.get('content-type')).toBe(answerType);
      }
      const basic = Buffer.from(`anyone:${token}`).toString('base64');
      for (const authorization of [`Bearer ${token}`, `Basic ${basic}`])
        expect((await other.ask('GET', '/subjects', { headers: { authorization } })).body).toEqual([]);
    } finally {
      await other.stop();
    }
  });

  test('answers a store that fails as such', async () => {
    const other = await startRegistry();
    try {
      await other.app.em.fork().execute('alter table registry_subject rename to away');
      const answer = await other.ask('GET', '/subjects');
      expect([answer.status, answer.body]).toEqual([500, { error_code: 50_001, message: expect.stringMatching(/\S/) }]);
      expect(answer.text).not.toMatch(/registry_subject|select/);
    } finally {
      await other.stop();
    }
  });
});
