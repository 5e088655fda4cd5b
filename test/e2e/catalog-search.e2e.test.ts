import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, documentOf, type TestApp, testApp } from '../testkit/app.ts';
import { mapped, registered, registerSchema } from '../testkit/catalog.ts';
import { sparkSummitDocument } from '../testkit/documents.ts';

let app: TestApp;

const search = `query ($query: String!, $filter: SearchFilter, $first: Int, $after: String, $last: Int, $before: String) {
  search(query: $query, filter: $filter, first: $first, after: $after, last: $last, before: $before) {
    totalCount complete truncatedReason asOf pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    facets { kind { value count } namespace { value count } tag { value count } classification { value count }
      semanticType { value count } format { value count } }
    nodes { kind match score entity { fullName } field { path version { number } } dataset { name } } } }`;

const found = async (query: string, more: object = {}): Promise<Data> =>
  (await app.done(search, { query, ...more })).search;
const nameOf = ({ kind, entity, field, dataset }: Data): string =>
  kind === 'ENTITY' ? entity.fullName : kind === 'FIELD' ? `${entity.fullName}/${field.path}` : dataset.name;
const namesOf = async (query: string, more: object = {}): Promise<string[]> =>
  (await found(query, { first: 100, ...more })).nodes.map(nameOf);
const describeEntity = (input: object) =>
  app.done(
    'mutation ($input: DescribeEntityInput!) { describeEntity(input: $input) { userErrors { code message } } }',
    { input },
  );

beforeAll(async () => {
  app = await testApp({ LINEWARD_ROLES: 'api' });
  const { entity } = await registered(app, sparkSummitDocument, ['Legacy.TextMessages']);
  await mapped(app, entity.id, { name: 'sms.clean-copy', role: 'TOPIC', accountField: 'account_sid' });
  const orders = [
    { name: 'orderId', type: 'string' },
    { name: 'shipping_address', type: 'string', doc: 'Where the parcels are delivered', twilio_type: 'customertext' },
    { name: 'HTTPServerURL', type: 'string', twilio_type: 'url' },
  ];
  await registered(app, documentOf('CustomerOrder', orders));
  const described = await registered(app, documentOf('Order'));
  await describeEntity({
    entityId: described.entity.id,
    documentation: 'Everything about refunds of the Café.',
    owners: ['team:payments'],
    tags: ['tier-1'],
  });
  await registerSchema(app, 'rider-value', {
    schemaType: 'PROTOBUF',
    schema: `syntax = "proto3"; package Ride; import "confluent/meta.proto";
      message Rider { string id = 1; string nick = 2 [(confluent.field_meta).tags = "VIP"]; }`,
  });
  await registered(app, documentOf('Grown', [{ name: 'forgotten_word', type: 'string' }]));
  await registered(app, documentOf('Grown', [{ name: 'present_word', type: 'string' }], '2.0'));
});
afterAll(() => app?.stop());

