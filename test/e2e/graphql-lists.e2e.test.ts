import { type GraphQLInputType, getNullableType, isInputObjectType, isListType } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../testkit/app.ts';
import { documentFor, least, leastOf, rootFields } from '../testkit/root-documents.ts';

let app: TestApp;
beforeAll(async () => {
  app = await testApp({ LINEWARD_ROLES: 'api' });
});
afterAll(() => app?.stop());

const many = 100_001;
interface ListPlace {
  readonly path: readonly string[];
  readonly values: unknown;
}

function listsIn(type: GraphQLInputType, path: readonly string[], seen: readonly string[] = []): readonly ListPlace[] {
  const real = getNullableType(type);
  if (isListType(real)) {
    const item = least(real.ofType);
    return [
      { path, values: Array.from({ length: many }, () => item) },
      ...listsIn(real.ofType, [...path, '0'], seen).map((inner) => ({ ...inner, values: [inner.values] })),
    ];
  }
  if (!isInputObjectType(real) || seen.includes(real.name)) return [];
  const fields = Object.values(real.getFields());
  return fields.flatMap(({ name, type: inner }) =>
    listsIn(inner, [...path, name], [...seen, real.name]).map((place) => ({
      ...place,
      values: { ...leastOf(fields), [name]: place.values },
    })),
  );
}

const places = rootFields().flatMap(({ root, field }) =>
  field.args.flatMap(({ name, type }) =>
    listsIn(type, [name]).map(({ path, values }) => {
      const variables = { ...leastOf(field.args), [name]: values };
      return { ...documentFor(root, field, Object.keys(variables)), path: path.join('.'), variables };
    }),
  ),
);

test('every list that a request can hold has an end, and one that is longer is refused before anything is done', async () => {
  expect(places.length).toBeGreaterThan(90);
  const before = await app.em.fork().execute('select count(*) from audit_event');
  for (const { field, query, path, variables } of places) {
    const { errors } = await app.graphql(query, variables);
    const told = errors.map(({ extensions, message }) => `${extensions.code} ${message}`);
    const isNodes = field === 'Query.nodes';
    expect(told, `${field} ${path}`).toEqual([
      expect.stringMatching(isNodes ? /^QUERY_TOO_COMPLEX/ : /^LIMIT_EXCEEDED .*at most 20000 items/),
    ]);
    expect(errors[0]?.extensions.field ?? path.split('.'), field).toEqual(path.split('.'));
  }
  expect(await app.em.fork().execute('select count(*) from audit_event')).toEqual(before);
}, 240_000);
