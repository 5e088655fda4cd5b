import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../../src/adapters/kafka/kafkajs-gateway.ts';
import type { Selection } from '../../../src/domain/governance/selection.ts';
import type { OutgoingMessage } from '../../../src/services/kafka/ports.ts';
import { TopicNames } from '../../../src/services/kafka/topic-names.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import {
  freshTopic,
  gatewayFor,
  missingKafka,
  type TestBroker,
  testBroker,
  uniqueName,
  until,
} from '../../testkit/kafka.ts';
import {
  kafkaNamespace,
  recordOf,
  type SeededTarget,
  type SeededTopic,
  seedTarget,
  seedTopic,
  topicContext,
  topicExecutor,
  valuesIn,
} from '../../testkit/topics.ts';

const missing = await missingKafka();
const asked: Selection = { act: [{ accountId: 'AC1' }], keep: [] };
const isOthers = (n: number) => n % 3 !== 0;
const record = (n: number): OutgoingMessage => ({
  key: null,
  partition: n % 2,
  value: recordOf(isOthers(n) ? 'AC2' : 'AC1', 'U', n),
});
const records = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => record(from + index));
const valuesOf = (messages: readonly OutgoingMessage[]) => messages.map(({ value }) => String(value));
/** What is left of the numbers of one partition. */
const left = (partition: number, from: number, to: number) =>
  valuesOf(records(from, to).filter((_, index) => (from + index) % 2 === partition && isOthers(from + index)));