describe('a search', () => {
  test('puts the exact name first, whatever its case and separators', async () => {
    const first = async (query: string) => {
      const [node] = (await found(query)).nodes;
      return [nameOf(node), node.match];
    };
    expect(await first('order')).toEqual(['Demo.Order', 'EXACT_NAME']);
    expect(await first('customer-order')).toEqual(['Demo.CustomerOrder', 'EXACT_NAME']);
    expect(await first('demo.sparksummit')).toEqual(['Demo.SparkSummit', 'EXACT_NAME']);
    expect(await first('legacy textmessages')).toEqual(['Demo.SparkSummit', 'EXACT_NAME']);
    expect(await first('messageBody')).toEqual(['Demo.SparkSummit/message_body', 'EXACT_NAME']);
    expect(await first('clean copy sms')).toEqual(['sms.clean-copy', 'WORDS']);
    expect(await first('to')).toEqual(['Demo.SparkSummit/to', 'EXACT_NAME']);
  });

  test.each<[string, string, string]>([
    ['part of a name in camel case', 'order', 'Demo.CustomerOrder'],
    ['part of a name in camel case with capitals', 'server', 'Demo.CustomerOrder/HTTPServerURL'],
    ['part of a name with underscores', 'body', 'Demo.SparkSummit/message_body'],
    ['the beginning of a word', 'summ', 'Demo.SparkSummit'],
    ['words of an alias', 'legacy text', 'Demo.SparkSummit'],
    ['a word of the documentation in another form', 'refund', 'Demo.Order'],
    ['a word without its accent', 'cafe', 'Demo.Order'],
    ['a word with another accent', 'CÁFÈ', 'Demo.Order'],
    ['words of the doc of a field in another form', 'parcel delivering', 'Demo.CustomerOrder/shipping_address'],
    ['a tag of an entity', 'tier-1', 'Demo.Order'],
    ['a tag of a field', 'vip', 'Ride.Rider/nick'],
    ['an owner', 'payments', 'Demo.Order'],
    ['a semantic type', 'phonenumber', 'Demo.SparkSummit/from'],
    ['a dataset, by what it holds', 'sparksummit', 'sms.clean-copy'],
    ['an entity, by where it is', 'clean copy', 'Demo.SparkSummit'],
    ['a slip of the pen in an entity', 'SparkSumit', 'Demo.SparkSummit'],
    ['a slip of the pen in a field', 'shiping_adress', 'Demo.CustomerOrder/shipping_address'],
  ])('finds by %s', async (_name, query, expected) => {
    expect(await namesOf(query)).toContain(expected);
  });

  test('wants all words', async () => {
    expect(await namesOf('customer order')).toEqual(['Demo.CustomerOrder']);
    expect(await namesOf('message nothinglikeit')).not.toContain('Demo.CustomerOrder');
  });

  test('knows the latest version only', async () => {
    expect(await namesOf('present_word')).toEqual(['Demo.Grown/present_word']);
    const old = await found('forgotten word');
    expect(old.nodes.filter((node: Data) => node.match !== 'SIMILAR_NAME')).toEqual([]);
  });

  test('is narrowed by a filter, and its facets count the whole match', async () => {
    const { facets, totalCount, nodes } = await found('', { first: 2, filter: { classification: 'PII' } });
    const counts = (name: string) => Object.fromEntries(facets[name].map((facet: Data) => [facet.value, facet.count]));
    expect(nodes).toHaveLength(2);
    expect(counts('kind')).toEqual({ ENTITY: 2, FIELD: 5, DATASET: 1 });
    expect(totalCount).toBe(8);
    expect(counts('namespace')).toEqual({ Demo: 7, 'kafka://test:9092': 1 });
    expect(counts('semanticType')).toMatchObject({ phonenumber: 4, customertext: 5, url: 2 });
    expect(counts('format')).toEqual({ AVRO: 7 });
    expect(counts('classification')).toEqual({ PII: 8 });
    const places = [facets.kind, facets.semanticType].map((values) => values.map((value: Data) => value.count));
    for (const place of places) expect(place).toEqual(place.toSorted((a: number, b: number) => b - a));
  });

  test.each<[object, readonly string[]]>([
    [{ kinds: ['DATASET'] }, ['sms.clean-copy']],
    [{ tag: 'VIP' }, ['Ride.Rider', 'Ride.Rider/nick']],
    [{ tag: 'tier-1' }, ['Demo.Order']],
    [{ format: 'PROTOBUF', kinds: ['FIELD'] }, ['Ride.Rider/id', 'Ride.Rider/nick']],
    [{ semanticType: 'url', kinds: ['ENTITY'] }, ['Demo.CustomerOrder']],
    [{ namespace: 'Ride', kinds: ['ENTITY', 'DATASET'] }, ['Ride.Rider']],
    [{ namespace: "' or true" }, []],
    [{ kinds: [] }, []],
  ])('with a blank query lists what the filter %o lets through', async (filter, expected) => {
    expect((await namesOf(' ', { filter })).sort()).toEqual([...expected].sort());
  });

  test('is read page by page, forward and backward, in one order', async () => {
    for (const query of ['', 'demo', 'id']) {
      const all = await namesOf(query);
      const forward: string[] = [];
      for (let after: string | null = null, more = true; more; ) {
        const page: Data = await found(query, { first: 3, after });
        forward.push(...page.nodes.map(nameOf));
        ({ hasNextPage: more, endCursor: after } = page.pageInfo);
      }
      const backward: string[] = [];
      for (let before: string | null = null, more = true; more; ) {
        const page: Data = await found(query, { last: 4, before });
        backward.unshift(...page.nodes.map(nameOf));
        ({ hasPreviousPage: more, startCursor: before } = page.pageInfo);
      }
      expect([forward, backward]).toEqual([all, all]);
    }
    const { pageInfo } = await found('demo', { first: 1 });
    const { errors } = await app.graphql(search, { query: 'order', after: pageInfo.endCursor });
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_CURSOR', field: ['after'] } }]);
  });

  test.each(['%%%', '___', '\\', '*', '& | !', "''''", '()', ':*', '<->', '\u0007', '🙂', '"'])(
    'finds nothing for %j, which holds no letter',
    async (query) => {
      expect(await found(query)).toMatchObject({ totalCount: 0, complete: true, nodes: [], facets: { kind: [] } });
    },
  );

  test.each([
    '%order%',
    "order' or 'x",
    'order & !body',
    'order:*',
    '½ order',
    'ʼorder',
    '日本語',
    'order\u0000'.slice(0, 5),
  ])('takes %j for words', async (query) => {
    expect((await found(query)).complete).toBe(true);
  });

  test.each<[string, string, string]>([
    ['10,000 characters', 'a'.repeat(10_000), 'LIMIT_EXCEEDED'],
    ['17 words', 'a '.repeat(17), 'LIMIT_EXCEEDED'],
    ['U+0000', 'a\0b', 'BAD_INPUT'],
  ])('refuses %s', async (_name, query, code) => {
    const { data, errors } = await app.graphql(search, { query });
    expect(data).toBeNull();
    expect(errors).toMatchObject([{ extensions: { code, field: ['query'] } }]);
  });

  test('knows what was written as soon as it was', async () => {
    const { entity } = await registered(app, documentOf('Zebra'), ['Striped.Animal']);
    expect(await namesOf('zebra')).toContain('Demo.Zebra');
    expect(await namesOf('striped animal')).toContain('Demo.Zebra');
    await describeEntity({ entityId: entity.id, tags: ['savanna'], documentation: 'Grazes at dawn.' });
    expect(await namesOf('savanna')).toEqual(['Demo.Zebra']);
    const before = new Date();
    const { asOf, nodes } = await found('grazing');
    expect(nodes.map(nameOf)).toEqual(['Demo.Zebra']);
    expect(new Date(asOf).getTime()).toBeGreaterThanOrEqual(before.getTime() - 1_000);
    await mapped(app, entity.id, { name: 'herd', role: 'TOPIC', accountField: 'id' });
    expect(await namesOf('', { filter: { tag: 'savanna' } })).toEqual(['Demo.Zebra', 'herd']);
    await describeEntity({ entityId: entity.id, tags: [] });
    expect(await namesOf('', { filter: { tag: 'savanna' } })).toEqual([]);
    await app.done(
      'mutation ($input: RemoveEntityAliasInput!) { removeEntityAlias(input: $input) { userErrors { code } } }',
      { input: { entityId: entity.id, alias: 'Striped.Animal' } },
    );
    expect(await namesOf('striped')).toEqual([]);
  });

  test('is told of every writer, 64 at once', async () => {
    await Promise.all(
      Array.from({ length: 64 }, (_, index) =>
        registered(app, documentOf(`Swarm${index}`, [{ name: 'bee', type: 'string' }])),
      ),
    );
    const { totalCount } = await found('bee');
    expect(totalCount).toBe(64);
    await Promise.all(
      Array.from({ length: 16 }, (_, index) =>
        registered(app, documentOf('Swarm0', [{ name: `wasp${index}`, type: 'string', default: '' }], `${index}`)),
      ),
    );
    expect(
      (await found('', { filter: { kinds: ['FIELD'] }, first: 100 })).nodes
        .map(nameOf)
        .filter((name: string) => name.startsWith('Demo.Swarm0/')),
    ).toHaveLength(1);
  });

  test('says when it did not look at everything', async () => {
    const fields = Array.from({ length: 6_000 }, (_, index) => ({ name: `plenty_${index}`, type: 'string' }));
    for (const name of ['PlentyA', 'PlentyB']) await registered(app, documentOf(name, fields));
    const answer = await found('plenty', { first: 1 });
    expect(answer).toMatchObject({ complete: false, truncatedReason: 'MATCH_LIMIT', totalCount: 10_000 });
    expect((await found('PlentyA', { first: 1 })).nodes.map(nameOf)).toEqual(['Demo.PlentyA']);
    expect(await found('plenty 17', { first: 1 })).toMatchObject({ complete: true, truncatedReason: null });
  });

  test('looks at names first when too many have a word, and counts what it looked at', async () => {
    const fields = Array.from({ length: 5_001 }, (_, index) => ({
      name: `f_${index}`,
      type: 'string',
      doc: 'In abundance',
    }));
    for (const name of ['AbundanceA', 'AbundanceB']) await registered(app, documentOf(name, fields));
    const answer = await found('abundance', { first: 2 });
    expect(answer.nodes.map(nameOf)).toEqual(['Demo.AbundanceA', 'Demo.AbundanceB']);
    expect(answer).toMatchObject({ complete: false, totalCount: 10_000 });
    expect(answer.facets.kind).toContainEqual({ value: 'ENTITY', count: 2 });
  });
});
