import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, documentOf, type TestApp, testApp } from '../testkit/app.ts';
import { mapped, registered, registerSchema } from '../testkit/catalog.ts';
import { sparkSummitDocument } from '../testkit/documents.ts';

let app: TestApp;

const fields = `query ($filter: FieldFilter, $allVersions: Boolean, $first: Int, $after: String, $last: Int, $before: String) {
  fields(filter: $filter, allVersions: $allVersions, first: $first, after: $after, last: $last, before: $before) {
    totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    nodes { id path semanticType classifications tags version { number format } entity { fullName }
      datasets { nodes { role dataset { name } } } } } }`;

const found = async (variables: Record<string, unknown>): Promise<Data> => (await app.done(fields, variables)).fields;
const pathsOf = async (filter: unknown, more: object = {}): Promise<string[]> =>
  (await found({ filter, first: 100, ...more })).nodes.map((node: Data) => `${node.entity.fullName}/${node.path}`);

beforeAll(async () => {
  app = await testApp({ LINEWARD_ROLES: 'api' });
  const { entity } = await registered(app, sparkSummitDocument);
  await mapped(app, entity.id, { name: 'sms.raw', role: 'TOPIC', accountField: 'account_sid' });
  await mapped(app, entity.id, { name: 'sms_lake', role: 'LAKE_TABLE', accountField: 'account_sid' });
  const customer = {
    type: 'object',
    title: 'Shop.Customer',
    properties: { ssn: { type: 'string', 'confluent:tags': ['PII'] }, city: { type: 'string' } },
  };
  const answers = [
    await registerSchema(app, 'customer-value', { schemaType: 'JSON', schema: JSON.stringify(customer) }),
    await registerSchema(app, 'card-value', {
      schema: JSON.stringify({
        type: 'record',
        name: 'Card',
        namespace: 'Shop',
        fields: [
          { name: 'number', type: 'string' },
          { name: 'brand', type: 'string' },
        ],
      }),
      metadata: { tags: { '**.number': ['PCI', 'PII'] } },
    }),
    await registerSchema(app, 'rider-value', {
      schemaType: 'PROTOBUF',
      schema: `syntax = "proto3"; package Ride; import "confluent/meta.proto";
        message Rider { string id = 1; string mail = 2 [(confluent.field_meta).tags = "PII"]; }`,
    }),
  ];
  expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200]);
  await registered(app, documentOf('Grown', [{ name: 'old', type: 'string', twilio_type: 'email' }]));
  await registered(app, documentOf('Grown', [{ name: 'next', type: 'string' }], '2.0'));
});
afterAll(() => app?.stop());

describe('which fields are personal, and where are they stored', () => {
  test('is one question, whichever way the schema says it', async () => {
    const { nodes, totalCount } = await found({ filter: { classification: { eq: 'PII' } } });
    const told = nodes.map((node: Data) => [
      `${node.entity.fullName}/${node.path}`,
      node.version.format,
      node.datasets.nodes.map((mapping: Data) => `${mapping.role} ${mapping.dataset.name}`),
    ]);
    const stored = ['TOPIC sms.raw', 'LAKE_TABLE sms_lake'];
    expect(told).toEqual([
      ['Demo.SparkSummit/to', 'AVRO', stored],
      ['Demo.SparkSummit/from', 'AVRO', stored],
      ['Demo.SparkSummit/message_body', 'AVRO', stored],
      ['Shop.Customer/ssn', 'JSON', []],
      ['Shop.Card/number', 'AVRO', []],
      ['Ride.Rider/mail', 'PROTOBUF', []],
    ]);
    expect(totalCount).toBe(6);
  });

  test('is asked of latest versions, or of all', async () => {
    const filter = { entityName: { eq: 'Grown' } };
    expect(await pathsOf(filter)).toEqual(['Demo.Grown/next']);
    expect(await pathsOf(filter, { allVersions: true })).toEqual(['Demo.Grown/old', 'Demo.Grown/next']);
    expect(await pathsOf({ ...filter, classification: { eq: 'PII' } }, { allVersions: true })).toEqual([
      'Demo.Grown/old',
    ]);
  });
});

