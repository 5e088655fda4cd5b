import { type GraphQLInputType, getNullableType, isInputObjectType, isListType, isScalarType } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Data, documentOf, register, type TestApp, testApp } from '../testkit/app.ts';
import { documentFor, leastOf, rootFields } from '../testkit/root-documents.ts';
import { appWithRoutes, type RegisteredRoute } from '../testkit/routes.ts';

// Text that statements, patterns, paths or formats could take for a part of themselves, at every place that takes text.
const payloads = [
  `x' or '1'='1`,
  `x'); drop table entity; --`,
  `x" or ""=" ? $1 :name`,
  `%_\\`,
  `{"$gt":""}{x,y}`,
  `../..//etc/passwd`,
];
let app: TestApp;
let routes: readonly RegisteredRoute[];
beforeAll(async () => {
  ({ app, routes } = await appWithRoutes(() => testApp({ LINEWARD_ROLES: 'api' })));
  await app.done(register, { input: { document: documentOf('kept') } });
});
afterAll(() => app?.stop());

/** Places of text in a type: values of the type that have the text there. */
function textsIn(type: GraphQLInputType, text: string, seen: readonly string[] = []): readonly unknown[] {
  const real = getNullableType(type);
  if (isListType(real)) return textsIn(real.ofType, text, seen).map((value) => [value]);
  if (isScalarType(real)) return ['String', 'ID', 'JSON'].includes(real.name) ? [text] : [];
  if (!isInputObjectType(real) || seen.includes(real.name)) return [];
  const fields = Object.values(real.getFields());
  return fields.flatMap(({ name, type: inner }) =>
    textsIn(inner, text, [...seen, real.name]).map((value) => ({ ...leastOf(fields), [name]: value })),
  );
}
const isClean = (text: string): boolean => !/INTERNAL|syntax error|SQLSTATE|unterminated|pg_|relation "/i.test(text);

test.each(payloads)(
  'GraphQL takes %j for text wherever it takes text',
  async (payload) => {
    let asked = 0;
    for (const { root, field } of rootFields())
      for (const { name, type } of field.args)
        for (const value of textsIn(type, payload)) {
          const variables = { ...leastOf(field.args), [name]: value };
          const { query } = documentFor(root, field, Object.keys(variables));
          const answer = await app.graphql(query, variables);
          expect(answer.status, query).toBeLessThan(500);
          expect(isClean(JSON.stringify(answer.errors)), `${query} ${JSON.stringify([variables, answer])}`).toBe(true);
          asked += 1;
        }
    expect(asked).toBeGreaterThan(250);
  },
  240_000,
);

test.each(payloads)(
  'no address takes %j for anything else',
  async (payload) => {
    const text = encodeURIComponent(payload);
    let asked = 0;
    for (const { listener, method, url } of routes) {
      if (method === 'HEAD' || method === 'OPTIONS' || url.startsWith('/kafka/')) continue;
      const names = url.match(/(?<!:):\w+/g) ?? [];
      const query = [
        'q',
        'filter',
        'namespace',
        'sort',
        'nodeId',
        'subject',
        'subjectPrefix',
        'source',
        'key',
        'value',
        'name',
        'purpose',
      ]
        .map((name) => `${name}=${text}`)
        .join('&');
      const paths = names.map((name) => url.replace(name, text).replace(/(?<!:):\w+/g, '1'));
      for (const path of [...paths, `${url.replace(/(?<!:):\w+/g, 'x')}?${query}`]) {
        const body = method === 'GET' || method === 'DELETE' ? {} : bodyOf(payload);
        const response = await fetch(`${app.urls[listener]}${path.replace('::', ':')}`, { method, ...body });
        const told = await response.text();
        expect(response.status, `${method} ${path} ${told.slice(0, 300)}`).not.toBe(500);
        if (response.status >= 400) expect(isClean(told), `${method} ${path} ${told.slice(0, 300)}`).toBe(true);
        asked += 1;
      }
    }
    expect(asked).toBeGreaterThan(300);
  },
  240_000,
);

function bodyOf(payload: string): { readonly body: string; readonly headers: Readonly<Record<string, string>> } {
  const names = [
    'schema',
    'subject',
    'table',
    'entity',
    'accountId',
    'value',
    'type',
    'compatibility',
    'mode',
    'resourceId',
  ];
  const body = JSON.stringify(Object.fromEntries(names.map((name) => [name, payload])));
  return { body, headers: { 'content-type': 'application/json' } };
}

test('and all is there afterwards', async () => {
  const { entity }: Data = await app.done('{ entity(namespace: "Demo", name: "kept") { name } }');
  expect(entity).toEqual({ name: 'kept' });
  const tables = await app.em
    .fork()
    .execute(`select 1 from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`);
  expect(tables.length).toBeGreaterThan(60);
});
