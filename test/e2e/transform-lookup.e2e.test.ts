import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, documentOf, eventually, register, type TestApp, testApp } from '../testkit/app.ts';
import { erase } from '../testkit/erasure.ts';
import { asking, rootToken } from '../testkit/hidden-things.ts';
import { createToken } from '../testkit/lake-reads.ts';
import { plainDuckdb, upload } from '../testkit/plain-table.ts';
import { bucketPrefix, missingS3, type TestBucket, testBucket } from '../testkit/s3.ts';

const missing = await missingS3();
const text = (name: string, more: object = {}) => ({ name, type: ['null', 'string'], default: null, ...more });
const phone = { twilio_type: 'phonenumber' };
const orderFields = [
  ...[text('id'), text('account'), text('customer'), text('day'), text('phone', phone)],
  { name: 'rank', type: ['null', 'int'], default: null },
];
const customerFields = [text('account'), text('customer'), text('phone', phone), { name: 'rank', type: 'int' }];

const lookup = {
  type: 'lookup',
  table: 'shop/customers',
  on: { account: 'account', customer: 'customer' },
  fields: { phone: 'phone', rank: 'rank' },
  missing: 'reject',
};
const transformer = JSON.stringify({
  name: 'Orders',
  sources: [
    {
      files: {
        path: 'incoming/**/*.csv',
        format: 'csv',
        schema: { namespace: 'Demo', entity: 'Order' },
        account: 'account',
      },
      transforms: [{ type: 'drop', fields: ['phone', 'rank'] }, lookup],
    },
  ],
  key: ['id'],
  merge: { strategy: 'latest', by: 'day' },
  resource: { format: 'parquet', path: 'data/orders', schema: { namespace: 'Demo', entity: 'Order', version: 1 } },
});

