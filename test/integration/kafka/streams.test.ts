import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../../src/adapters/kafka/kafkajs-gateway.ts';
import type { KafkaMessage, OutgoingMessage } from '../../../src/services/kafka/ports.ts';
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
  messages.map((message) => message.value?.toString() ?? 'null').sort();

describe.skipIf(missing)(`streams${missing ? `: ${missing}` : ''}`, () => {
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

  async function committedTo(group: string, topic: string): Promise<boolean> {
    const committed = await gateway.committed(group, topic);
    const ranges = await gateway.offsets(topic);
    return ranges.every((range) => range.latest === '0' || committed.get(range.partition) === range.latest);
  }

  test('a transform stream writes each message once, over stops, failures and a second member', async () => {
    const [source, target, group] = [await freshTopic(gateway, 3), await freshTopic(gateway, 2), uniqueName('group')];
    let calls = 0;
    const transform = async (messages: readonly KafkaMessage[]): Promise<OutgoingMessage[]> => {
      calls += 1;
      if (calls % 5 === 3) throw new RangeError('a passing fault');
      return messages.map(({ key, value, headers }) => ({ key, value, headers }));
    };
    const other = gatewayFor(broker.brokers);
    await gateway.produce(source, numbered(0, 2000));
    const first = await gateway.transformStream({ group, source, target, transform });
    await gateway.produce(source, numbered(2000, 3000));
    const second = await other.transformStream({ group, source, target, transform });
    await gateway.produce(source, numbered(3000, 5000));
    await first.stop();
    await gateway.produce(source, numbered(5000, 6000));
    await until(() => committedTo(group, source));
    // The fault of a batch goes when its repetition has ended, a moment after its offsets can be read.
    await until(() => second.fault === null);
    await other.close();
    expect(values(await scanAll(gateway, target))).toEqual(values(numbered(0, 6000)));
  });

  test('a transform stream passes tombstones and may drop or multiply messages', async () => {
    const [source, target, group] = [await freshTopic(gateway), await freshTopic(gateway), uniqueName('group')];
    await gateway.produce(source, [
      { key: 'a', value: null },
      { key: 'b', value: 'drop' },
      { key: 'c', value: 'twice' },
    ]);
    const stream = await gateway.transformStream({
      group,
      source,
      target,
      transform: async (messages) =>
        messages.flatMap(({ key, value }) => {
          const text = value?.toString();
          return Array.from({ length: text === 'drop' ? 0 : text === 'twice' ? 2 : 1 }, () => ({ key, value }));
        }),
    });
    await until(() => committedTo(group, source));
    await stream.stop();
    expect(values(await scanAll(gateway, target))).toEqual(['null', 'twice', 'twice']);
  });

  test('a stream tells its fault while it fails and none when it works again', async () => {
    const [source, group] = [await freshTopic(gateway), uniqueName('group')];
    let broken = true;
    const handled: string[] = [];
    const stream = await gateway.readStream({
      group,
      source,
      positionOf: async () => null,
      handle: async ({ messages }) => {
        if (broken) throw new RangeError('someone@example.test');
        handled.push(...values(messages));
      },
    });
    await gateway.produce(source, numbered(0, 10));
    await until(() => stream.fault !== null);
    expect(stream.fault).not.toContain('someone');
    broken = false;
    await until(() => handled.length > 0);
    await until(() => stream.fault === null);
    await stream.stop();
    expect(handled.sort()).toEqual(values(numbered(0, 10)));
  });

  test('a fault ends when the batch turns out to be done, though no other follows', async () => {
    const [source, group] = [await freshTopic(gateway), uniqueName('group')];
    const told: (string | null)[] = [];
    let position: string | null = null;
    const stream = await gateway.readStream({
      group,
      source,
      positionOf: async () => {
        if (position !== null) told.push(stream.fault);
        return position;
      },
      handle: async ({ messages }) => {
        position = String(BigInt(messages.at(-1)?.offset ?? '-1') + 1n);
        if (position === '10') throw new RangeError('the answer is lost');
      },
    });
    await gateway.produce(source, numbered(0, 10));
    await until(() => told.length > 0 && stream.fault === null);
    await stream.stop();
    expect(told[0]).toContain('RangeError');
  });

  test('a read stream goes on from its own positions, without loss or repetition', async () => {
    const [source, group] = [await freshTopic(gateway, 3), uniqueName('group')];
    const positions = new Map<number, string>();
    const handled: string[] = [];
    let calls = 0;
    const start = () =>
      gateway.readStream({
        group,
        source,
        positionOf: async (partition) => positions.get(partition) ?? null,
        handle: async ({ partition, messages }) => {
          calls += 1;
          if (calls % 4 === 2) throw new RangeError('a passing fault');
          handled.push(...values(messages));
          positions.set(partition, String(BigInt(messages.at(-1)?.offset ?? '-1') + 1n));
        },
      });
    const first = await start();
    await gateway.produce(source, numbered(0, 1500));
    await until(() => handled.length > 500);
    await first.stop();
    const stopped = handled.length;
    await gateway.produce(source, numbered(1500, 3000));
    expect(handled).toHaveLength(stopped);
    const second = await start();
    await until(() => handled.length >= 3000);
    await until(() => committedTo(group, source));
    await second.stop();
    expect(handled.sort()).toEqual(values(numbered(0, 3000)));
  });

  test('a position given by the handler beats what the group has committed', async () => {
    const [source, group] = [await freshTopic(gateway), uniqueName('group')];
    await gateway.produce(source, numbered(0, 20));
    const read = async (position: string | null) => {
      const handled: string[] = [];
      const stream = await gateway.readStream({
        group,
        source,
        positionOf: async () => position,
        handle: async ({ messages }) => {
          handled.push(...messages.map((message) => message.offset));
        },
      });
      await until(() => handled.at(-1) === '19');
      await until(() => committedTo(group, source));
      await stream.stop();
      return handled;
    };
    expect(await read(null)).toHaveLength(20);
    expect(await read('15')).toEqual(['15', '16', '17', '18', '19']);
    expect(await read(null)).toHaveLength(20);
  });

  test('stop waits for the running batch', async () => {
    const [source, group] = [await freshTopic(gateway), uniqueName('group')];
    await gateway.produce(source, numbered(0, 1));
    const started = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    let finished = false;
    const stream = await gateway.readStream({
      group,
      source,
      positionOf: async () => null,
      handle: async () => {
        started.resolve();
        await release.promise;
        finished = true;
      },
    });
    await started.promise;
    setTimeout(() => release.resolve(), 500);
    await stream.stop();
    expect(finished).toBe(true);
  });

  // A member that was killed keeps its place in the group until its session has run out.
  test('a stream that waits for its group can be stopped', { timeout: 15_000 }, async () => {
    const [source, group] = [await freshTopic(gateway), uniqueName('group')];
    await gateway.produce(source, numbered(0, 1));
    const silent = new kafkajs.Kafka({ brokers: [broker.brokers], logLevel: kafkajs.logLevel.NOTHING });
    const member = silent.consumer({ groupId: group, sessionTimeout: 60_000, rebalanceTimeout: 60_000 });
    const [reading, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    await member.connect();
    await member.subscribe({ topic: source, fromBeginning: true });
    await member.run({
      eachMessage: async () => {
        reading.resolve();
        await release.promise;
      },
    });
    await reading.promise;
    const stream = await gateway.readStream({ group, source, positionOf: async () => null, handle: async () => {} });
    await sleep(1_000);
    await stream.stop();
    release.resolve();
    await member.disconnect();
  });
});
