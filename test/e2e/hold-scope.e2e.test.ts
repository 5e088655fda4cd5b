import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '../../src/domain/id.ts';
import { type Data, eventually, type TestApp, testApp } from '../testkit/app.ts';
import { registered } from '../testkit/catalog.ts';
import { sparkSummitDocument } from '../testkit/documents.ts';

interface Table {
  readonly entity: string;
  readonly datasetId: string;
  readonly name: string;
}
const ended = ['COMPLETED', 'PARTIAL', 'BLOCKED', 'FAILED', 'CANCELLED'];
let app: TestApp;

const mutate = async (name: string, input: Data, fields = ''): Promise<Data> => {
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
  const query = `mutation ($input: ${type}!) { ${name}(input: $input) { userErrors { code message } ${fields} } }`;
  return (await app.done(query, { input }))[name];
};
const operation = async (id: string): Promise<Data> =>
  (
    await app.done(
      `query ($id: ID!) { node(id: $id) { ... on Operation { id status planHash approvalExpiresAt gaps { code dataset }
         certificate { body } deferral { byHold } } } }`,
      { id },
    )
  ).node;
const reaches = (id: string, ...statuses: readonly string[]): Promise<Data> =>
  eventually(
    () => operation(id),
    ({ status }) => statuses.includes(status),
  );
async function request(mutation: 'requestErasure' | 'requestRetention', input: Data): Promise<Data> {
  const { id } = (await mutate(mutation, input, 'operation { id }')).operation;
  return reaches(id, 'PLANNED', ...ended);
}
async function carryOut({ id, planHash }: Data): Promise<Data> {
  await mutate('approveOperation', { id, planHash });
  return reaches(id, ...ended);
}

/** A lake table with a row of each of two accounts; with phone numbers, or with nothing personal. */
async function table(name: string, isPersonal: boolean): Promise<Table> {
  const { schema } = sparkSummitDocument;
  const fields = isPersonal
    ? schema.fields
    : schema.fields.filter(({ name: field }) => !['to', 'from', 'message_body'].includes(field));
  const { entity } = await registered(app, { ...sparkSummitDocument, schema: { ...schema, name, fields } });
  const { stream } = await mutate(
    'createLakeLanding',
    {
      ...{ entityId: entity.id, area: 'messaging', dateField: 'date_created' },
      ...{ accountField: 'account_sid', subjectFields: ['sid'] },
    },
    'stream { target { id name } }',
  );
  const records = ['AC1', 'AC2'].map((account) => ({
    ...{ sid: `SM-${account}`, account_sid: account, date_created: '2026-01-05T10:00:00Z' },
    ...(isPersonal ? { to: '+11234567890', from: '+351234567890', message_body: 'text' } : {}),
  }));
  const { body } = await app.post(`/api/v1/entities/Demo.${name}/records`, { records });
  expect(body.results).toEqual(records.map(() => ({ ok: true })));
  return { entity: entity.id, datasetId: stream.target.id, name: stream.target.name };
}

async function accountsIn({ name }: Table): Promise<readonly string[]> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const files = join(app.lakeRoot, name, '*/*/*/*.parquet');
  const rows = await connection.runAndReadAll(
    `SELECT account_sid FROM read_parquet('${files}', hive_partitioning = false) ORDER BY 1`,
  );
  connection.closeSync();
  return rows.getRows().map(([account]) => String(account));
}

async function derive(from: Table, to: Table): Promise<void> {
  const local = (id: string) => Buffer.from(id, 'base64url').toString('utf8').split(':').at(-1);
  await app.em
    .fork()
    .execute(
      `insert into lineage_edge (id, source_dataset_id, target_dataset_id, job, valid_from) values (?, ?, ?, 'copy', now())`,
      [newId(), local(from.datasetId), local(to.datasetId)],
    );
}

beforeAll(async () => {
  app = await testApp();
});
afterAll(() => app?.stop());

