import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../src/adapters/kafka/kafkajs-gateway.ts';
import type { Broker } from '../../tools/kafka/broker.ts';
import { documentOf, eventually, register, type TestApp, testApp } from '../testkit/app.ts';
import { census } from '../testkit/chaos.ts';
import { type ConsumerProcess, consumerProcess } from '../testkit/consumers.ts';
import { gatewayFor, missingKafka, ownBroker, uniqueName } from '../testkit/kafka.ts';
import { filesWith } from '../testkit/topics.ts';

// The broker is killed, so it is one of its own.
const missing = await missingKafka();
const total = 200_000;
const partitions = 6;
const perBatch = 20_000;

const phoneOf = (n: number): string => `+1415${String(n).padStart(7, '0')}`;
const record = (n: number) => ({
  key: String(n),
  value: `{"id":"${n}","account":"AC${n % 5}","phone":"${phoneOf(n)}","body":"canary"}`,
  partition: n % partitions,
});

describe.skipIf(missing)(`a stream in a storm${missing ? `: ${missing}` : ''}`, () => {
  let broker: Broker;
  let close: () => Promise<void>;
  let app: TestApp;
  let gateway: KafkajsGateway;
  const consumers: ConsumerProcess[] = [];
  beforeAll(async () => {
    ({ broker, close } = await ownBroker());
    app = await testApp({ KAFKA_BROKERS: broker.brokers, LINEWARD_ROLES: 'api' });
    gateway = gatewayFor(broker.brokers);
  });
  afterAll(async () => {
    await Promise.all(consumers.map((consumer) => consumer.kill()));
    await gateway?.close();
    await app?.stop();
    await close?.();
  });

  async function declared() {
    const [raw, clean] = [uniqueName('raw'), uniqueName('clean')];
    const document = documentOf('Storm', [
      { name: 'id', type: 'string' },
      { name: 'account', type: 'string' },
      { name: 'phone', type: 'string', twilio_type: 'phonenumber' },
      { name: 'body', type: 'string', twilio_type: 'customertext' },
    ]);
    const { registerEntityVersion } = await app.done(register, { input: { document } });
    const { createStreamProtection } = await app.done(
      'mutation ($input: CreateStreamProtectionInput!) { createStreamProtection(input: $input) { userErrors { code } stream { id } } }',
      {
        input: {
          entityId: registerEntityVersion.entity.id,
          accountField: 'account',
          subjectFields: ['id'],
          sourceTopic: raw,
          targetTopic: clean,
          partitions,
        },
      },
    );
    return { raw, clean, id: createStreamProtection.stream.id as string };
  }
  const start = async () => {
    const consumer = await consumerProcess(app.settings);
    consumers.push(consumer);
    return consumer;
  };
  const lagOf = async (id: string): Promise<number | null> =>
    (await app.done('query ($id: ID!) { node(id: $id) { ... on Stream { lag { records } } } }', { id })).node.lag
      ?.records ?? null;
  const lagBelow = (id: string, most: number) =>
    eventually(
      () => lagOf(id),
      (lag) => lag !== null && lag <= most,
    );

  test(`${total} records, the broker killed once and three workers: each comes out once, in its order, and protected`, async () => {
    const { raw, clean, id } = await declared();
    for (let from = 0; from < total; from += perBatch) {
      const sent = await gateway.produce(
        raw,
        Array.from({ length: perBatch }, (_, index) => record(from + index)),
      );
      expect(sent.filter(({ ok }) => !ok)).toEqual([]);
    }
    const [first, second] = await Promise.all([start(), start()]);
    await lagBelow(id, total - 15_000);
    await first.kill();
    const third = await start();
    await lagBelow(id, total - 50_000);
    await broker.kill();
    await sleep(500);
    await broker.start();
    await Promise.all([second.kill(), start()]);
    await lagBelow(id, total - 100_000);
    await third.kill();
    await start();
    await lagBelow(id, 0);
    let plain = 0;
    const numberOf = ({ value }: { value: Buffer | null }): number => {
      const { id: n, phone, body } = JSON.parse(String(value));
      if (body !== '' || phone !== `${phoneOf(Number(n)).slice(0, -4)}XXXX`) plain += 1;
      return Number(n);
    };
    const counted = await census(gateway, clean, total, numberOf);
    expect({ ...counted, plain }).toEqual({ missing: 0, doubled: 0, outOfOrder: 0, records: total, plain: 0 });
    const folders = Array.from({ length: partitions }, (_, partition) => `${broker.logDir}/${clean}-${partition}`);
    for (const folder of folders) {
      expect(await filesWith(folder, 'XXXX')).not.toEqual([]);
      expect(await filesWith(folder, 'canary')).toEqual([]);
    }
  }, 400_000);
});
