import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, type TestApp, testApp } from '../testkit/app.ts';
import { runOf, tableOf, take } from '../testkit/lineage.ts';

let app: TestApp;
beforeAll(async () => {
  app = await testApp({ LINEWARD_ROLES: 'api' });
  const parcels = tableOf({ name: 'parcels', fields: ['id', 'recipient.postcode', 'weight_grams'] });
  // Of `ghost` nothing but a column of another dataset speaks.
  const labelled = tableOf({
    name: 'stickers',
    columns: { postcode: ['parcels.recipient.postcode', 'ghost.spectre'] },
  });
  await take(app.em, runOf(1, 'warehouse.print-stickers', [parcels], [labelled]));
});
afterAll(() => app?.stop());

const search = `query ($query: String!, $filter: SearchFilter) { search(query: $query, filter: $filter, first: 50) {
  totalCount facets { kind { value count } namespace { value } } nodes { kind match dataset { name } entity { name }
    datasetField { path dataset { name } semanticType } job { namespace name } glossaryTerm { name } domain { name } } } }`;
const found = async (query: string, filter: object = {}): Promise<Data> =>
  (await app.done(search, { query, filter })).search;
const hits = async (query: string, filter: object = {}): Promise<string[]> =>
  (await found(query, filter)).nodes.filter(({ match }: Data) => match !== 'SIMILAR_NAME').map(textOf);
const textOf = ({ kind, dataset, datasetField, job, glossaryTerm, domain }: Data): string => {
  if (kind === 'DATASET_FIELD') return `${datasetField.dataset.name}/${datasetField.path}`;
  if (kind === 'JOB') return `${job.namespace}:${job.name}`;
  return (glossaryTerm ?? domain ?? dataset).name;
};
const idOf = async (name: string): Promise<string> =>
  (await app.done('query ($name: String!) { dataset(namespace: "shop", name: $name) { id } }', { name })).dataset.id;
const describeDataset = (input: object) =>
  app.done(
    'mutation ($input: DescribeDatasetInput!) { describeDataset(input: $input) { userErrors { code message } } }',
    { input },
  );
const label = (input: object) =>
  app.done(
    'mutation ($input: LabelDatasetFieldInput!) { labelDatasetField(input: $input) { userErrors { message } } }',
    {
      input,
    },
  );

describe('a search finds', () => {
  test('fields of datasets by their paths, as soon as an event has told them', async () => {
    expect(await hits('postcode')).toEqual(['stickers/postcode', 'parcels/recipient.postcode'].sort());
    expect(await hits('weightGrams')).toEqual(['parcels/weight_grams']);
    await take(app.em, runOf(2, 'measure', [], [tableOf({ name: 'parcels', fields: ['id', 'girth'] })], '23:00'));
    expect(await hits('girth')).toEqual(['parcels/girth']);
    const [hit] = (await found('girth')).nodes;
    expect(hit).toMatchObject({ match: 'EXACT_NAME', dataset: { name: 'parcels' }, entity: null, job: null });
  });

  test('fields by what is said of them, and by their labels', async () => {
    const datasetId = await idOf('parcels');
    await describeDataset({ datasetId, field: 'girth', documentation: 'Around the middle', tags: ['measured'] });
    expect(await hits('around the middle')).toEqual(['parcels/girth']);
    expect(await hits('', { tag: 'measured' })).toEqual(['parcels', 'parcels/girth']);
    await label({ datasetId, field: 'recipient.postcode', semanticType: 'email', classifications: ['PII'] });
    expect((await hits('', { classification: 'PII' })).sort()).toEqual(['parcels', 'parcels/recipient.postcode']);
    expect((await hits('', { semanticType: 'email' })).sort()).toEqual(['parcels', 'parcels/recipient.postcode']);
    await label({ datasetId, field: 'recipient.postcode', semanticType: null, classifications: [] });
    expect(await hits('', { classification: 'PII' })).toEqual([]);
  });

  test('datasets by their properties', async () => {
    await describeDataset({ datasetId: await idOf('stickers'), properties: [{ name: 'sla', value: 'fortnightly' }] });
    expect(await hits('fortnightly')).toEqual(['stickers']);
    expect(await hits('sla fortnightly')).toEqual(['stickers']);
    await describeDataset({ datasetId: await idOf('stickers'), properties: null });
    expect(await hits('fortnightly')).toEqual([]);
  });

  test('jobs by their names', async () => {
    expect(await hits('print stickers')).toEqual(['shop:warehouse.print-stickers']);
    expect((await found('printStickers')).nodes[0]).toMatchObject({ kind: 'JOB', match: 'EXACT_NAME' });
  });

  test('terms and domains by name and description, and no longer when they are gone', async () => {
    const define = (what: string, input: object) =>
      app.done(
        `mutation ($input: Define${what}Input!) { define${what}(input: $input) { userErrors { message } ${what === 'Domain' ? 'domain' : 'glossaryTerm'} { id } } }`,
        { input },
      );
    const { defineGlossaryTerm } = await define('GlossaryTerm', { name: 'Volumetric weight', description: 'By size.' });
    await define('Domain', { name: 'Logistics', description: 'All that moves.', owners: ['team:lorries'] });
    expect(await hits('volumetric')).toEqual(['Volumetric weight']);
    expect(await hits('lorries')).toEqual(['Logistics']);
    expect((await found('logistics')).facets).toEqual({ kind: [{ value: 'DOMAIN', count: 1 }], namespace: [] });
    await define('GlossaryTerm', { name: 'Volumetric weight', description: 'By girth and height.' });
    expect(await hits('height')).toEqual(['Volumetric weight']);
    await app.done(
      'mutation ($input: RemoveGlossaryTermInput!) { removeGlossaryTerm(input: $input) { userErrors { message } } }',
      { input: { glossaryTermId: defineGlossaryTerm.glossaryTerm.id } },
    );
    expect(await hits('volumetric')).toEqual([]);
  });

  test('nothing of a dataset that only columns speak of, until something else does', async () => {
    expect(await hits('spectre')).toEqual([]);
    await take(app.em, runOf(3, 'haunt', [tableOf({ name: 'ghost' })], []));
    expect(await hits('spectre')).toEqual(['ghost/spectre']);
  });
});
