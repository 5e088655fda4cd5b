import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../../src/adapters/kafka/kafkajs-gateway.ts';
import type { ReplayStart } from '../../../src/domain/kafka/replay.ts';
import { groupOf } from '../../../src/domain/kafka/stream-name.ts';
import type { KafkaMessage } from '../../../src/services/kafka/ports.ts';
import { StreamActivity } from '../../../src/services/kafka/stream-activity.ts';
import { StreamSteeringService } from '../../../src/services/kafka/stream-steering.service.ts';
import { tester } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import {
  freshTopic,
  gatewayFor,
  missingKafka,
  numbered,
  scanAll,
  type TestBroker,
  testBroker,
  until,
} from '../../testkit/kafka.ts';
import { seedStream, seedTarget, seedTopic } from '../../testkit/topics.ts';

const missing = await missingKafka();
const earliest: ReplayStart = { kind: 'EARLIEST' };
const copied = async (messages: readonly KafkaMessage[]) => messages.map(({ key, value }) => ({ key, value }));

describe.skipIf(missing)(`replaying a stream${missing ? `: ${missing}` : ''}`, () => {
  let broker: TestBroker;
  let gateway: KafkajsGateway;
  let db: TestDatabase;
  let activity: StreamActivity;
  let steering: StreamSteeringService;
  beforeAll(async () => {
    broker = await testBroker();
    gateway = gatewayFor(broker.brokers);
    db = await testDatabase();
    activity = new StreamActivity({ em: db.em });
    steering = new StreamSteeringService({ em: db.em, kafka: gateway, activity, stopMs: 300 });
  });
  afterAll(async () => {
    await gateway?.close();
    await db?.close();
    await broker?.close();
  });

  /** A stream that has read its source of two partitions to the end, 50 records in each. */
  async function readStream(kind: 'PROTECTION' | 'LANDING' = 'PROTECTION') {
    // The records are dated long ago.
    const forEver = { 'retention.ms': '-1' };
    const [source, target] = [await freshTopic(gateway, 2, forEver), await freshTopic(gateway, 2, forEver)];
    const records = numbered(0, 100).map((record, n) => ({
      ...record,
      partition: n % 2,
      timestamp: String(1_000 + n),
    }));
    await gateway.produce(source, records);
    const [from, to] = [await seedTopic(db.em, source), await seedTopic(db.em, target)];
    const id = await seedStream(db.em, { kind, from, to: to.datasetId });
    const start = (by = gateway, transform = copied) =>
      by.transformStream({ group: groupOf(id), source, target, transform });
    const isRead = async () => {
      const committed = await gateway.committed(groupOf(id), source);
      return committed.get(0) === '50' && committed.get(1) === '50';
    };
    const running = await start();
    await until(isRead);
    await running.stop();
    return { id, from, source, target, start, isRead };
  }
  const replay = (id: string, from: ReplayStart = earliest, acceptsDuplicates = true) =>
    steering.replayStream(tester, { id, from, acceptsDuplicates });
  const auditOf = (id: string) =>
    db.em
      .fork()
      .execute<{ action: string; outcome: string; details: Record<string, unknown> }[]>(
        'select action, outcome, details from audit_event where resource_id = ? order by at, id',
        [id],
      );

  test('from the start, a time or offsets: it reads that again, each partition in its order, and no more', async () => {
    const { id, source, target, start, isRead } = await readStream();
    await steering.pauseStream(tester, id);
    const { steps } = await replay(id, { kind: 'OFFSETS', offsets: [{ partition: 1, offset: '48' }] });
    expect(steps).toEqual([{ partition: 1, from: 50n, to: 48n }]);
    expect((await replay(id, { kind: 'TIMESTAMP', at: new Date(1_095) })).steps).toEqual([
      { partition: 0, from: 50n, to: 48n },
      { partition: 1, from: 48n, to: 47n },
    ]);
    const again = await start();
    await until(isRead);
    await again.stop();
    const values = (await scanAll(gateway, target)).map(({ value }) => String(value));
    const twice = numbered(0, 100)
      .map(({ value }) => value)
      .filter((value) => values.filter((one) => one === value).length === 2);
    expect(twice).toEqual(['value-95', 'value-96', 'value-97', 'value-98', 'value-99']);
    expect(values).toHaveLength(105);
    expect(await auditOf(id)).toMatchObject([
      { action: 'pauseStream' },
      { action: 'replayStream', details: { from: 'OFFSETS', topic: source } },
      {
        action: 'replayStream',
        outcome: 'SUCCESS',
        details: { partitions: [{}, { partition: 1, from: '48', to: '47' }] },
      },
    ]);
  });

  test('is refused while it runs, without acknowledgement, for a landing, and for a stream that is none', async () => {
    const { id } = await readStream();
    await expect(replay(id)).rejects.toMatchObject({ code: 'STREAM_STATE' });
    await steering.pauseStream(tester, id);
    await expect(replay(id, earliest, false)).rejects.toMatchObject({
      code: 'BAD_INPUT',
      field: ['acceptsDuplicates'],
    });
    const landing = await readStream('LANDING');
    await steering.pauseStream(tester, landing.id);
    await expect(replay(landing.id)).rejects.toMatchObject({ code: 'REPLAY_REFUSED' });
    await expect(replay('none')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect((await auditOf(id)).map(({ action }) => action)).toEqual(['pauseStream']);
  });

  test('is refused while a process has not said that it stopped, and waits for one that is about to', async () => {
    const { id } = await readStream();
    const report = { streamId: id, fault: null, work: { passed: 0, setAside: 0, bytes: 0 } };
    await activity.tell('slow', [report]);
    await steering.pauseStream(tester, id);
    await expect(replay(id)).rejects.toMatchObject({
      code: 'STREAM_STATE',
      message: expect.stringContaining('1 process'),
    });
    const waiting = replay(id);
    await activity.leave('slow', [id]);
    expect((await waiting).steps).toHaveLength(2);
  });

  test('and a switch of its source to a next generation keep out of each other’s way', async () => {
    const { id, from, source } = await readStream();
    await steering.pauseStream(tester, id);
    const { operationId, targetId } = await seedTarget(db.em, from);
    await db.em.fork().execute(
      `insert into topic_rewrite (id, operation_id, begun_by, worked_by, dataset_id, source, generation, phase, config, snapshot,
         created_at, updated_at) values (?, ?, ?, ?, ?, ?, 'next', 'SWITCHING', '{}', '[]', now(), now())`,
      [id, operationId, targetId, targetId, from.datasetId, source],
    );
    await expect(replay(id)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  test('takes the partition from a consumer that was thought dead: its batch is not written, and it reads again', async () => {
    const { id, source, target, start } = await readStream();
    const [reading, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const zombie = gatewayFor(broker.brokers);
    const running = await start(zombie, async (messages) => {
      reading.resolve();
      await release.promise;
      return copied(messages);
    });
    await gateway.produce(source, [{ key: 'late', value: 'late', partition: 0 }]);
    await reading.promise;
    const back = new Map([
      [0, '40'],
      [1, '50'],
    ]);
    await gateway.topics.moveStream({ group: groupOf(id), source }, back);
    release.resolve();
    await until(async () => (await gateway.committed(groupOf(id), source)).get(0) === '51');
    await until(() => running.fault === null);
    await zombie.close();
    const all = (await scanAll(gateway, target)).filter(({ partition }) => partition === 0);
    const values = (await scanAll(gateway, target)).map(({ value }) => String(value));
    expect(all.length).toBeGreaterThan(0);
    expect(values.filter((value) => value === 'late')).toHaveLength(1);
    expect(values).toHaveLength(111);
  });

  test('ends while more wait for the stream than there are connections', async () => {
    const { id } = await readStream();
    await steering.pauseStream(tester, id);
    const waiting: Promise<unknown>[] = [];
    const kafka: KafkajsGateway = Object.assign(Object.create(gateway), {
      // Asked for while the stream is held.
      offsets: async (topic: string) => {
        for (let count = 0; count < 30; count += 1) waiting.push(crowded.pauseStream(tester, id));
        return gateway.offsets(topic);
      },
      committed: (group: string, topic: string) => gateway.committed(group, topic),
      topics: gateway.topics,
    });
    const crowded = new StreamSteeringService({ em: db.em, kafka, activity, stopMs: 300 });
    const { steps } = await crowded.replayStream(tester, { id, from: earliest, acceptsDuplicates: true });
    expect(steps).toHaveLength(2);
    expect(await Promise.all(waiting)).toHaveLength(30);
  });

  test('a state that is set twice is set once, and two at a time end in one of them', async () => {
    const { id, source } = await readStream();
    await Promise.all([steering.pauseStream(tester, id), steering.pauseStream(tester, id)]);
    const paused = await steering.pauseStream(tester, id);
    expect([paused.state, (await auditOf(id)).length]).toEqual(['PAUSED', 1]);
    const [replayed, resumed] = await Promise.allSettled([replay(id), steering.resumeStream(tester, id)]);
    expect(resumed).toMatchObject({ status: 'fulfilled', value: { state: 'RUNNING' } });
    // Whoever came first: a replay that was refused has put nothing back.
    const [refused] = replayed.status === 'rejected' ? [replayed.reason] : [];
    const at = (await gateway.committed(groupOf(id), source)).get(0);
    expect([refused?.code, at]).toEqual(refused === undefined ? [undefined, '0'] : ['STREAM_STATE', '50']);
    await expect(steering.pauseStream(tester, 'none')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
