import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, type TestApp, testApp } from '../testkit/app.ts';

const namespace = 'snowflake://org-account';

let app: TestApp;
beforeAll(async () => {
  app = await testApp({ LINEWARD_ROLES: 'api' });
  const schema = { fields: [{ name: 'id' }, { name: 'email' }] };
  await send({
    eventTime: '2026-01-01T00:00:00Z',
    dataset: { namespace, name: 'shop.public.customers', facets: { schema } },
  });
});
afterAll(() => app?.stop());

async function send(event: object): Promise<void> {
  const response = await fetch(`${app.urls.main}/api/v1/lineage`, { method: 'POST', body: JSON.stringify(event) });
  expect(response.status).toBe(201);
}

async function described(name: string, of: string = namespace): Promise<Data> {
  const { dataset } = await app.done(
    `query ($namespace: String!, $name: String!) { dataset(namespace: $namespace, name: $name) {
       id name droppedAt documentation owners tags properties { name value }
       fields { nodes { path type isInSchema documentation tags } } } }`,
    { namespace: of, name },
  );
  return dataset;
}

describe('what events say of datasets', () => {
  const event = (name: string, at: string, text: string) => ({
    eventTime: at,
    producer: 'test',
    dataset: {
      namespace: 'file',
      name,
      facets: {
        documentation: { description: text },
        ownership: { owners: [{ name: `team:${text}`, type: 'OWNER' }] },
        tags: {
          tags: [
            { key: text, value: 'true' },
            { key: 'pii', value: 'email', field: 'mail' },
          ],
        },
        schema: { fields: [{ name: 'mail', type: 'text', description: `mail of ${text}` }] },
      },
    },
  });

  test('counts by its time and not by when it came', async () => {
    const [older, newer] = ['2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z'];
    for (const one of [
      event('told/a', older, 'old'),
      event('told/a', newer, 'new'),
      event('told/b', newer, 'new'),
      event('told/b', older, 'old'),
    ])
      await send(one);
    for (const name of ['told/a', 'told/b'])
      expect(await described(name, 'file')).toMatchObject({
        documentation: 'new',
        owners: ['team:new'],
        tags: ['new'],
        fields: { nodes: [{ path: 'mail', documentation: 'mail of new', tags: ['pii:email'] }] },
      });
  });

  test('is told as it was at a moment, whoever spoke', async () => {
    const asOf = async (moment: string): Promise<Data> => {
      const { dataset } = await app.done(
        `query ($moment: DateTimeISO!) { dataset(namespace: "file", name: "told/then") { id
           descriptionAsOf(asOf: $moment) { documentation owners tags properties { name value } termNames domainName }
           fields { nodes { path descriptionAsOf(asOf: $moment) { documentation tags } } } } }`,
        { moment },
      );
      return dataset;
    };
    const now = async (): Promise<string> => {
      const { dataset } = await app.done(
        '{ dataset(namespace: "file", name: "told/then") { descriptionChanges(first: 1) { nodes { at } } } }',
      );
      return dataset.descriptionChanges.nodes[0].at;
    };
    await send(event('told/then', '2026-02-01T00:00:00Z', 'new'));
    const heard = await now();
    // Late, so it changes nothing of what is in force.
    await send(event('told/then', '2026-01-01T00:00:00Z', 'old'));
    const { id: datasetId } = await asOf(heard);
    const say = (input: object): Promise<Data> =>
      app.done(
        'mutation ($input: DescribeDatasetInput!) { describeDataset(input: $input) { userErrors { code } dataset { id } } }',
        { input: { datasetId, ...input } },
      );
    await say({ documentation: 'ours', properties: [{ name: 'sla', value: 'daily' }] });
    await say({ field: 'mail', documentation: 'our mail' });
    const said = await now();
    await say({ documentation: null, owners: ['ann'] });
    const takenBack = await now();

    const events = { documentation: 'new', owners: ['team:new'], tags: ['new'], properties: [] };
    expect((await asOf('2020-01-01T00:00:00Z')).descriptionAsOf).toEqual({
      ...{ documentation: null, owners: [], tags: [], properties: [], termNames: [], domainName: null },
    });
    expect(await asOf(heard)).toMatchObject({
      descriptionAsOf: events,
      fields: { nodes: [{ descriptionAsOf: { documentation: 'mail of new', tags: ['pii:email'] } }] },
    });
    const properties = [{ name: 'sla', value: 'daily' }];
    expect(await asOf(said)).toMatchObject({
      descriptionAsOf: { ...events, documentation: 'ours', properties },
      fields: { nodes: [{ descriptionAsOf: { documentation: 'our mail', tags: ['pii:email'] } }] },
    });
    expect((await asOf(takenBack)).descriptionAsOf).toMatchObject({ ...events, owners: ['ann'], properties });
  });

  test('people are told what they cannot say', async () => {
    const { id: datasetId } = await described('told/a', 'file');
    const refused = (input: object) =>
      app.refusals(
        'mutation ($input: DescribeDatasetInput!) { describeDataset(input: $input) { userErrors { code field } } }',
        { input },
      );
    expect(await refused({ datasetId, field: 'nowhere', documentation: 'x' })).toEqual([
      { code: 'NOT_FOUND', field: ['field'] },
    ]);
    expect(await refused({ datasetId, field: 'mail', owners: ['x'] })).toEqual([
      { code: 'BAD_INPUT', field: ['owners'] },
    ]);
    expect(await refused({ datasetId, tags: [' '] })).toEqual([{ code: 'BAD_INPUT', field: ['tags', '0'] }]);
    expect(
      await refused({
        datasetId,
        properties: [
          { name: 'a', value: '1' },
          { name: 'a', value: '2' },
        ],
      }),
    ).toEqual([{ code: 'BAD_INPUT', field: ['properties'] }]);
  });
});

