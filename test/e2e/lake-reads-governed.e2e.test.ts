import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LakeRead, LakeRow } from '../../packages/lake-client/src/index.ts';
import { LakeClient } from '../../packages/lake-client/src/index.ts';
import type { KafkajsGateway } from '../../src/adapters/kafka/kafkajs-gateway.ts';
import { freePort } from '../../src/adapters/postgres/free-port.ts';
import { type Data, eventually, register, type TestApp, testApp } from '../testkit/app.ts';
import { carriedOut, erase } from '../testkit/erasure.ts';
import { gatewayFor, missingKafka, testBroker } from '../testkit/kafka.ts';
import { createToken } from '../testkit/lake-reads.ts';

const missing = await missingKafka();
const dayMs = 86_400_000;
const now = Date.now();
/** So many days before today. */
const day = (age: number): string => new Date(now - age * dayMs).toISOString().slice(0, 10);
const ages = [1, 20, 40, 60, 80];

const optional = (name: string, type?: string) => ({
  name,
  type: ['null', 'string'],
  default: null,
  ...(type === undefined ? {} : { twilio_type: type }),
});
const document = {
  version: '1.0',
  created_by: 'tester',
  namespace: 'Team',
  schema: {
    name: 'Demo',
    namespace: 'SparkSummit',
    type: 'record',
    fields: [
      { name: 'message_id', type: 'string' },
      { name: 'account_sid', type: 'string' },
      { name: 'date_created', type: 'string' },
      optional('date_updated'),
      optional('to', 'phonenumber'),
      optional('body', 'customertext'),
      { name: 'segments', type: ['null', 'long'], default: null },
      { name: 'tags', type: ['null', { type: 'map', values: 'string' }], default: null },
    ],
  },
};
const transformer = JSON.stringify({
  name: 'Governed',
  sources: [
    { topic: 'SparkSummit.Demo', transforms: [{ type: 'localizeDates', fields: ['date_created', 'date_updated'] }] },
  ],
  key: ['message_id'],
  merge: { strategy: 'deduplicate', fields: [{ name: 'date_updated', compare: 'strings', direction: 'asc' }] },
  resource: {
    format: 'avro',
    path: 'data/governed/demo/v1.0/by_date_created_ymd/avro',
    indexing: [{ type: 'daily', date: 'date_created' }],
    schema: { namespace: 'SparkSummit', entity: 'Demo', version: 1 },
  },
});
const message = (n: number) => ({
  message_id: `M${n}`,
  account_sid: `AC${n % 2}`,
  date_created: `${day(ages[n % 5] ?? 0)}T10:00:00Z`,
  date_updated: `${day(0)}T${String(n).padStart(2, '0').slice(-2)}:00:00Z`,
  to: `+49301234${String(n).padStart(2, '0')}`,
  body: n % 4 === 0 ? null : `words ${n}`,
  segments: n === 7 ? null : n,
  tags: n === 7 ? null : { lot: `${n % 3}` },
});

