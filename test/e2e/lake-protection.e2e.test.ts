import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, register, type TestApp, testApp } from '../testkit/app.ts';
import { sparkSummitDocument } from '../testkit/documents.ts';
import { carriedOut, erase } from '../testkit/erasure.ts';

let app: TestApp;
let entityId: string;
let table: { id: string; name: string };
const types = ['phonenumber', 'customertext'];

const message = (index: number): Data => ({
  sid: `SM${index}`,
  account_sid: `AC${index % 4}`,
  date_created: `2018-06-0${(index % 3) + 4}T10:00:00Z`,
  to: `+1123456${7000 + index}`,
  from: '+351234567890',
  message_body: `canary ${index}`,
});

const setPolicy = (action: string, semanticType: string, params?: Data): Promise<Data> =>
  app.done(
    `mutation ($input: SetProtectionPolicyInput!) { setProtectionPolicy(input: $input) { userErrors { code message } } }`,
    { input: { scope: 'GLOBAL', semanticType, action, params } },
  );
const land = async (from: number, to: number): Promise<void> => {
  const records = Array.from({ length: to - from }, (_, index) => message(from + index));
  const { body } = await app.post('/api/v1/entities/Demo.SparkSummit/records', { records });
  expect(body.results.every(({ ok }: Data) => ok)).toBe(true);
};
const open = async (accountId: string, value: string): Promise<Data> =>
  (await app.post('/api/v1/crypto:open?purpose=test', { accountId, value })).body;
const versionOf = (envelope: string): number => JSON.parse(Buffer.from(envelope, 'base64').toString()).kv;

/** All rows of the table as another reader of Parquet sees them. */
async function rows(): Promise<Data[]> {
  const root = join(app.lakeRoot, table.name);
  const names = (await readdir(root, { recursive: true })).filter((name) => /^\d{4}\/.*\.parquet$/.test(name));
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const files = names.map((name) => `'${join(root, name)}'`).join(', ');
  const read = await connection.runAndReadAll(
    `SELECT * FROM read_parquet([${files}], hive_partitioning = false) ORDER BY CAST(sid[3:] AS INTEGER)`,
  );
  connection.closeSync();
  return read.getRowObjectsJS();
}

beforeAll(async () => {
  app = await testApp();
  const { registerEntityVersion } = await app.done(register, {
    input: { document: sparkSummitDocument, aliases: ['SparkSummit.Demo'] },
  });
  entityId = registerEntityVersion.entity.id;
  for (const type of types) await setPolicy('NONE', type);
  const { createLakeLanding } = await app.done(
    `mutation ($input: CreateLakeLandingInput!) { createLakeLanding(input: $input) { userErrors { code message }
       stream { target { id name } } } }`,
    {
      input: {
        entityId,
        area: 'messaging',
        dateField: 'date_created',
        accountField: 'account_sid',
        subjectFields: ['sid'],
      },
    },
  );
  table = createLakeLanding.stream.target;
  await land(0, 40);
});
afterAll(() => app?.stop());

