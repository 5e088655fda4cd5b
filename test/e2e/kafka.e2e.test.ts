import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readGuidHeader, schemaIdHeaders } from '../../src/domain/registry/wire-format.ts';
import { startBroker } from '../../tools/kafka/broker.ts';
import { type Data, eventually, register, type TestApp, testApp } from '../testkit/app.ts';
import { sparkSummitDocument } from '../testkit/documents.ts';
import { erase } from '../testkit/erasure.ts';
import { gatewayFor, missingKafka, ownBroker, scanAll, testBroker, uniqueName } from '../testkit/kafka.ts';

const missing = await missingKafka();
const skip = missing ? `: ${missing}` : '';

const message = (index: number) => ({
  sid: `SM${index}`,
  account_sid: `AC${index % 3}`,
  date_created: `2018-06-0${(index % 3) + 4}T10:00:00Z`,
  to: '+11234567890',
  from: '+351234567890',
  message_body: `canary-body-${index}`,
});
const batch = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => ({ key: `SM${from + index}`, value: message(from + index) }));

/** Raw topic → clean topic → lake, under names of their own. */
async function declareWay(app: TestApp): Promise<{ raw: string; clean: string; tableId: string; tableName: string }> {
  const [raw, clean] = [uniqueName('raw'), uniqueName('clean')];
  const { registerEntityVersion } = await app.done(register, { input: { document: sparkSummitDocument } });
  const keys = { entityId: registerEntityVersion.entity.id, accountField: 'account_sid', subjectFields: ['sid'] };
  await app.done(
    'mutation ($input: CreateStreamProtectionInput!) { createStreamProtection(input: $input) { userErrors { code message } } }',
    { input: { ...keys, sourceTopic: raw, targetTopic: clean, partitions: 2 } },
  );
  const { createLakeLanding } = await app.done(
    `mutation ($input: CreateLakeLandingInput!) { createLakeLanding(input: $input) { userErrors { code message }
       stream { target { id name } } } }`,
    { input: { ...keys, sourceTopic: clean, area: 'messaging', dateField: 'date_created' } },
  );
  const { id, name } = createLakeLanding.stream.target;
  return { raw, clean, tableId: id, tableName: name };
}

const rowsOf = async (app: TestApp, id: string): Promise<number> =>
  (await app.done('query ($id: ID!) { node(id: $id) { ... on Dataset { lakeTable { rows } } } }', { id })).node
    .lakeTable.rows;
const landed = (app: TestApp, id: string, count: number) =>
  eventually(
    () => rowsOf(app, id),
    (rows) => rows >= count,
  );
const readiness = async (app: TestApp): Promise<Data> => {
  const response = await fetch(`${app.urls.main}/readyz`);
  return { code: response.status, ...((await response.json()) as object) };
};