test('a hold by label and lineage that comes after the plan keeps tables, copies and what is registered later, and no others', async () => {
  const personal = await table('Personal', true);
  const copy = await table('Copy', false);
  const apart = await table('Apart', false);
  await derive(personal, copy);
  const erasure = await request('requestErasure', { subjects: [{ accountId: 'AC1' }] });
  expect(erasure).toMatchObject({ status: 'PLANNED', approvalExpiresAt: expect.any(String) });

  const scope = { classifications: ['PII'], lineageDownstream: true };
  const matches = 'matches(first: 10) { totalCount nodes { isNamed dataset { name } } }';
  const { legalHold } = await mutate(
    'placeLegalHold',
    { matterId: 'M-9', reason: 'r', scope, confidential: true },
    `legalHold { id accountId confidential scope { classifications lineageDownstream datasetIds } ${matches} }`,
  );
  expect(legalHold).toMatchObject({ accountId: null, confidential: true, scope: { ...scope, datasetIds: null } });
  const held = (nodes: Data[]) => nodes.map(({ isNamed, dataset }) => [dataset.name, isNamed]).sort();
  expect(held(legalHold.matches.nodes)).toEqual(
    [
      [copy.name, false],
      [personal.name, true],
    ].sort(),
  );

  const partly = await carryOut(erasure);
  expect(partly).toMatchObject({ status: 'PARTIAL', deferral: { byHold: true } });
  const open = partly.certificate.body.open.map(({ code, dataset }: Data) => `${code} ${dataset}`);
  expect(open).toEqual(expect.arrayContaining([`HOLD_ACTIVE ${personal.name}`, `HOLD_ACTIVE ${copy.name}`]));
  expect(await accountsIn(personal)).toEqual(['AC1', 'AC2']);
  expect(await accountsIn(copy)).toEqual(['AC1', 'AC2']);
  expect(await accountsIn(apart)).toEqual(['AC2']);

  const later = await table('Later', true);
  const refused = await request('requestErasure', { subjects: [{ accountId: 'AC2' }], entityId: later.entity });
  expect(refused.gaps).toMatchObject([{ code: 'HOLD_ACTIVE', dataset: later.name }]);
  await mutate('setLakeRetention', { datasetId: later.datasetId, days: 1 });
  const retention = await carryOut(await request('requestRetention', { datasetId: later.datasetId }));
  expect(retention.status).toBe('PARTIAL');
  expect(await accountsIn(later)).toEqual(['AC1', 'AC2']);
  const { explainDecision } = await app.done(
    `query ($item: DecisionItemInput!) { explainDecision(item: $item) { action winner { rule sourceId } } }`,
    { item: { datasetId: later.datasetId, accountId: 'AC2', date: '2026-01-05T10:00:00Z' } },
  );
  expect(explainDecision).toMatchObject({ winner: { rule: 'LEGAL_HOLD', sourceId: legalHold.id } });

  await mutate('releaseLegalHold', { id: legalHold.id, reason: 'settled' });
  const again = await mutate('retryOperation', { id: erasure.id }, 'operation { id }');
  const done = await carryOut(await reaches(again.operation.id, 'PLANNED'));
  expect(done).toMatchObject({ status: 'COMPLETED', deferral: null });
  for (const each of [personal, copy, later]) expect(await accountsIn(each)).toEqual(['AC2']);
});

test('a hold on one table keeps the keys of those of whom it has a record, and of nobody else', async () => {
  const apart = await table('Keys', true);
  const scope = { datasetIds: [apart.datasetId] };
  const { legalHold } = await mutate('placeLegalHold', { matterId: 'M-8', reason: 'r', scope }, 'legalHold { id }');
  const shred = async (accountId: string): Promise<Data> => {
    const { operation: asked } = await mutate('requestShred', { subjects: [{ accountId }] }, 'operation { id }');
    return reaches(asked.id, 'PLANNED', ...ended);
  };
  expect((await shred('AC1')).gaps).toMatchObject([{ code: 'HOLD_ACTIVE', dataset: 'account_key' }]);
  expect((await shred('AC-nowhere')).gaps).toEqual([]);
  await mutate('releaseLegalHold', { id: legalHold.id, reason: 'settled' });
  expect((await shred('AC1')).gaps).toEqual([]);
});

test('a minimum by label defers erasures of what is labelled, also of what is registered later, and of nothing else', async () => {
  const [personal, apart] = [await table('Kept', true), await table('NotKept', false)];
  const set = { name: 'own law', days: 36_500, mode: 'GOVERNANCE', scope: { classifications: ['PII'] } };
  const matches = 'matches(first: 20) { nodes { isNamed dataset { name } } }';
  const { minimumRetention } = await mutate(
    'setMinimumRetention',
    set,
    `dataset { id } minimumRetention { name scope { classifications namespaces } ${matches} }`,
  );
  expect(minimumRetention).toMatchObject({ scope: { classifications: ['PII'], namespaces: null } });
  const names = minimumRetention.matches.nodes.map(({ dataset }: Data) => dataset.name);
  expect(names).toContain(personal.name);
  expect(names).not.toContain(apart.name);

  const later = await table('KeptLater', true);
  const erasure = await carryOut(await request('requestErasure', { subjects: [{ accountId: 'AC1' }] }));
  expect(erasure.status).toBe('PARTIAL');
  for (const each of [personal, later]) expect(await accountsIn(each)).toEqual(['AC1', 'AC2']);
  expect(await accountsIn(apart)).toEqual(['AC2']);
  const until = new Date(Date.parse('2026-01-06T00:00:00Z') + 36_500 * 86_400_000).toISOString();
  const asked = await app.done(
    `query ($id: ID!, $dataset: ID!, $item: DecisionItemInput!) {
       node(id: $id) { ... on Operation { deferral { byHold byMinimum until } } }
       dataset: node(id: $dataset) { ... on Dataset { minimumRetentions { name days dateField scope { classifications } } } }
       explainDecision(item: $item) { action until winner { rule sourceId } }
       minimumRetentions(first: 5) { totalCount nodes { name scope { classifications } } } }`,
    {
      ...{ id: erasure.id, dataset: later.datasetId },
      item: { datasetId: later.datasetId, accountId: 'AC1', date: '2026-01-05T10:00:00Z' },
    },
  );
  expect(asked).toMatchObject({
    node: { deferral: { byHold: false, byMinimum: true, until } },
    dataset: { minimumRetentions: [{ name: 'own law', days: 36_500, dateField: 'date_created' }] },
    explainDecision: { action: 'DEFER', until, winner: { rule: 'MINIMUM_RETENTION', sourceId: 'own law' } },
    minimumRetentions: { totalCount: 1, nodes: [{ name: 'own law', scope: { classifications: ['PII'] } }] },
  });

  await mutate('removeMinimumRetention', { name: 'own law', bypassReason: 'repealed' });
  const again = await mutate('retryOperation', { id: erasure.id }, 'operation { id }');
  expect(await carryOut(await reaches(again.operation.id, 'PLANNED'))).toMatchObject({ status: 'COMPLETED' });
  for (const each of [personal, later]) expect(await accountsIn(each)).toEqual(['AC2']);
});
