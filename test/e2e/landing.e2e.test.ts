import { rename, rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rowsByAccount } from '../../demo/scan.ts';
import type { KafkajsGateway } from '../../src/adapters/kafka/kafkajs-gateway.ts';
import { type Data, documentOf, eventually, register, type TestApp, testApp } from '../testkit/app.ts';
import { erase } from '../testkit/erasure.ts';
import { gatewayFor, missingKafka, scanAll, testBroker, uniqueName } from '../testkit/kafka.ts';

const missing = await missingKafka();

const fields = [
  { name: 'id', type: 'string' },
  { name: 'account_sid', type: 'string' },
  { name: 'date_created', type: 'string' },
];

describe.skipIf(missing)(`landing from a topic${missing ? `: ${missing}` : ''}`, () => {
  let app: TestApp;
  let gateway: KafkajsGateway;
  let close: () => Promise<void>;
  beforeAll(async () => {
    const broker = await testBroker();
    close = broker.close;
    app = await testApp({ KAFKA_BROKERS: broker.brokers });
    gateway = gatewayFor(broker.brokers);
  });
  afterAll(async () => {
    await gateway?.close();
    await app?.stop();
    await close?.();
  });

  /** An entity with a way of its own from a raw topic into the lake. */
  async function declareWay(more: readonly Record<string, unknown>[] = []) {
    const name = `T${uniqueName('').replaceAll('-', '')}`;
    const [raw, clean] = [uniqueName('raw'), uniqueName('clean')];
    const registerFields = async (list: readonly Record<string, unknown>[], version: string) =>
      (await app.done(register, { input: { document: documentOf(name, list, version) } })).registerEntityVersion.entity
        .id as string;
    const entityId = await registerFields([...fields, ...more], '1.0');
    const keys = { entityId, accountField: 'account_sid', subjectFields: ['id'] };
    await app.done(
      'mutation ($input: CreateStreamProtectionInput!) { createStreamProtection(input: $input) { userErrors { code message } } }',
      { input: { ...keys, sourceTopic: raw, targetTopic: clean, partitions: 1 } },
    );
    const land = async (area: string): Promise<string> =>
      (
        await app.done(
          `mutation ($input: CreateLakeLandingInput!) { createLakeLanding(input: $input) { userErrors { code message }
             stream { target { name } } } }`,
          { input: { ...keys, sourceTopic: clean, area, dateField: 'date_created' } },
        )
      ).createLakeLanding.stream.target.name;
    return { entityId, raw, clean, land, table: await land('first'), registerFields };
  }

  const message = (n: number, more: Record<string, unknown> = {}) => ({
    key: `K${n}`,
    value: { id: `M${n}`, account_sid: `AC${n % 2}`, date_created: '2018-06-04', ...more },
  });
  async function produce(topic: string, records: readonly Data[]): Promise<void> {
    const { body } = await app.produce(topic, { records });
    expect(body.offsets.map((offset: Data) => offset.error)).toEqual(records.map(() => null));
  }
  const rows = async (table: string): Promise<number> =>
    [...(await rowsByAccount(app.lakeRoot, table)).values()].reduce((sum, count) => sum + count, 0);
  const registeredRows = async (table: string): Promise<number> => {
    const [sum] = await app.em
      .fork()
      .execute<{ rows: string | null }[]>(
        'select sum(rows) as rows from lake_file join lake_table on lake_table.id = table_id where location = ?',
        [table],
      );
    return Number(sum?.rows ?? 0);
  };
  const landed = (table: string, count: number) =>
    eventually(
      () => rows(table),
      (found) => found >= count,
    );

  test('goes on when a new version brings a field', async () => {
    const way = await declareWay();
    await produce(way.raw, [message(1)]);
    await way.registerFields([...fields, { name: 'shoe', type: ['null', 'string'], default: null }], '2.0');
    await produce(way.raw, [message(2, { shoe: '42' })]);
    expect(await landed(way.table, 2)).toBe(2);
  });

  test('a protected topic with fewer partitions than its source is refused', async () => {
    const way = await declareWay();
    const [wide, narrow] = [uniqueName('wide'), uniqueName('narrow')];
    await gateway.ensureTopic({ name: wide, partitions: 3, config: {} });
    await gateway.ensureTopic({ name: narrow, partitions: 2, config: {} });
    const refused = await app.refusals(
      'mutation ($input: CreateStreamProtectionInput!) { createStreamProtection(input: $input) { userErrors { code message field } } }',
      {
        input: {
          entityId: way.entityId,
          accountField: 'account_sid',
          subjectFields: [],
          sourceTopic: wide,
          targetTopic: narrow,
          partitions: 3,
        },
      },
    );
    expect(refused).toMatchObject([{ code: 'BAD_INPUT', message: expect.stringContaining('partition') }]);
  });

  test('lands protected numbers', async () => {
    const way = await declareWay([{ name: 'tel', type: 'long', twilio_type: 'phonenumber' }]);
    await produce(way.raw, [message(1, { tel: 11_234_567_890 })]);
    expect(await landed(way.table, 1)).toBe(1);
  });

  test('sets a message aside that does not fit the table, with a notice that names its place only', async () => {
    const way = await declareWay();
    await gateway.produce(way.clean, [{ key: 'canary', value: '{"id":"canary","account_sid":7}', partition: 0 }]);
    await gateway.produce(way.clean, [{ key: 'canary', value: 'canary', partition: 0 }]);
    await produce(way.raw, [message(1)]);
    expect(await landed(way.table, 1)).toBe(1);
    const notices = (await scanAll(gateway, `${way.clean}.dead-letter`)).map(({ key, value }) => `${key}${value}`);
    expect(notices).toHaveLength(2);
    expect(notices.join()).toContain(way.clean);
    expect(notices.join()).not.toContain('canary');
  });

  test('a landing made after an erasure does not bring the erased records back from the log', async () => {
    const way = await declareWay();
    await produce(
      way.raw,
      Array.from({ length: 20 }, (_, n) => message(n)),
    );
    await landed(way.table, 20);
    expect((await erase(app, { entityId: way.entityId, subjects: [{ accountId: 'AC1' }] })).status).toBe('COMPLETED');
    const second = await way.land('second');
    await produce(way.raw, [message(100)]);
    await eventually(
      () => rowsByAccount(app.lakeRoot, second),
      (found) => (found.get('AC0') ?? 0) >= 11,
    );
    expect(await rowsByAccount(app.lakeRoot, second)).toEqual(new Map([['AC0', 11]]));
  });

  test('an erasure is PARTIAL when a landing was added to the topic after the plan', async () => {
    const way = await declareWay();
    await produce(way.raw, [message(1), message(2)]);
    await landed(way.table, 2);
    const done = await erase(app, { entityId: way.entityId, subjects: [{ accountId: 'AC1' }] }, async () => {
      await landed(await way.land('later'), 2);
    });
    expect(done.status).toBe('PARTIAL');
    expect(done.statusReason).toContain('STREAM_NOT_PLANNED');
  });

  test('an erasure is not COMPLETED over a lake whose files went away', async () => {
    const way = await declareWay();
    await produce(way.raw, [message(1), message(2)]);
    await landed(way.table, 2);
    // A file is there a moment before it is known, and only a known one can be missed.
    await eventually(
      () => registeredRows(way.table),
      (found) => found >= 2,
    );
    await rename(app.lakeRoot, `${app.lakeRoot}.away`);
    const done = await erase(app, { entityId: way.entityId, subjects: [{ accountId: 'AC1' }] });
    await rm(app.lakeRoot, { recursive: true, force: true });
    await rename(`${app.lakeRoot}.away`, app.lakeRoot);
    expect(done.status).toBe('PARTIAL');
    expect(done.statusReason).toContain('LAKE_FILE_MISSING');
    expect(await erase(app, { entityId: way.entityId, subjects: [{ accountId: 'AC1' }] })).toMatchObject({
      status: 'COMPLETED',
    });
  });
});
