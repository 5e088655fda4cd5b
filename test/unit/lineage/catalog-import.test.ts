import { describe, expect, test } from 'vitest';
import { datasetDiff, type KnownDataset } from '../../../src/domain/lineage/catalog-diff.ts';
import { type CatalogDataset, readCatalogLine } from '../../../src/domain/lineage/catalog-line.ts';
import { dbtLines } from '../../../src/domain/lineage/dbt-catalog.ts';
import { delimitedLines } from '../../../src/domain/lineage/delimited-catalog.ts';

const names = { namespace: 'snowflake://org-account', jobNamespace: 'dbt' };
const of = (name: string) => ({ namespace: names.namespace, name });

const node = (resource_type: string, name: string, more: object = {}) => ({
  ...{ resource_type, database: 'SHOP', schema: 'PUBLIC', name },
  ...more,
});
const manifest = {
  metadata: { dbt_schema_version: 'https://schemas.getdbt.com/dbt/manifest/v12.json' },
  sources: { 'source.shop.raw.people': node('source', 'people', { identifier: 'PEOPLE_RAW', description: '' }) },
  nodes: {
    'seed.shop.cities': node('seed', 'cities'),
    'model.shop.clean': node('model', 'clean', {
      config: { materialized: 'ephemeral' },
      depends_on: { nodes: ['source.shop.raw.people', 'model.shop.loop'] },
    }),
    'model.shop.loop': node('model', 'loop', {
      config: { materialized: 'ephemeral' },
      depends_on: { nodes: ['model.shop.clean'] },
    }),
    'model.shop.people': node('model', 'people', {
      alias: 'PEOPLE',
      description: 'All of them.',
      group: 'crm',
      meta: { owner: 'ann', retention: 30, nothing: null, more: { a: [1] } },
      tags: ['gold'],
      columns: { email: { name: 'email', description: 'Where letters go.', tags: ['pii'] } },
      depends_on: { nodes: ['model.shop.clean', 'seed.shop.cities', 'macro.shop.x'] },
    }),
    'test.shop.not_null': node('test', 'not_null', { depends_on: { nodes: ['model.shop.people'] } }),
  },
  groups: { 'group.shop.crm': { name: 'crm', owner: { name: 'team:crm', email: 'crm@example.com' } } },
};
const catalog = {
  nodes: {
    'model.shop.people': {
      columns: { EMAIL: { name: 'EMAIL', type: 'TEXT', index: 2 }, ID: { name: 'ID', type: 'NUMBER', index: 1 } },
    },
  },
  sources: {},
};

describe('a project of dbt', () => {
  test('becomes datasets and jobs, ephemeral models none of both', () => {
    const lines = [...dbtLines(manifest, catalog, names)];
    expect(lines.flatMap((line) => ('dataset' in line ? [line.dataset.name] : []))).toEqual([
      'SHOP.PUBLIC.PEOPLE_RAW',
      'SHOP.PUBLIC.cities',
      'SHOP.PUBLIC.PEOPLE',
    ]);
    expect(lines.filter((line) => 'job' in line)).toEqual([
      {
        job: { namespace: 'dbt', name: 'model.shop.people' },
        inputs: expect.arrayContaining([of('SHOP.PUBLIC.PEOPLE_RAW'), of('SHOP.PUBLIC.cities')]),
        outputs: [of('SHOP.PUBLIC.PEOPLE')],
      },
    ]);
    for (const line of lines) expect(() => readCatalogLine(JSON.parse(JSON.stringify(line)))).not.toThrow();
  });

  test('has the columns of the warehouse with what people wrote of them', () => {
    expect([...dbtLines(manifest, catalog, names)]).toContainEqual({
      dataset: of('SHOP.PUBLIC.PEOPLE'),
      documentation: 'All of them.',
      owners: ['ann', 'team:crm'],
      tags: ['gold'],
      properties: { retention: '30', more: '{"a":[1]}' },
      fields: [
        { name: 'ID', type: 'NUMBER', documentation: null, tags: [] },
        { name: 'EMAIL', type: 'TEXT', documentation: 'Where letters go.', tags: ['pii'] },
      ],
    });
    const without = [...dbtLines(manifest, null, names)];
    expect(without).toContainEqual(
      expect.objectContaining({
        fields: [{ name: 'email', type: null, documentation: 'Where letters go.', tags: ['pii'] }],
      }),
    );
  });

  test('that is none is refused with the place', () => {
    expect(() => [...dbtLines({}, null, names)]).toThrow(/manifest\.metadata/);
    expect(() => [...dbtLines({ ...manifest, nodes: { a: { name: 1 } } }, null, names)]).toThrow(/manifest\.nodes\.a/);
    expect(() => [...dbtLines(manifest, { nodes: [] }, names)]).toThrow(/catalog\.nodes.*catalog\.json/);
  });
});

describe('what an import changes', () => {
  const given = (line: object) => readCatalogLine({ dataset: of('a'), ...line }) as CatalogDataset;
  const known: KnownDataset = {
    id: '1',
    isDropped: false,
    fields: [
      { path: 'id', type: 'int' },
      { path: 'gone', type: 'text' },
    ],
    said: [{ path: '', part: 'properties', value: { a: '1', b: '2' } }],
  };

  test('is nothing where all is as it was, whatever the order of members', () => {
    const same = given({ fields: [{ name: 'gone' }, { name: 'id', type: 'int' }], properties: { b: '2', a: '1' } });
    expect(datasetDiff(same, known)).toEqual({ change: 'UNCHANGED', changes: [], fields: null, sayings: [] });
  });

  test('is each field and each part, with what was before', () => {
    const other = given({
      fields: [{ name: 'id', type: 'bigint' }, { name: 'new' }],
      documentation: 'x',
      properties: {},
    });
    const { change, changes, fields } = datasetDiff(other, known);
    expect(change).toBe('CHANGED');
    expect(changes).toEqual([
      { what: 'fields.id', before: 'int', after: 'bigint' },
      { what: 'fields.gone', before: 'text', after: null },
      { what: 'fields.new', before: null, after: 'of unknown type' },
      { what: 'documentation', before: null, after: 'x' },
      { what: 'properties', before: { a: '1', b: '2' }, after: null },
    ]);
    expect(fields).toEqual([
      { path: 'id', type: 'bigint' },
      { path: 'new', type: null },
    ]);
  });

  test('a dataset without a word of its fields keeps them, and one that was dropped comes back with its fields', () => {
    expect(datasetDiff(given({}), known)).toMatchObject({ change: 'UNCHANGED', fields: null });
    const back = given({ fields: [{ name: 'id' }, { name: 'gone' }] });
    expect(datasetDiff(back, { ...known, isDropped: true })).toMatchObject({ change: 'ADDED', fields: known.fields });
  });
});

test('rows of a table of fields may stand in any order', async () => {
  async function* rows() {
    yield { namespace: 'file', dataset: 'a', field: 'x', type: 'int', tags: '' };
    yield { namespace: 'file', dataset: 'b', field: '', type: '', tags: 'gold; silver ;' };
    yield { namespace: 'file', dataset: 'a', field: 'y', type: '', tags: 'pii' };
  }
  const lines = [];
  for await (const line of delimitedLines(rows())) lines.push(line);
  expect(lines).toEqual([
    {
      dataset: { namespace: 'file', name: 'a' },
      fields: [
        { name: 'x', type: 'int', tags: [] },
        { name: 'y', type: null, tags: ['pii'] },
      ],
    },
    { dataset: { namespace: 'file', name: 'b' }, tags: ['gold', 'silver'] },
  ]);
});