describe.each([
  ['a directory', false],
  ['a bucket', true],
])('files and a lookup in %s', (_name, inBucket) => {
  describe.skipIf(inBucket && missing !== null)(missing ?? 'are there', () => {
    let app: TestApp;
    let bucket: TestBucket | null = null;
    let scratch: string;
    const done = async (query: string, input: object): Promise<Data> =>
      Object.values((await app.done(query, { input })) as Data)[0];

    beforeAll(async () => {
      bucket = inBucket ? await testBucket() : null;
      const place =
        bucket === null ? {} : { LAKE_URL: `s3://${bucket.bucket}/${bucketPrefix}`, LAKE_S3_ENDPOINT: bucket.endpoint };
      app = await testApp(place);
      scratch = await mkdtemp(join(tmpdir(), 'lineward-shop-'));
      await put(
        'shop/customers/part-0.parquet',
        `SELECT 'AC' || (i % 2) AS account, 'C' || i AS customer, '+4930' || (100 + i) AS phone, CAST(i AS INTEGER) AS rank FROM range(6) t(i)`,
      );
      await put(
        'incoming/june/1.csv',
        `SELECT 'O' || i AS id, 'AC' || (i % 2) AS account, 'C' || i AS customer, '2018-06-0' || (1 + i) AS day FROM range(8) t(i)`,
      );
      await done(register, { document: documentOf('Order', orderFields) });
      const { entity } = await done(register, { document: documentOf('Customer', customerFields) });
      const { registration } = await done(
        'mutation ($input: RegisterLakeTableInput!) { registerLakeTable(input: $input) { userErrors { message } registration { id } } }',
        { location: 'shop/customers', entityId: entity.id, accountField: 'account', subjectFields: ['phone'] },
      );
      await eventually(
        () => nodeOf(registration.id, '... on LakeRegistration { status reason }'),
        ({ status }: Data) => status === 'REGISTERED',
      );
    });
    afterAll(async () => {
      await app?.stop();
      await bucket?.close();
      await rm(scratch, { recursive: true, force: true });
    });

    /** Writes rows below the lake by plain DuckDB. */
    async function put(path: string, rows: string): Promise<void> {
      const root = bucket === null ? app.lakeRoot : scratch;
      const [folder, file] = [path.slice(0, path.lastIndexOf('/')), join(root, path)];
      await mkdir(join(root, folder), { recursive: true });
      await plainDuckdb(`COPY (${rows}) TO '${file}' (FORMAT ${file.endsWith('.csv') ? 'csv, HEADER' : 'parquet'})`);
      if (bucket !== null) await upload(bucket, join(root, folder), folder);
    }
    async function ran(id: string): Promise<Data> {
      const { run } = await done(
        'mutation ($input: RunTransformerInput!) { runTransformer(input: $input) { userErrors { code } run { id } } }',
        { id },
      );
      const of = 'status reason statistics { read rows rejected } rejects { code field rows places }';
      return eventually(
        () => nodeOf(run.id, `... on TransformRun { ${of} }`),
        ({ status }: Data) => ['COMPLETED', 'FAILED'].includes(status),
      );
    }
    const nodeOf = async (id: string, of: string): Promise<Data> =>
      (await app.done(`query ($id: ID!) { node(id: $id) { ${of} } }`, { id })).node;

    test('make a table whose looked up columns have the labels of where they are from', async () => {
      const { transformer: made, transformerVersion } = await done(
        `mutation ($input: CreateTransformerInput!) { createTransformer(input: $input) {
           userErrors { code message } transformer { id } transformerVersion { dataset { id mappings(first: 2) { nodes { accountField subjectFields } } } } } }`,
        { document: transformer },
      );
      // Customers are found in it by the telephone that was looked up.
      expect(transformerVersion.dataset.mappings.nodes).toEqual([
        { accountField: 'account', subjectFields: ['phone'] },
      ]);
      expect(await ran(made.id)).toMatchObject({
        ...{ status: 'COMPLETED', statistics: { read: 8, rows: 6, rejected: 2 } },
        rejects: [
          {
            ...{ code: 'LOOKUP_MISSING', field: 'account, customer', rows: 2 },
            places: ['incoming/june/1.csv:7', 'incoming/june/1.csv:8'],
          },
        ],
      });
      const data = await app.done(
        `query ($id: ID!) { fieldsCarrying(semanticType: "phonenumber") { labels { field { path dataset { name } } origin { path dataset { name } } } }
           columnLineage(datasetId: $id, field: "rank", direction: UPSTREAM, maxDepth: 1) { edges { source { path dataset { name } } } } }`,
        { id: transformerVersion.dataset.id },
      );
      expect(data.fieldsCarrying.labels).toContainEqual({
        field: { path: 'phone', dataset: { name: 'data/orders' } },
        origin: { path: 'phone', dataset: { name: 'shop/customers' } },
      });
      expect(data.columnLineage.edges).toContainEqual({
        source: { path: 'rank', dataset: { name: 'shop/customers' } },
      });
    });

    test('loses rows of persons that only the lookup names, and gets none of them again', async () => {
      const subject = { field: 'phone', value: '+4930103' };
      const { targets } = await erase(app, { subjects: [{ accountId: 'AC1', subject }] });
      expect(targets.nodes).toMatchObject(
        Array(2).fill({ status: 'VERIFIED', receipt: { recordsErased: 1 }, verification: { survivors: 0 } }),
      );
      expect(targets.nodes.map(({ dataset }: Data) => dataset.name).sort()).toEqual(['data/orders', 'shop/customers']);
      await put('incoming/july/1.csv', `SELECT 'O9' AS id, 'AC1' AS account, 'C3' AS customer, '2018-07-01' AS day`);
      const { transformer: made } = await app.done('{ transformer(name: "Orders") { id } }');
      expect(await ran(made.id)).toMatchObject({
        ...{ status: 'COMPLETED', statistics: { read: 1, rows: 0 } },
        rejects: [{ code: 'LOOKUP_MISSING', rows: 1 }],
      });
    });

    test('are shown only to who may read what is looked up', async () => {
      const query =
        'mutation ($input: PreviewTransformerInput!) { previewTransformer(input: $input) { userErrors { code field message } preview { after { json } } } }';
      const records = ['{"id":"X","account":"AC0","customer":"C4","day":"2018-06-01"}'];
      const [officer, engineer] = [await createToken(app, 'privacy_officer'), await createToken(app, 'engineer')];
      await app.restart({ LINEWARD_API_TOKEN: rootToken });
      const { ask } = asking(app);
      const preview = async (token: string, input: object): Promise<Data> =>
        (await ask(token, query, { input: { document: transformer, ...input } })).data.previewTransformer;
      const rows = ({ preview: { after } }: Data): Data[] => after.map(({ json }: Data) => JSON.parse(json));
      expect(rows(await preview(officer, { records }))).toMatchObject([{ id: 'X', phone: '+4930104', rank: 4 }]);
      expect(await preview(engineer, { records })).toMatchObject({
        preview: null,
        userErrors: [{ code: 'BAD_INPUT', field: ['records'], message: expect.stringContaining('READ_CLEAR') }],
      });
      expect(rows(await preview(engineer, {})).map(({ phone: shown }) => shown)).toEqual(Array(5).fill('***'));
      const events = '{ auditEvents(first: 9, filter: { action: "previewTransformer" }) { nodes { details } } }';
      const { auditEvents } = (await ask(rootToken, events)).data;
      const told = auditEvents.nodes.filter(({ details }: Data) => JSON.stringify(details).includes('shop/customers'));
      expect(told).toHaveLength(2);
    });
  });
});
