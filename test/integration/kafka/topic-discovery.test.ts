import type { EntityManager } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../../src/adapters/kafka/kafkajs-gateway.ts';
import { newId } from '../../../src/domain/id.ts';
import { SemanticTypes } from '../../../src/domain/privacy/semantic-type.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import { ClusterReadModel } from '../../../src/services/kafka/cluster.read-model.ts';
import type { KafkaCluster } from '../../../src/services/kafka/ports.ts';
import { TopicReadModel } from '../../../src/services/kafka/topic.read-model.ts';
import { TopicDiscovery } from '../../../src/services/kafka/topic-discovery.ts';
import { TopicSampling } from '../../../src/services/kafka/topic-sampling.ts';
import { quietLogger, tester } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { freshTopic, gatewayFor, missingKafka, testBroker, uniqueName, until } from '../../testkit/kafka.ts';
import { bareRecords, recordsOf } from '../../testkit/records.ts';
import { kafkaNamespace, seedStream, seedTarget, seedTopic } from '../../testkit/topics.ts';

const missing = await missingKafka();

const untold = { changed: async () => undefined, logger: quietLogger };

describe.skipIf(missing !== null)('topics of a cluster', () => {
  let database: TestDatabase;
  let em: EntityManager;
  let gateway: KafkajsGateway;
  let close: () => Promise<void>;
  let topics: TopicReadModel;

  beforeAll(async () => {
    database = await testDatabase();
    ({ em } = database);
    const broker = await testBroker();
    close = broker.close;
    gateway = gatewayFor(broker.brokers);
    topics = new TopicReadModel({ em });
  });
  afterAll(async () => {
    await gateway?.close();
    await close?.();
    await database?.close();
  });

  /** The broker is shared: of its topics only those of this file, and of Kafka's own, are there. */
  const mine = new Set<string>();
  const fresh: typeof freshTopic = async (...made) => {
    const name = await freshTopic(...made);
    mine.add(name);
    return name;
  };
  const describeMine: KafkaCluster['describe'] = async (names) => {
    const described = await gateway.cluster.describe(names);
    return { ...described, topics: described.topics.filter(({ name, isInternal }) => isInternal || mine.has(name)) };
  };
  /** Parts of the cluster may be replaced. */
  const discoveryOf = (cluster: Partial<KafkaCluster>) => {
    // Methods of a class do not spread.
    const real = gateway.cluster;
    const whole: KafkaCluster = {
      describe: describeMine,
      settings: (names, settings) => real.settings(names, settings),
      changeSettings: (topic, changes) => real.changeSettings(topic, changes),
      sizes: () => real.sizes(),
      ranges: (some) => real.ranges(some),
      groups: () => real.groups(),
      describeGroups: (groups) => real.describeGroups(groups),
      ...cluster,
    };
    return new TopicDiscovery({ em, kafka: { cluster: whole }, kafkaNamespace, ...untold });
  };
  const discover = (cluster: Partial<KafkaCluster> = {}) => discoveryOf(cluster).discover(tester);
  const found = async (name: string) => (await topics.topics({ first: 1 }, { name: { eq: name } })).items[0];
  const gone = async (topic: string) => {
    await gateway.topics.deleteTopic(topic);
    await until(async () => (await gateway.cluster.describe([topic])).topics.length === 0);
  };

  test('become datasets with what they are, and nothing of Kafka’s own does', async () => {
    const topic = await fresh(gateway, 3, { 'retention.ms': '86400000', 'cleanup.policy': 'compact' });
    await gateway.produce(topic, [
      { key: 'a', value: 'a', partition: 0 },
      { key: 'b', value: 'b', partition: 2 },
    ]);
    // A stream commits offsets, for which Kafka makes a topic of its own.
    const stream = await gateway.readStream({
      group: uniqueName('group'),
      source: topic,
      positionOf: async () => null,
      handle: async () => undefined,
    });
    await until(async () => (await gateway.cluster.describe()).topics.some(({ isInternal }) => isInternal));
    await stream.stop();
    const first = await discover();
    expect(first.discovered).toBe(first.topics);
    expect(await found(topic)).toMatchObject({
      topicKind: 'DATA',
      partitionCount: 3,
      replicaCount: 1,
      recordCount: 2,
      cleanupPolicy: 'compact',
      retentionMs: '86400000',
      goneAt: null,
    });
    expect((await found(topic))?.bytes).toBeGreaterThan(50);
    expect((await topics.topics({}, { name: { startsWith: '__' } })).items).toEqual([]);
    expect(await discover()).toMatchObject({ discovered: 0, gone: 0, returned: 0 });
  });

  test('that are gone stay, marked so, and are the same when they are there again', async () => {
    const topic = await fresh(gateway);
    await discover();
    const before = await found(topic);
    await gone(topic);
    expect(await discover()).toMatchObject({ gone: 1, discovered: 0 });
    expect(await found(topic)).toMatchObject({ id: before?.id, goneAt: expect.any(Date) });
    expect(await discover()).toMatchObject({ gone: 0 });
    await gateway.ensureTopic({ name: topic, partitions: 2, config: {} });
    expect(await discover()).toMatchObject({ returned: 1, discovered: 0 });
    expect(await found(topic)).toMatchObject({
      id: before?.id,
      datasetId: before?.datasetId,
      goneAt: null,
      returnedAt: expect.any(Date),
      partitionCount: 2,
    });
    expect((await topics.coverage()).discoveredAt).toBeInstanceOf(Date);
  });

  test('are known for what streams and rewrites made them', async () => {
    const [raw, clean, generation] = [uniqueName('raw'), uniqueName('clean'), uniqueName('raw.g2')];
    const notices = `${raw}.dead-letter`;
    for (const name of [raw, clean, generation, `${clean}.dead-letter`, notices]) {
      await gateway.ensureTopic({ name, partitions: 1, config: {} });
      mine.add(name);
    }
    const source = await seedTopic(em, raw);
    const target = await seedTopic(em, clean, source.entityId);
    await seedStream(em, { kind: 'PROTECTION', from: source, to: target.datasetId });
    const work = await seedTarget(em, source);
    await em.fork().execute(
      `insert into topic_rewrite (id, operation_id, begun_by, worked_by, dataset_id, source, generation, phase, config,
         snapshot, created_at, updated_at) values (?, ?, ?, ?, ?, ?, ?, 'COPYING', '{}', '[]', now(), now())`,
      [newId(), work.operationId, work.targetId, work.targetId, source.datasetId, raw, generation],
    );
    const kinds = async () => {
      await discover();
      const names = [raw, clean, generation, `${clean}.dead-letter`];
      return Promise.all(
        names.map(async (name) => {
          const topic = await found(name);
          return [topic?.topicKind, topic?.datasetId === source.datasetId];
        }),
      );
    };
    const others = [
      ['PROTECTED', false],
      ['DEAD_LETTER', false],
    ] as const;
    expect(await kinds()).toEqual([['DATA', true], others[0], ['GENERATION', true], others[1]]);
    // The switch gives the dataset the new name.
    await em.fork().execute('update dataset set name = ? where id = ?', [generation, source.datasetId]);
    await em
      .fork()
      .execute('insert into topic_alias (namespace, name, dataset_id, created_at) values (?, ?, ?, now())', [
        kafkaNamespace,
        raw,
        source.datasetId,
      ]);
    expect(await kinds()).toEqual([['REPLACED', true], others[0], ['DATA', true], others[1]]);
    expect(await found(notices)).toMatchObject({ topicKind: 'DEAD_LETTER' });
    const rows = await em.fork().execute('select id from dataset where name in (?, ?)', [raw, generation]);
    expect(rows).toEqual([{ id: source.datasetId }]);
  });

  test('two discoveries at once find each topic once', async () => {
    const topic = await fresh(gateway);
    const results = await Promise.all([discover(), discover(), discover()]);
    expect(results.map(({ discovered }) => discovered).sort()).toEqual([0, 0, 1]);
    expect((await topics.topics({}, { name: { eq: topic } })).items).toHaveLength(1);
  });

  test('more discoveries than there are connections leave some to others', async () => {
    const discovery = discoveryOf({
      describe: async (names) => {
        await em.fork().execute('select 1');
        return describeMine(names);
      },
    });
    const results = await Promise.all(Array.from({ length: 25 }, () => discovery.discover(tester)));
    expect(new Set(results.map((result) => result.topics))).toEqual(new Set([mine.size]));
  });

  test('one that vanishes in the middle is told with what is known, and what brokers do not tell is null, not 0', async () => {
    const topic = await fresh(gateway);
    await discover({
      describe: async (names) => {
        const described = await describeMine(names);
        await gone(topic);
        return described;
      },
    });
    expect(await found(topic)).toMatchObject({ goneAt: null, retentionMs: null, recordCount: null });
    expect(await discover()).toMatchObject({ gone: 1 });
    await discover({ sizes: async () => ({ complete: false, bytes: new Map() }) });
    const known = (await topics.topics({ first: 100 }, { gone: false })).items;
    expect(known.length).toBeGreaterThan(0);
    expect(known.every(({ bytes }) => bytes === null)).toBe(true);
  });

  test('a broker that does not answer or refuses changes nothing, and is told by its code', async () => {
    const before = await topics.topics({ first: 100 }, undefined);
    const forbidden = new LinewardError('KAFKA_REFUSED', 'Kafka refused with CLUSTER_AUTHORIZATION_FAILED.');
    await expect(discover({ settings: () => Promise.reject(forbidden) })).rejects.toBe(forbidden);
    const lonely = gatewayFor('127.0.0.1:1');
    const work = new TopicDiscovery({ em, kafka: lonely, kafkaNamespace, ...untold }).discover(tester);
    await expect(work).rejects.toMatchObject({ code: 'KAFKA_UNAVAILABLE' });
    await lonely.close();
    const unconfigured = new TopicDiscovery({ em, kafka: gateway, kafkaNamespace: null, ...untold }).discover(tester);
    await expect(unconfigured).rejects.toMatchObject({ code: 'KAFKA_NOT_CONFIGURED' });
    expect((await topics.topics({ first: 100 }, undefined)).items).toEqual(before.items);
  });

  test('a thousand topics are asked about as one is, and so are many partitions', async () => {
    const real = await describeMine();
    const many = Array.from({ length: 1_000 }, (_, n) => ({
      name: `many-${n}`,
      id: null,
      isInternal: false,
      partitions: [{ partition: 0, leader: null, replicas: [1], inSync: [1] }],
    }));
    const asked: string[] = [];
    const result = await discover({
      describe: async () => ({ ...real, topics: [...real.topics, ...many] }),
      settings: async (names) => {
        asked.push('settings');
        return gateway.cluster.settings(names, ['retention.ms']);
      },
      ranges: async (some) => {
        asked.push('ranges');
        return gateway.cluster.ranges(some);
      },
    });
    expect(result.discovered).toBe(1_000);
    expect(asked.sort()).toEqual(['ranges', 'settings']);
    expect(await discover()).toMatchObject({ gone: 1_000 });
    const wide = await fresh(gateway, 100);
    const visibleThings = { topicsAmong: async (names: readonly string[]) => new Set(names) };
    const partitions = (await new ClusterReadModel({ kafka: gateway, visibleThings }).partitionsOf([wide])).get(wide);
    if (!Array.isArray(partitions)) throw new Error('partitions are told');
    expect(partitions).toHaveLength(100);
    expect(partitions.every(({ range, bytes }) => range?.latest === 0n && bytes === 0n)).toBe(true);
    await gone(wide);
  });

  describe('samples', () => {
    const sampling = (records = bareRecords) =>
      new TopicSampling({
        em,
        kafka: gateway,
        topics,
        semanticTypes: { known: async () => new SemanticTypes() },
        records,
      });
    const sampled = async (name: string, records = 200, reader = bareRecords) => {
      await discover();
      const topic = await found(name);
      return sampling(reader).sampleTopic(tester, { topicId: topic?.id ?? '', records, seconds: 10 });
    };

    test('suggest types by path from the newest records of all partitions, and hold no value', async () => {
      const topic = await fresh(gateway, 3);
      const value = (n: number) =>
        JSON.stringify({ who: { mail: `canary${n}@x.example` }, ip: `203.0.113.${n % 250}`, n });
      await gateway.produce(
        topic,
        Array.from({ length: 90 }, (_, n) => ({ key: `canary-${n}`, value: value(n), partition: n % 3 })),
      );
      const sample = await sampled(topic, 30);
      expect(sample).toMatchObject({ records: 30, unreadable: 0, complete: true });
      expect(sample.suggestions.map(({ path, semanticType, hits, seen }) => [path, semanticType, hits, seen])).toEqual([
        ['ip', 'ip', 30, 30],
        ['who.mail', 'email', 30, 30],
      ]);
      const events = await em.fork().execute(`select details from audit_event where action = 'sampleTopic'`);
      expect(JSON.stringify([sample, events])).not.toMatch(/canary|203\.0/);
    });

    test('of an empty topic, of garbage and of tombstones suggest nothing', async () => {
      const [empty, garbage] = [await fresh(gateway), await fresh(gateway)];
      expect(await sampled(empty)).toMatchObject({ records: 0, suggestions: [], complete: true });
      await gateway.produce(garbage, [
        { key: 'k', value: 'ann@x.example' },
        { key: 'k', value: Buffer.from([0, 0, 0, 0, 9, 1, 2]) },
        { key: 'k', value: Buffer.alloc(2_000, 0xff) },
        { key: 'k', value: null },
      ]);
      expect(await sampled(garbage)).toMatchObject({ records: 4, unreadable: 3, withoutValue: 1, suggestions: [] });
    });

    test('read what names a schema', async () => {
      const topic = await fresh(gateway);
      const schema = { type: 'record', name: 'R', fields: [{ name: 'contact', type: 'string' }] };
      const text = Buffer.from('u1@x.example');
      const framed = Buffer.concat([Buffer.from([0, 0, 0, 0, 1, text.length * 2]), text]);
      await gateway.produce(topic, [
        { key: 'k', value: framed },
        { key: 'k', value: framed },
      ]);
      const sample = await sampled(topic, 10, recordsOf(['AVRO', JSON.stringify(schema)]));
      expect(sample.suggestions).toMatchObject([{ path: 'contact', semanticType: 'email', hits: 2 }]);
    });

    test('of what is not there are refused', async () => {
      const topic = await fresh(gateway);
      await discover();
      const id = (await found(topic))?.id ?? '';
      await gone(topic);
      const look = (topicId: string, records = 1) => sampling().sampleTopic(tester, { topicId, records, seconds: 1 });
      await expect(look(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(look(newId())).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(look(id, 1_001)).rejects.toMatchObject({ code: 'BAD_INPUT', field: ['records'] });
    });
  });
});