describe.skipIf(missing)(`who used a topic before it was rewritten${missing ? `: ${missing}` : ''}`, () => {
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

  async function filled(count: number) {
    const name = await freshTopic(gateway, 2, { 'cleanup.policy': 'delete' });
    await gateway.produce(name, records(0, count));
    const topic = await seedTopic(db.em, name);
    return { name, topic, target: await seedTarget(db.em, topic) };
  }

  const erase = async (topic: SeededTopic, target: SeededTarget, quietMs = 200) =>
    topicExecutor(db.em, gateway, { quietMs }).execute(
      await topicContext(db.em, { topic, ...target, selection: asked }),
    );
  const retried = async (topic: SeededTopic, { operationId }: SeededTarget) =>
    erase(topic, await seedTarget(db.em, topic, operationId));

  /** What a member of the group is given, by partition. */
  async function consumer(group: string, topic: string) {
    const client = new Kafka({ brokers: [broker.brokers], logLevel: logLevel.NOTHING });
    const member = client.consumer({ groupId: group, heartbeatInterval: 500 });
    const given: Record<number, string[]> = { 0: [], 1: [] };
    await member.connect();
    await member.subscribe({ topic, fromBeginning: true });
    const joined = Promise.withResolvers<void>();
    member.on(member.events.GROUP_JOIN, () => joined.resolve());
    await member.run({
      eachMessage: async ({ partition, message }) => {
        given[partition]?.push(String(message.value));
      },
    });
    await joined.promise;
    return { given, leave: () => member.disconnect() };
  }

  test('a consumer group goes on at exactly the record that it would have read next', async () => {
    const { name, topic, target } = await filled(120);
    const [behind, ahead, done] = [uniqueName('behind'), uniqueName('ahead'), uniqueName('done')];
    await gateway.topics.commitOffsets(
      behind,
      name,
      new Map([
        [0, '9'],
        [1, '31'],
      ]),
    );
    // The record at 27 of partition 0 is one that goes.
    await gateway.topics.commitOffsets(ahead, name, new Map([[0, '27']]));
    await gateway.topics.commitOffsets(
      done,
      name,
      new Map([
        [0, '60'],
        [1, '60'],
      ]),
    );
    const receipt = await erase(topic, target);
    expect(receipt).toMatchObject({ recordsErased: 40, recordsKept: 80, open: [] });
    expect(receipt.evidence).toMatchObject([
      { groups: expect.arrayContaining([expect.objectContaining({ group: behind })]) },
    ]);
    await gateway.produce(`${name}.g2`, records(120, 130));
    const expected = {
      [behind]: { 0: left(0, 18, 120), 1: left(1, 62, 120) },
      [ahead]: { 0: left(0, 54, 120), 1: left(1, 0, 120) },
      [done]: { 0: [], 1: [] },
    };
    for (const [group, byPartition] of Object.entries(expected)) {
      const member = await consumer(group, `${name}.g2`);
      const all = {
        0: [...byPartition[0], ...valuesOf(records(120, 130)).filter((_, n) => n % 2 === 0)],
        1: [...byPartition[1], ...valuesOf(records(120, 130)).filter((_, n) => n % 2 === 1)],
      };
      await until(
        () => (member.given[0]?.length ?? 0) >= all[0].length && (member.given[1]?.length ?? 0) >= all[1].length,
      );
      expect(member.given, group).toEqual(all);
      await member.leave();
    }
  });

  test('a group at work keeps the old topic; once it has stopped, a retry moves it and deletes the topic', async () => {
    const { name, topic, target } = await filled(30);
    const group = uniqueName('at-work');
    const member = await consumer(group, name);
    await until(() => member.given[0]?.length === 15 && member.given[1]?.length === 15);
    const receipt = await erase(topic, target);
    expect(receipt.open).toEqual([
      {
        code: 'CONSUMER_ACTIVE',
        dataset: name,
        reason: expect.stringContaining(`the consumer group ${group} still reads it`),
      },
    ]);
    expect(receipt).toMatchObject({ recordsErased: 10, residues: [] });
    expect(await gateway.describeTopic(name)).not.toBeNull();
    const soFar = await topicExecutor(db.em, gateway).receiptSoFar(
      await topicContext(db.em, { topic, ...target, selection: { act: [], keep: [] } }),
    );
    expect(soFar).toMatchObject({ recordsErased: 10, open: [{ code: 'GENERATION_OPEN', dataset: name }] });
    await member.leave();
    expect(await retried(topic, target)).toMatchObject({ recordsErased: 10, open: [] });
    expect(await gateway.describeTopic(name)).toBeNull();
    await gateway.produce(`${name}.g2`, [record(31), record(32)]);
    const next = await consumer(group, `${name}.g2`);
    await until(() => next.given[0]?.length === 1 && next.given[1]?.length === 1);
    expect(next.given).toEqual({ 0: [record(32).value], 1: [record(31).value] });
    await next.leave();
  });

  test('what others write to the old topic is copied, and keeps it until they have stopped', async () => {
    const { name, topic, target } = await filled(30);
    let [written, isWriting] = [30, true];
    const writing = (async () => {
      for (; isWriting; written += 1) {
        await gateway.produce(name, [record(written)]);
        await sleep(20);
      }
    })();
    const receipt = await erase(topic, target);
    expect(receipt.open).toMatchObject([{ code: 'PRODUCER_ACTIVE', dataset: name }]);
    isWriting = false;
    await writing;
    const other = await seedTarget(db.em, topic);
    expect((await erase(topic, other)).open).toMatchObject([{ code: 'GENERATION_OPEN', dataset: name }]);
    expect(await retried(topic, target)).toMatchObject({ open: [] });
    expect(await gateway.describeTopic(name)).toBeNull();
    expect(await valuesIn(gateway, `${name}.g2`)).toEqual({ 0: left(0, 0, written), 1: left(1, 0, written) });
  });

  test('writers by the old name end up in the generation in force, in their order, and none is lost', async () => {
    const { name, topic, target } = await filled(30);
    const names = new TopicNames({ em: db.em });
    let [written, isWriting] = [30, true];
    const topics = new Set<string>();
    const write = async (n: number) => {
      const found = await names.find({ namespace: kafkaNamespace, name });
      if (found === null) throw new Error('the name is lost');
      await names.writing(found, async (current) => {
        topics.add(current);
        const [sent] = await gateway.produce(current, [record(n)]);
        if (sent?.ok !== true) throw new Error('not written');
      });
    };
    const writing = (async () => {
      for (; isWriting; written += 2) await Promise.all([write(written), write(written + 1)]);
    })();
    const receipt = await erase(topic, target, 1_000);
    expect(receipt).toMatchObject({ open: [], evidence: [{ late: 0 }] });
    isWriting = false;
    await writing;
    expect([...topics]).toEqual([name, `${name}.g2`]);
    // What came after the switch holds records of the account again; a retry would take them out.
    const values = await valuesIn(gateway, `${name}.g2`);
    const ofOthers = (partition: number) => values[partition]?.filter((value) => value.includes('AC2'));
    expect([ofOthers(0), ofOthers(1)]).toEqual([left(0, 0, written), left(1, 0, written)]);
  });
});
