import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../../src/adapters/kafka/kafkajs-gateway.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import { freshTopic, gatewayFor, missingKafka, numbered, testBroker, uniqueName, until } from '../../testkit/kafka.ts';

const missing = await missingKafka();

describe.skipIf(missing !== null)('the cluster as a whole', () => {
  let brokers: string;
  let gateway: KafkajsGateway;
  let close: () => Promise<void>;
  beforeAll(async () => {
    const broker = await testBroker();
    ({ brokers, close } = broker);
    gateway = gatewayFor(brokers);
  });
  afterAll(async () => {
    await gateway?.close();
    await close?.();
  });

  test('is described with its brokers and topics; a topic that is not there has no entry', async () => {
    const topic = await freshTopic(gateway, 3);
    const found = await gateway.cluster.describe([topic, uniqueName('nowhere')]);
    const [broker] = found.brokers;
    expect(`${broker?.host}:${broker?.port}`).toBe(brokers);
    expect(found.clusterId).toMatch(/^\S{22}$/);
    expect(found.topics).toEqual([
      {
        name: topic,
        id: expect.stringMatching(/^[\w-]{22}$/),
        isInternal: false,
        partitions: [0, 1, 2].map((partition) => ({
          partition,
          leader: broker?.id,
          replicas: [broker?.id],
          inSync: [broker?.id],
        })),
      },
    ]);
    expect((await gateway.cluster.describe()).topics.map(({ name }) => name)).toContain(topic);
  });

  test('gives a topic that was deleted and made again another id, and others keep theirs', async () => {
    const [topic, other] = [await freshTopic(gateway, 1), await freshTopic(gateway, 1)];
    const idsNow = async () =>
      new Map((await gateway.cluster.describe([topic, other])).topics.map(({ name, id }) => [name, id]));
    const before = await idsNow();
    await gateway.topics.deleteTopic(topic);
    await until(async () => !(await idsNow()).has(topic));
    await gateway.ensureTopic({ name: topic, partitions: 1, config: {} });
    await until(async () => (await idsNow()).has(topic));
    const after = await idsNow();
    expect(after.get(topic)).not.toBe(before.get(topic));
    expect(after.get(other)).toBe(before.get(other));
  });

  test('changes one setting of a topic, takes another back, and leaves all others as they are', async () => {
    const topic = await freshTopic(gateway, 1, {
      'retention.ms': '111000',
      'segment.ms': '222000',
      'max.message.bytes': '333000',
      'cleanup.policy': 'compact,delete',
    });
    const before = (await gateway.cluster.settings([topic])).get(topic);
    await gateway.cluster.changeSettings(topic, { 'retention.ms': '444000', 'segment.ms': null });
    let after = before;
    await until(async () => {
      after = (await gateway.cluster.settings([topic])).get(topic);
      return JSON.stringify(after) !== JSON.stringify(before);
    });
    if (!Array.isArray(before) || !Array.isArray(after)) throw new Error('settings are there');
    expect(before.length).toBeGreaterThan(20);
    const expected = before.map((setting) => {
      if (setting.name === 'retention.ms') return { ...setting, value: '444000' };
      if (setting.name === 'segment.ms') return { ...setting, value: '604800000', source: 'DEFAULT' };
      return setting;
    });
    expect(after).toEqual(expected);
  });

  test('refuses what does not fit, and says so; a topic that is not there is not found', async () => {
    const topic = await freshTopic(gateway);
    await expect(gateway.cluster.changeSettings(topic, { 'segment.ms': '-7' })).rejects.toMatchObject({
      code: 'KAFKA_REFUSED',
      message: expect.stringContaining('segment.ms'),
    });
    const nowhere = uniqueName('nowhere');
    await expect(gateway.cluster.changeSettings(nowhere, { 'segment.ms': '70000' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    const told = (await gateway.cluster.settings([topic, nowhere], ['retention.ms'])).get(nowhere);
    expect(told).toBeInstanceOf(LinewardError);
    expect(told).toMatchObject({ code: 'NOT_FOUND' });
  });

  test('tells offsets and bytes of partitions', async () => {
    const topic = await freshTopic(gateway, 2);
    await gateway.produce(
      topic,
      numbered(0, 5).map((message) => ({ ...message, partition: 1 })),
    );
    const { topics } = await gateway.cluster.describe([topic]);
    expect((await gateway.cluster.ranges(topics)).get(topic)).toEqual([
      { partition: 0, earliest: 0n, latest: 0n },
      { partition: 1, earliest: 0n, latest: 5n },
    ]);
    const { complete, bytes } = await gateway.cluster.sizes();
    expect(complete).toBe(true);
    expect(bytes.get(topic)?.get(0)).toBe(0n);
    expect(bytes.get(topic)?.get(1)).toBeGreaterThan(100n);
  });

  test('tells groups with members, what they were given, and their offsets', async () => {
    const topic = await freshTopic(gateway, 2);
    await gateway.produce(topic, [{ key: 'a', value: 'a', partition: 0 }]);
    const group = uniqueName('group');
    const stream = await gateway.readStream({
      group,
      source: topic,
      positionOf: async () => null,
      handle: async () => undefined,
    });
    const facts = async () => {
      const names = (await gateway.cluster.groups()).filter((one) => one.group === group);
      return (await gateway.cluster.describeGroups(names))[0];
    };
    // The first group of a broker waits until that is ready for groups.
    const committed = () =>
      facts().then(
        (found) => found?.offsets?.get(topic)?.get(0) ?? null,
        (error: unknown) => {
          if (error instanceof LinewardError && error.code === 'KAFKA_UNAVAILABLE') return null;
          throw error;
        },
      );
    await until(async () => (await committed()) === 1n);
    const found = await facts();
    expect(found).toMatchObject({ group, state: 'Stable', protocolType: 'consumer' });
    expect(found?.members.map(({ clientId, assigned }) => [clientId, assigned.get(topic)?.toSorted()])).toEqual([
      ['lineward-test', [0, 1]],
    ]);
    await stream.stop();
    expect(await facts()).toMatchObject({ state: 'Empty', members: [] });
  });

  test('says within seconds that nobody answers', async () => {
    const lonely = gatewayFor('127.0.0.1:1');
    await expect(lonely.cluster.describe()).rejects.toMatchObject({ code: 'KAFKA_UNAVAILABLE' });
    await lonely.close();
  });
});
