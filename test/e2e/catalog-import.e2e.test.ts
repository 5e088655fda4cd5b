import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, type TestApp, testApp } from '../testkit/app.ts';

const run = promisify(execFile);

let app: TestApp;
let directory: string;
beforeAll(async () => {
  app = await testApp({ LINEWARD_ROLES: 'api' });
  directory = await mkdtemp(join(tmpdir(), 'lineward-import-'));
});
afterAll(async () => {
  await app?.stop();
  await rm(directory, { recursive: true, force: true });
});

const namespace = 'snowflake://org-account';
const customers = {
  dataset: { namespace, name: 'shop.public.customers' },
  documentation: 'Everybody who ever bought a teapot.',
  owners: ['team:crm'],
  tags: ['gold'],
  properties: { sla: 'daily', source: 'crm' },
  fields: [
    { name: 'id', type: 'bigint' },
    { name: 'email', type: 'text', documentation: 'Where letters go.', tags: ['pii'] },
  ],
};
const orders = { dataset: { namespace, name: 'shop.public.orders' }, fields: [{ name: 'id', type: 'bigint' }] };
const job = {
  job: { namespace: 'airflow', name: 'shop.orders' },
  inputs: [customers.dataset],
  outputs: [orders.dataset],
};

async function importLines(lines: readonly unknown[], query: string): Promise<Data> {
  const body = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');
  const response = await fetch(`${app.urls.main}/api/v1/catalog/import?${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body,
  });
  const text = await response.text();
  if (response.status !== 200) return { status: response.status, ...JSON.parse(text) };
  const answers = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const { summary } = answers.at(-1);
  return { answers: summary === undefined ? answers : answers.slice(0, -1), summary };
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

const describeDataset = (input: object) =>
  app.done(
    `mutation ($input: DescribeDatasetInput!) { describeDataset(input: $input) {
       userErrors { code message } dataset { documentation owners tags properties { name value } } } }`,
    { input },
  );

describe('an import', () => {
  test('that is only tried tells what it would change, and changes nothing', async () => {
    const { answers, summary } = await importLines([customers, orders, job], 'source=crm&dryRun=true');
    expect(summary).toEqual({ dryRun: true, added: 3, changed: 0, unchanged: 0, dropped: 0, refused: 0 });
    expect(answers[0]).toMatchObject({ line: 1, change: 'ADDED', dataset: customers.dataset });
    expect(answers[0].changes).toContainEqual({ what: 'fields.email', before: null, after: 'text' });
    expect(await described('shop.public.customers')).toBeNull();
  });

  test('brings fields, descriptions and what jobs do, and the same again nothing', async () => {
    expect((await importLines([customers, orders, job], 'source=crm')).summary).toMatchObject({ added: 3 });
    const found = await described('shop.public.customers');
    expect(found).toMatchObject({
      documentation: customers.documentation,
      owners: ['team:crm'],
      tags: ['gold'],
      properties: expect.arrayContaining([{ name: 'sla', value: 'daily' }]),
      fields: {
        nodes: [
          { path: 'email', type: 'text', isInSchema: true, documentation: 'Where letters go.', tags: ['pii'] },
          { path: 'id', type: 'bigint', isInSchema: true, documentation: null, tags: [] },
        ],
      },
    });
    const { lineage } = await app.done(
      'query ($start: ID!) { lineage(start: $start, direction: DOWNSTREAM) { nodes { dataset { name } } } }',
      {
        start: found.id,
      },
    );
    expect(lineage.nodes.map((node: Data) => node.dataset.name)).toContain('shop.public.orders');
    const again = await importLines([customers, orders, job], 'source=crm');
    expect(again).toEqual({
      answers: [],
      summary: { dryRun: false, added: 0, changed: 0, unchanged: 3, dropped: 0, refused: 0 },
    });
  });

  test('is found by its words at once, with facets', async () => {
    const { byText, byTag } = await app.done(
      `{ byText: search(query: "teapot") { nodes { dataset { name } } }
         byTag: search(filter: { tag: "pii", kinds: [DATASET] }) { nodes { dataset { name } } facets { tag { value count } } } }`,
    );
    const found = [{ dataset: { name: 'shop.public.customers' } }];
    expect(byText.nodes).toEqual(found);
    expect(byTag).toEqual({ nodes: found, facets: { tag: expect.arrayContaining([{ value: 'gold', count: 1 }]) } });
  });

  test('does not stand above the word of people, which can be taken back', async () => {
    const { id: datasetId } = await described('shop.public.customers');
    await describeDataset({ datasetId, documentation: 'Ours.', owners: ['ann'] });
    await importLines([{ ...customers, documentation: 'Of the source.' }], 'source=crm&complete=false');
    expect(await described('shop.public.customers')).toMatchObject({
      documentation: 'Ours.',
      owners: ['ann'],
      tags: ['gold'],
    });
    const { describeDataset: answer } = await describeDataset({ datasetId, documentation: null, owners: [] });
    expect(answer.dataset).toMatchObject({ documentation: 'Of the source.', owners: ['team:crm'] });
    const { dataset } = await app.done(
      `query ($id: ID!) { dataset: node(id: $id) { ... on Dataset { descriptionChanges(first: 3) { totalCount nodes { part saidBy actorId before after } } } } }`,
      { id: datasetId },
    );
    expect(dataset.descriptionChanges.nodes).toContainEqual({
      part: 'documentation',
      saidBy: 'people',
      actorId: 'local',
      before: '"Ours."',
      after: null,
    });
  });

  test('tells what is there no longer, unless another source still names it', async () => {
    await importLines([orders], 'source=warehouse&complete=false');
    const tea = { dataset: { namespace, name: 'shop.public.tea' }, fields: [{ name: 'leaf' }] };
    await importLines([customers, orders, tea], 'source=crm');
    const { answers, summary } = await importLines([customers], 'source=crm');
    expect(summary).toMatchObject({ dropped: 2, unchanged: 1 });
    expect(answers.map((answer: Data) => [answer.change, answer.dataset.name])).toEqual([
      ['DROPPED', 'shop.public.orders'],
      ['DROPPED', 'shop.public.tea'],
    ]);
    expect(await described('shop.public.tea')).toMatchObject({ droppedAt: expect.any(String) });
    expect(await described('shop.public.orders')).toMatchObject({ droppedAt: null });
    expect((await importLines([customers, tea], 'source=crm')).answers).toMatchObject([{ change: 'ADDED' }]);
    expect(await described('shop.public.tea')).toMatchObject({ droppedAt: null });
  });

  test('refuses what does not fit, each with its place, takes the others, and drops nothing', async () => {
    const strange = [
      'no json',
      { dataset: { namespace } },
      { ...orders, fields: [{ name: 'a' }, { name: 'a' }] },
      { ...orders, colour: 'red' },
      { dataset: orders.dataset, tags: ['\u0000'] },
      { job: job.job, inputs: 'x', outputs: [] },
    ];
    const { answers, summary } = await importLines([...strange, orders], 'source=crm');
    expect(summary).toMatchObject({ refused: 6, dropped: 0 });
    expect(answers.filter((answer: Data) => !answer.ok).map((answer: Data) => [answer.line, answer.reason])).toEqual([
      [1, expect.stringContaining('expected object')],
      [2, expect.stringContaining('dataset.name')],
      [3, expect.stringContaining('fields.1.name')],
      [4, expect.stringContaining('colour')],
      [5, expect.stringContaining('tags.0')],
      [6, expect.stringContaining('inputs')],
    ]);
    expect(await importLines([], 'source=crm')).toMatchObject({ summary: undefined });
    expect(await importLines([], 'source=')).toMatchObject({
      answers: [{ reason: expect.stringContaining('source') }],
    });
    expect(await importLines([], 'dryRun=true')).toMatchObject({
      status: 400,
      message: expect.stringContaining('source'),
    });
    expect(await importLines([], 'source=a&dryRun=maybe')).toMatchObject({
      status: 400,
      message: expect.stringContaining('dryRun'),
    });
  });

  test('twice at once comes to the same', async () => {
    const many = Array.from({ length: 1_500 }, (_, index) => ({
      dataset: { namespace: 'file', name: `many/${index}` },
      documentation: `Number ${index}`,
      fields: [{ name: 'a', type: 'int' }],
    }));
    const both = await Promise.all([importLines(many, 'source=many'), importLines(many, 'source=many')]);
    for (const { summary } of both) expect(summary).toMatchObject({ refused: 0 });
    expect((await importLines(many, 'source=many')).summary).toMatchObject({ unchanged: 1_500, added: 0, changed: 0 });
  });
});

async function onDatabase(connectionString: string, statements: readonly string[]): Promise<void> {
  const client = new Client({ connectionString });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}

describe('the command line', () => {
  const cli = (...args: readonly string[]) =>
    run(process.execPath, ['src/cli/main.ts', 'catalog', 'import', ...args, '--url', `${app.urls.main}/graphql`]);

  test('reads a database by its information schema, views as jobs', async () => {
    const own = new URL(process.env.LINEWARD_TEST_DATABASE ?? '');
    const name = `till_${randomUUID().slice(0, 8)}`;
    const till = Object.assign(new URL(own), { pathname: `/${name}` }).href;
    await onDatabase(own.href, [`create database ${name}`]);
    await onDatabase(till, [
      `create table sale (id bigint, "e-mail" varchar(80)); comment on table sale is 'What was sold.';
       comment on column sale."e-mail" is 'Of the buyer.'; create view sale_of_today as select id from sale`,
    ]);
    const { stdout } = await cli('postgres', till, '--namespace', 'postgres://till', '--dry-run');
    expect(stdout).toContain(`+ job postgres://till ${name}.public.sale_of_today`);
    expect(stdout).toContain('would be: 3 added, 0 changed, 0 unchanged, 0 dropped, 0 refused');
    await cli('postgres', till, '--namespace', 'postgres://till');
    expect(await described(`${name}.public.sale`, 'postgres://till')).toMatchObject({
      documentation: 'What was sold.',
      fields: {
        nodes: [
          { path: 'e-mail', type: 'character varying', documentation: 'Of the buyer.' },
          { path: 'id', type: 'bigint', documentation: null },
        ],
      },
    });
    await onDatabase(own.href, [`drop database ${name} with (force)`]);
    await expect(cli('postgres', till)).rejects.toThrow(/BAD_INPUT: the database cannot be read \(3D000\)/);
  });

  test('reads a table of fields', async () => {
    const file = join(directory, 'fields.csv');
    await writeFile(
      file,
      '\ufeffnamespace,dataset,field,type,documentation,tags\nfile,sheet,,,"A sheet, with ""quotes""",gold; silver\nfile,sheet,mail,text,,pii\n',
    );
    const { stdout } = await cli('csv', file);
    expect(stdout).toContain('+ dataset file sheet');
    expect(stdout).toContain('1 added, 0 changed, 0 unchanged, 0 dropped, 0 refused');
    expect(await described('sheet', 'file')).toMatchObject({
      documentation: 'A sheet, with "quotes"',
      tags: ['gold', 'silver'],
      fields: { nodes: [{ path: 'mail', type: 'text', tags: ['pii'] }] },
    });
    await writeFile(file, 'namespace,dataset,colour\nfile,sheet,red\n');
    await expect(cli('csv', file)).rejects.toThrow(/no column colour/);
    await writeFile(file, 'namespace,dataset,field\nfile,,a\n');
    await expect(cli('csv', file)).rejects.toThrow(/row 2: dataset is empty/);
    await expect(cli('excel', file)).rejects.toThrow(/excel: catalogs are imported from/);
    await expect(cli('dbt', file)).rejects.toThrow(/--namespace names the warehouse/);
    await expect(cli('dbt', file, '--namespace', 'x')).rejects.toThrow(/cannot be read as JSON/);
    await expect(cli('csv', join(directory, 'nowhere.csv'))).rejects.toThrow(/nowhere.csv/);
  });
});