describe.skipIf(missing)(`from the raw topic to the certificate${skip}`, () => {
  let app: TestApp;
  let brokers: string;
  let close: () => Promise<void>;
  let way: Awaited<ReturnType<typeof declareWay>>;

  beforeAll(async () => {
    ({ brokers, close } = await testBroker());
    app = await testApp({ KAFKA_BROKERS: brokers });
    way = await declareWay(app);
  });
  afterAll(async () => {
    await app?.stop();
    await close?.();
  });

  test('messages are protected, land, and are erased in topics and lake', async () => {
    const { status, body } = await app.produce(way.raw, { records: batch(0, 300) });
    expect(status).toBe(200);
    expect(body).toMatchObject({ key_schema_id: null, value_schema_id: expect.any(Number) });
    expect(body.offsets).toHaveLength(300);
    for (const offset of body.offsets)
      expect(offset).toMatchObject({ error_code: null, error: null, offset: expect.any(Number) });
    expect(await landed(app, way.tableId, 300)).toBe(300);

    const gateway = gatewayFor(brokers);
    const clean = await scanAll(gateway, way.clean);
    expect(clean).toHaveLength(300);
    expect(JSON.parse(String(clean[0]?.value))).toMatchObject({
      to: '+1123456XXXX',
      from: '+35123456XXXX',
      message_body: '',
    });
    expect(clean.map(({ value }) => String(value)).join()).not.toContain('canary-body');
    const guids = clean.map(({ headers }) => readGuidHeader(headers[schemaIdHeaders.value] ?? new Uint8Array()));
    const [guid, ...others] = new Set(guids);
    expect(others).toEqual([]);
    const ids = await fetch(`${app.urls.registry}/schemas/guids/${guid}/ids`);
    expect(await ids.json()).toEqual([{ context: '.', id: body.value_schema_id }]);

    const done = await erase(app, { subjects: [{ accountId: 'AC1' }] });
    expect(done.status).toBe('COMPLETED');
    expect(done.targets.nodes.map((target: Data) => target.role).sort()).toEqual(['LAKE_TABLE', 'TOPIC', 'TOPIC']);
    expect(done.certificate.body.totals).toMatchObject({ recordsErased: 300, survivors: 0, lost: 0 });
    expect(await rowsOf(app, way.tableId)).toBe(200);
    const view = new Map<string, string | null>();
    for (const { key, value } of await scanAll(gateway, way.clean)) view.set(String(key), value && String(value));
    await gateway.close();
    expect([...view.values()].filter((value) => value?.includes('"AC1"'))).toEqual([]);
    expect([...view.values()].filter((value) => value !== null)).toHaveLength(200);
    expect(await readiness(app)).toMatchObject({ code: 200, status: 'ready' });
  });

  test('the produce API answers each record on its own', async () => {
    const records: Data[] = batch(300, 303);
    records[1] = { key: 'SM301', value: { ...message(301), to: 4711 } };
    const withoutKey = { value: message(400) };
    const noSuchPartition = { key: 'SM401', value: message(401), partition: 99 };
    const { status, body } = await app.produce(way.raw, { records: [...records, withoutKey, noSuchPartition] });
    expect(status).toBe(200);
    expect(body.offsets.map((offset: Data) => offset.error_code)).toEqual([
      null,
      42_203,
      null,
      expect.any(Number),
      expect.any(Number),
    ]);
    expect(body.offsets[1]).toEqual({
      partition: null,
      offset: null,
      error_code: 42_203,
      error: 'to must be a string',
    });
    expect(await landed(app, way.tableId, 202)).toBe(202);
  });

  test('the produce API says what is wrong with a whole request', async () => {
    const long = 'x'.repeat(249);
    for (const topic of [uniqueName('unmapped'), long, '%00'])
      expect(await app.produce(topic, { records: batch(0, 1) })).toMatchObject({
        status: 404,
        body: { error_code: 40_401 },
      });
    for (const body of [{}, { records: [] }, { records: [1] }, [], { records: [{ value: 1, partition: -1 }] }])
      expect(await app.produce(way.raw, body)).toMatchObject({ status: 422, body: { error_code: 42_203 } });
    expect(await app.produce(way.raw, '{')).toMatchObject({ status: 400, body: { error_code: 42_203 } });
    const form = await fetch(`${app.urls.produce}/topics/${way.raw}`, {
      method: 'POST',
      headers: { 'content-type': 'text/csv' },
      body: 'a',
    });
    expect(form.status).toBeGreaterThanOrEqual(400);
    expect(form.status).toBeLessThan(500);
  });

  test('poison written past the gate goes to the dead-letter topic without key or content, and holds nothing up', async () => {
    const before = await rowsOf(app, way.tableId);
    const producer = new Kafka({ clientId: 'poison', brokers: [brokers], logLevel: logLevel.NOTHING }).producer();
    await producer.connect();
    const poison = [
      'canary not json',
      '{"canary":1}',
      'null',
      '[]',
      JSON.stringify({ ...message(1), to: { canary: 1 } }),
    ];
    const values = [...poison, JSON.stringify(message(500))];
    const messages = values.map((value) => ({ key: 'canary-key', value, partition: 0 }));
    const [sent] = await producer.send({ topic: way.raw, messages });
    await producer.disconnect();
    expect(await landed(app, way.tableId, before + 1)).toBe(before + 1);
    const gateway = gatewayFor(brokers);
    const dead = await eventually(
      () => scanAll(gateway, `${way.clean}.dead-letter`),
      (found) => found.length >= poison.length,
    );
    await gateway.close();
    expect(dead.map(({ key }) => key)).toEqual(poison.map(() => null));
    const first = Number(sent?.baseOffset);
    expect(dead.map(({ value }) => JSON.parse(String(value)))).toEqual(
      poison.map((_, index) => ({
        reason: 'MESSAGE_INVALID',
        topic: way.raw,
        partition: 0,
        offset: String(first + index),
      })),
    );
  });
});

describe.skipIf(missing)(`when the broker goes away${skip}`, () => {
  test('producing says to come back, everything else lives, and after its return all has landed once', async () => {
    const { broker, close } = await ownBroker();
    const app = await testApp({ KAFKA_BROKERS: broker.brokers });
    try {
      const { raw, tableId } = await declareWay(app);
      await app.produce(raw, { records: batch(0, 100) });
      await landed(app, tableId, 1);
      await broker.kill();
      const away = await app.produce(raw, { records: batch(100, 110) });
      expect(away).toMatchObject({ status: 503 });
      expect(away.body.offsets?.[0]?.error_code ?? away.body.error_code).toBe(50_301);
      expect((await app.graphql('{ entities { totalCount } }')).errors).toEqual([]);
      expect(
        await eventually(
          () => readiness(app),
          ({ status }) => status !== 'ready',
        ),
      ).toMatchObject({
        code: 200,
        status: 'degraded',
        parts: { kafka: { ready: false } },
      });
      await broker.start();
      const again = await eventually(
        () => app.produce(raw, { records: batch(110, 200) }),
        ({ status, body }) => status === 200 && body.offsets.every((offset: Data) => offset.error === null),
      );
      expect(again.body.offsets).toHaveLength(90);
      await landed(app, tableId, 190);
      await eventually(
        () => readiness(app),
        ({ status }) => status === 'ready',
      );
      expect(await rowsOf(app, tableId)).toBe(190);
    } finally {
      await app.stop();
      await close();
    }
  });

  test('at the start, the service is ready without it and takes up its streams when it comes', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'lineward-kafka-'));
    const broker = await startBroker({ dir });
    const app = await testApp({ KAFKA_BROKERS: broker.brokers });
    try {
      const { raw, tableId } = await declareWay(app);
      await broker.stop();
      await app.restart();
      expect(await readiness(app)).toMatchObject({ code: 200, status: 'degraded' });
      await broker.start();
      await eventually(
        () => app.produce(raw, { records: batch(0, 50) }),
        ({ status, body }) => status === 200 && body.offsets.every((offset: Data) => offset.error === null),
      );
      expect(await landed(app, tableId, 50)).toBe(50);
      await eventually(
        () => readiness(app),
        ({ status }) => status === 'ready',
      );
    } finally {
      await app.stop();
      await broker.kill();
      await rm(dir, { recursive: true, force: true });
    }
  });
});
