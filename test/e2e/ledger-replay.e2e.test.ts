import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { replayLedger } from '../../src/cli/replay-ledger.ts';
import { restoreDrill } from '../../tools/drill/restore-drill.ts';
import { type Data, eventually, type TestApp, testApp } from '../testkit/app.ts';
import { registered } from '../testkit/catalog.ts';
import { urlOfDatabase } from '../testkit/database.ts';
import { sparkSummitDocument } from '../testkit/documents.ts';
import { erase } from '../testkit/erasure.ts';
import { postgresTools } from '../testkit/postgres-tools.ts';

let app: TestApp;
let tableId: string;
let ledgerDir: string;

const message = (n: number) => ({
  ...{ sid: `SM${n}`, account_sid: `AC${n % 3}`, date_created: '2018-06-04T10:00:00Z' },
  ...{ to: '+11234567890', from: '+351234567890', message_body: 'text' },
});
const land = async (numbers: readonly number[]): Promise<void> => {
  const { body } = await app.post('/api/v1/entities/Demo.SparkSummit/records', { records: numbers.map(message) });
  expect(body.results).toEqual(numbers.map(() => ({ ok: true })));
};
const rows = async (): Promise<number> =>
  (await app.done('query ($id: ID!) { node(id: $id) { ... on Dataset { lakeTable { rows } } } }', { id: tableId })).node
    .lakeTable.rows;
const outcomes = async (): Promise<Data[]> =>
  (
    await app.done('{ auditEvents(first: 50, filter: { action: "replayErasureLedger" }) { nodes { details } } }')
  ).auditEvents.nodes.map(({ details }: Data) => details);
/** What a replay by the command line came to. */
async function replayed(): Promise<Data> {
  const before = (await outcomes()).length;
  expect(await replayLedger(`${app.urls.main}/graphql`)).toMatch(/^run [0-9a-f-]{36} has begun/);
  return (await eventually(outcomes, (found) => found.length > before))[0];
}

beforeAll(async () => {
  app = await testApp();
  ledgerDir = join(app.settings.LINEWARD_DATA_DIR ?? '', 'ledger');
  const { entity } = await registered(app, sparkSummitDocument);
  const { createLakeLanding } = await app.done(
    `mutation ($input: CreateLakeLandingInput!) { createLakeLanding(input: $input) { userErrors { code message }
       stream { target { id } } } }`,
    {
      input: {
        ...{ entityId: entity.id, area: 'messaging', dateField: 'date_created' },
        ...{ accountField: 'account_sid', subjectFields: ['sid'] },
      },
    },
  );
  tableId = createLakeLanding.stream.target.id;
  await land(Array.from({ length: 30 }, (_, n) => n));
});
afterAll(() => app?.stop());

test('a replay of an empty ledger looks at nothing', async () => {
  expect(await replayed()).toEqual({ erased: 0, found: 0, operations: [], gaps: [] });
});

test('data of erased accounts and persons that is there again is found by keyed digests, also when the database forgot', async () => {
  const person = { accountId: 'AC2', subject: { field: 'sid', value: 'SM5' } };
  const done = await erase(app, { subjects: [{ accountId: 'AC1' }, person] });
  expect([done.status, await rows()]).toEqual(['COMPLETED', 19]);
  // Nobody can read from the ledger who was erased.
  const journal = await readFile(join(ledgerDir, 'erased.ndjson'), 'utf8');
  expect(journal.match(/[0-9a-f]{64}/g)).toHaveLength(2);
  expect(journal).not.toMatch(/AC\d|SM\d/);
  expect(await replayed()).toMatchObject({ erased: 2, found: 0, operations: [] });

  // A lake restored from a backup, and a database restored from before the erasure.
  await land([1, 4, 5, 7]);
  await app.em.fork().execute(`update operation_subject set digest = 'forgotten ' || id`);
  const outcome = await replayed();
  expect(outcome).toMatchObject({ erased: 4, found: 2, operations: [expect.any(String)], gaps: [] });
  expect(await rows()).toBe(23);
  const id = Buffer.from(`Operation:${outcome.operations[0]}`).toString('base64url');
  const ask = async (): Promise<Data> =>
    (
      await app.done('query ($id: ID!) { node(id: $id) { ... on Operation { status planHash requestedBy reason } } }', {
        id,
      })
    ).node;
  const planned = await eventually(ask, ({ status }) => status === 'PLANNED');
  expect(planned).toMatchObject({ requestedBy: 'erasure-ledger', reason: expect.stringContaining('ledger replay') });
  await app.done(
    'mutation ($input: ApproveOperationInput!) { approveOperation(input: $input) { userErrors { code message } } }',
    { input: { id, planHash: planned.planHash } },
  );
  expect(
    (await eventually(ask, ({ status }) => !['PLANNED', 'APPROVED', 'EXECUTING', 'VERIFYING'].includes(status))).status,
  ).toBe('COMPLETED');
  expect(await rows()).toBe(19);
});

const tools = await postgresTools();

test.skipIf(tools === null)(
  'a drill restores a dump beside the installation, and finds what a restore would bring back',
  async () => {
    await land([1, 4]);
    const server = process.env.LINEWARD_TEST_DATABASE ?? '';
    const source = urlOfDatabase(server, new URL(app.settings.DATABASE_URL ?? '').pathname.slice(1));
    const name = `drill_${Date.now()}`;
    await app.em.fork().execute(`create database ${name}`);
    const steps: string[] = [];
    const settings = {
      ...{ source, target: urlOfDatabase(server, name), ledgerDir, checkpoints: null, env: process.env },
      ...{ dataDir: app.settings.LINEWARD_DATA_DIR ?? '', pgDump: '', pgRestore: '', ...tools },
      tell: (step: string, _seconds: number, outcome: string) => steps.push(`${step}: ${outcome}`),
    };
    const operations = async () => app.em.fork().execute('select id, status, updated_at from operation order by id');
    const before = { operations: await operations(), rows: await rows() };
    expect(await restoreDrill(settings)).toMatchObject({ found: 1, gaps: 0 });
    expect(steps.map((step) => step.split(':')[0])).toEqual([
      ...['copy ledger and data', 'dump', 'restore', 'start', 'replay the ledger', 'verify the audit log'],
    ]);
    expect(steps.join(' ')).toMatch(/data of 1 is there again.*valid {8}audit log of \d+ event/);
    expect({ operations: await operations(), rows: await rows() }).toEqual(before);
    const refused = async (more: object): Promise<string> =>
      restoreDrill({ ...settings, ...more }).then(
        () => 'done',
        ({ code, message }) => `${code} ${message}`,
      );
    expect(await refused({})).toMatch(/^BAD_INPUT The database that is to be empty has \d+ tables/);
    expect(await refused({ pgDump: 'no-such-tool' })).toMatch(/no-such-tool is not there; name it by PG_DUMP/);
    const nowhere = 'postgres://nobody:secret@127.0.0.1:1/none';
    expect(await refused({ source: nowhere })).toMatch(/^BAD_INPUT .*pg_dump/);
    expect(await refused({ source: nowhere })).not.toContain('secret');
  },
  120_000,
);
