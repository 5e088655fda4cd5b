import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../../src/adapters/kafka/kafkajs-gateway.ts';
import { deadLetter } from '../../../src/services/kafka/dead-letter.ts';
import type { KafkaMessage, OutgoingMessage } from '../../../src/services/kafka/ports.ts';
import {
  freshTopic,
  gatewayFor,
  missingKafka,
  scanAll,
  type TestBroker,
  testBroker,
  uniqueName,
  until,
} from '../../testkit/kafka.ts';

const missing = await missingKafka();

describe.skipIf(missing)(`records that the target does not take${missing ? `: ${missing}` : ''}`, () => {
  let broker: TestBroker;
  let gateway: KafkajsGateway;
  beforeAll(async () => {
    broker = await testBroker();
    gateway = gatewayFor(broker.brokers);
  });
  afterAll(async () => {
    await gateway?.close();
    await broker?.close();
  });

  /** Carries messages of one partition by a transform, and answers what came out, in its order. */
  async function carried(
    targetConfig: Record<string, string>,
    messages: readonly OutgoingMessage[],
    change: (value: Buffer) => Buffer = (value) => value,
  ) {
    const takesAll = { 'max.message.bytes': '4000000', 'message.timestamp.after.max.ms': '9223372036854775807' };
    const source = await freshTopic(gateway, 1, takesAll);
    const [target, group] = [await freshTopic(gateway, 1, targetConfig), uniqueName('group')];
    const dead = `${target}.dead-letter`;
    await gateway.ensureTopic({ name: dead, partitions: 1, config: {} });
    const sent = await gateway.produce(source, messages);
    expect(sent.filter(({ ok }) => !ok)).toEqual([]);
    const written = { passed: 0, setAside: 0 };
    const stream = await gateway.transformStream({
      group,
      source,
      target,
      transform: async (read: readonly KafkaMessage[]) =>
        read.map((message) => ({
          key: message.key,
          partition: message.partition,
          headers: message.headers,
          timestamp: message.timestamp,
          value: message.value === null ? null : change(message.value),
          source: message,
        })),
      refused: (message, code) =>
        deadLetter({ source: { namespace: 'kafka://test', name: source }, targetName: target }, message, code),
      written: (_, output) => {
        for (const { topic } of output) written[topic === undefined ? 'passed' : 'setAside'] += 1;
      },
    });
    await until(async () => (await gateway.committed(group, source)).get(0) === String(messages.length));
    expect(stream.fault).toBeNull();
    await stream.stop();
    const notices = await scanAll(gateway, dead);
    return {
      passed: (await scanAll(gateway, target)).map(({ value }) => String(value).slice(0, 6)),
      notices,
      reasons: notices.map(({ value }) => JSON.parse(String(value))).map(({ reason, offset }) => [reason, offset]),
      written,
    };
  }
  const record = (n: number, bytes: number, key: string | null = `K${n}`) => ({
    key,
    value: `rec-${n} `.padEnd(bytes, 'x'),
    headers: { trace: `secret-header-${n}` },
    partition: 0,
  });

  test('too large after encryption: they go to the dead letters with their place, and nothing else is held up', async () => {
    const messages = [0, 1, 2, 3, 4].map((n) => record(n, n % 2 === 1 ? 700_000 : 100));
    // As base64 of an envelope grows.
    const grow = (value: Buffer) => Buffer.from(`${value}${value}`);
    const { passed, notices, reasons, written } = await carried({ 'max.message.bytes': '1000000' }, messages, grow);
    expect(passed).toEqual(['rec-0 ', 'rec-2 ', 'rec-4 ']);
    expect(reasons).toEqual([
      ['LIMIT_EXCEEDED', '1'],
      ['LIMIT_EXCEEDED', '3'],
    ]);
    expect(written).toEqual({ passed: 3, setAside: 2 });
    for (const { key, headers, value } of notices) {
      expect([key, headers]).toEqual([null, {}]);
      expect(String(value)).not.toMatch(/rec-|secret|K\d/);
    }
  });

  test('a topic that takes small records only: many at once are told apart', async () => {
    const messages = Array.from({ length: 3_000 }, (_, n) => record(n, n % 10 === 7 ? 1_500 : 90));
    const { passed, reasons } = await carried({ 'max.message.bytes': '1200' }, messages);
    const small = messages.map((_, n) => n).filter((n) => n % 10 !== 7);
    expect(passed).toEqual(small.map((n) => `rec-${n} `.slice(0, 6)));
    expect(reasons).toHaveLength(300);
  });

  test('dated further ahead than the target allows', async () => {
    const tomorrow = String(Date.now() + 86_400_000);
    const messages = [record(0, 50), { ...record(1, 50), timestamp: tomorrow }, record(2, 50)];
    const { passed, reasons } = await carried({}, messages);
    expect([passed, reasons]).toEqual([['rec-0 ', 'rec-2 '], [['MESSAGE_INVALID', '1']]]);
  });

  test('without a key, where the target is compacted; tombstones pass', async () => {
    const tombstone = { key: 'K9', value: null, partition: 0 };
    const messages = [record(0, 50), record(1, 50, null), tombstone, record(3, 50, null), record(4, 50)];
    const { passed, reasons } = await carried({ 'cleanup.policy': 'compact' }, messages);
    expect(passed).toEqual(['rec-0 ', 'null', 'rec-4 ']);
    expect(reasons).toEqual([
      ['MESSAGE_INVALID', '1'],
      ['MESSAGE_INVALID', '3'],
    ]);
  });
});
