import { readFileSync } from 'node:fs';
import { GraphQLError, getIntrospectionQuery, getOperationAST, parse, specifiedRules, validate } from 'graphql';
import { describe, expect, test } from 'vitest';
import * as demoQueries from '../../../demo/queries.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import { measureOperation } from '../../../src/http/graphql/measure-operation.ts';
import { assertCost, assertShape, assertSource } from '../../../src/http/graphql/query-limits.ts';
import { assertVariables } from '../../../src/http/graphql/variable-values.ts';
import { buildSchema } from '../../../src/resolvers/build-schema.ts';

const schema = buildSchema();
const readme = readFileSync('README.md', 'utf8');
const readmeQueries = [...readme.matchAll(/```graphql\n(.*?)```/gs)].map(([, query]) => query ?? '');

function refusals(query: string, variables: Record<string, unknown> = {}): readonly GraphQLError[] {
  try {
    assertSource(query);
    const document = parse(query);
    assertShape(schema, document);
    const errors = validate(schema, document, specifiedRules, { maxErrors: 5 });
    const operation = getOperationAST(document);
    if (errors.length === 0 && operation != null) assertCost(schema, document, operation, variables);
    return errors;
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    return [error];
  }
}

function measure(query: string, variables: Record<string, unknown> = {}) {
  const document = parse(query);
  const operation = getOperationAST(document);
  if (operation == null) throw new Error('no operation');
  return measureOperation(schema, document, operation, variables);
}

describe('what is within the limits', () => {
  test('every query of the README and of the demo', () => {
    expect(readmeQueries.length).toBeGreaterThanOrEqual(4);
    for (const query of [...readmeQueries, ...Object.values(demoQueries)]) expect(refusals(query)).toEqual([]);
  });

  test('the introspection of standard clients, under whatever name', () => {
    const query = getIntrospectionQuery({ descriptions: true, specifiedByUrl: true, inputValueDeprecation: true });
    for (const named of [query, query.replace('IntrospectionQuery', 'Other')]) expect(refusals(named)).toEqual([]);
  });
});

describe('what is over a limit is refused with the limit, the amount and the remedy', () => {
  const nested = (levels: number) =>
    `{ entities { nodes { ${'latestVersion { entity { '.repeat(levels)} id ${'} } '.repeat(levels)} } } }`;
  const fragments = Array.from({ length: 8 }, (_, level) =>
    level === 7
      ? `fragment F7 on Entity { x: id }`
      : `fragment F${level} on Entity { a: latestVersion { entity { ...F${level + 1} } } b: latestVersion { entity { ...F${level + 1} } } }`,
  ).join('\n');
  const repeated = (text: string, count: number) => `{ ${text.repeat(count)} }`;

  test.each([
    ['depth', nested(6), /fields inside one another: 15, and at most 12 .* second request/],
    [
      'aliases',
      `{ ${[...'abcdefghijklmnop'].map((name) => `${name}: __typename`).join(' ')} }`,
      /aliases: 16, and at most 15/,
    ],
    ['aliases that fragments multiply', `{ entities { nodes { ...F0 } } } ${fragments}`, /fields inside|aliases: \d+/],
    ['fields', repeated('__typename ', 500), /fields in the document: 500, and at most 400/],
    ['directives', repeated(`__typename ${'@skip(if: false) '.repeat(31)}`, 1), /directives in the document: 31/],
    ['tokens', repeated('__typename ', 4_000), /tokens in the document: 4002, .* variables/],
    ['characters', `{ __typename } #${'x'.repeat(100_000)}`, /characters in the document: 100016/],
    [
      'cost of pages in pages',
      '{ entities { nodes { versions { nodes { fields { nodes { id } } } } } } }',
      /cost .*: \d{6}, and at most 10000 .* smaller pages/,
    ],
  ])('%s', (_name, query, message) => {
    const found = refusals(query)
      .map(({ originalError }) => originalError)
      .filter((error) => error instanceof LinewardError);
    expect(found).toMatchObject([{ code: 'QUERY_TOO_COMPLEX', message: expect.stringMatching(message) }]);
    expect(found[0]?.spec).toMatchObject({ http: 400, retryable: false });
  });

  test('a fragment that spreads itself ends in a refusal', () => {
    const errors = refusals(
      '{ entities { nodes { ...A } } } fragment A on Entity { latestVersion { entity { ...A } } }',
    );
    expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining('Cannot spread fragment "A"')]);
  });

  test('introspection that goes round is refused', () => {
    expect(
      refusals(`{ __schema { types { ${'fields { type { '.repeat(5)} name ${'} } '.repeat(5)} } } }`),
    ).toHaveLength(1);
  });
});

describe('cost', () => {
  test.each([
    ['{ entities { nodes { id } } }', {}, 51],
    ['{ entities(first: 10) { edges { node { id } cursor } pageInfo { hasNextPage } } }', {}, 11],
    ['{ entities(last: 2) { nodes { versions(first: 3) { nodes { id } } } } }', {}, 1 + 2 * (1 + 1 + 3)],
    ['query ($n: Int = 4) { entities(first: $n) { nodes { id } } }', {}, 5],
    ['query ($n: Int = 4) { entities(first: $n) { nodes { id } } }', { n: 7 }, 8],
    ['query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids: ['a', 'b'] }, 2.5],
    ['{ entities(first: 10) { ...P } } fragment P on EntityConnection { nodes { latestVersion { id } } }', {}, 16],
    ['{ entities(first: 1000000000) { nodes { id } } }', {}, 101],
  ])('of %s with %j', (query, variables, cost) => {
    expect(measure(query, variables).cost).toBe(cost);
  });
});

describe('variables that do not fit', () => {
  const query = parse(
    'mutation ($input: RequestErasureInput!) { requestErasure(input: $input) { userErrors { code } } }',
  );
  const operation = getOperationAST(query);
  const refused = (input: unknown): unknown => {
    try {
      if (operation != null) assertVariables(schema, operation, { input });
      return null;
    } catch (error) {
      return error;
    }
  };

  test.each([
    [{ subjects: [{ accountId: { canary: 'secret-7' } }] }, '$input.subjects.0.accountId: expected String!'],
    [{ subjects: { accountId: 7 } }, '$input.subjects.accountId: expected String!'],
    [{ subjects: [], dryRun: 'secret-7' }, '$input.dryRun: expected Boolean'],
    ['secret-7', '$input: expected RequestErasureInput!'],
    [{}, '$input: Field "subjects" of required type "[SubjectSelectorInput!]!" was not provided'],
    [{ subjects: [], subject: 1 }, '$input: Field "subject" is not defined by type "RequestErasureInput"'],
  ])('%j are told of by place and type, never by value', (input, text) => {
    const error = refused(input);
    expect(error).toMatchObject({ message: `Variables do not fit their types: ${text}.` });
    expect(String(error)).not.toContain('secret');
  });

  test('are told of five at a time', () => {
    const error = refused({ subjects: Array.from({ length: 9 }, () => ({ accountId: 1 })) });
    expect(error).toMatchObject({
      message: expect.stringMatching(/subjects\.4\.accountId: expected String!; and 4 more\.$/),
    });
  });
});
