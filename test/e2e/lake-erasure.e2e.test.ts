import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Data, register, type TestApp, testApp, webSocketClient } from '../testkit/app.ts';
import { sparkSummitDocument } from '../testkit/documents.ts';
import { erase } from '../testkit/erasure.ts';

let app: TestApp;
let table: { id: string; name: string };

const message = (index: number) => ({
  sid: `SM${index}`,
  account_sid: `AC${index % 4}`,
  date_created: `2018-06-0${(index % 3) + 4}T10:00:00Z`,
  to: '+11234567890',
  from: '+351234567890',
  message_body: `canary-body-${index}`,
});
const path = '/api/v1/entities/Demo.SparkSummit/records';
const rows = async (): Promise<number> =>
  (await app.done('query ($id: ID!) { node(id: $id) { ... on Dataset { lakeTable { rows } } } }', { id: table.id }))
    .node.lakeTable.rows;

async function dataFiles(): Promise<string[]> {
  const names = await readdir(join(app.lakeRoot, table.name), { recursive: true });
  return names.filter((name) => /^\d{4}\/.*\.parquet$/.test(name)).map((name) => join(app.lakeRoot, table.name, name));
}

beforeAll(async () => {
  app = await testApp();
  const { registerEntityVersion } = await app.done(register, {
    input: { document: sparkSummitDocument, aliases: ['SparkSummit.Demo'] },
  });
  const { createLakeLanding } = await app.done(
    `mutation ($input: CreateLakeLandingInput!) { createLakeLanding(input: $input) { userErrors { code message }
       stream { target { id name } } } }`,
    {
      input: {
        entityId: registerEntityVersion.entity.id,
        area: 'messaging',
        dateField: 'date_created',
        accountField: 'account_sid',
        subjectFields: ['sid'],
      },
    },
  );
  table = createLakeLanding.stream.target;
  await app.done(`mutation ($input: PlaceLegalHoldInput!) { placeLegalHold(input: $input) { userErrors { code } } }`, {
    input: { matterId: 'M', reason: 'r', scope: { accountId: 'AC3' } },
  });
});
afterAll(() => app?.stop());

test('records land, each answered on its own; what does not fit stays out and is not repeated', async () => {
  const records: Data[] = Array.from({ length: 200 }, (_, index) => message(index));
  const { sid: _, ...without } = message(0);
  const bad = [{ ...message(0), to: 4711 }, without, { ...message(0), extra: 'canary-extra' }, null, 'canary-text', []];
  const { status, body } = await app.post(path, { records: [...bad, ...records] });
  expect(status).toBe(200);
  expect(body.results.slice(0, bad.length)).toEqual([
    { ok: false, code: 'MESSAGE_INVALID', message: 'to must be a string' },
    { ok: false, code: 'MESSAGE_INVALID', message: 'sid is missing' },
    { ok: false, code: 'MESSAGE_INVALID', message: '(message) holds 1 field(s) that the schema does not have' },
    ...Array(3).fill({ ok: false, code: 'MESSAGE_INVALID', message: '(message) must be an object' }),
  ]);
  expect(body.results.slice(bad.length)).toEqual(Array(200).fill({ ok: true }));
  expect(JSON.stringify(body)).not.toMatch(/canary|4711/);
  expect(await rows()).toBe(200);
  for (const file of await dataFiles()) expect((await readFile(file)).includes('canary-body')).toBe(false);
});

test('a value that its column or folder cannot take is refused alone, with its field and without the value', async () => {
  const before = await rows();
  const bad = [
    { ...message(0), account_sid: 'canary\0' },
    { ...message(0), sid: 'canary\ud800' },
    { ...message(0), date_created: 'canary' },
    { ...message(0), date_created: '2018-02-30T00:00:00Z' },
    { ...message(0), date_created: '' },
  ];
  const { status, body } = await app.post(path, { records: bad });
  expect(status).toBe(200);
  const text = 'holds the character U+0000 or half of a surrogate pair';
  const date = 'date_created is not a date or date-time of ISO 8601';
  expect(body.results).toEqual([
    { ok: false, code: 'VALUE_INVALID', message: `account_sid ${text}` },
    { ok: false, code: 'VALUE_INVALID', message: `sid ${text}` },
    ...Array(3).fill({ ok: false, code: 'VALUE_INVALID', message: date }),
  ]);
  expect(await rows()).toBe(before);
});

