import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../../src/adapters/kafka/kafkajs-gateway.ts';
import type { KafkaMessage, RunningStream } from '../../../src/services/kafka/ports.ts';
import { census } from '../../testkit/chaos.ts';
import { freshTopic, gatewayFor, missingKafka, ownBroker, scanAll, uniqueName, until } from '../../testkit/kafka.ts';

// A broker of its own: topics of many partitions would slow down the others' tests.
const missing = await missingKafka();
const copied = async (messages: readonly KafkaMessage[]) =>
  messages.map(({ key, value, partition }) => ({ key, value, partition }));
const numberOf = ({ value }: KafkaMessage): number => Number(value);

describe.skipIf(missing)(`streams under stress${missing ? `: ${missing}` : ''}`, () => {
  let brokers: string;
  let close: () => Promise<void>;
  let gateway: KafkajsGateway;
  beforeAll(async () => {
    const own = await ownBroker();
    ({ close } = own);
    ({ brokers } = own.broker);
    gateway = gatewayFor(brokers);
  });
  afterAll(async () => {
    await gateway?.close();
    await close?.();
  });

  const readTo = async (group: string, topic: string): Promise<boolean> => {
    const committed = await gateway.committed(group, topic).catch(() => new Map<number, string>());
    return (await gateway.offsets(topic)).every(
      ({ partition, latest }) => (committed.get(partition) ?? '0') === latest,
    );
  };

  test('members that join and leave every few hundred milliseconds, under load: each record once, in its order', async () => {
    const [source, target, group] = [await freshTopic(gateway, 6), await freshTopic(gateway, 6), uniqueName('group')];
    const total = 60_000;
    const produced = (async () => {
      for (let from = 0; from < total; from += 2_000) {
        const records = Array.from({ length: 2_000 }, (_, index) => from + index);
        await gateway.produce(
          source,
          records.map((n) => ({ key: null, value: String(n), partition: n % 6 })),
        );
        await sleep(150);
      }
    })();
    const others = gatewayFor(brokers);
    const stream = { group, source, target, transform: copied };
    const stays = await gateway.transformStream(stream);
    const passing: RunningStream[] = [];
    for (let round = 0; round < 12; round += 1) {
      passing.push(await others.transformStream(stream));
      await sleep(200 + 50 * (round % 5));
      if (passing.length > 2) await passing.shift()?.stop();
    }
    await Promise.all(passing.map((one) => one.stop()));
    await produced;
    await until(() => readTo(group, source));
    // A moment after the offsets of its last batch can be read.
    await until(() => stays.fault === null);
    await stays.stop();
    await others.close();
    const counted = await census(gateway, target, total, numberOf);
    expect(counted).toEqual({ missing: 0, doubled: 0, outOfOrder: 0, records: total });
  });

  test('a topic of many partitions: it starts, carries every partition, and goes on in another member', async () => {
    // With 1,000 it takes a minute and a half, most of it for the broker to make the topics.
    const partitions = 200;
    const [source, target] = [await freshTopic(gateway, partitions), await freshTopic(gateway, partitions)];
    const group = uniqueName('group');
    const wave = (from: number) =>
      gateway.produce(
        source,
        Array.from({ length: partitions }, (_, partition) => ({
          key: null,
          value: String(from + partition),
          partition,
        })),
      );
    await wave(0);
    const stream = { group, source, target, transform: copied };
    const first = await gateway.transformStream(stream);
    await until(() => readTo(group, source));
    await first.stop();
    await wave(partitions);
    const other = gatewayFor(brokers);
    await other.transformStream(stream);
    await until(() => readTo(group, source));
    await other.close();
    const counted = await census(gateway, target, 2 * partitions, numberOf);
    expect(counted).toEqual({ missing: 0, doubled: 0, outOfOrder: 0, records: 2 * partitions });
  });

  test('a source that is deleted under the stream is a fault that is told, and ends when there is one again', async () => {
    const [source, target, group] = [await freshTopic(gateway), await freshTopic(gateway), uniqueName('group')];
    await gateway.produce(source, [{ key: null, value: '0' }]);
    const stream = await gateway.transformStream({ group, source, target, transform: copied });
    await until(() => readTo(group, source));
    await gateway.topics.deleteTopic(source);
    await until(() => stream.fault !== null);
    expect(stream.fault).toMatch(/topic/i);
    await gateway.ensureTopic({ name: source, partitions: 1, config: {} });
    await gateway.produce(source, [
      { key: null, value: '1' },
      { key: null, value: '2' },
    ]);
    await until(async () => (await scanAll(gateway, target)).length === 3);
    await until(() => stream.fault === null);
    await stream.stop();
    expect((await scanAll(gateway, target)).map(({ value }) => String(value))).toEqual(['0', '1', '2']);
  });
});
