import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, eventually, register, type TestApp, testApp } from '../testkit/app.ts';
import { cryptoJson, cryptoLines, decrypt, encryptBulk, redact } from '../testkit/crypto.ts';
import { sparkSummitDocument } from '../testkit/documents.ts';
import { erase } from '../testkit/erasure.ts';
import { gatewayFor, missingKafka, scanAll, testBroker, uniqueName } from '../testkit/kafka.ts';

// Personal data that is recognised wherever it turns up: in each personal field, in subjects, in values that are refused.
const canary = `CANARY-${randomUUID()}`;
const redisUrl = process.env.LINEWARD_TEST_REDIS;
const missing = (await missingKafka()) ?? (redisUrl === undefined ? 'no Redis' : null);

const lines: string[] = [];
const answers: string[] = [];
let app: TestApp;
let brokers: string;
let close: () => Promise<void>;
const [raw, clean] = [uniqueName('raw'), uniqueName('clean')];

/** What anybody gets to see; the few answers that must hold a value are asked for elsewhere. */
async function ask(query: string, variables: Record<string, unknown> = {}): Promise<Data> {
  const answer = await app.graphql(query, variables);
  answers.push(JSON.stringify(answer));
  return answer.data;
}
async function send(url: string, body: unknown, type = 'application/json'): Promise<void> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': type }, body: text });
  answers.push(`${response.status} ${JSON.stringify([...response.headers])} ${await response.text()}`);
}

const message = (index: number) => ({
  sid: `${canary}-sid-${index}`,
  account_sid: `AC${index % 2}`,
  date_created: '2018-06-04T10:00:00Z',
  to: `+1${canary}`,
  from: canary,
  message_body: `${canary} writes`,
});

beforeAll(async () => {
  if (missing !== null) return;
  ({ brokers, close } = await testBroker());
  app = await testApp(
    { KAFKA_BROKERS: brokers, REDIS_URL: redisUrl ?? '', LOG_LEVEL: 'trace' },
    { write: (line) => lines.push(line) },
  );
  const { registerEntityVersion } = await app.done(register, { input: { document: sparkSummitDocument } });
  const keys = { entityId: registerEntityVersion.entity.id, accountField: 'account_sid', subjectFields: ['sid'] };
  await app.done(
    'mutation ($input: CreateStreamProtectionInput!) { createStreamProtection(input: $input) { userErrors { code } } }',
    { input: { ...keys, sourceTopic: raw, targetTopic: clean, partitions: 1 } },
  );
  const { createLakeLanding } = await app.done(
    `mutation ($input: CreateLakeLandingInput!) { createLakeLanding(input: $input) { userErrors { code }
       stream { target { id } } } }`,
    { input: { ...keys, sourceTopic: clean, area: 'messaging', dateField: 'date_created' } },
  );
  const records = Array.from({ length: 20 }, (_, index) => ({ key: `k${index}`, value: message(index) }));
  await send(`${app.urls.produce}/topics/${raw}`, { records }, 'application/vnd.kafka.json.v2+json');
  await eventually(
    async () =>
      (
        await app.done('query ($id: ID!) { node(id: $id) { ... on Dataset { lakeTable { rows } } } }', {
          id: createLakeLanding.stream.target.id,
        })
      ).node.lakeTable.rows,
    (rows) => rows === 20,
  );
});
afterAll(async () => {
  await app?.stop();
  await close?.();
});