describe('the glossary and domains', () => {
  const define = (what: 'GlossaryTerm' | 'Domain') =>
    `mutation ($input: Define${what}Input!) { define${what}(input: $input) {
       userErrors { code field } ${what === 'Domain' ? 'domain' : 'glossaryTerm'} { id name revision parent { name } } } }`;
  const domain = async (input: object): Promise<Data> =>
    (await app.done(define('Domain'), { input })).defineDomain.domain;
  const term = async (input: object): Promise<Data> =>
    (await app.done(define('GlossaryTerm'), { input })).defineGlossaryTerm.glossaryTerm;

  test('describe datasets and fields, and list what they describe', async () => {
    await domain({ name: 'Sales', description: 'All that is sold.' });
    expect(await domain({ name: 'Tea', description: 'Tea only.', parent: 'Sales' })).toMatchObject({
      revision: 0,
      parent: { name: 'Sales' },
    });
    await term({ name: 'Churn', description: 'Who left.', owners: ['ann'] });
    const { id: datasetId } = await described('shop.public.customers');
    const say = `mutation ($input: DescribeDatasetInput!) { describeDataset(input: $input) { userErrors { code field }
      dataset { domain { name parent { name } } glossaryTerms { name } fields { nodes { path glossaryTerms { name } } } } } }`;
    await app.done(say, { input: { datasetId, field: 'email', terms: ['Churn'] } });
    const { describeDataset: answer } = await app.done(say, { input: { datasetId, domain: 'Tea', terms: ['Churn'] } });
    expect(answer.dataset).toEqual({
      domain: { name: 'Tea', parent: { name: 'Sales' } },
      glossaryTerms: [{ name: 'Churn' }],
      fields: {
        nodes: [
          { path: 'email', glossaryTerms: [{ name: 'Churn' }] },
          { path: 'id', glossaryTerms: [] },
        ],
      },
    });
    const lists = await app.done(
      `{ domains { nodes { name datasets { totalCount nodes { name } } } } glossaryTerms { nodes { name datasets { nodes { name } } } }
         search(query: "churn") { nodes { kind glossaryTerm { name } dataset { name } datasetField { path } } } }`,
    );
    expect(lists).toEqual({
      domains: {
        nodes: [
          { name: 'Sales', datasets: { totalCount: 0, nodes: [] } },
          { name: 'Tea', datasets: { totalCount: 1, nodes: [{ name: 'shop.public.customers' }] } },
        ],
      },
      glossaryTerms: { nodes: [{ name: 'Churn', datasets: { nodes: [{ name: 'shop.public.customers' }] } }] },
      search: {
        nodes: [
          { kind: 'TERM', glossaryTerm: { name: 'Churn' }, dataset: null, datasetField: null },
          { kind: 'DATASET', glossaryTerm: null, dataset: { name: 'shop.public.customers' }, datasetField: null },
          {
            kind: 'DATASET_FIELD',
            ...{ glossaryTerm: null, dataset: { name: 'shop.public.customers' }, datasetField: { path: 'email' } },
          },
        ],
      },
    });
    const refused = (input: object) =>
      app.refusals(
        'mutation ($input: DescribeDatasetInput!) { describeDataset(input: $input) { userErrors { code field } } }',
        { input },
      );
    expect(await refused({ datasetId, domain: 'Coffee' })).toEqual([{ code: 'NOT_FOUND', field: ['domain'] }]);
    expect(await refused({ datasetId, terms: ['Churn', 'Chum'] })).toEqual([
      { code: 'NOT_FOUND', field: ['terms', '1'] },
    ]);
  });

  test('make no rings, go only when nothing names them, and are not overwritten unseen', async () => {
    const refused = (what: 'GlossaryTerm' | 'Domain', input: object) => app.refusals(define(what), { input });
    expect(await refused('Domain', { name: 'Sales', description: 'x', parent: 'Tea' })).toEqual([
      { code: 'BAD_INPUT', field: ['parent'] },
    ]);
    expect(await refused('Domain', { name: 'Tea', description: 'x', parent: 'Coffee' })).toEqual([
      { code: 'NOT_FOUND', field: ['parent'] },
    ]);
    expect(await refused('GlossaryTerm', { name: 'Churn', description: 'x', expectedRevision: 7 })).toEqual([
      { code: 'CONFLICT', field: ['expectedRevision'] },
    ]);
    const { domains, glossaryTerms } = await app.done(
      '{ domains { nodes { id name } } glossaryTerms { nodes { id } } }',
    );
    const remove = (id: string) =>
      app.graphql(
        'mutation ($id: ID!) { removeDomain(input: { domainId: $id }) { userErrors { code } domain { name } } }',
        { id },
      );
    const codes = async (name: string): Promise<Data> =>
      (await remove(domains.nodes.find((one: Data) => one.name === name).id)).data.removeDomain.userErrors;
    expect([await codes('Sales'), await codes('Tea')]).toEqual([[{ code: 'CONFLICT' }], [{ code: 'CONFLICT' }]]);
    expect((await remove(glossaryTerms.nodes[0].id)).data.removeDomain.userErrors).toEqual([{ code: 'NOT_FOUND' }]);
    const { id: datasetId } = await described('shop.public.customers');
    await app.done(
      'mutation ($input: DescribeDatasetInput!) { describeDataset(input: $input) { userErrors { code } } }',
      {
        input: { datasetId, domain: null },
      },
    );
    expect([await codes('Tea'), await codes('Sales')]).toEqual([[], []]);
  });
});
