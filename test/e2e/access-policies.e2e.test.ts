import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Role, roleNames } from '../../src/domain/access/role.ts';
import { type Data, eventually, type TestApp, testApp, webSocketClient } from '../testkit/app.ts';
import {
  type Asking,
  asking,
  type HiddenThings,
  hiddenThings,
  rootToken,
  secretWord,
} from '../testkit/hidden-things.ts';

let app: TestApp;
let kit: Asking;
let things: HiddenThings;
let tokens: Readonly<Record<Role, string>>;
beforeAll(async () => {
  app = await testApp({ LINEWARD_API_TOKEN: rootToken });
  kit = asking(app);
  things = await hiddenThings(app, kit);
  const made = roleNames.map(async (role) => [role, await kit.tokenOf(role, [role])] as const);
  tokens = Object.fromEntries(await Promise.all(made)) as Record<Role, string>;
  await kit.policy('hide payroll', {
    effect: 'DENY',
    actions: ['DISCOVER'],
    roles: roleNames.filter((role) => role !== 'privacy_officer'),
    names: [`${secretWord}*`],
  });
});
afterAll(() => app?.stop());

const page = 'totalCount nodes';
/** Everything of GraphQL that lists or finds things of the catalog. */
const questions = (): readonly string[] => [
  `{ entities(first: 50) { ${page} { namespace name fullName owners aliases mappings(first: 9) { totalCount nodes { dataset { name } } } } } }`,
  `{ fields(first: 50, allVersions: true) { ${page} { path } } }`,
  `{ datasets(first: 50) { ${page} { namespace name documentation owners tags mappings(first: 9) { totalCount } } } }`,
  `{ dataset(namespace: "shop", name: "${secretWord}_raw") { name } }`,
  `{ entity(namespace: "Demo", name: "${secretWord}_slip") { name } }`,
  `{ node(id: "${things.datasetId}") { __typename ... on Dataset { name } } }`,
  `{ nodes(ids: ["${things.entityId}", "${things.datasetId}"]) { __typename ... on Entity { name } ... on Dataset { name } } }`,
  `{ search(query: "${secretWord}", first: 50) { totalCount nodes { dataset { name } entity { name } field { path } } facets { namespace { value count } tag { value count } kind { value count } } } }`,
  `{ search(query: "", first: 50) { totalCount nodes { dataset { name } entity { name } field { path } } facets { tag { value count } kind { value count } } } }`,
  `{ changes(last: 100) { ${page} { resourceName resourceId } } }`,
  `{ lineage(start: "${things.upstreamId}", direction: DOWNSTREAM) {
     complete truncatedReason restricted { depth } nodes { depth dataset { name } } frontier
     edges { source { name } target { name } } hops { source { name } target { name } } } }`,
  `{ lineagePaths(from: "${things.upstreamId}", to: "${things.downstreamId}") { complete paths { datasets { name } } } }`,
  `{ columnLineage(datasetId: "${things.upstreamId}", field: "a", direction: DOWNSTREAM) {
     complete nodes { field { path dataset { name } } } edges { source { path dataset { name } } target { path dataset { name } } } } }`,
  `{ impact(datasetId: "${things.upstreamId}") { complete datasetCount columnCount datasets { dataset { name } }
     columns { field { path dataset { name } } } uncertain { name } owners { name } } }`,
  '{ fieldsCarrying { complete labelCount labels { field { path dataset { name } } origin { path } } gaps { field { path } } } }',
  '{ topics(first: 50) { totalCount nodes { name } } }',
  '{ streams(first: 50) { totalCount nodes { id } } }',
  '{ topicRetentions(first: 50) { totalCount nodes { id } } }',
  '{ topicCoverage { topics withPersonalData } }',
  '{ transformers(first: 50) { totalCount nodes { name } } }',
  '{ protectionPolicies(first: 50) { totalCount nodes { id } } }',
  '{ operations(first: 50) { totalCount nodes { id targets(first: 9) { nodes { dataset { name } } } } } }',
  '{ domains(first: 50) { totalCount nodes { name } } }',
  '{ glossaryTerms(first: 50) { totalCount nodes { name } } }',
  '{ semanticTypes(first: 9) { nodes { name } } }',
];
/** Everything that is read at an address. */
const addresses = (): readonly string[] => [
  ...[
    '/api/v1/namespaces',
    '/api/v1/namespaces/shop/datasets',
    `/api/v1/namespaces/shop/datasets/${secretWord}_raw`,
    `/api/v1/namespaces/shop/datasets/${secretWord}_raw/versions`,
    '/api/v1/namespaces/shop/jobs',
    '/api/v1/namespaces/shop/jobs/first',
    '/api/v1/jobs',
    `/api/v1/lineage?nodeId=dataset:shop:${secretWord}_raw`,
    '/api/v1/lineage?nodeId=dataset:shop:source&depth=20',
    '/api/v1/lineage?nodeId=job:shop:second&depth=20',
    '/api/v1/column-lineage?nodeId=dataset:shop:report&depth=20&withDownstream=true',
    `/api/v1/search?q=${secretWord}`,
    '/api/v1/tags',
    '/api/v1/events/lineage',
    '/api/v1/registry/export',
  ].map((path) => `${app.urls.main}${path}`),
  ...[
    '/subjects',
    '/subjects?deleted=true',
    `/subjects/${secretWord}-value/versions`,
    `/subjects/${secretWord}-value/versions/latest`,
    `/subjects/${secretWord}-value/versions/1/schema`,
    `/schemas/ids/${things.schemaId}`,
    `/schemas/ids/${things.schemaId}/schema`,
    `/schemas/ids/${things.schemaId}/subjects`,
    `/schemas/ids/${things.schemaId}/versions`,
    '/schemas',
    `/config/${secretWord}-value?defaultToGlobal=true`,
    '/v1/entities',
    `/v1/entities/Demo.${secretWord}_slip`,
    `/v1/entities/reg.${secretWord}_slip/versions/1`,
  ].map((path) => `${app.urls.registry}${path}`),
];