test('an intake by alias works; one for an unknown entity, an empty list or no list is refused', async () => {
  expect((await app.post('/api/v1/entities/SparkSummit.Demo/records', { records: [null] })).body.results).toHaveLength(
    1,
  );
  for (const [to, body, status, code] of [
    ['/api/v1/entities/Demo.Nobody/records', { records: [{}] }, 404, 'NOT_FOUND'],
    ['/api/v1/entities/Demo.%00/records', { records: [{}] }, 404, 'NOT_FOUND'],
    ['/api/v1/entities/nodot/records', { records: [{}] }, 404, 'NOT_FOUND'],
    [path, { records: [] }, 400, 'BAD_INPUT'],
    [path, [], 400, 'BAD_INPUT'],
    [path, '{', 400, 'BAD_INPUT'],
    [path, { records: Array(10_001).fill(1) }, 413, 'LIMIT_EXCEEDED'],
  ] as const)
    expect(await app.post(to, body)).toMatchObject({ status, body: { code, requestId: expect.stringMatching(/./) } });
});

test('an account is erased, with a certificate; a second time there is nothing left to erase', async () => {
  const first = await erase(app, { subjects: [{ accountId: 'AC1' }] });
  expect(first).toMatchObject({
    status: 'COMPLETED',
    gaps: [],
    targets: {
      nodes: [{ role: 'LAKE_TABLE', receipt: { recordsErased: 50 }, verification: { survivors: 0, lost: 0 } }],
    },
    certificate: { body: { outcome: 'COMPLETED', totals: { recordsErased: 50, survivors: 0, lost: 0 } } },
  });
  expect(await rows()).toBe(150);
  const second = await erase(app, { subjects: [{ accountId: 'AC1' }] });
  expect(second).toMatchObject({ status: 'COMPLETED', certificate: { body: { totals: { recordsErased: 0 } } } });
  expect(await rows()).toBe(150);
});

/** What a subscriber is told of the only place of an operation until its end. */
async function watched(id: string): Promise<Data[]> {
  const client = webSocketClient(app.urls.main);
  const query = `subscription ($id: ID!) { operationUpdated(id: $id) { status targets { nodes {
    status progress { done total unit bytesDone bytesTotal records startedAt secondsLeft } } } } }`;
  const told: Data[] = [];
  for await (const { data } of client.iterate<Data>({ query, variables: { id } })) {
    const { status, targets } = data.operationUpdated;
    told.push(targets.nodes[0]);
    if (['COMPLETED', 'PARTIAL', 'FAILED'].includes(status)) break;
  }
  await client.dispose();
  return told;
}

test('who watches an erasure is told how far it is: files, bytes, records and the time left', async () => {
  let watching: Promise<Data[]> = Promise.resolve([]);
  const bytes = (await Promise.all((await dataFiles()).map((file) => stat(file)))).reduce(
    (sum, { size }) => sum + size,
    0,
  );
  const done = await erase(app, { subjects: [{ accountId: 'AC0' }] }, async (id) => {
    watching = watched(id);
  });
  expect(done.status).toBe('COMPLETED');
  const told = await watching;
  const executed = told.findLast(({ status }) => status === 'EXECUTED' || status === 'EXECUTING')?.progress;
  const files = (await dataFiles()).length;
  expect(executed).toMatchObject({ unit: 'files', total: files, bytesTotal: bytes });
  expect(executed.bytesDone).toBeGreaterThan(0);
  expect(told.at(-1)).toMatchObject({
    status: 'VERIFIED',
    progress: { done: files, total: files, records: 100, secondsLeft: 0 },
  });
  expect(Date.now() - Date.parse(told.at(-1).progress.startedAt)).toBeGreaterThan(0);
  // What was done is never less than it was, within one phase.
  for (const phase of ['EXECUTING', 'VERIFYING']) {
    const counts = told
      .filter(({ status, progress }) => status === phase && progress !== null)
      .map(({ progress }) => progress.done);
    expect(counts).toEqual(counts.toSorted((one: number, other: number) => one - other));
  }
  expect(await rows()).toBe(100);
});

test('an account under a hold is blocked, and stays', async () => {
  const held = await erase(app, { subjects: [{ accountId: 'AC3' }] });
  expect([held.status, held.statusReason]).toEqual(['BLOCKED', expect.stringContaining('HOLD_ACTIVE')]);
  expect(await rows()).toBe(100);
});

test('a file that cannot be read makes it PARTIAL, is named, and is left as it is', async () => {
  const [file = ''] = await dataFiles();
  const corrupt = join(dirname(file), 'corrupt.parquet');
  const bytes = (await readFile(file)).fill(0, 4);
  await writeFile(corrupt, bytes);
  const before = (await dataFiles()).length;
  const done = await erase(app, { subjects: [{ accountId: 'AC2' }] });
  expect(done.status).toBe('PARTIAL');
  expect(JSON.stringify([done.gaps, done.certificate.body.open])).toContain('corrupt.parquet');
  expect(done.certificate.body.totals.recordsErased).toBe(50);
  expect((await readFile(corrupt)).equals(bytes)).toBe(true);
  expect(await rows()).toBe(50);
  expect((await dataFiles()).length).toBeLessThanOrEqual(before);
});