describe('fields are filtered', () => {
  test.each<[string, unknown, readonly string[]]>([
    ['tag', { tag: { eq: 'PCI' } }, ['Shop.Card/number']],
    ['one of tags', { tag: { in: ['PCI', 'NONE'] } }, ['Shop.Card/number']],
    ['beginning of a tag', { tag: { startsWith: 'PC' } }, ['Shop.Card/number']],
    ['semantic type', { semanticType: { in: ['phonenumber'] } }, ['Demo.SparkSummit/to', 'Demo.SparkSummit/from']],
    ['path', { path: { contains: 'BODY' } }, ['Demo.SparkSummit/message_body']],
    ['type', { type: { eq: 'int' } }, []],
    ['namespace of the entity', { entityNamespace: { eq: 'Ride' } }, ['Ride.Rider/id', 'Ride.Rider/mail']],
    ['name of the entity', { entityName: { startsWith: 'Ri' } }, ['Ride.Rider/id', 'Ride.Rider/mail']],
    ['role of a dataset', { mappedTo: 'LAKE_TABLE', path: { in: ['sid', 'city', 'brand'] } }, ['Demo.SparkSummit/sid']],
    ['role that none has', { mappedTo: 'SEARCH_INDEX' }, []],
    [
      'classification or tag',
      { or: [{ classification: { eq: 'PCI' } }, { path: { eq: 'city' } }] },
      ['Shop.Customer/city', 'Shop.Card/number'],
    ],
    [
      'none of a semantic type, where that is absent too',
      { entityNamespace: { eq: 'Demo' }, not: { semanticType: { contains: 'e' } }, mappedTo: 'TOPIC' },
      ['Demo.SparkSummit/sid', 'Demo.SparkSummit/account_sid'],
    ],
    [
      'all of several',
      { and: [{ entityNamespace: { eq: 'Shop' } }, { not: { classification: { eq: 'PII' } } }] },
      ['Shop.Customer/city', 'Shop.Card/brand'],
    ],
    ['wildcards as they are', { path: { contains: '%' } }, []],
    ['quotes and braces as they are', { tag: { eq: '"},{\\' } }, []],
  ])('by %s', async (_name, filter, expected) => {
    expect(await pathsOf(filter)).toEqual(expected);
  });

  test('within limits', async () => {
    let deep: unknown = { path: { eq: 'x' } };
    for (let depth = 0; depth < 8; depth += 1) deep = { not: deep };
    const many = { tag: { in: Array.from({ length: 101 }, (_, index) => `t${index}`) } };
    for (const filter of [deep, many]) {
      const { errors } = await app.graphql(fields, { filter });
      expect(errors).toMatchObject([{ extensions: { code: 'LIMIT_EXCEEDED', field: ['filter'] } }]);
    }
    const { errors } = await app.graphql(fields, { filter: { tag: { eq: 'a\0' } } });
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_INPUT' } }]);
  });

  test('page by page, forward and backward', async () => {
    const all = await pathsOf({});
    expect(all.length).toBeGreaterThan(10);
    for (const [size, from, has, cursor] of [
      ['first', 'after', 'hasNextPage', 'endCursor'],
      ['last', 'before', 'hasPreviousPage', 'startCursor'],
    ] as const) {
      const read: string[] = [];
      for (let at: string | null = null, more = true; more; ) {
        const page: Data = await found({ filter: {}, [size]: 4, [from]: at });
        const paths = page.nodes.map((node: Data) => `${node.entity.fullName}/${node.path}`);
        if (size === 'first') read.push(...paths);
        else read.unshift(...paths);
        ({ [has]: more, [cursor]: at } = page.pageInfo);
      }
      expect(read).toEqual(all);
    }
    const { pageInfo } = await found({ filter: {}, first: 1 });
    const { errors } = await app.graphql(fields, { filter: { tag: { eq: 'PII' } }, after: pageInfo.endCursor });
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_CURSOR' } }]);
  });
});

describe('entities are filtered', () => {
  const named = async (filter: unknown): Promise<string[]> =>
    (
      await app.done('query ($filter: EntityFilter) { entities(filter: $filter) { nodes { fullName } } }', { filter })
    ).entities.nodes.map((node: Data) => node.fullName);

  test('by classification and tag of the fields of their latest versions', async () => {
    expect(await named({ classification: { eq: 'PII' } })).toEqual([
      'Demo.SparkSummit',
      'Ride.Rider',
      'Shop.Card',
      'Shop.Customer',
    ]);
    expect(await named({ tag: { eq: 'PCI' } })).toEqual(['Shop.Card']);
    expect(await named({ not: { classification: { contains: 'p' } } })).toEqual(['Demo.Grown']);
    expect(await named({ deprecated: true })).toEqual([]);
    expect(await named({ deprecated: false, owner: { eq: 'nobody' } })).toEqual([]);
  });
});
