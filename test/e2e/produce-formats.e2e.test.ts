import {
  AvroDeserializer,
  JsonDeserializer,
  ProtobufDeserializer,
  SchemaRegistryClient,
  SerdeType,
} from '@confluentinc/schemaregistry';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readFrame } from '../../src/domain/registry/wire-format.ts';
import type { Data } from '../testkit/app.ts';
import { missingKafka } from '../testkit/kafka.ts';
import { type ProduceTest, produceTest } from '../testkit/produce.ts';

const missing = await missingKafka();

const avro = (more: readonly object[] = []) =>
  JSON.stringify({
    type: 'record',
    name: 'Call',
    namespace: 'produce.avro',
    fields: [
      { name: 'account', type: 'string' },
      { name: 'from', type: 'string', twilio_type: 'phonenumber' },
      { name: 'note', type: ['null', 'string'], default: null },
      { name: 'raw', type: 'bytes', default: '' },
      { name: 'at', type: 'long' },
      ...more,
    ],
  });
const json = JSON.stringify({
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'produce.json.Order',
  type: 'object',
  properties: { account: { type: 'string' }, amount: { type: 'integer' } },
  required: ['account'],
  additionalProperties: false,
});
const protobuf = `syntax = "proto3"; package produce.proto;
  message Event { string account = 1; int64 size = 2; repeated Kind kinds = 3; map<string, Inner> inners = 4; message Inner { bytes data = 1; } }
  enum Kind { NONE = 0; SOME = 1; } message Key { string id = 1; }`;

const call = { account: 'AC1', from: '+11234567890', note: { string: 'hi' }, raw: 'ÿ', at: 7 };
const shownCall = { account: 'AC1', from: '+11234567890', note: 'hi', raw: Buffer.from([255]), at: 7 };
const order = { account: 'AC1', amount: 3 };
const event = {
  ...{ account: 'AC1', size: '9007199254740993', kinds: ['SOME', 0] },
  ...{ inners: { a: { data: 'AAE=' } } },
};