/** Without what the question itself named. */
const told = (text: string, question: string): string => {
  const named = question.match(new RegExp(`[\\w.-]*${secretWord}[\\w-]*`, 'g')) ?? [];
  return named.reduce((rest, name) => rest.replaceAll(name, ''), text);
};

describe('what a policy hides', () => {
  test('is shown by each surface to who may find it: else the others prove nothing', async () => {
    let speaking = 0;
    for (const token of [rootToken, tokens.privacy_officer]) {
      for (const question of questions()) {
        const body = await kit.ask(token, question);
        expect(body.errors, question).toBeUndefined();
        if (JSON.stringify(body).includes(secretWord)) speaking += 1;
      }
      for (const url of addresses()) if ((await kit.get(token, url)).text.includes(secretWord)) speaking += 1;
    }
    expect(speaking).toBeGreaterThanOrEqual(56);
  });

  for (const role of roleNames.filter((one) => one !== 'privacy_officer'))
    test(`is not there for ${role}, on no surface`, async () => {
      for (const question of questions()) {
        const body = await kit.ask(tokens[role], question);
        expect(body.errors, question).toBeUndefined();
        expect(JSON.stringify(body), question).not.toContain(secretWord);
      }
      for (const url of addresses()) {
        const { status, text } = await kit.get(tokens[role], url);
        expect(status, `${url} ${text}`).toBeLessThan(500);
        expect(told(text, url), url).not.toContain(secretWord);
      }
    });

  test('is answered as what does not exist: the same status and words, counts and facets without it', async () => {
    const viewer = tokens.viewer;
    for (const [hidden, absent] of [
      [`/subjects/${secretWord}-value/versions`, '/subjects/nothing-value/versions'],
      [`/v1/entities/Demo.${secretWord}_slip`, '/v1/entities/Demo.nothing'],
    ] as const) {
      const [one, other] = [
        await kit.get(viewer, `${app.urls.registry}${hidden}`),
        await kit.get(viewer, `${app.urls.registry}${absent}`),
      ];
      expect(one.status).toBe(404);
      expect(one.status).toBe(other.status);
      expect(JSON.parse(one.text).error_code).toBe(JSON.parse(other.text).error_code);
    }
    const count = '{ entities { totalCount } datasets { totalCount } search(query: "") { totalCount } }';
    const [all, some] = [await kit.ask(rootToken, count), await kit.ask(viewer, count)];
    // Demo and reg have an entity of that name.
    expect(some.data.entities.totalCount).toBe(all.data.entities.totalCount - 2);
    expect(some.data.datasets.totalCount).toBe(all.data.datasets.totalCount - 1);
    expect(some.data.search.totalCount).toBeLessThan(all.data.search.totalCount);
  });

  test('is walked through in lineage, and the answer says that something is left out', async () => {
    const query = `{ lineage(start: "${things.upstreamId}", direction: DOWNSTREAM) { complete truncatedReason
      restricted { depth } nodes { dataset { name } } hops { source { name } target { name } } } }`;
    expect((await kit.ask(tokens.viewer, query)).data.lineage).toEqual({
      complete: false,
      truncatedReason: 'RESTRICTED',
      restricted: [{ depth: 1 }],
      nodes: [{ dataset: { name: 'source' } }, { dataset: { name: 'report' } }],
      hops: [{ source: { name: 'source' }, target: { name: 'report' } }],
    });
    expect((await kit.ask(rootToken, query)).data.lineage).toMatchObject({ complete: true, restricted: [], hops: [] });
    const start = `{ lineage(start: "${things.datasetId}", direction: BOTH) { complete } }`;
    const { errors } = await kit.ask(tokens.viewer, start);
    expect(errors[0].extensions.code).toBe('NOT_FOUND');
  });

  test('cannot be changed, by id or by name, and an id that nothing has is refused likewise', async () => {
    const change =
      'mutation ($input: DescribeDatasetInput!) { describeDataset(input: $input) { userErrors { code } } }';
    const none = Buffer.from('Dataset:00000000-0000-4000-8000-000000000000').toString('base64url');
    const answers = await Promise.all(
      [things.datasetId, none].map((datasetId) =>
        kit.ask(tokens.steward, change, { input: { datasetId, documentation: 'x' } }),
      ),
    );
    const [hidden, absent] = answers.map(({ errors }) => errors[0]);
    expect(hidden.extensions.code).toBe('NOT_FOUND');
    expect({ ...hidden, extensions: { code: hidden.extensions.code } }).toEqual({
      ...absent,
      extensions: { code: absent.extensions.code },
    });
    const map = `mutation ($input: MapEntityInput!) { mapEntity(input: $input) { userErrors { code } mapping { id } } }`;
    const { data } = await kit.ask(rootToken, '{ entity(namespace: "Demo", name: "parcel") { id } }');
    const dataset = { namespace: 'shop', name: `${secretWord}_raw` };
    const input = { entityId: data.entity.id, dataset, role: 'WAREHOUSE_TABLE', accountField: 'id', subjectFields: [] };
    expect((await kit.ask(tokens.engineer, map, { input })).errors[0].extensions.code).toBe('NOT_FOUND');
    const schema = { schema: '"string"' };
    const url = `${app.urls.registry}/subjects/${secretWord}-value/versions`;
    expect((await kit.send(tokens.engineer, url, schema)).status).toBe(404);
  });
});

