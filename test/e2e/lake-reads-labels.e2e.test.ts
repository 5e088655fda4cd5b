import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LakeClient } from '../../packages/lake-client/src/index.ts';
import type { Role } from '../../src/domain/access/role.ts';
import { type Data, documentOf, register, type TestApp, testApp } from '../testkit/app.ts';
import { asking, rootToken } from '../testkit/hidden-things.ts';
import { createToken, registeredTable } from '../testkit/lake-reads.ts';
import { runOf, tableOf } from '../testkit/lineage.ts';
import { clickFields, clicks, plainDuckdb } from '../testkit/plain-table.ts';

const table = 'events/derived';
const rowsTotal = 60_000;
const tokens = new Map<Role, string>();
let app: TestApp;
const open = (role: Role, more: object = {}) =>
  new LakeClient({ url: app.urls.main, token: tokens.get(role) }).open({ table, ...more });
const maskedFor = async (role: Role) =>
  (await open(role, { purpose: 'a test' })).columns.filter(({ masked }) => masked).map(({ name }) => name);

beforeAll(async () => {
  app = await testApp();
  const { registerEntityVersion } = await app.done(register, { input: { document: documentOf('Click', clickFields) } });
  await mkdir(join(app.lakeRoot, table), { recursive: true });
  const rows = `SELECT *, repeat('d', 1000) AS device FROM (${clicks(rowsTotal)})`;
  await plainDuckdb(`COPY (${rows}) TO '${join(app.lakeRoot, table)}/part.parquet' (FORMAT parquet)`);
  const datasetId = await registeredTable(app, { location: table, entityId: registerEntityVersion.entity.id });
  const { node: target } = await app.done('query ($id: ID!) { node(id: $id) { ... on Dataset { namespace name } } }', {
    id: datasetId,
  });
  for (const event of derivation(target)) {
    const sent = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(event) };
    expect((await fetch(`${app.urls.main}/api/v1/lineage`, sent)).status).toBe(201);
  }
  const { dataset } = await app.done('{ dataset(namespace: "shop", name: "client") { id } }');
  await app.done(
    'mutation ($input: LabelDatasetFieldInput!) { labelDatasetField(input: $input) { userErrors { code message } } }',
    { input: { datasetId: dataset.id, field: 'phone_model', classifications: ['PII'] } },
  );
  for (const role of ['viewer', 'engineer', 'privacy_officer', 'auditor'] as const)
    tokens.set(role, await createToken(app, role));
  await app.restart({ LINEWARD_API_TOKEN: rootToken });
});
afterAll(() => app?.stop());

test('a column is masked whose values come from a field that is personal, also for who may not find that one', async () => {
  const read = await open('viewer', { columns: ['id', 'device'] });
  expect(read.columns).toMatchObject([
    { name: 'id', masked: false },
    { name: 'device', classifications: ['PII'], masked: true },
  ]);
  for await (const row of read.rows({ limit: 1 })) expect(row.device).toBe('***');
  const hide = { effect: 'DENY', actions: ['DISCOVER'], roles: ['viewer'], names: ['client'] };
  await asking(app).policy('no clients', hide);
  expect(await maskedFor('viewer')).toEqual(['person', 'note', 'device']);
});

test('whole files go to nobody who does not say what for: they have personal columns that were not asked for', async () => {
  const withFiles = await open('privacy_officer', { columns: ['id'], purpose: 'a test' });
  expect(withFiles.grant).toMatchObject({ access: 'FILES' });
  const read = await open('privacy_officer', { columns: ['id'] });
  expect(read.grant).toMatchObject({ access: 'ROWS' });
  expect(read.files.map(({ location }) => location)).toEqual([null]);
});

test('a read in clear ends when it is not allowed any more, and the report tells who read what and what for', async () => {
  const kit = asking(app);
  await kit.policy('persons', { effect: 'ALLOW', actions: ['READ_CLEAR'], roles: ['engineer'], names: ['Click'] });
  const read = await open('engineer', { purpose: 'support' });
  const rows = read.rows();
  expect(((await rows.next()).value as Data).person).toMatch(/^p/);
  await kit.policy('not now', { effect: 'DENY', actions: ['READ_CLEAR'], roles: ['engineer'], names: ['Click'] });
  let got = 1;
  const rest = async () => {
    for await (const _ of rows) got += 1;
  };
  await expect(rest()).rejects.toMatchObject({ code: 'FORBIDDEN' });
  expect(got).toBeLessThan(rowsTotal);
  const headers = { authorization: `Bearer ${tokens.get('auditor')}` };
  const report = await (await fetch(`${app.urls.main}/api/v1/reports/clear-reads`, { headers })).text();
  const [head, ...lines] = report.trim().split(/\r?\n/);
  expect(head).toBe('day,actor,account,table,columns,purpose,calls,values,refused_calls');
  expect(lines.map((line) => line.slice(line.indexOf(',') + 1)).sort()).toEqual([
    // The grant told where the files are, and rows were read.
    'engineer,,events/derived,person; note; device,support,2,,0',
    'privacy_officer,,events/derived,person; note; device,a test,1,,0',
  ]);
});

/** A run that fills the column of the table from a field of another dataset. */
function derivation(target: { readonly namespace: string; readonly name: string }): readonly object[] {
  const source = tableOf({ name: 'client', fields: ['phone_model'] });
  const filled = tableOf({ name: 'derived', columns: { device: ['client.phone_model'] } });
  return runOf(1, 'derive', [source], [{ ...filled, ...target }]);
}
