import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, eventually } from '../testkit/app.ts';
import { confluentRecords } from '../testkit/confluent.ts';
import { erase } from '../testkit/erasure.ts';
import { missingKafka } from '../testkit/kafka.ts';
import { lakeRows } from '../testkit/lake-rows.ts';
import { type ProduceTest, produceTest } from '../testkit/produce.ts';

const missing = await missingKafka();

const avro = JSON.stringify({
  type: 'record',
  name: 'Call',
  namespace: 'landed.avro',
  fields: [
    { name: 'account', type: 'string' },
    { name: 'user', type: 'long' },
    { name: 'day', type: 'string' },
    { name: 'kind', type: { type: 'enum', name: 'Kind', symbols: ['A', 'B'] } },
    { name: 'raw', type: 'bytes' },
    { name: 'code', type: { type: 'fixed', name: 'Code', size: 4 } },
    { name: 'tags', type: { type: 'map', values: 'long' } },
    { name: 'note', type: ['null', 'string'], default: null },
  ],
});
const protobuf = `syntax = "proto3"; package landed.protobuf; enum Kind { A = 0; B = 1; }
  message Call { string account = 1; int64 user = 2; string day = 3; Kind kind = 4; bytes raw = 5; map<string, int64> tags = 6;
    optional string note = 7; }`;
const json = JSON.stringify({
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'landed.json.Call',
  type: 'object',
  properties: { account: { type: 'string' }, user: { type: 'integer' }, day: { type: 'string' } },
  required: ['account'],
  additionalProperties: false,
});

describe.skipIf(missing !== null)(`landing records that name their schema${missing ? `: ${missing}` : ''}`, () => {
  let kit: ProduceTest;
  beforeAll(async () => {
    kit = await produceTest();
  });
  afterAll(() => kit?.close());

  /** A compacted topic of an entity, and a table that its records land in. */
  async function declareWay(format: 'AVRO' | 'JSON' | 'PROTOBUF', text: string) {
    const namespace = `landed.${format.toLowerCase()}`;
    const subject = `${namespace}-value`;
    const id = await kit.register(format, text, subject);
    const config = { 'cleanup.policy': 'compact,delete' };
    const topic = await kit.topicOf(namespace, 'Call', 'account', { subjectFields: ['user'], config });
    const { entity } = await kit.app.done(`{ entity(namespace: "${namespace}", name: "Call") { id } }`);
    const { createLakeLanding } = await kit.app.done(
      `mutation ($input: CreateLakeLandingInput!) { createLakeLanding(input: $input) { userErrors { code message }
         stream { target { name } } } }`,
      {
        input: {
          ...{ entityId: entity.id, accountField: 'account', subjectFields: ['user'], sourceTopic: topic },
          ...{ area: 'framed', dateField: 'day' },
        },
      },
    );
    const write = async (records: readonly Data[]) => {
      const written = await confluentRecords(kit.app.urls.registry ?? '', { format, text, subject }, records);
      await kit.gateway.produce(
        topic,
        written.map(({ value }, n) => ({ key: `K${n}`, value })),
      );
    };
    const table: string = createLakeLanding.stream.target.name;
    const rows = (count: number) =>
      eventually(
        () => lakeRows(kit.app.lakeRoot, table, '"account", "user"'),
        (found) => found.length === count,
      );
    return { id, entityId: entity.id as string, topic, write, rows };
  }

  test('Avro lands in the columns of its entity, and an erasure finds it in topic and lake', async () => {
    const way = await declareWay('AVRO', avro);
    const call = { account: 'AC1', user: 1, day: '2018-06-04', kind: 'B', raw: Buffer.of(0, 255), note: null };
    const code = { code: Buffer.from('X001'), tags: { a: 2 ** 40 } };
    await way.write([
      { ...call, ...code },
      { ...call, ...code, account: 'AC2', note: 'hi' },
    ]);
    const shown = { user: '1', day: '2018-06-04', kind: 'B', raw: 'AP8=', code: 'X001', tags: '{"a":1099511627776}' };
    expect(await way.rows(2)).toEqual([
      { ...shown, account: 'AC1', note: null },
      { ...shown, account: 'AC2', note: 'hi' },
    ]);
    const done = await erase(kit.app, {
      entityId: way.entityId,
      subjects: [{ accountId: 'AC2', subject: { field: 'user', value: '1' } }],
    });
    expect(done.status).toBe('COMPLETED');
    expect((await way.rows(1)).map(({ account }) => account)).toEqual(['AC1']);
    const left = (await kit.messages(way.topic)).filter(({ value }) => value === null);
    expect(left.map(({ key }) => String(key))).toEqual(['K1']);
  });

  test('Protobuf lands to the last digit, defaults included, and an erasure finds it', async () => {
    const way = await declareWay('PROTOBUF', protobuf);
    const call = { account: 'AC1', user: 9_007_199_254_740_993n, day: '2018-06-04', raw: Buffer.of(0, 255) };
    await way.write([
      { ...call, tags: { a: 9_007_199_254_740_993n }, note: 'hi' },
      { account: 'AC1', user: 9_007_199_254_740_992n },
    ]);
    const shown = { account: 'AC1', kind: 'A' };
    const neighbour = { ...shown, user: '9007199254740992', day: '', raw: '', tags: '{}', note: null };
    expect(await way.rows(2)).toEqual([
      neighbour,
      {
        ...{ ...shown, user: '9007199254740993', day: '2018-06-04', raw: 'AP8=' },
        ...{ tags: '{"a":9007199254740993}', note: 'hi' },
      },
    ]);
    const subject = { field: 'user', value: '9007199254740993' };
    const done = await erase(kit.app, { entityId: way.entityId, subjects: [{ accountId: 'AC1', subject }] });
    expect(done.status).toBe('COMPLETED');
    expect(await way.rows(1)).toEqual([neighbour]);
  });

  test('JSON Schema lands, and what cannot be read is set aside with a notice that names its place only', async () => {
    const way = await declareWay('JSON', json);
    const head = Buffer.alloc(5);
    head.writeInt32BE(99_999, 1);
    await kit.gateway.produce(way.topic, [
      { key: 'canary', value: Buffer.concat([head, Buffer.from('{"account":"canary"}')]) },
    ]);
    await way.write([{ account: 'AC1', user: 7, day: '2018-06-04' }]);
    expect(await way.rows(1)).toEqual([{ account: 'AC1', user: '7', day: '2018-06-04' }]);
    const notices = await kit.messages(`${way.topic}.dead-letter`);
    expect(notices.map(({ value }) => JSON.parse(String(value)))).toEqual([
      { reason: 'MESSAGE_INVALID', topic: way.topic, partition: 0, offset: '0' },
    ]);
    expect(notices.map(({ key, value }) => `${key}${value}`).join()).not.toContain('canary');
  });
});
