import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../../src/adapters/kafka/kafkajs-gateway.ts';
import type { Selection } from '../../../src/domain/governance/selection.ts';
import { newId } from '../../../src/domain/id.ts';
import type { KafkaGateway, TopicAdmin } from '../../../src/services/kafka/ports.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { erasureWork } from '../../testkit/erasure-work.ts';
import {
  freshTopic,
  gatewayFor,
  missingKafka,
  type TestBroker,
  testBroker,
  uniqueName,
  until,
} from '../../testkit/kafka.ts';
import { around } from '../../testkit/lake.ts';
import {
  placeOf,
  recordOf,
  type SeededTopic,
  seedStream,
  seedTarget,
  seedTopic,
  topicContext,
  topicExecutor,
  valuesIn,
} from '../../testkit/topics.ts';

const missing = await missingKafka();
const asked: Selection = { act: [{ accountId: 'AC1' }], keep: [] };
const day = 86_400_000;
/** Three of five are older than the topic keeps them; with the others they are in one file, which the broker keeps. */
const accounts = ['AC1', 'AC2', 'AC1', 'AC2', 'AC3'];

describe.skipIf(missing)(`erasing what stands at the start of a log${missing ? `: ${missing}` : ''}`, () => {
  let broker: TestBroker;
  let gateway: KafkajsGateway;
  let db: TestDatabase;
  beforeAll(async () => {
    broker = await testBroker();
    gateway = gatewayFor(broker.brokers);
    db = await testDatabase();
  });
  afterAll(async () => {
    await gateway?.close();
    await db?.close();
    await broker?.close();
  });

  async function filled(config: Record<string, string> = { 'retention.ms': String(7 * day) }) {
    const name = await freshTopic(gateway, 2, { 'cleanup.policy': 'delete', ...config });
    const now = Date.now();
    const messages = [0, 1].flatMap((partition) =>
      accounts.map((account, n) => ({
        key: null,
        partition,
        timestamp: String(n < 3 ? now - 10 * day + n : now),
        value: recordOf(account, `U${partition}`, n),
      })),
    );
    expect((await gateway.produce(name, messages)).every(({ ok }) => ok)).toBe(true);
    const topic = await seedTopic(db.em, name);
    return { name, topic, target: await seedTarget(db.em, topic) };
  }
  const planned = async (topic: SeededTopic) =>
    topicExecutor(db.em, gateway).plan(await placeOf(db.em, topic), asked, erasureWork.work);
  async function contextOf({ topic, target }: Awaited<ReturnType<typeof filled>>, selection = () => asked) {
    return topicContext(db.em, { topic, ...target, selection, planned: await planned(topic) });
  }
  const startsOf = async (name: string) => (await gateway.offsets(name)).map(({ earliest }) => earliest);
  const hold = (accountId: string) =>
    db.em
      .fork()
      .execute(
        `insert into legal_hold (id, matter_id, reason, account_id, placed_by, placed_at) values (?, 'M', 'r', ?, 't', now())`,
        [newId(), accountId],
      );
  const release = () => db.em.fork().execute("update legal_hold set released_at = now(), released_by = 't'");

  test('moves the start, copies nothing, and takes groups along that would have lost their place', async () => {
    const seeded = await filled();
    const { name, topic } = seeded;
    const [behind, ahead] = [uniqueName('behind'), uniqueName('ahead')];
    await gateway.topics.commitOffsets(behind, name, new Map([[0, '1']]));
    await gateway.topics.commitOffsets(ahead, name, new Map([[0, '4']]));
    const context = await contextOf(seeded);
    expect(context.planned).toMatchObject({ action: 'DELETE_RECORDS', records: 4, gaps: [] });
    expect(context.planned.manifest).toEqual(
      [0, 1].map((partition) => ({ partition, cut: '3', records: 2, expiredOthers: 1 })),
    );
    const executor = topicExecutor(db.em, gateway);
    const receipt = await executor.execute(context);
    expect(receipt).toMatchObject({ recordsErased: 4, open: [], residues: [{ dataset: name }] });
    expect(receipt.evidence).toMatchObject([
      {
        partitions: [0, 1].map((partition) => ({ partition, earliest: '3', latest: '5', erased: 2, expiredOthers: 1 })),
        groups: [{ group: behind, partitions: [{ partition: 0, from: '1', to: '3' }] }],
      },
    ]);
    expect(await executor.verify(context)).toMatchObject({ survivors: 0, lost: 0, recordsScanned: 4, open: [] });
    expect(await valuesIn(gateway, name)).toEqual({
      0: [recordOf('AC2', 'U0', 3), recordOf('AC3', 'U0', 4)],
      1: [recordOf('AC2', 'U1', 3), recordOf('AC3', 'U1', 4)],
    });
    expect((await placeOf(db.em, topic)).name).toBe(name);
    expect(await gateway.committed(behind, name)).toEqual(new Map([[0, '3']]));
    expect(await gateway.committed(ahead, name)).toEqual(new Map([[0, '4']]));
    // As after a kill behind the deletion: what stood in the plan is known to be gone.
    expect(await executor.execute(context)).toMatchObject({ recordsErased: 4, open: [] });
    expect(await executor.receiptSoFar(context)).toMatchObject({ recordsErased: 4, open: [] });
  });

  test.each([
    ['are young', { 'retention.ms': String(30 * day) }],
    ['are kept for ever', { 'retention.ms': '-1' }],
  ])('records that %s are rewritten instead', async (_, config) => {
    const { topic } = await filled(config);
    expect(await planned(topic)).toMatchObject({ action: 'REWRITE', records: 4 });
  });

  test('records that go sooner on the broker than was approved are rewritten instead', async () => {
    const { topic } = await filled();
    await db.em.fork().execute(
      `insert into topic_retention (id, dataset_id, policy_version, policy, in_force, created_at, updated_at)
       values (?, ?, 1, '{"retention.ms": "1"}', ?::jsonb, now(), now())`,
      [newId(), topic.datasetId, JSON.stringify({ 'retention.ms': String(30 * day) })],
    );
    expect(await planned(topic)).toMatchObject({ action: 'REWRITE', records: 4 });
    await db.em.fork().execute(`update topic_retention set in_force = '{}' where dataset_id = ?`, [topic.datasetId]);
    expect(await planned(topic)).toMatchObject({ action: 'DELETE_RECORDS' });
  });

  test('a hold on somebody whose old record stands before it keeps that: the topic is rewritten', async () => {
    const seeded = await filled();
    const context = await contextOf(seeded);
    await hold('AC2');
    expect(await planned(seeded.topic)).toMatchObject({ action: 'REWRITE', records: 4 });
    // It came after the plan: what stands before the held record goes, the rest waits for another plan.
    const receipt = await topicExecutor(db.em, gateway).execute(context);
    await release();
    expect(receipt).toMatchObject({ recordsErased: 2, open: [{ code: 'SURVIVORS' }] });
    expect(await startsOf(seeded.name)).toEqual(['1', '1']);
  });

  test('a hold that comes while streams are waited for is seen', async () => {
    const seeded = await filled();
    let reads = 0;
    const held: Selection = { act: [], keep: [{ accountId: 'AC1' }] };
    const context = await contextOf(seeded, () => {
      reads += 1;
      return reads > 1 ? held : asked;
    });
    const receipt = await topicExecutor(db.em, gateway).execute(context);
    expect(receipt).toMatchObject({ recordsErased: 0, residues: [] });
    expect(await startsOf(seeded.name)).toEqual(['0', '0']);
  });

  /** The executor with which something happens right before groups are moved, once. */
  function disturbed(happen: () => Promise<unknown>) {
    let has = false;
    const topics = around<TopicAdmin>(gateway.topics, async (verb, call) => {
      if (verb === 'commitOffsets' && !has) {
        has = true;
        await happen();
      }
      return call();
    });
    const kafka = new Proxy<KafkaGateway>(
      around<KafkaGateway>(gateway, (_, call) => call()),
      {
        get: (ports, name) => (name === 'topics' ? topics : Reflect.get(ports, name, ports)),
      },
    );
    return topicExecutor(db.em, kafka);
  }

  test('a hold on somebody else that comes while groups are moved is seen, and they stand before what it keeps', async () => {
    const seeded = await filled();
    const group = uniqueName('behind');
    await gateway.topics.commitOffsets(group, seeded.name, new Map([[0, '0']]));
    const receipt = await disturbed(() => hold('AC2')).execute(await contextOf(seeded));
    await release();
    expect(receipt).toMatchObject({ recordsErased: 2, open: [{ code: 'SURVIVORS' }] });
    expect(receipt.evidence).toMatchObject([
      { groups: [{ group, partitions: [{ partition: 0, from: '0', to: '1' }] }] },
    ]);
    expect(await startsOf(seeded.name)).toEqual(['1', '1']);
    expect(await gateway.committed(group, seeded.name)).toEqual(new Map([[0, '1']]));
  });

  test.each([
    ['is to be kept longer', (name: string) => gateway.topics.configureTopic(name, { 'retention.ms': '-1' })],
    [
      'was deleted and made again',
      async (name: string) => {
        await gateway.topics.deleteTopic(name);
        await until(async () => (await gateway.describeTopic(name)) === null);
        await gateway.ensureTopic({ name, partitions: 2, config: { 'retention.ms': String(7 * day) } });
        const again = accounts.map((account, n) => ({ key: null, partition: 0, value: recordOf(account, 'U0', n) }));
        expect((await gateway.produce(name, again)).every(({ ok }) => ok)).toBe(true);
      },
    ],
  ])('nothing goes of a topic that %s meanwhile', async (_, happen) => {
    const seeded = await filled();
    const group = uniqueName('behind');
    await gateway.topics.commitOffsets(group, seeded.name, new Map([[0, '1']]));
    const context = await contextOf(seeded);
    const receipt = await disturbed(() => happen(seeded.name)).execute(context);
    expect(receipt).toMatchObject({ recordsErased: 0, open: [{ code: 'SURVIVORS' }] });
    expect(await startsOf(seeded.name)).toEqual(['0', '0']);
    expect(await gateway.committed(group, seeded.name)).toEqual(new Map([[0, '1']]));
  });

  test('a younger record before them, or one without a timestamp, keeps its place', async () => {
    const old = Date.now() - 10 * day;
    for (const first of [Date.now(), Date.now() + 1_800_000, -1]) {
      const name = await freshTopic(gateway, 1, { 'cleanup.policy': 'delete', 'retention.ms': String(7 * day) });
      const messages = [first, old, old - day].map((timestamp, n) => {
        return { key: null, timestamp: String(timestamp), value: recordOf(n === 0 ? 'AC2' : 'AC1', 'U', n) };
      });
      expect((await gateway.produce(name, messages)).every(({ ok }) => ok)).toBe(true);
      expect(await planned(await seedTopic(db.em, name))).toMatchObject({ action: 'REWRITE', records: 2 });
    }
  });

  test('a hold counts for records of an entity that names accounts by another field', async () => {
    const seeded = await filled();
    const other = await seedTopic(db.em, uniqueName('other'));
    await db.em.fork().execute(
      `insert into mapping (id, entity_id, dataset_id, role, account_field, subject_fields, created_at)
       values (?, ?, ?, 'TOPIC', 'user', '{}', now())`,
      [newId(), other.entityId, seeded.topic.datasetId],
    );
    expect(await planned(seeded.topic)).toMatchObject({ action: 'DELETE_RECORDS', records: 4 });
    await hold('U1');
    expect(await planned(seeded.topic)).toMatchObject({ action: 'REWRITE', records: 4 });
    await release();
  });

  test('waits for a group that is at work before it, and for a stream of ours', async () => {
    const seeded = await filled();
    const { name, topic } = seeded;
    const group = uniqueName('at-work');
    await gateway.topics.commitOffsets(group, name, new Map([[1, '2']]));
    const client = new Kafka({ brokers: [broker.brokers], logLevel: logLevel.NOTHING });
    const member = client.consumer({ groupId: group });
    await member.connect();
    await member.subscribe({ topic: name });
    await member.run({ autoCommit: false, eachMessage: async () => undefined });
    await until(() => gateway.topics.hasMembers(group));
    const context = await contextOf(seeded);
    const executor = topicExecutor(db.em, gateway);
    const receipt = await executor.execute(context);
    await member.disconnect();
    expect(receipt).toMatchObject({ recordsErased: 0, open: [{ code: 'CONSUMER_ACTIVE', dataset: name }] });
    const clean = await seedTopic(db.em, uniqueName('clean'), topic.entityId);
    const stream = await seedStream(db.em, { kind: 'PROTECTION', from: topic, to: clean.datasetId });
    await db.em.fork().execute(`update stream set state = 'PAUSED' where id = ?`, [stream]);
    const paused = await executor.execute(context);
    expect(paused.open).toMatchObject([{ code: 'STREAM_PAUSED' }, { code: 'STREAM_NOT_PLANNED' }]);
    expect(await startsOf(name)).toEqual(['0', '0']);
  });

  test('is not done under a minimum, which keeps records of others, too, also when it comes after the plan', async () => {
    const seeded = await filled();
    const { name, topic } = seeded;
    const kept: Selection = { ...asked, minimum: { dateField: null, days: 30, before: '2020-01-01' } };
    const before = await startsOf(name);
    const context = await contextOf(seeded, () => kept);
    expect(context.planned.action).toBe('DELETE_RECORDS');
    const executor = topicExecutor(db.em, gateway);
    expect(await executor.execute(context)).toMatchObject({ recordsErased: 0, open: [{ code: 'RETAINS_CHANGED' }] });
    expect(await startsOf(name)).toEqual(before);
    const plan = await executor.plan(await placeOf(db.em, topic), kept, erasureWork.work);
    expect(plan).toMatchObject({ action: 'REWRITE', records: 0, gaps: [{ code: 'MINIMUM_RETENTION' }] });
  });
});