describe.skipIf(missing)(`a table of a topic, read through the client${missing ? `: ${missing}` : ''}`, () => {
  let app: TestApp;
  let gateway: KafkajsGateway;
  let close: () => Promise<void>;
  let entityId: string;
  let datasetId: string;
  const tokens = new Map<string, string>();
  const auth = { LINEWARD_API_TOKEN: 'the-token-of-the-environment' };
  const open = (role: string, more: object = {}): Promise<LakeRead> =>
    new LakeClient({ url: app.urls.main, token: tokens.get(role) }).open({
      entity: 'SparkSummit.Demo',
      purpose: 'a test',
      ...more,
    });
  async function rowsOf(read: LakeRead): Promise<Map<string, LakeRow>> {
    const found = new Map<string, LakeRow>();
    for await (const row of read) found.set(String(row.message_id), row);
    return found;
  }
  /** With the rights of whoever set the installation up, and back to those of tokens. */
  async function unguarded<T>(work: () => Promise<T>): Promise<T> {
    await app.restart({});
    const done = await work();
    await app.restart(auth);
    return done;
  }

  beforeAll(async () => {
    const broker = await testBroker();
    close = broker.close;
    // A read of before a restart goes on after it.
    app = await testApp({ KAFKA_BROKERS: broker.brokers, PORT: String(await freePort()) });
    gateway = gatewayFor(broker.brokers);
    await gateway.ensureTopic({ name: 'SparkSummit.Demo', partitions: 2, config: {} });
    const { registerEntityVersion } = await app.done(register, { input: { document } });
    entityId = registerEntityVersion.entity.id;
    await app.done(
      'mutation ($input: MapEntityInput!) { mapEntity(input: $input) { userErrors { code message } mapping { id } } }',
      {
        input: {
          entityId,
          dataset: { namespace: `kafka://${broker.brokers}`, name: 'SparkSummit.Demo' },
          role: 'TOPIC',
          accountField: 'account_sid',
          subjectFields: ['to'],
        },
      },
    );
    const sent = await gateway.produce(
      'SparkSummit.Demo',
      Array.from({ length: 20 }, (_, n) => ({ key: `M${n}`, value: JSON.stringify(message(n)), partition: n % 2 })),
    );
    expect(sent.every(({ ok }) => ok)).toBe(true);
    const { createTransformer } = await app.done(
      `mutation ($input: CreateTransformerInput!) { createTransformer(input: $input) { userErrors { code message } issues { path message }
         transformer { id } transformerVersion { dataset { id } } } }`,
      { input: { document: transformer } },
    );
    datasetId = createTransformer.transformerVersion.dataset.id;
    const { runTransformer } = await app.done(
      'mutation ($input: RunTransformerInput!) { runTransformer(input: $input) { userErrors { code message } run { id } } }',
      { input: { id: createTransformer.transformer.id, mode: 'INCREMENTAL' } },
    );
    const run = await eventually(
      async () =>
        (
          await app.done('query ($id: ID!) { node(id: $id) { ... on TransformRun { status reason } } }', {
            id: runTransformer.run.id,
          })
        ).node,
      ({ status }: Data) => ['COMPLETED', 'FAILED'].includes(status),
    );
    expect(run).toEqual({ status: 'COMPLETED', reason: null });
    for (const role of ['viewer', 'privacy_officer'] as const) tokens.set(role, await createToken(app, role));
    await app.restart(auth);
  });
  afterAll(async () => {
    await gateway?.close();
    await app?.stop();
    await close?.();
  });

  const expected = (n: number): LakeRow => ({
    ...message(n),
    date_created: `${day(ages[n % 5] ?? 0)}T10:00:00.000000Z`,
    date_updated: `${message(n).date_updated.slice(0, 19)}.000000Z`,
    segments: n === 7 ? null : BigInt(n),
  });

  test('is what was sent, in clear or masked, and a range of days opens only their files', async () => {
    const officer = await open('privacy_officer');
    expect(officer.grant).toMatchObject({
      access: 'FILES',
      table: 'data/governed/demo/v1.0/by_date_created_ymd/avro',
      filesPruned: 0,
    });
    expect(officer.files.map(({ rows }) => rows)).toEqual([4, 4, 4, 4, 4]);
    const found = await rowsOf(officer);
    expect([...found.values()].sort((a, b) => Number(a.segments ?? 7n) - Number(b.segments ?? 7n))).toEqual(
      Array.from({ length: 20 }, (_, n) => expected(n)),
    );
    const viewer = await open('viewer', { from: day(40), to: day(19), purpose: undefined });
    expect(viewer.grant).toMatchObject({ access: 'ROWS', filesPruned: 3 });
    expect(viewer.files).toHaveLength(2);
    const masked = await rowsOf(viewer);
    expect([...masked.keys()].sort()).toEqual(['M1', 'M11', 'M12', 'M16', 'M17', 'M2', 'M6', 'M7']);
    for (const [id, row] of masked) expect(row).toEqual({ ...expected(Number(id.slice(1))), to: '***', body: '***' });
    const none = await open('viewer', { from: day(10), to: day(9), purpose: undefined });
    expect([none.files.length, (await rowsOf(none)).size]).toEqual([0, 0]);
  });

  test('is erased from, but for who is held, and a read from before does not answer what is gone', async () => {
    const before = await open('privacy_officer');
    const stale = before.grant.rows;
    const [held, gone] = [3, 11].map((n) => ({ field: 'to', value: message(n).to }));
    await unguarded(async () => {
      await app.done(
        'mutation ($input: PlaceLegalHoldInput!) { placeLegalHold(input: $input) { userErrors { code message } } }',
        { input: { scope: { accountId: 'AC1', subject: held }, matterId: 'm', reason: 'court' } },
      );
      const subjects = [held, gone].map((subject) => ({ accountId: 'AC1', subject }));
      const done = await erase(app, { subjects, entityId });
      const tables = done.targets.nodes.filter(({ role }: Data) => role === 'LAKE_TABLE');
      expect(tables.map(({ verification }: Data) => verification.survivors)).toEqual([0]);
    });
    const direct = await fetch(`${app.urls.main}${stale}`, {
      headers: { authorization: `Bearer ${tokens.get('privacy_officer')}` },
    });
    expect([direct.status, ((await direct.json()) as Data).code]).toEqual([409, 'LAKE_FILE_CHANGED']);
    const found = await rowsOf(before);
    expect(before.grant.rows).not.toBe(stale);
    expect([found.has('M11'), found.has('M3'), found.size]).toEqual([false, true, 19]);
    expect(found.get('M3')).toEqual(expected(3));
  });

  test('keeps no rows for longer than its rule says, but for who is held', async () => {
    await unguarded(async () => {
      await app.done(
        'mutation ($input: SetLakeRetentionInput!) { setLakeRetention(input: $input) { userErrors { code message } } }',
        { input: { datasetId, days: 50 } },
      );
      await carriedOut(app, 'Retention', { datasetId });
    });
    const found = await rowsOf(await open('privacy_officer'));
    const young = Array.from({ length: 20 }, (_, n) => n).filter((n) => (ages[n % 5] ?? 0) <= 50 && n !== 11);
    expect([...found.keys()].sort()).toEqual([...young, 3].map((n) => `M${n}`).sort());
  });

  test('is redacted and encrypted, and what is encrypted is opened for whoever asks for that, on record', async () => {
    await unguarded(async () => {
      for (const [semanticType, action] of [
        ['phonenumber', 'REDACT'],
        ['customertext', 'ENCRYPT'],
      ])
        await app.done(
          'mutation ($input: SetProtectionPolicyInput!) { setProtectionPolicy(input: $input) { userErrors { code message } } }',
          { input: { scope: 'GLOBAL', semanticType, action } },
        );
      const done = await carriedOut(app, 'Protection', { entityId });
      // What is held is not changed.
      expect(done.status).toBe('PARTIAL');
    });
    const stored = await rowsOf(await open('privacy_officer'));
    const sealed = stored.get('M1');
    expect(stored.get('M3')).toEqual(expected(3));
    expect(sealed?.to).not.toBe(message(1).to);
    expect(JSON.parse(Buffer.from(String(sealed?.body), 'base64').toString())).toMatchObject({ sid: 'AC1' });
    const read = await open('privacy_officer', { decrypt: true, columns: ['message_id', 'body', 'tags'] });
    expect(read.grant.access).toBe('ROWS');
    const opened = await rowsOf(read);
    expect(opened.get('M1')).toEqual({ message_id: 'M1', body: 'words 1', tags: { lot: '1' } });
    expect(opened.get('M0')?.body).toBeNull();
    expect((await rowsOf(await open('viewer'))).get('M1')).toMatchObject({ to: '***', body: '***' });
    const decrypts = await app.em
      .fork()
      .execute(
        `select details->>'purpose' as purpose, actor_kind from audit_event where action = 'decrypt' group by 1, 2`,
      );
    expect(decrypts).toEqual([{ purpose: 'a test', actor_kind: 'token' }]);
  });
});
