import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, type TestApp, testApp, webSocketClient } from '../testkit/app.ts';

const token = 'a-token-of-the-tests';
let app: TestApp;
beforeAll(async () => {
  app = await testApp({ LINEWARD_ROLES: 'api', NODE_ENV: 'production', LINEWARD_API_TOKEN: token });
});
afterAll(() => app?.stop());

const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
async function overHttp(body: unknown): Promise<{ status: number; body: Data }> {
  const response = await fetch(`${app.urls.main}/graphql`, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, body: await response.json() };
}
async function overWebSocket(query: string): Promise<Data> {
  const client = webSocketClient(app.urls.main, token);
  const first = await client
    .iterate({ query })
    .next()
    .catch((errors: unknown) => ({ value: { errors } }));
  await client.dispose();
  return first.value;
}

const levels = (count: number, of: (level: number) => string): string =>
  Array.from({ length: count }, (_, level) => of(level)).join(' ');

describe('a document that is made to cost is refused with status 400, over HTTP and over WebSocket', () => {
  const tooComplex = /^QUERY_TOO_COMPLEX$/;
  const invalid = /^(?:QUERY_TOO_COMPLEX|GRAPHQL_VALIDATION_FAILED|BAD_INPUT)$/;
  test.each<[name: string, query: string, code: RegExp]>([
    ['aliases', `{ ${levels(200, (n) => `a${n}: entities { totalCount }`)} }`, tooComplex],
    ['aliases of what costs nothing', `{ ${levels(16, (n) => `a${n}: __typename`)} }`, tooComplex],
    ['directives', `{ __typename ${'@include(if: true) '.repeat(500)} }`, tooComplex],
    ['directives that nobody knows', `{ __typename ${'@a'.repeat(1_000)} }`, tooComplex],
    [
      'fragments that spread one another',
      '{ entities { nodes { ...A } } } fragment A on Entity { id ...B } fragment B on Entity { id ...A }',
      invalid,
    ],
    ['a fragment that spreads itself at the root', '{ ...A } fragment A on Query { ...A }', invalid],
    [
      'fragments that spread one another at the root',
      '{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }',
      invalid,
    ],
    [
      'fragments that double thirty times with fields of other names',
      `{ entities { nodes { ...F0 } } } ${levels(30, (n) => `fragment F${n} on Entity { a${n}: id ...F${n + 1} ...F${n + 1} }`)} fragment F30 on Entity { id }`,
      tooComplex,
    ],
    [
      'inline fragments in one another',
      `{ ${'... on Query { '.repeat(900)} __typename ${'} '.repeat(900)} }`,
      tooComplex,
    ],
    ['lists in lists of a value', `{ nodes(ids: ${'['.repeat(1_500)}${']'.repeat(1_500)}) { id } }`, invalid],
  ])('%s', async (_name, query, code) => {
    const { status, body } = await overHttp({ query });
    expect(status, JSON.stringify(body).slice(0, 500)).toBe(400);
    expect(body.data).toBeUndefined();
    expect(body.errors[0].extensions.code).toMatch(code);
    const told = await overWebSocket(query);
    expect(told.errors[0].extensions?.code ?? 'GRAPHQL_VALIDATION_FAILED').toMatch(code);
    expect(told.data ?? null).toBeNull();
  });

  test('but fragments that only double are what they come to: one field, answered at once', async () => {
    const doubling = levels(30, (n) => `fragment F${n} on EntityConnection { ...F${n + 1} ...F${n + 1} }`);
    const query = `{ entities { ...F0 } } ${doubling} fragment F30 on EntityConnection { totalCount }`;
    const answer = { data: { entities: { totalCount: 0 } } };
    expect(await overHttp({ query })).toEqual({ status: 200, body: answer });
    expect(await overWebSocket(query)).toEqual(answer);
  });

  test('many in one request', async () => {
    for (const count of [1, 1_000]) {
      const { status, body } = await overHttp(Array.from({ length: count }, () => ({ query: '{ __typename }' })));
      expect(status).toBe(400);
      expect(JSON.stringify(body)).not.toContain('"data"');
    }
  });

  test('while others are answered', async () => {
    expect(await overHttp({ query: '{ __typename }' })).toEqual({
      status: 200,
      body: { data: { __typename: 'Query' } },
    });
  });
});

describe('headers', () => {
  /** Byte by byte: clients of HTTP would refuse to send it. */
  async function raw(listener: 'main' | 'registry' | 'produce', lines: readonly string[]): Promise<string> {
    const { hostname, port } = new URL(app.urls[listener] ?? '');
    const socket = connect(Number(port), hostname);
    let answer = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      answer += chunk;
    });
    // Without an end of its own: who half closes is not answered.
    socket.write(`${lines.join('\r\n')}\r\nhost: x\r\nconnection: close\r\n\r\n`, 'latin1');
    await once(socket, 'close');
    return answer;
  }
  const headersOf = (answer: string): readonly string[] => (answer.split('\r\n\r\n')[0] ?? '').split('\r\n').slice(1);

  test.each([
    'a\rset-cookie: x=1',
    'a\nset-cookie: x=1',
    'a%0d%0aset-cookie: x=1',
    'a\u00e5\u00e4',
    'a b',
    '<script>',
    'x'.repeat(129),
    '',
    '$'.repeat(20),
  ])('of a request id %j are answered as they were never given', async (given) => {
    for (const listener of ['main', 'registry', 'produce'] as const) {
      const answer = await raw(listener, [
        'GET / HTTP/1.1',
        `x-request-id: ${given}`,
        `authorization: Bearer ${token}`,
      ]);
      expect(answer).toMatch(/^HTTP\/1\.1 [24]\d\d /);
      const names = headersOf(answer).map((line) => line.split(':')[0]?.toLowerCase());
      expect(names).not.toContain('set-cookie');
      const [id] = headersOf(answer).filter((line) => /^x-request-id:/i.test(line));
      // What the parser of HTTP itself refuses has none.
      if (id !== undefined) expect(id).toMatch(/^x-request-id: [\w.-]{1,128}$/i);
      if (given !== '') expect(answer).not.toContain(given);
    }
  });

  test('of downloads are named by the service alone', async () => {
    const evil = ['x%0d%0aset-cookie:%20x=1', 'x%22;filename=%22y', '..%2f..%2fetc%2fpasswd', '%E2%80%AEgnp', 'x%00y'];
    for (const name of evil)
      for (const path of [`/api/v1/reports/${name}`, `/api/v1/evidence/${name}`]) {
        const answer = await raw('main', [`GET ${path} HTTP/1.1`, `authorization: Bearer ${token}`]);
        expect(answer, path).toMatch(/^HTTP\/1\.1 4\d\d /);
        expect(headersOf(answer).filter((line) => /^(?:set-cookie|content-disposition):/i.test(line))).toEqual([]);
      }
    const good = await raw('main', [
      'GET /api/v1/reports/clear-reads?format=csv HTTP/1.1',
      `authorization: Bearer ${token}`,
    ]);
    expect(good).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('in which a token hides something are no way in', async () => {
    for (const given of [
      `Bearer ${token}\u0000`,
      `Bearer ${token}, Bearer x`,
      `Bearer\t${token}x`,
      `Bearer ${token}\nx-a: b`,
    ])
      expect(await raw('main', ['GET /api/v1/namespaces HTTP/1.1', `authorization: ${given}`])).toMatch(
        /^HTTP\/1\.1 40[01] /,
      );
  });
});
