import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, type TestApp, testApp } from '../testkit/app.ts';
import { pythonWith } from '../testkit/python.ts';

const run = promisify(execFile);
const token = 'the-token-of-these-clients';

// dbt before 2: later ones fetch a part of themselves from elsewhere.
const interpreter = await pythonWith(
  'python-lineage',
  ['openlineage-python==1.54.0', 'openlineage-dbt==1.54.0', 'dbt-core==1.9.4', 'dbt-duckdb==1.9.3'],
  'import openlineage.client, openlineage.common.provider.dbt, dbt.adapters.duckdb',
);

describe.skipIf(interpreter === null)('clients of OpenLineage in Python, unmodified', () => {
  let app: TestApp;
  let directory: string;
  beforeAll(async () => {
    app = await testApp({ LINEWARD_ROLES: 'api', LINEWARD_API_TOKEN: token });
    directory = await mkdtemp(join(tmpdir(), 'lineward-dbt-'));
  });
  afterAll(async () => {
    await app?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  async function ask(query: string, variables: object = {}): Promise<Data> {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
    const body = JSON.stringify({ query, variables });
    const response = await fetch(`${app.urls.main}/graphql`, { method: 'POST', headers, body });
    const { data, errors } = (await response.json()) as Data;
    expect(errors).toBeUndefined();
    return data;
  }
  const idOf = async (name: string): Promise<string> =>
    (await ask('{ datasets(first: 50) { nodes { id name } } }')).datasets.nodes.find((node: Data) => node.name === name)
      .id;
  /** What a column comes from, itself among it, as `dataset.column`. */
  async function sourcesOf(name: string, field: string): Promise<readonly string[]> {
    const { columnLineage } = await ask(
      `query ($datasetId: ID!, $field: String!) {
         columnLineage(datasetId: $datasetId, field: $field, direction: UPSTREAM, withIndirect: false) {
           nodes { field { path dataset { name } } } } }`,
      { datasetId: await idOf(name), field },
    );
    return columnLineage.nodes.map(({ field: { path, dataset } }: Data) => `${dataset.name}.${path}`).sort();
  }

  test('the client itself sends a run whose columns are followed', async () => {
    const { stdout } = await run(interpreter ?? '', ['test/clients/openlineage_events.py', app.urls.main, token]);
    const headers = { authorization: `Bearer ${token}` };
    const found = await fetch(`${app.urls.main}/api/v1/jobs/runs/${stdout.trim()}`, { headers });
    expect(await found.json()).toMatchObject({ id: stdout.trim(), state: 'COMPLETED' });
    expect(await sourcesOf('people', 'place')).toEqual(['people.place', 'shop.public.people.café']);
  });

  test('a run of dbt tells its models and their columns', async () => {
    const project = join(directory, 'shop');
    await cp('test/clients/dbt-shop', project, { recursive: true });
    const home = resolve(interpreter ?? '', '..');
    await run(join(home, 'dbt-ol'), ['build', '--profiles-dir', '.', '--project-dir', '.'], {
      cwd: project,
      timeout: 120_000,
      env: {
        ...process.env,
        PATH: `${home}:${process.env.PATH}`,
        OPENLINEAGE_URL: app.urls.main,
        OPENLINEAGE_API_KEY: token,
        OPENLINEAGE_NAMESPACE: 'dbt',
        DBT_SEND_ANONYMOUS_USAGE_STATS: 'false',
      },
    });
    const id = await idOf('shop.main.stg_customers');
    const { lineage } = await ask(
      'query ($start: ID!) { lineage(start: $start, direction: DOWNSTREAM) { nodes { dataset { name } } jobs { name } } }',
      { start: id },
    );
    expect(lineage.nodes.map(({ dataset }: Data) => dataset.name).sort()).toEqual([
      'shop.main.city_customers',
      'shop.main.stg_customers',
    ]);
    expect(lineage.jobs).toEqual([{ name: expect.stringContaining('city_customers') }]);
    expect(await sourcesOf('shop.main.city_customers', 'last_email')).toEqual([
      'shop.main.city_customers.last_email',
      'shop.main.customers.email',
      'shop.main.stg_customers.email',
    ]);
  });

  test('what people wrote in a project of dbt is imported from its manifest and catalog', async () => {
    const project = join(directory, 'shop');
    const home = resolve(interpreter ?? '', '..');
    const env = { ...process.env, PATH: `${home}:${process.env.PATH}`, DBT_SEND_ANONYMOUS_USAGE_STATS: 'false' };
    const options = { cwd: project, timeout: 120_000, env };
    await run(join(home, 'dbt'), ['docs', 'generate', '--profiles-dir', '.', '--project-dir', '.'], options);
    const { node } = await ask('query ($id: ID!) { node(id: $id) { ... on Dataset { namespace } } }', {
      id: await idOf('shop.main.stg_customers'),
    });
    const cli = (...args: readonly string[]) =>
      run(
        process.execPath,
        [
          'src/cli/main.ts',
          'catalog',
          'import',
          'dbt',
          join(project, 'target/manifest.json'),
          '--catalog',
          join(project, 'target/catalog.json'),
          '--namespace',
          node.namespace,
          '--url',
          `${app.urls.main}/graphql`,
          ...args,
        ],
        { env: { ...process.env, LINEWARD_API_TOKEN: token } },
      );
    const { stdout } = await cli('--dry-run');
    expect(stdout).toContain('documentation: nothing → Customers as they were loaded.');
    await cli();
    expect((await cli()).stdout).toContain('0 added, 0 changed, 5 unchanged, 0 dropped, 0 refused');
    const { dataset } = await ask(
      `query ($namespace: String!) { dataset(namespace: $namespace, name: "shop.main.stg_customers") {
         documentation owners tags properties { name value } fields { nodes { path type documentation tags } } } }`,
      { namespace: node.namespace },
    );
    expect(dataset).toEqual({
      documentation: 'Customers as they were loaded.',
      owners: ['team:crm'],
      tags: ['gold'],
      properties: [{ name: 'retention', value: '30' }],
      fields: {
        nodes: [
          { path: 'city', type: 'VARCHAR', documentation: null, tags: [] },
          { path: 'email', type: 'VARCHAR', documentation: 'Where letters go.', tags: ['pii'] },
          { path: 'id', type: 'INTEGER', documentation: null, tags: [] },
        ],
      },
    });
  });
});