describe.skipIf(missing !== null)(`records of every format${missing ? `: ${missing}` : ''}`, () => {
  let kit: ProduceTest;
  const ids: Record<string, number> = {};
  const topics: Record<string, string> = {};
  const client = () => new SchemaRegistryClient({ baseURLs: [kit.app.urls.registry ?? ''], cacheCapacity: 10 });

  beforeAll(async () => {
    kit = await produceTest();
    ids.avro = await kit.register('AVRO', avro(), 'formats-call');
    ids.jsonschema = await kit.register('JSON', json, 'formats-order');
    ids.protobuf = await kit.register('PROTOBUF', protobuf, 'formats-event');
    topics.avro = await kit.topicOf('produce.avro', 'Call', 'account');
    topics.jsonschema = await kit.topicOf('produce.json', 'Order', 'account');
    topics.protobuf = await kit.topicOf('produce.proto', 'Event', 'account');
  });
  afterAll(() => kit?.close());

  const texts: Record<string, string> = { avro: avro(), jsonschema: json, protobuf };
  const values: Record<string, unknown> = { avro: call, jsonschema: order, protobuf: event };

  test.each(
    ['avro', 'jsonschema', 'protobuf'].flatMap((format) =>
      ['by id', 'by text', 'by version', 'by mapping'].map((how) => [format, how] as const),
    ),
  )('%s: the schema is found %s', async (format, how) => {
    const subject = { avro: 'formats-call', jsonschema: 'formats-order', protobuf: 'formats-event' }[format];
    const named = {
      'by id': { value_schema_id: ids[format] },
      'by text': { value_schema: texts[format] },
      'by version': { value_subject: subject, value_schema_version: 1 },
      'by mapping': {},
    }[how];
    const { status, body } = await kit.app.produce(
      topics[format]!,
      { ...named, records: [{ value: values[format] }, { value: { canary: 1 } }] },
      format,
    );
    expect(status).toBe(200);
    expect(body).toEqual({
      offsets: [
        { partition: 0, offset: expect.any(Number), error_code: null, error: null },
        { partition: null, offset: null, error_code: 42_203, error: expect.any(String) },
      ],
      key_schema_id: null,
      value_schema_id: ids[format],
    });
    expect(body.offsets[1].error).not.toContain('canary');
  });

  test('Confluent’s and kafkajs’ deserializers read what was written', async () => {
    const read: Data = {};
    for (const format of ['avro', 'jsonschema', 'protobuf']) {
      await kit.app.produce(topics[format]!, { records: [{ value: values[format] }] }, format);
      const message = (await kit.messages(topics[format]!)).at(-1)!;
      expect(message.key).toBeNull();
      const deserializer = {
        avro: new AvroDeserializer(client(), SerdeType.VALUE, {}),
        jsonschema: new JsonDeserializer(client(), SerdeType.VALUE, {}),
        protobuf: new ProtobufDeserializer(client(), SerdeType.VALUE, {}),
      }[format]!;
      read[format] = {
        theirs: await deserializer.deserialize(topics[format]!, message.value!, { ...message.headers }),
        kafkajs: await kit.registry.decode(message.value!),
      };
    }
    expect({ ...read.avro.kafkajs }).toEqual(shownCall);
    expect({ ...read.avro.theirs }).toMatchObject({ ...shownCall, note: 'hi' });
    expect(read.jsonschema).toEqual({ theirs: order, kafkajs: order });
    expect(read.protobuf.theirs).toMatchObject({
      ...{ account: 'AC1', size: 9_007_199_254_740_993n, kinds: [1, 0] },
    });
    expect(Buffer.from(read.protobuf.theirs.inners.a.data)).toEqual(Buffer.from([0, 1]));
    expect(read.protobuf.kafkajs).toMatchObject({ account: 'AC1', kinds: [1, 0] });
  });

  test('a new version is registered under the topic, and the old one stays usable', async () => {
    const topic = await kit.topicOf('produce.avro', 'Call', 'account');
    const next = avro([{ name: 'more', type: 'int', default: 5 }]);
    const { body } = await kit.app.produce(topic, { value_schema: next, records: [{ value: call }] }, 'avro');
    expect(body.offsets).toMatchObject([{ error_code: null }]);
    const versions = await fetch(`${kit.app.urls.registry}/subjects/${topic}-value/versions/1`);
    expect(await versions.json()).toMatchObject({ id: body.value_schema_id });
    const old = await kit.app.produce(topic, { value_schema_id: ids.avro, records: [{ value: call }] }, 'avro');
    expect(old.body).toMatchObject({ value_schema_id: ids.avro, offsets: [{ error_code: null }] });
    const [first] = await kit.messages(topic);
    expect({ ...(await kit.registry.decode(first!.value!)) }).toEqual({ ...shownCall, more: 5 });
  });

  test('keys are framed with their own schema', async () => {
    const key = JSON.stringify({ type: 'record', name: 'CallKey', fields: [{ name: 'id', type: 'long' }] });
    const topic = await kit.topicOf('produce.avro', 'Call', 'account');
    const records = [
      { key: { id: 1 }, value: call },
      { value: call },
      { key: { id: 'canary' }, value: call },
      { key: null, value: { ...call, at: 'canary' } },
    ];
    const { status, body } = await kit.app.produce(topic, { key_schema: key, records }, 'avro');
    expect(status).toBe(200);
    expect(body.offsets.map((offset: Data) => offset.error)).toEqual([
      null,
      null,
      'key.id must be a 64-bit integer',
      'at must be a 64-bit integer',
    ]);
    const [first, second] = await kit.messages(topic);
    expect({ ...(await kit.registry.decode(first!.key!)) }).toEqual({ id: 1 });
    expect(second!.key).toBeNull();
    const again = await kit.app.produce(
      topic,
      { key_schema: '"string"', records: [{ key: 'k', value: call }] },
      'avro',
    );
    expect(again.body).toMatchObject({ error_code: 40_801 });
    const byId = { key_schema_id: body.key_schema_id, records: [records[0]] };
    expect((await kit.app.produce(topic, byId, 'avro')).body).toMatchObject({ offsets: [{ error_code: null }] });
  });

  test('whole numbers beyond 2^53 keep their digits', async () => {
    const text = JSON.stringify({ value_schema_id: ids.avro, records: [{ value: call }] }).replace(
      '"at":7',
      '"at":-9223372036854775807',
    );
    const { body } = await kit.app.produce(topics.avro!, text, 'avro');
    expect(body.offsets).toMatchObject([{ error_code: null }]);
    const message = (await kit.messages(topics.avro!)).at(-1)!;
    const { payload } = readFrame(message.value!, false);
    // "AC1", "+11234567890", branch 1 "hi", one byte, then the number.
    expect(Buffer.from(payload.subarray(23)).toString('hex')).toBe('fdffffffffffffffff01');
  });
});
