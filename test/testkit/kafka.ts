import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KafkajsGateway } from '../../src/adapters/kafka/kafkajs-gateway.ts';
import type { KafkaGateway, KafkaMessage } from '../../src/services/kafka/ports.ts';
import { type Broker, brokerToolchain, startBroker } from '../../tools/kafka/broker.ts';
import type { SecureListener } from '../../tools/kafka/broker-config.ts';

/** Reason why no broker can run here; null when one can. */
export async function missingKafka(): Promise<string | null> {
  if (process.env.LINEWARD_TEST_KAFKA) return null;
  const toolchain = await brokerToolchain();
  return toolchain.ok ? null : toolchain.reason;
}

export interface TestBroker {
  readonly brokers: string;
  close(): Promise<void>;
}

/** The shared broker of the test run (LINEWARD_TEST_KAFKA), else one for this file. */
export async function testBroker(): Promise<TestBroker> {
  const shared = process.env.LINEWARD_TEST_KAFKA;
  if (shared) return { brokers: shared, close: async () => undefined };
  const own = await ownBroker();
  return { brokers: own.broker.brokers, close: own.close };
}

/** A broker that the test may kill. */
export async function ownBroker(secure?: SecureListener): Promise<{ broker: Broker; close(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'lineward-kafka-'));
  const broker = await startBroker({ dir, secure });
  return {
    broker,
    close: async () => {
      await broker.kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

export const gatewayFor = (brokers: string): KafkajsGateway =>
  new KafkajsGateway({ brokers: [brokers], clientId: 'lineward-test' });

/** Topics of one broker are shared by all tests. */
export const uniqueName = (prefix: string): string => `${prefix}-${randomUUID().slice(0, 13)}`;

/** Creates a topic with a unique name. */
export async function freshTopic(gateway: KafkaGateway, partitions = 1, config: Record<string, string> = {}) {
  const name = uniqueName('topic');
  await gateway.ensureTopic({ name, partitions, config });
  return name;
}

export async function scanAll(gateway: KafkaGateway, topic: string): Promise<KafkaMessage[]> {
  const messages: KafkaMessage[] = [];
  await gateway.scan(topic, (message) => {
    messages.push(message);
  });
  return messages;
}

/** Waits until `done` answers true; the test's own time limit ends it otherwise. */
export async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await done())) await sleep(100);
}

export const numbered = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => ({ key: `key-${from + index}`, value: `value-${from + index}` }));
