import type { Consumer, ConsumerConfig, Kafka, ProducerConfig } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient } from '../../../src/adapters/kafka/client.ts';
import type { KafkajsGateway } from '../../../src/adapters/kafka/kafkajs-gateway.ts';
import { startTransformStream } from '../../../src/adapters/kafka/transform-stream.ts';
import type { KafkaMessage } from '../../../src/services/kafka/ports.ts';
import {
  freshTopic,
  gatewayFor,
  missingKafka,
  numbered,
  scanAll,
  type TestBroker,
  testBroker,
  uniqueName,
  until,
} from '../../testkit/kafka.ts';

const missing = await missingKafka();
const values = (messages: readonly { value: Buffer | string | null }[]) =>
  messages.map((message) => String(message.value)).sort();
const copied = async (messages: readonly KafkaMessage[]) => messages.map(({ key, value }) => ({ key, value }));

describe.skipIf(missing)(`what a stream writes exactly once${missing ? `: ${missing}` : ''}`, () => {
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

  const isReadTo = async (group: string, topic: string, end: readonly string[]) => {
    const committed = await gateway.committed(group, topic);
    return end.every((offset, partition) => committed.get(partition) === offset);
  };

  test('a refused send whose other partitions were appended loses nothing of them', async () => {
    const [source, target] = [
      await freshTopic(gateway),
      await freshTopic(gateway, 2, { 'max.message.bytes': '20000' }),
    ];
    const [refusals, group] = [await freshTopic(gateway), uniqueName('group')];
    const small = numbered(0, 10);
    await gateway.produce(source, [...small, { key: 'large', value: 'x'.repeat(30_000) }]);
    const stream = await gateway.transformStream({
      group,
      source,
      target,
      transform: async (messages) =>
        messages.map((message) => ({
          key: message.key,
          value: message.value,
          partition: String(message.key) === 'large' ? 1 : 0,
          source: message,
        })),
      refused: ({ key }, code) => ({ key, value: code, topic: refusals }),
    });
    await until(() => isReadTo(group, source, ['11']));
    await stream.stop();
    expect(values(await scanAll(gateway, target))).toEqual(values(small));
    expect(values(await scanAll(gateway, refusals))).toEqual(['LIMIT_EXCEEDED']);
  });

  // A commit is answered before the group coordinator shows its offsets.
  test('a rebalance that still reads the offsets of before the last commit writes nothing again', async () => {
    const [source, target, group] = [await freshTopic(gateway, 2), await freshTopic(gateway), uniqueName('group')];
    const records = (from: number, to: number) =>
      numbered(from, to).map((record, n) => ({ ...record, partition: n % 2 }));
    const late = new Set<number>();
    let lates = 0;
    const stays = startTransformStream(
      {
        kafka: createClient({ brokers: [broker.brokers], clientId: 'lineward-test' }),
        logger: undefined,
        startOf: async (of, topic, partition) => {
          if (late.delete(partition)) lates += 1;
          else return (await gateway.committed(of, topic)).get(partition) ?? '0';
          return '0';
        },
        limitsOf: async () => ({ messageBytes: 1_000_000, needsKeys: false }),
      },
      { group, source, target, transform: copied },
    );
    await gateway.produce(source, records(0, 100));
    await until(() => isReadTo(group, source, ['50', '50']));
    await until(() => stays.partitions.length === 2);
    for (const partition of [0, 1]) late.add(partition);
    const joins = await gateway.transformStream({ group, source, target, transform: copied });
    await until(() => joins.partitions.length === 1 && stays.partitions.length === 1 && lates > 0);
    await gateway.produce(source, records(100, 200));
    await until(() => isReadTo(group, source, ['100', '100']));
    await Promise.all([stays.stop(), joins.stop()]);
    expect(values(await scanAll(gateway, target))).toEqual(values(numbered(0, 200)));
  });

  test('a batch that the client hands over again is not written again', async () => {
    const [source, target, group] = [await freshTopic(gateway), await freshTopic(gateway), uniqueName('group')];
    const kafka = createClient({ brokers: [broker.brokers], clientId: 'lineward-test' });
    let again = 0;
    const repeating = {
      producer: (config: ProducerConfig) => kafka.producer(config),
      consumer: (config: ConsumerConfig) => {
        const consumer = kafka.consumer(config);
        const run: Consumer['run'] = (options = {}) =>
          consumer.run({
            ...options,
            eachBatch: async (payload) => {
              await options.eachBatch?.(payload);
              again += 1;
              await options.eachBatch?.(payload);
            },
          });
        return { ...consumer, run };
      },
    };
    const stream = startTransformStream(
      {
        kafka: repeating as Kafka,
        logger: undefined,
        startOf: async (of, topic, partition) => (await gateway.committed(of, topic)).get(partition) ?? '0',
        limitsOf: async () => ({ messageBytes: 1_000_000, needsKeys: false }),
      },
      { group, source, target, transform: copied },
    );
    await gateway.produce(source, numbered(0, 10));
    await until(() => again > 0);
    await gateway.produce(source, numbered(10, 20));
    await until(() => isReadTo(group, source, ['20']));
    await stream.stop();
    expect(values(await scanAll(gateway, target))).toEqual(values(numbered(0, 20)));
  });

  test('a partition that is taken over while the stream stops is given back', async () => {
    const [source, target, group] = [await freshTopic(gateway), await freshTopic(gateway), uniqueName('group')];
    const kafka = createClient({ brokers: [broker.brokers], clientId: 'lineward-test' });
    const [connecting, stopped, gone] = Array.from({ length: 3 }, () => Promise.withResolvers<void>());
    const slow = {
      consumer: (config: ConsumerConfig) => kafka.consumer(config),
      producer: (config: ProducerConfig) => {
        const producer = kafka.producer(config);
        const connect = async () => {
          connecting?.resolve();
          await stopped?.promise;
          await producer.connect();
        };
        const disconnect = async () => {
          await producer.disconnect();
          gone?.resolve();
        };
        return { ...producer, connect, disconnect };
      },
    };
    const stream = startTransformStream(
      {
        kafka: slow as Kafka,
        logger: undefined,
        startOf: async () => '0',
        limitsOf: async () => ({ messageBytes: 1_000_000, needsKeys: false }),
      },
      { group, source, target, transform: copied },
    );
    await connecting?.promise;
    await stream.stop();
    stopped?.resolve();
    await gone?.promise;
  });

  test('batches of which nothing is written pass one after the other without a fault', async () => {
    const [source, target, group] = [await freshTopic(gateway), await freshTopic(gateway), uniqueName('group')];
    const faults = new Set<string>();
    let batches = 0;
    const stream = await gateway.transformStream({
      group,
      source,
      target,
      transform: async () => {
        if (stream.fault !== null) faults.add(stream.fault);
        batches += 1;
        return [];
      },
    });
    // Of so large records a fetch takes three.
    const records = Array.from({ length: 60 }, (_, n) => ({ key: `${n}`, value: 'x'.repeat(900_000) }));
    await gateway.produce(source, records);
    await until(() => isReadTo(group, source, ['60']));
    await stream.stop();
    expect(batches).toBeGreaterThan(10);
    expect([...faults]).toEqual([]);
  });
});