describe('a policy', () => {
  test('takes effect in an open subscription with its next event, and back', async () => {
    const client = webSocketClient(app.urls.main, tokens.steward);
    const seen: Data[] = [];
    const done = client.subscribe(
      { query: 'subscription { changed { type resourceType resourceId } }' },
      { next: (event) => seen.push(event), error: () => {}, complete: () => {} },
    );
    const describe_ = (datasetId: string, documentation: string) =>
      kit.ask(
        rootToken,
        'mutation ($input: DescribeDatasetInput!) { describeDataset(input: $input) { userErrors { code } } }',
        { input: { datasetId, documentation } },
      );
    const ids = () => seen.map((event) => event.data?.changed.resourceId);
    await eventually(
      async () => {
        await describe_(things.upstreamId, crypto.randomUUID());
        return ids();
      },
      (found) => found.includes(things.upstreamId),
    );
    expect(ids()).not.toContain(things.datasetId);
    const rule = { effect: 'DENY', actions: ['DISCOVER'], roles: ['steward'], names: ['source'] };
    const policy = await kit.policy('hide source too', rule);
    await eventually(
      () => kit.ask(tokens.steward, '{ dataset(namespace: "shop", name: "source") { id } }'),
      ({ data }) => data.dataset === null,
    );
    const before = ids().length;
    await describe_(things.upstreamId, 'hidden by now');
    await describe_(things.downstreamId, 'still seen');
    await eventually(
      async () => ids(),
      (found) => found.includes(things.downstreamId),
    );
    expect(ids().slice(before)).toEqual([things.downstreamId]);
    await kit.retire(policy);
    done();
    await client.dispose();
  });
});
