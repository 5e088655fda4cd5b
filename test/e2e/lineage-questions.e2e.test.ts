import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, documentOf, type TestApp, testApp } from '../testkit/app.ts';
import { registered } from '../testkit/catalog.ts';
import { runOf, shopEvents, tableOf, take } from '../testkit/lineage.ts';

let app: TestApp;
beforeAll(async () => {
  app = await testApp({ LINEWARD_ROLES: 'api' });
  await take(app.em, shopEvents());
  // Through a bucket and around it, by two jobs; nobody tells the columns of the last.
  const bucket = { namespace: 's3://bucket', name: 'export/file' };
  await take(app.em, [
    ...runOf(30, 'unload', [tableOf({ name: 'client' })], [bucket]),
    ...runOf(31, 'reload', [bucket], [tableOf({ name: 'mirror' })]),
    ...runOf(32, 'again', [tableOf({ name: 'voucher' })], [tableOf({ name: 'mirror' })]),
  ]);
});
afterAll(() => app?.stop());

async function idOf(name: string): Promise<string> {
  const [row] = await app.em.fork().execute<{ id: string }[]>('select id from dataset where name = ?', [name]);
  return Buffer.from(`Dataset:${row?.id}`).toString('base64url');
}
const names = (nodes: Data[]): string[] => nodes.map(({ dataset }) => dataset.name).sort();

describe('paths', () => {
  const query = `query ($from: ID!, $to: ID!, $maxPaths: Int, $maxDepth: Int) {
    lineagePaths(from: $from, to: $to, maxPaths: $maxPaths, maxDepth: $maxDepth) {
      complete truncatedReason paths { length datasets { name } edges { job } } } }`;

  test('between datasets come shortest first, and say when there may be more', async () => {
    const ends = { from: await idOf('client'), to: await idOf('mirror') };
    const { lineagePaths } = await app.done(query, ends);
    expect(lineagePaths).toMatchObject({ complete: true, truncatedReason: null });
    expect(lineagePaths.paths.map((path: Data) => path.datasets.map(({ name }: Data) => name).join('>'))).toEqual([
      'client>export/file>mirror',
      'client>trip_week>voucher>mirror',
    ]);
    expect(lineagePaths.paths[0].edges).toEqual([{ job: 'unload' }, { job: 'reload' }]);
    expect((await app.done(query, { ...ends, maxPaths: 1 })).lineagePaths).toMatchObject({
      complete: false,
      truncatedReason: 'MAX_PATHS',
      paths: [{ length: 2 }],
    });
    expect((await app.done(query, { ...ends, maxDepth: 2 })).lineagePaths).toMatchObject({
      complete: false,
      truncatedReason: 'MAX_DEPTH',
      paths: [{ length: 2 }],
    });
    const { lineagePaths: back } = await app.done(query, { from: ends.to, to: ends.from });
    expect(back).toEqual({ complete: true, truncatedReason: null, paths: [] });
    for (const wrong of [{ from: Buffer.from('Dataset:none').toString('base64url') }, { maxPaths: 101 }])
      expect((await app.graphql(query, { ...ends, ...wrong })).errors).toHaveLength(1);
  });

  test('between columns say whether the values come over', async () => {
    const columns = `query ($from: ID!, $to: ID!, $fromField: String!, $toField: String!) {
      columnPaths(from: $from, to: $to, fromField: $fromField, toField: $toField) {
        complete paths { length carriesValues fields { path dataset { name } } edges { kind job { name } source { path } } } } }`;
    const { columnPaths } = await app.done(columns, {
      from: await idOf('client'),
      fromField: 'email',
      to: await idOf('voucher'),
      toField: 'client_email',
    });
    expect(columnPaths).toMatchObject({ complete: true, paths: [{ length: 2, carriesValues: true }] });
    expect(columnPaths.paths[0].fields.map(({ path, dataset }: Data) => `${dataset.name}.${path}`)).toEqual([
      'client.email',
      'trip_week.client_email',
      'voucher.client_email',
    ]);
    const unknown = {
      from: await idOf('client'),
      fromField: 'none',
      to: await idOf('voucher'),
      toField: 'client_email',
    };
    expect((await app.graphql(columns, unknown)).errors).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }]);
  });
});

