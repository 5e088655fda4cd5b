import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Hiding, throughView } from '../../../src/services/access/reader-view.ts';
import { visibleTables } from '../../../src/services/access/visible-tables.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database?.close());

/** Tables that hang on what may be hidden and need no entry, since no question reads them but by those that have one. */
const behindOthers = [
  ...['catalog_import_member', 'column_repeat', 'column_set', 'column_set_link', 'column_statement'],
  ...['certificate', 'erasure_deferral', 'operation_approval', 'operation_subject'],
  ...['lake_content_mark', 'lake_file', 'lake_index', 'lake_read', 'lineage_io_set_member', 'operation_file'],
  ...['stream_activity', 'stream_position', 'stream_process', 'stream_run', 'stream_total'],
  ...['topic_hold_look', 'topic_retention_approval', 'topic_retention_version', 'topic_rewrite'],
  ...['transform_file', 'transform_position', 'transform_reject', 'transform_source'],
];
const everything: Hiding = { rule: { namespaces: [], names: ['*'], classifications: [] }, datasetIds: null };
const hidings: readonly (readonly [string, Hiding])[] = [
  ['by names', everything],
  ['by namespaces', { rule: { namespaces: ['a*', '%'], names: [], classifications: [] }, datasetIds: null }],
  ['by labels', { rule: { namespaces: [], names: [], classifications: ['PII'] }, datasetIds: ['x'] }],
];

test('every table that hangs on a dataset, an entity or a subject is looked through', async () => {
  const rows = await database.em.fork().execute<{ name: string }[]>(
    `with recursive hanging (oid) as (
       select unnest(array['dataset', 'entity', 'registry_subject', 'transformer']::regclass[])::oid
       union select conrelid from pg_constraint join hanging on confrelid = hanging.oid where contype = 'f'
     ) select distinct oid::regclass::text as name from hanging order by 1`,
  );
  const missing = rows
    .map(({ name }) => name)
    .filter((name) => !(name in visibleTables) && !behindOthers.includes(name));
  expect(missing).toEqual([]);
});

test.each(hidings)('every table can be read, hidden %s', async (_how, hiding) => {
  for (const table of Object.keys(visibleTables))
    for (const text of [`select * from ${table}`, `with own as (select * from ${table}) select * from own`]) {
      const seen = throughView({ text, values: [] }, [hiding]);
      expect(await database.em.fork().execute(seen.text, [...seen.values]), table).toEqual([]);
    }
});

test('what locks or writes, and what names no table, is left as it is', () => {
  for (const text of [
    'select 1 from dataset where id = ? for no key update',
    'with gone as (delete from dataset returning 1) select * from gone',
    'insert into dataset select * from dataset',
    'select 1',
  ])
    expect(throughView({ text, values: [] }, [everything]).text).toBe(text);
});