describe('protecting what is stored', () => {
  test('applies the policies in force to every row, and again changes nothing', async () => {
    expect((await rows())[5]).toMatchObject(message(5));
    await setPolicy('REDACT', 'phonenumber');
    await setPolicy('REMOVE', 'customertext', { removalForm: 'EMPTY' });
    const before = await rows();
    const operation = await carriedOut(app, 'Protection', { entityId, reason: 'history' });
    expect(operation).toMatchObject({ status: 'COMPLETED', statusReason: null });
    expect(operation.targets.nodes).toMatchObject([
      {
        role: 'LAKE_TABLE',
        status: 'VERIFIED',
        receipt: { recordsErased: 0, recordsChanged: 40, recordsKept: 0, filesRewritten: 3, open: [] },
        verification: { survivors: 0, lost: 0 },
      },
    ]);
    expect(operation.certificate.body).toMatchObject({
      kind: 'PROTECTION',
      outcome: 'COMPLETED',
      totals: { recordsErased: 0, recordsChanged: 40 },
    });
    expect(await rows()).toEqual(
      before.map((row, index) => ({
        ...row,
        to: `+1123456${String(7000 + index).replace(/\d{4}$/, 'XXXX')}`,
        from: '+35123456XXXX',
        message_body: '',
      })),
    );
    const again = await carriedOut(app, 'Protection', { entityId });
    expect(again.targets.nodes[0].receipt).toMatchObject({ recordsChanged: 0, filesRewritten: 0 });
  });

  test('takes a new file up, and leaves the rows under a legal hold as they are', async () => {
    for (const type of types) await setPolicy('NONE', type);
    await land(40, 60);
    await setPolicy('ENCRYPT', 'phonenumber');
    const { placeLegalHold } = await app.done(
      `mutation ($input: PlaceLegalHoldInput!) { placeLegalHold(input: $input) { userErrors { code } legalHold { id } } }`,
      { input: { matterId: 'M', reason: 'r', scope: { accountId: 'AC1' } } },
    );
    const operation = await carriedOut(app, 'Protection', { entityId });
    expect(operation.status).toBe('PARTIAL');
    expect(operation.statusReason).toContain('HOLD_ACTIVE');
    const held = (await rows()).filter(({ account_sid }) => account_sid === 'AC1').slice(10);
    expect(held).toMatchObject([41, 45, 49, 53, 57].map(message));
    for (const row of (await rows()).slice(40).filter(({ account_sid }) => account_sid !== 'AC1'))
      expect(await open(row.account_sid, row.to)).toMatchObject({
        ok: true,
        value: message(Number(row.sid.slice(2))).to,
      });
    await app.done(
      `mutation ($input: ReleaseLegalHoldInput!) { releaseLegalHold(input: $input) { userErrors { code } } }`,
      { input: { id: placeLegalHold.legalHold.id, reason: 'over' } },
    );
    // What is encrypted stays the envelope that it is; the rows that were held are done now.
    const sealed = (await rows()).slice(40).map(({ account_sid, to }) => (account_sid === 'AC1' ? null : to));
    const rest = await carriedOut(app, 'Protection', { entityId });
    expect(rest).toMatchObject({ status: 'COMPLETED' });
    const after = (await rows()).slice(40);
    for (const [index, row] of after.entries())
      expect(row.to).toEqual(sealed[index] ?? expect.stringMatching(/^eyJjcnlwdG9faWQiOjEsInNpZCI6/));
  });

  test('encrypts anew under the newest keys, of some accounts or of all', async () => {
    for (const accountId of ['AC1', 'AC2'])
      await app.done(`mutation { rotateAccountKey(input: { accountId: "${accountId}" }) { userErrors { code } } }`);
    const one = await carriedOut(app, 'Rewrap', { accountIds: ['AC1'], datasetIds: [table.id] });
    expect(one).toMatchObject({ status: 'COMPLETED' });
    const accounts = async (accountId: string) =>
      (await rows()).slice(40).filter(({ account_sid }) => account_sid === accountId);
    for (const row of await accounts('AC1')) expect(versionOf(row.to)).toBe(2);
    for (const row of await accounts('AC2')) expect(versionOf(row.to)).toBe(1);
    const all = await carriedOut(app, 'Rewrap', { entityId });
    expect(all).toMatchObject({ status: 'COMPLETED', certificate: { body: { kind: 'REWRAP' } } });
    const [{ receipt, verification }] = all.targets.nodes;
    expect(verification).toMatchObject({ survivors: 0, lost: 0 });
    const counts = receipt.evidence.map((file: Data) => file.counts);
    // 15 rows of AC2 with two numbers each: a stricter policy also encrypts what an earlier one had left of a number.
    expect(counts.reduce((sum: number, file: Data) => sum + (file.keyVersion1 ?? 0), 0)).toBe(30);
    for (const [index, row] of (await rows()).entries()) {
      const value = index < 40 ? message(index).to.replace(/\d{4}$/, 'XXXX') : message(index).to;
      expect(await open(row.account_sid, row.to)).toMatchObject({ ok: true, value });
    }
  });

  test('an erasure after it still finds everybody', async () => {
    const operation = await erase(app, { subjects: [{ accountId: 'AC2' }] });
    expect(operation.targets.nodes[0].receipt.recordsErased).toBe(15);
    expect((await rows()).some(({ account_sid }) => account_sid === 'AC2')).toBe(false);
  });

  test('is not done when the policies changed after the plan was approved', async () => {
    for (const type of types) await setPolicy('REMOVE', type);
    const operation = await carriedOut(app, 'Protection', { entityId }, () => setPolicy('REDACT', 'phonenumber'));
    expect(operation).toMatchObject({ status: 'FAILED' });
    expect(operation.targets.nodes[0].statusReason).toContain('PLAN_CHANGED');
  });

  test('refuses what cannot be asked for', async () => {
    const ask = (kind: string, input: Data) =>
      app.refusals(
        `mutation ($input: Request${kind}Input!) { request${kind}(input: $input) { userErrors { code field } } }`,
        { input },
      );
    expect(await ask('Protection', { entityId, datasetIds: [] })).toEqual([
      { code: 'BAD_INPUT', field: ['datasetIds'] },
    ]);
    expect(await ask('Rewrap', { accountIds: ['AC1', ''] })).toEqual([
      { code: 'BAD_INPUT', field: ['accountIds', '1', 'accountId'] },
    ]);
    expect(await ask('Erasure', { subjects: [] })).toEqual([{ code: 'BAD_INPUT', field: ['subjects'] }]);
  });
});