describe('the impact', () => {
  const query = `query ($id: ID!, $field: String, $maxNodes: Int) { impact(datasetId: $id, field: $field, maxNodes: $maxNodes) {
    complete truncatedReason datasetCount columnCount jobCount datasets { depth dataset { name } } uncertain { name }
    columns { depth field { path dataset { name } } } jobs { name } owners { name count } classifications { name count } } }`;

  test('of a dataset and of one field of it names what is touched, and what nobody can tell', async () => {
    const { entity } = await registered(
      app,
      documentOf('Trip', [
        { name: 'account', type: 'string' },
        { name: 'client_email', type: 'string', twilio_type: 'email' },
      ]),
    );
    await app.done(
      `mutation ($input: DescribeEntityInput!) { describeEntity(input: $input) { userErrors { code message } } }`,
      {
        input: { entityId: entity.id, owners: ['team-trips'] },
      },
    );
    await app.done(`mutation ($input: MapEntityInput!) { mapEntity(input: $input) { userErrors { code message } } }`, {
      input: {
        entityId: entity.id,
        dataset: { namespace: 'shop', name: 'trip_week' },
        role: 'WAREHOUSE_TABLE',
        accountField: 'account',
      },
    });
    const { impact } = await app.done(query, { id: await idOf('client'), field: 'email' });
    expect(impact).toMatchObject({ complete: true, datasetCount: 3, columnCount: 3, jobCount: 2 });
    expect(names(impact.datasets)).toEqual(['fast_trip', 'trip_week', 'voucher']);
    expect(impact.uncertain.map(({ name }: Data) => name).sort()).toEqual(['export/file', 'mirror']);
    expect(impact.jobs).toEqual([{ name: 'make_trip_week' }, { name: 'time_trips' }]);
    expect(impact.owners).toEqual([{ name: 'team-trips', count: 1 }]);
    expect(impact.classifications).toEqual([{ name: 'PII', count: 3 }]);
    const whole = (await app.done(query, { id: await idOf('client') })).impact;
    expect(names(whole.datasets)).toEqual([
      'export/file',
      'fast_trip',
      'mirror',
      'popular_day',
      'trip_week',
      'voucher',
    ]);
    expect(whole.jobs.map(({ name }: Data) => name)).toContain('mail_vouchers');
    expect((await app.done(query, { id: await idOf('client'), maxNodes: 2 })).impact).toMatchObject({
      complete: false,
      truncatedReason: 'MAX_NODES',
    });
    const { errors } = await app.graphql(query, { id: await idOf('client'), field: 'nothing' });
    expect(errors).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }]);
  });
});

describe('a filter', () => {
  const query = `query ($start: ID!, $filter: LineageFilterInput, $ignoreAsHops: [String!]) {
    lineage(start: $start, direction: DOWNSTREAM, filter: $filter, ignoreAsHops: $ignoreAsHops) { complete jobsComplete
      nodes { depth dataset { name } } edges { job } hops { source { name } target { name } } } }`;

  test('narrows what is shown and not what is walked; platforms are stepped over only where that is asked for', async () => {
    const start = await idOf('client');
    const filtered = (await app.done(query, { start, filter: { nameContains: 'MIRR' } })).lineage;
    expect(filtered).toMatchObject({ complete: true, jobsComplete: true, edges: [], hops: [] });
    expect(names(filtered.nodes)).toEqual(['client', 'mirror']);
    const bucket = (await app.done(query, { start, filter: { platforms: ['s3'] } })).lineage;
    expect(names(bucket.nodes)).toEqual(['client', 'export/file']);
    expect(bucket.edges).toEqual([{ job: 'unload' }]);
    const over = (await app.done(query, { start, ignoreAsHops: ['s3'] })).lineage;
    expect(names(over.nodes)).not.toContain('export/file');
    expect(over.nodes.find(({ dataset }: Data) => dataset.name === 'mirror').depth).toBe(1);
    expect(over.hops).toEqual([{ source: { name: 'client' }, target: { name: 'mirror' } }]);
    const many = Array.from({ length: 101 }, (_, index) => `n${index}`);
    for (const wrong of [{ filter: { namespaces: many } }, { ignoreAsHops: many }])
      expect((await app.graphql(query, { start, ...wrong })).errors).toMatchObject([
        { extensions: { code: 'BAD_INPUT' } },
      ]);
  });

  test('pages of labels are parts of one answer', async () => {
    const input = { datasetId: await idOf('client'), field: 'street', classifications: ['STREET'] };
    await app.done(
      'mutation ($input: LabelDatasetFieldInput!) { labelDatasetField(input: $input) { userErrors { code } } }',
      { input },
    );
    const { fieldsCarrying } = await app.done(`{ fieldsCarrying(classification: "STREET") { complete labelCount
      first: labels(limit: 1) { field { path } depth } rest: labels(offset: 1) { field { path } depth } none: labels(limit: 0) { depth } } }`);
    expect(fieldsCarrying).toEqual({
      complete: true,
      labelCount: 2,
      first: [{ field: { path: 'street' }, depth: 0 }],
      rest: [{ field: { path: 'client_street' }, depth: 1 }],
      none: [],
    });
    const { errors } = await app.graphql('{ fieldsCarrying { labels(limit: 10001) { depth } } }');
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_INPUT' } }]);
  });
});
