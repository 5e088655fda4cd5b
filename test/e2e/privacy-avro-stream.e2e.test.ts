import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import { expect, onTestFinished, test } from 'vitest';
import { type Data, eventually, type TestApp, testApp } from '../testkit/app.ts';
import { gatewayFor, missingKafka, scanAll, testBroker, uniqueName } from '../testkit/kafka.ts';

const missing = await missingKafka();

const schemaOf = (more: readonly object[] = []) =>
  JSON.stringify({
    type: 'record',
    name: 'Call',
    namespace: 'avro.stream',
    fields: [
      { name: 'account', type: 'string' },
      { name: 'from', type: 'string', twilio_type: 'phonenumber' },
      { name: 'mail', type: ['null', 'string'], default: null, 'confluent:tags': ['email'] },
      { name: 'ms', type: 'long' },
      ...more,
    ],
  });

test.skipIf(missing !== null)(
  `a stream protects Avro of every version in the registry's wire format, and gives up what is of another entity${missing ? `: ${missing}` : ''}`,
  async () => {
    const { brokers, close } = await testBroker();
    const app: TestApp = await testApp({ KAFKA_BROKERS: brokers });
    const gateway = gatewayFor(brokers);
    onTestFinished(async () => {
      await gateway.close();
      await app.stop();
      await close();
    });
    const registry = new SchemaRegistry({ host: app.urls.registry ?? '' });
    const register = async (schema: string, subject: string): Promise<number> =>
      (await registry.register({ type: SchemaType.AVRO, schema }, { subject })).id;
    const first = await register(schemaOf(), 'calls-value');
    const second = await register(
      schemaOf([{ name: 'note', type: ['null', 'string'], default: null, twilio_type: 'customertext' }]),
      'calls-value',
    );
    const other = await register(
      '{"type":"record","name":"Other","fields":[{"name":"account","type":"string"}]}',
      'other-value',
    );
    const { entity } = await app.done(`{ entity(namespace: "avro.stream", name: "Call") { id } }`);
    const [raw, clean] = [uniqueName('raw'), uniqueName('clean')];
    await app.done(
      'mutation ($input: CreateStreamProtectionInput!) { createStreamProtection(input: $input) { userErrors { code message } } }',
      {
        input: {
          entityId: entity.id,
          accountField: 'account',
          subjectFields: [],
          sourceTopic: raw,
          targetTopic: clean,
        },
      },
    );
    const call = { account: 'AC1', from: '+11234567890', mail: 'jdoe@x.com', ms: 7 };
    const values = [
      await registry.encode(first, call),
      await registry.encode(second, { ...call, note: 'canary-note' }),
      await registry.encode(other, { account: 'canary-other' }),
      Buffer.concat([(await registry.encode(first, call)).subarray(0, 12)]),
      Buffer.from([0, 0, 0, 0, 99, 1]),
      JSON.stringify({ ...call, mail: null }),
    ];
    await gateway.produce(
      raw,
      values.map((value, index) => ({ key: `k${index}`, value, partition: 0 })),
    );
    const read = await eventually(
      () => scanAll(gateway, clean),
      (messages) => messages.length === 3,
    );
    const shown = { account: 'AC1', from: '+1123456XXXX', mail: 'j***@x.com', ms: 7 };
    const decoded: Data[] = [];
    for (const { value } of read.slice(0, 2)) decoded.push({ ...(await registry.decode(value ?? Buffer.alloc(0))) });
    expect(decoded).toEqual([shown, { ...shown, note: '' }]);
    expect(JSON.parse(String(read[2]?.value))).toEqual({ ...shown, mail: null });
    const dead = await scanAll(gateway, `${clean}.dead-letter`);
    expect(dead.map(({ value }) => JSON.parse(String(value)).reason)).toEqual([
      'MESSAGE_INVALID',
      'VALUE_INVALID',
      'MESSAGE_INVALID',
    ]);
    expect(dead.map(({ value }) => String(value)).join()).not.toContain('canary');
  },
);
