import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../../src/adapters/kafka/kafkajs-gateway.ts';
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

describe.skipIf(missing)(`produce and scan${missing ? `: ${missing}` : ''}`, () => {
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

  test('a message comes back with key, value, headers and timestamp, where its result says', async () => {
    const topic = await freshTopic(gateway, 3);
    const timestamp = '1700000000123';
    const [result] = await gateway.produce(topic, [
      { key: 'k', value: Buffer.from([0, 255]), headers: { trace: 'abc' }, timestamp, partition: 2 },
    ]);
    expect(result).toEqual({ ok: true, partition: 2, offset: '0' });
    expect(await scanAll(gateway, topic)).toEqual([
      {
        partition: 2,
        offset: '0',
        timestamp,
        key: Buffer.from('k'),
        value: Buffer.from([0, 255]),
        headers: { trace: Buffer.from('abc') },
      },
    ]);
  });

  test('parallel single sends share batches and every result has its own offset', async () => {
    const topic = await freshTopic(gateway, 2);
    const results = await Promise.all(numbered(0, 2000).map((message) => gateway.produce(topic, [message])));
    const messages = await scanAll(gateway, topic);
    expect(messages).toHaveLength(2000);
    const at = new Map(
      messages.map((message) => [`${message.partition}/${message.offset}`, message.value?.toString()]),
    );
    for (const [index, [result]] of results.entries()) {
      expect(result?.ok && at.get(`${result.partition}/${result.offset}`)).toBe(`value-${index}`);
    }
  });

  test('a message that is too large fails alone', async () => {
    const topic = await freshTopic(gateway, 1, { 'max.message.bytes': '20000' });
    const messages = [...numbered(0, 500), { key: 'big', value: 'x'.repeat(50_000) }, ...numbered(500, 1000)];
    const results = await gateway.produce(topic, messages);
    expect(results[500]).toMatchObject({ ok: false, code: 'LIMIT_EXCEEDED' });
    expect(results.filter((result) => result.ok)).toHaveLength(1000);
    expect((await scanAll(gateway, topic)).map((message) => message.value?.toString())).toEqual(
      numbered(0, 1000).map((message) => message.value),
    );
  });

  test('a message without key on a compacted topic fails alone and says why', async () => {
    const topic = await freshTopic(gateway, 1, { 'cleanup.policy': 'compact' });
    const results = await gateway.produce(topic, [...numbered(0, 3), { key: null, value: 'v' }, ...numbered(3, 5)]);
    expect(results.map((result) => result.ok)).toEqual([true, true, true, false, true, true]);
    expect(results[3]).toMatchObject({ code: 'MESSAGE_INVALID', message: expect.stringContaining('without a key') });
    expect(await scanAll(gateway, topic)).toHaveLength(5);
  });

  test('a partition that does not exist fails alone', async () => {
    const topic = await freshTopic(gateway);
    const results = await gateway.produce(topic, [
      { key: null, value: 'a', partition: 7 },
      { key: null, value: 'b' },
    ]);
    expect(results).toMatchObject([{ ok: false, code: 'NOT_FOUND' }, { ok: true }]);
  });

  test('an unknown topic is not found', async () => {
    const name = uniqueName('nowhere');
    await expect(gateway.produce(name, numbered(0, 1))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await gateway.describeTopic(name)).toBeNull();
  });

  test('ensuring a topic at once from many callers creates it once, as asked', async () => {
    const spec = { name: uniqueName('race'), partitions: 3, config: { 'retention.ms': '777000' } };
    await Promise.all(Array.from({ length: 8 }, () => gateway.ensureTopic(spec)));
    await gateway.ensureTopic(spec);
    const topic = await gateway.describeTopic(spec.name);
    expect(topic).toMatchObject({ partitions: 3, config: { 'retention.ms': '777000' } });
  });

  test('a scan of an empty topic ends', async () => {
    expect(await scanAll(gateway, await freshTopic(gateway, 3))).toEqual([]);
  });

  test('a scan ends behind transaction markers, and shows committed messages only', async () => {
    const topic = await freshTopic(gateway, 2);
    const kafka = new kafkajs.Kafka({ brokers: [broker.brokers], logLevel: kafkajs.logLevel.NOTHING });
    const producer = kafka.producer({ transactionalId: uniqueName('tx'), idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    const write = async (value: string, partition: number, commit: boolean) => {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ key: Buffer.alloc(4), value, partition }] });
      await (commit ? transaction.commit() : transaction.abort());
    };
    await write('kept', 0, true);
    await write('dropped', 0, false);
    await write('dropped too', 0, false);
    await write('only aborted', 1, false);
    await producer.disconnect();
    expect((await scanAll(gateway, topic)).map((message) => message.value?.toString())).toEqual(['kept']);
  });

  test('a scan passes batches that compaction has emptied', async () => {
    const topic = await freshTopic(gateway, 1, {
      'cleanup.policy': 'compact',
      'segment.ms': '100',
      'min.cleanable.dirty.ratio': '0.001',
      'max.compaction.lag.ms': '100',
    });
    // Each writer's last batch stays in the log for its sequence number, even when its records are gone.
    for (let round = 0; round < 4; round += 1) {
      const writer = gatewayFor(broker.brokers);
      await writer.produce(topic, [
        { key: 'same', value: `round-${round}` },
        { key: 'same', value: `round-${round}` },
      ]);
      await writer.close();
      await sleep(300);
    }
    let offsets: string[] = [];
    await until(async () => {
      offsets = (await scanAll(gateway, topic)).map((message) => message.offset);
      return offsets.length <= 3;
    });
    expect(offsets.at(-1)).toBe('7');
  });

  test('a scan of a topic in zstd and gzip reads both', async () => {
    const topic = await freshTopic(gateway);
    const kafka = new kafkajs.Kafka({ brokers: [broker.brokers], logLevel: kafkajs.logLevel.NOTHING });
    const producer = kafka.producer();
    await producer.connect();
    for (const compression of [kafkajs.CompressionTypes.ZSTD, kafkajs.CompressionTypes.GZIP]) {
      await producer.send({ topic, compression, messages: [{ value: String(compression).repeat(100) }] });
    }
    await producer.disconnect();
    expect((await scanAll(gateway, topic)).map((message) => message.value?.length)).toEqual([100, 100]);
  });

  test('an error of the reader ends the scan, and so does its signal', async () => {
    const topic = await freshTopic(gateway);
    await gateway.produce(topic, numbered(0, 10));
    const seen: string[] = [];
    const failing = gateway.scan(topic, (message) => {
      seen.push(message.offset);
      throw new RangeError('enough');
    });
    await expect(failing).rejects.toThrow('enough');
    expect(seen).toEqual(['0']);
    await expect(gateway.scan(topic, () => undefined, AbortSignal.abort())).rejects.toMatchObject({
      code: 'CANCELLED',
    });
  });
});
