import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readFrame } from '../../src/domain/registry/wire-format.ts';
import { type Data, eventually } from '../testkit/app.ts';
import { erase } from '../testkit/erasure.ts';
import { missingKafka, uniqueName } from '../testkit/kafka.ts';
import { type ProduceTest, produceTest } from '../testkit/produce.ts';

const missing = await missingKafka();

const avro = JSON.stringify({
  type: 'record',
  name: 'Call',
  namespace: 'streams.avro',
  fields: [
    { name: 'account', type: 'string' },
    { name: 'from', type: ['null', 'string'], twilio_type: 'phonenumber' },
  ],
});
const json = JSON.stringify({
  title: 'streams.json.Call',
  type: 'object',
  properties: { account: { type: 'string' }, from: { type: 'string', twilio_type: 'phonenumber' } },
  required: ['account'],
  additionalProperties: false,
});

const protobuf = `syntax = "proto3"; package streams.protobuf;
  message Call { string account = 1; string from = 2 [(acme.twilio_type) = "phonenumber"]; }`;

describe.skipIf(missing !== null)(`framed records through a stream${missing ? `: ${missing}` : ''}`, () => {
  let kit: ProduceTest;
  beforeAll(async () => {
    kit = await produceTest();
  });
  afterAll(() => kit?.close());

  test.each([
    ['avro', 'AVRO', avro],
    ['jsonschema', 'JSON', json],
    ['protobuf', 'PROTOBUF', protobuf],
  ] as const)('%s is protected and stays in the registry’s wire format', async (format, type, schema) => {
    const id = await kit.register(type, schema, `streams-${format}`);
    const namespace = `streams.${type.toLowerCase()}`;
    const { entity } = await kit.app.done(`{ entity(namespace: "${namespace}", name: "Call") { id } }`);
    const [raw, clean] = [uniqueName('raw'), uniqueName('clean')];
    const keys = { entityId: entity.id, accountField: 'account', subjectFields: [] };
    await kit.app.done(
      'mutation ($input: CreateStreamProtectionInput!) { createStreamProtection(input: $input) { userErrors { code message } } }',
      { input: { ...keys, sourceTopic: raw, targetTopic: clean } },
    );
    const records = ['+11234567890', '+11234567891'].map((from, index) => ({
      key: format === 'protobuf' ? { id: `k${index}` } : `k${index}`,
      value: { account: 'AC1', from },
    }));
    const key_schema =
      format === 'protobuf' ? 'syntax = "proto3"; message Key { string id = 1; }' : '{"type":"string"}';
    const body = { key_schema, records };
    const produced = await kit.app.produce(raw, body, format);
    expect(produced.body).toMatchObject({ value_schema_id: id, offsets: [{ error: null }, { error: null }] });
    // The right length of a frame with another content than its schema allows.
    const poison = Buffer.concat([Buffer.from([0, 0, 0, 0, id]), Buffer.from('\u0000{"canary":1}')]);
    await kit.gateway.produce(raw, [{ key: 'poison', value: poison }]);
    const read = await eventually(
      () => kit.messages(clean),
      (messages) => messages.length === 2,
    );
    const values: Data[] = [];
    for (const { value } of read)
      values.push(
        // kafkajs' client refuses schemas with keywords of others.
        type === 'JSON'
          ? JSON.parse(Buffer.from(readFrame(value!, false).payload).toString())
          : { ...(await kit.registry.decode(value!)) },
      );
    expect(values).toEqual([0, 1].map(() => ({ account: 'AC1', from: '+1123456XXXX' })));
    const dead = await eventually(
      () => kit.messages(`${clean}.dead-letter`),
      (messages) => messages.length === 1,
    );
    expect(String(dead[0]?.value)).not.toContain('canary');
  });

  test('an erasure that meets records which do not fit their schema does not claim to have read them', async () => {
    const done = await erase(kit.app, { subjects: [{ accountId: 'AC1' }] });
    expect(done.status).toBe('PARTIAL');
    const reasons = done.certificate.body.open.map(({ reason }: Data) => reason);
    expect(reasons).toHaveLength(3);
    for (const reason of reasons)
      expect(reason).toMatch(/^1 message\(s\) do not hold a record of the schema \d+ that they name$/);
    expect(JSON.stringify(done.certificate.body)).not.toContain('canary');
  });
});