describe.skipIf(missing !== null)(`personal data${missing === null ? '' : `: ${missing}`}`, () => {
  test('is in no answer about what is wrong with it', async () => {
    const bad = [
      { ...message(0), to: { is: canary } },
      { ...message(0), extra: canary },
      { sid: canary },
      canary,
      [canary],
      { ...message(0), date_created: canary },
    ];
    await send(`${app.urls.main}/api/v1/entities/Demo.SparkSummit/records`, { records: bad });
    await send(`${app.urls.main}/api/v1/entities/Demo.SparkSummit/records`, `{"records": [${canary}`);
    // The last of them is a text like any other to a topic.
    const records = bad.slice(0, -1).map((value) => ({ key: canary, value }));
    await send(`${app.urls.produce}/topics/${raw}`, { records }, 'application/vnd.kafka.json.v2+json');
    await send(`${app.urls.produce}/topics/${raw}`, `{"records": ${canary}`, 'application/vnd.kafka.json.v2+json');
    for (const query of [
      `{ entities { ${canary.replaceAll('-', '')} } }`,
      `{ redact(item: { type: "phonenumber", value: "${canary}`,
      `query ($first: Int = "${canary}") { entities(first: $first) { totalCount } }`,
    ])
      await ask(query);
    await ask(redact, { item: { type: canary, value: canary } });
    await ask('query ($first: Int) { entities(first: $first) { totalCount } }', { first: canary });
    await ask(decrypt, { input: { item: { accountId: 'AC1', value: canary }, purpose: 'test' } });
    await ask(
      'mutation ($input: RequestErasureInput!) { requestErasure(input: $input) { userErrors { code message } } }',
      {
        input: { subjects: [{ accountId: 'AC1', subject: { field: 'sid', value: canary, more: canary } }] },
      },
    );
    await send(
      `${app.urls.main}/api/v1/erasures`,
      `{"accountId": "AC1", "subject": {"field": "sid", "value": ["${canary}"]}}\n${canary}\n`,
      'application/x-ndjson',
    );
    await send(`${app.urls.main}/api/v1/crypto:open?purpose=test`, { accountId: 'AC1', value: canary });
    await send(`${app.urls.main}/api/v1/crypto:seal`, { type: 'phonenumber', value: canary });
    await send(`${app.urls.main}/api/v1/lineage`, { eventTime: canary, dataset: { namespace: 'a' } });
    expect(answers.filter((answer) => answer.includes(canary))).toEqual([]);
  });

  test('that was protected, redacted and encrypted is nowhere in the clear', async () => {
    const protectedRecords = await scanAll(gatewayFor(brokers), clean);
    expect(protectedRecords).toHaveLength(20);
    const values = protectedRecords.map(({ value }) => JSON.parse(String(value)));
    // The subject key is how persons are found again; all else is protected.
    expect(
      values.map(({ sid: _, ...record }) => JSON.stringify(record)).filter((text) => text.includes(canary)),
    ).toEqual([]);
    const items = [{ ref: 'a', accountId: 'AC1', type: 'phonenumber', value: canary }];
    const sealed = (await app.done(encryptBulk, { input: { items } })).encryptBulk.results[0].value;
    expect(Buffer.from(sealed, 'base64').toString('latin1')).not.toContain(canary);
    const [line] = await cryptoLines(
      app,
      'open?purpose=test',
      `${JSON.stringify({ accountId: 'AC1', value: sealed })}\n`,
    );
    expect(line.value).toBe(canary);
    expect((await cryptoJson(app, 'redact', { type: 'customertext', value: canary })).text).not.toContain(canary);
  });

  test('of who was erased is in no table, queue, log, metric or report afterwards', async () => {
    for (const index of [0, 1, 2, 3]) {
      const subject = { field: 'sid', value: message(index).sid };
      const done = await erase(app, {
        subjects: [{ accountId: message(index).account_sid, subject }],
        reason: 'asked for',
      });
      expect(done.status).toBe('COMPLETED');
      answers.push(JSON.stringify(done));
    }
    const erased = /CANARY-[0-9a-f-]+-sid-[0-3](?!\d)/;
    const redis = new Redis(redisUrl ?? '');
    const queued: string[] = [];
    for await (const keys of redis.scanStream({ count: 500 }))
      for (const key of keys as string[])
        queued.push(`${key} ${(await redis.dumpBuffer(key))?.toString('latin1') ?? ''}`);
    redis.disconnect();
    const metrics = await (await fetch(`${app.urls.main}/metrics`)).text();
    const tables = await app.em
      .fork()
      .execute<{ name: string }[]>(
        `select quote_ident(table_name) as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`,
      );
    const rows: string[] = [];
    for (const { name } of tables) {
      const found = await app.em
        .fork()
        .execute<{ row: string }[]>(`select row::text as row from ${name} row where row::text like ?`, [`%${canary}%`]);
      rows.push(...found.map(({ row }) => `${name}: ${row}`));
    }
    expect(tables.length).toBeGreaterThan(50);
    expect(rows).toEqual([]);
    expect(queued.filter((entry) => entry.includes(canary))).toEqual([]);
    expect(lines.length).toBeGreaterThan(50);
    expect(lines.filter((line) => line.includes(canary))).toEqual([]);
    expect(metrics).not.toContain(canary);
    for (const name of ['subject-requests', 'clear-reads', 'processing-records', 'approvals'])
      expect(await (await fetch(`${app.urls.main}/api/v1/reports/${name}`)).text()).not.toContain(canary);
    expect(answers.filter((answer) => answer.includes(canary))).toEqual([]);
    for (const topic of [raw, clean]) {
      // What a tombstone stands behind, compaction takes away; the certificate says by when.
      const last = new Map((await scanAll(gatewayFor(brokers), topic)).map(({ key, value }) => [String(key), value]));
      expect([...last.values()].filter((value) => erased.test(String(value)))).toEqual([]);
      expect([0, 1, 2, 3].map((index) => last.get(`k${index}`))).toEqual([null, null, null, null]);
    }
  });
});
