import { setTimeout as sleep } from 'node:timers/promises';
import type { ConsumerConfig, Kafka } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient } from '../../../src/adapters/kafka/client.ts';
import type { KafkajsGateway } from '../../../src/adapters/kafka/kafkajs-gateway.ts';
import { scanTopic } from '../../../src/adapters/kafka/topic-scan.ts';
import type { ScanRange } from '../../../src/services/kafka/ports.ts';
import { freshTopic, gatewayFor, missingKafka, type TestBroker, testBroker, until } from '../../testkit/kafka.ts';

const missing = await missingKafka();
const total = 40;
const [first, moved] = [10, 20];

describe.skipIf(missing)(`a scan whose group moves${missing ? `: ${missing}` : ''}`, () => {
  let broker: TestBroker;
  let gateway: KafkajsGateway;
  let kafka: Kafka;
  beforeAll(async () => {
    broker = await testBroker();
    gateway = gatewayFor(broker.brokers);
    kafka = createClient({ brokers: [broker.brokers], clientId: 'lineward-test' });
  });
  afterAll(async () => {
    await gateway?.close();
    await broker?.close();
  });

  /** Offsets in the order in which a scan hands them over whose client has to join its group again half way, twice. */
  async function scanned(topic: string, within?: ScanRange): Promise<{ offsets: number[]; joins: number }> {
    const admin = kafka.admin();
    await admin.connect();
    let [group, joins] = ['', 0];
    const offsets: number[] = [];
    let isIntruderIn = false;
    let intrusion: Promise<void> | null = null;
    const intrude = async () => {
      const intruder = kafka.consumer({ groupId: group, maxWaitTimeInMs: 100 });
      await intruder.connect();
      await intruder.subscribe({ topic });
      await intruder.run({ autoCommit: false, eachMessage: async () => undefined });
      isIntruderIn = true;
      await intruder.disconnect();
    };
    const isMoving = async () => (await admin.describeGroups([group])).groups[0]?.state === 'PreparingRebalance';
    const watched = {
      consumer: (config: ConsumerConfig) => {
        group = config.groupId;
        const consumer = kafka.consumer(config);
        consumer.on(consumer.events.GROUP_JOIN, () => {
          joins += 1;
        });
        return consumer;
      },
    };
    await scanTopic({
      kafka: watched as Kafka,
      topic,
      offsets: () => gateway.offsets(topic),
      each: async ({ offset }) => {
        offsets.push(Number(offset));
        if (Number(offset) === moved) {
          intrusion = intrude();
          await until(isMoving);
        }
        // Until the client has seen it, with the next sign of life that it gives.
        if (Number(offset) >= moved && !isIntruderIn) await sleep(300);
      },
      deleteGroup: async () => undefined,
      signal: undefined,
      within,
    });
    await intrusion;
    await admin.deleteGroups([group]);
    await admin.disconnect();
    return { offsets, joins };
  }

  test.each<[string, number, ScanRange | undefined]>([
    ['a topic', 0, undefined],
    ['a part of one', first, { from: new Map([[0, BigInt(first)]]) }],
  ])('hands over each record of %s once, in its order, and passes over none', async (_, from, within) => {
    const topic = await freshTopic(gateway);
    // A fetch takes a few of them.
    const records = Array.from({ length: total }, (__, n) => ({ key: String(n), value: 'x'.repeat(300_000) }));
    await gateway.produce(topic, records);
    const { offsets, joins } = await scanned(topic, within);
    expect(offsets).toEqual(Array.from({ length: total - from }, (__, n) => from + n));
    expect(joins).toBeGreaterThan(1);
  });
});
