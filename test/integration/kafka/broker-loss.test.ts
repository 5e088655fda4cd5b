import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../../src/adapters/kafka/kafkajs-gateway.ts';
import type { Broker } from '../../../tools/kafka/broker.ts';
import {
  freshTopic,
  gatewayFor,
  missingKafka,
  numbered,
  ownBroker,
  scanAll,
  uniqueName,
  until,
} from '../../testkit/kafka.ts';

// These tests kill the broker, so they need one of their own even when the run shares one.
const missing = await missingKafka();

describe.skipIf(missing)(`loss of the broker${missing ? `: ${missing}` : ''}`, () => {
  let broker: Broker;
  let close: () => Promise<void>;
  let gateway: KafkajsGateway;

  beforeAll(async () => {
    ({ broker, close } = await ownBroker());
    gateway = gatewayFor(broker.brokers);
  });

  afterAll(async () => {
    await gateway?.close();
    await close?.();
  });

  test('a transform stream writes each message once over SIGKILL and restart of the broker', async () => {
    const [source, target, group] = [await freshTopic(gateway, 3), await freshTopic(gateway, 2), uniqueName('group')];
    const total = 30_000;
    for (let from = 0; from < total; from += 5000) await gateway.produce(source, numbered(from, from + 5000));
    let seen = 0;
    const stream = await gateway.transformStream({
      group,
      source,
      target,
      transform: async (messages) => {
        seen += messages.length;
        return messages.map(({ key, value }) => ({ key, value: `${value}${' '.repeat(300)}` }));
      },
    });
    await until(() => seen > total / 10);
    await broker.kill();
    await until(() => stream.fault !== null);
    await broker.start();
    await until(async () => {
      const committed = await gateway.committed(group, source).catch(() => new Map<number, string>());
      return [...committed.values()].reduce((sum, offset) => sum + Number(offset), 0) === total;
    });
    expect(stream.fault).toBeNull();
    await stream.stop();
    const written = (await scanAll(gateway, target)).map((message) => message.value?.toString().trimEnd());
    expect(written).toHaveLength(total);
    expect(new Set(written).size).toBe(total);
  }, 120_000);

  test('produce is unavailable in bounded time while the broker is away, and works after its return', async () => {
    const topic = await freshTopic(gateway);
    await gateway.produce(topic, numbered(0, 10));
    await broker.kill();
    const from = Date.now();
    const attempts = [gateway.produce(topic, numbered(10, 20)), gateway.produce(topic, numbered(20, 30))];
    for (const attempt of await Promise.allSettled(attempts)) {
      expect(attempt).toMatchObject({ status: 'rejected', reason: { code: 'KAFKA_UNAVAILABLE' } });
    }
    await expect(gateway.ping()).rejects.toMatchObject({ code: 'KAFKA_UNAVAILABLE' });
    expect(Date.now() - from).toBeLessThan(15_000);
    await broker.start();
    await gateway.ping();
    const results = await gateway.produce(topic, numbered(30, 40));
    expect(results.every((result) => result.ok)).toBe(true);
    expect((await scanAll(gateway, topic)).map((message) => message.value?.toString())).toEqual(
      [...numbered(0, 10), ...numbered(30, 40)].map((message) => message.value),
    );
  });

  test('a scan of a broker that is away is unavailable, and streams start by themselves when it returns', async () => {
    const topic = await freshTopic(gateway);
    await broker.stop();
    const other = gatewayFor(broker.brokers);
    await expect(scanAll(other, topic)).rejects.toMatchObject({ code: 'KAFKA_UNAVAILABLE' });
    const handled: string[] = [];
    const stream = await other.readStream({
      group: uniqueName('group'),
      source: topic,
      positionOf: async () => null,
      handle: async ({ messages }) => {
        handled.push(...messages.map((message) => message.offset));
      },
    });
    await until(() => stream.fault !== null);
    await broker.restart();
    await other.produce(topic, numbered(0, 5));
    await until(() => handled.length === 5);
    expect(stream.fault).toBeNull();
    await other.close();
  });
});
