import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, type TestApp, testApp } from '../testkit/app.ts';
import { registered } from '../testkit/catalog.ts';
import { sparkSummitDocument } from '../testkit/documents.ts';
import { gatewayFor, missingKafka, scanAll, testBroker, uniqueName, until } from '../testkit/kafka.ts';
import { pythonWith } from '../testkit/python.ts';

const run = promisify(execFile);
const missing = await missingKafka();
const python = missing
  ? null
  : await pythonWith(
      'python-clients',
      ['confluent-kafka[schemaregistry,avro,json,protobuf]==2.12.1'],
      'import confluent_kafka.schema_registry.avro',
    );
const schema = JSON.stringify({
  type: 'record',
  name: 'Call',
  namespace: 'published',
  fields: [
    { name: 'account', type: 'string' },
    { name: 'from', type: 'string', twilio_type: 'phonenumber' },
    { name: 'mail', type: ['null', 'string'], default: null, 'confluent:tags': ['email'] },
    { name: 'ms', type: 'long' },
  ],
});

describe.skipIf(missing)(
  `published clients on both ends of a protection stream${missing ? `: ${missing}` : ''}`,
  () => {
    let app: TestApp;
    let brokers: string;
    let close: () => Promise<void>;
    beforeAll(async () => {
      ({ brokers, close } = await testBroker());
      app = await testApp({ KAFKA_BROKERS: brokers });
    });
    afterAll(async () => {
      await app?.stop();
      await close?.();
    });

    async function declared(keys: { readonly entityId: string; readonly accountField: string }, raw: string) {
      const clean = uniqueName('clean');
      await app.done(
        'mutation ($input: CreateStreamProtectionInput!) { createStreamProtection(input: $input) { userErrors { code message } } }',
        { input: { ...keys, subjectFields: [], sourceTopic: raw, targetTopic: clean } },
      );
      return clean;
    }

    /** What kafkajs reads of a topic, each value by the registry. */
    async function readByKafkajs(client: Kafka, registry: SchemaRegistry, topic: string, wanted: number) {
      const consumer = client.consumer({ groupId: uniqueName('kafkajs') });
      const seen: [string, unknown][] = [];
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({
        eachMessage: async ({ message: { key, value } }) => {
          seen.push([String(key), { ...(await registry.decode(value ?? Buffer.alloc(0))) }]);
        },
      });
      await until(() => seen.length >= wanted);
      await consumer.disconnect();
      return seen;
    }

    test.skipIf(python === null)('kafkajs and confluent-kafka write Avro, and both read it protected', async () => {
      const raw = uniqueName('raw');
      const registry = new SchemaRegistry({ host: app.urls.registry ?? '' });
      const { id } = await registry.register({ type: SchemaType.AVRO, schema }, { subject: `${raw}-value` });
      const { entity } = await app.done('{ entity(namespace: "published", name: "Call") { id } }');
      const clean = await declared({ entityId: entity.id, accountField: 'account' }, raw);
      const client = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING });
      const producer = client.producer();
      await producer.connect();
      const calls = [0, 1, 2].map((n) => ({
        account: 'AC1',
        from: '+11234567890',
        mail: n === 1 ? null : 'jdoe@x.com',
        ms: n,
      }));
      const messages = await Promise.all(
        calls.map(async (call, n) => ({ key: `kafkajs-${n}`, value: await registry.encode(id, call), partition: 0 })),
      );
      await producer.send({ topic: raw, messages });
      await producer.disconnect();
      const { stdout } = await run(python ?? '', [
        'test/clients/confluent_kafka_protected.py',
        ...[brokers, app.urls.registry ?? '', raw, clean, '6'],
      ]);
      const expected = [
        ...[0, 1, 2].map((ms) => [
          `kafkajs-${ms}`,
          { account: 'AC1', from: '+1123456XXXX', mail: ms === 1 ? null : 'j***@x.com', ms },
        ]),
        ...[0, 1, 2].map((ms) => [
          `python-${ms}`,
          { account: 'AC2', from: '+35123456XXXX', mail: 'a***@example.org', ms },
        ]),
      ];
      expect(JSON.parse(stdout)).toEqual(expected);
      expect(await readByKafkajs(client, registry, clean, 6)).toEqual(expected);
    });

    test('the example of the talk goes in by HTTP and comes out to the letter', async () => {
      const entityId = (await registered(app, sparkSummitDocument)).entity.id;
      const raw = uniqueName('raw');
      const clean = await declared({ entityId, accountField: 'account_sid' }, raw);
      const value = {
        sid: 'SM1',
        account_sid: 'AC1',
        date_created: '2018-06-05',
        to: '+11234567890',
        from: '+351234567890',
        message_body: 'Hello Spark Summit!',
      };
      const produced = await app.produce(raw, { records: [{ key: 'SM1', value, partition: 0 }] });
      expect(produced.body).toMatchObject({ offsets: [{ partition: 0, offset: 0, error_code: null, error: null }] });
      const gateway = gatewayFor(brokers);
      const [message] = await eventually(
        () => scanAll(gateway, clean),
        (found) => found.length === 1,
      );
      await gateway.close();
      expect(String(message?.value)).toBe(
        '{"sid":"SM1","account_sid":"AC1","date_created":"2018-06-05","to":"+1123456XXXX","from":"+35123456XXXX","message_body":""}',
      );
      expect(String(message?.key)).toBe('SM1');
    });
  },
);
