import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../../src/adapters/kafka/kafkajs-gateway.ts';
import { groupOf } from '../../../src/domain/kafka/stream-name.ts';
import type { TargetReceipt } from '../../../src/domain/operations/target.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { freshTopic, gatewayFor, missingKafka, type TestBroker, testBroker, uniqueName } from '../../testkit/kafka.ts';
import {
  recordOf,
  seedStream,
  seedTarget,
  seedTopic,
  topicContext,
  topicExecutor,
  valuesIn,
} from '../../testkit/topics.ts';
import type { TopicChildWork, TopicKill } from './topic-child.ts';

const missing = await missingKafka();
const childModule = fileURLToPath(new URL('./topic-child.ts', import.meta.url));
const selection = { act: [{ accountId: 'AC1' }], keep: [] };
/** Long enough for a partition to be read in more than one batch. */
const padding = 'x'.repeat(30_000);

const points: readonly TopicKill[] = [
  { port: 'kafka', verb: 'ensureTopic', when: 'before', nth: 1 },
  { port: 'kafka', verb: 'ensureTopic', when: 'after', nth: 1 },
  { port: 'kafka', verb: 'committed', when: 'after', nth: 2 },
  // While batches are being copied.
  { port: 'lease', verb: 'assertHeld', when: 'after', nth: 4 },
  // Our stream stands still, its position has not moved; has moved, and the catalog has not changed yet.
  { port: 'topics', verb: 'commitOffsets', when: 'before', nth: 1 },
  { port: 'topics', verb: 'commitOffsets', when: 'after', nth: 1 },
  // The switch has taken place.
  { port: 'topics', verb: 'groupsOn', when: 'before', nth: 1 },
  { port: 'topics', verb: 'commitOffsets', when: 'after', nth: 2 },
  { port: 'topics', verb: 'configureTopic', when: 'before', nth: 1 },
  { port: 'topics', verb: 'configureTopic', when: 'after', nth: 1 },
  { port: 'topics', verb: 'deleteRecords', when: 'after', nth: 1 },
  { port: 'topics', verb: 'deleteTopic', when: 'after', nth: 1 },
  { port: 'topics', verb: 'deleteGroup', when: 'after', nth: 1 },
];

describe.skipIf(missing)(`a rewrite killed by SIGKILL${missing ? `: ${missing}` : ''}`, () => {
  let broker: TestBroker;
  let gateway: KafkajsGateway;
  let db: TestDatabase;
  let undisturbed: unknown;
  beforeAll(async () => {
    broker = await testBroker();
    gateway = gatewayFor(broker.brokers);
    db = await testDatabase();
    const seeded = await filled();
    undisturbed = await outcomeOf(seeded, await resumed(seeded));
  });
  afterAll(async () => {
    await gateway?.close();
    await db?.close();
    await broker?.close();
  });

  /** A topic of two partitions, with a protection stream out of it and a group of somebody else. */
  async function filled() {
    const name = await freshTopic(gateway, 2, { 'cleanup.policy': 'delete', 'retention.ms': '-1' });
    const messages = Array.from({ length: 200 }, (_, n) => ({
      key: n % 5 === 0 ? null : `K${n}`,
      partition: n % 2,
      timestamp: String(1_700_000_000_000 + n),
      value: recordOf(n % 3 === 0 ? 'AC1' : 'AC2', padding, n),
    }));
    const sent = await gateway.produce(name, messages);
    expect(sent.filter(({ ok }) => !ok)).toEqual([]);
    const topic = await seedTopic(db.em, name);
    const clean = await seedTopic(db.em, uniqueName('clean'), topic.entityId);
    const stream = await seedStream(db.em, { kind: 'PROTECTION', from: topic, to: clean.datasetId });
    const [streamGroup, group] = [groupOf(stream), uniqueName('others')];
    for (const [one, offset] of [
      [streamGroup, '40'],
      [group, '71'],
    ] as const)
      await gateway.topics.commitOffsets(
        one,
        name,
        new Map([
          [0, offset],
          [1, offset],
        ]),
      );
    return { name, topic, target: await seedTarget(db.em, topic), groups: [streamGroup, group] };
  }
  type Filled = Awaited<ReturnType<typeof filled>>;

  async function resumed({ topic, target }: Filled): Promise<TargetReceipt> {
    const run = { topic, ...target, selection, fencingToken: 2 };
    return topicExecutor(db.em, gateway).execute(await topicContext(db.em, run));
  }

  /** What must come out of it, whatever befell it. */
  async function outcomeOf({ name, groups, topic, target }: Filled, receipt: TargetReceipt) {
    const generation = `${name}.g2`;
    // In each partition, the numbers in their order; positions are told as the number of records that are left to read.
    const values = Object.entries(await valuesIn(gateway, generation)).map(([partition, all]) => [
      partition,
      all.map((value) => JSON.parse(value).n),
    ]);
    const { recordsErased, recordsKept, open } = receipt;
    const counts = receipt.evidence.map(({ phase, late, partitions }) => ({ phase, late, partitions }));
    const left = await Promise.all(groups.map((group) => leftFor(group, generation)));
    const run = { topic, ...target, selection, fencingToken: 2 };
    const { survivors, lost } = await topicExecutor(db.em, gateway).verify(await topicContext(db.em, run));
    return {
      values,
      recordsErased,
      recordsKept,
      open: open.map(({ code }) => code),
      counts,
      left,
      survivors,
      lost,
      old: await gateway.describeTopic(name),
    };
  }

  async function leftFor(group: string, topic: string): Promise<Record<number, number[]>> {
    const committed = await gateway.committed(group, topic);
    const left: Record<number, number[]> = { 0: [], 1: [] };
    const from = new Map([...committed].map(([partition, offset]) => [partition, BigInt(offset)]));
    await gateway.scan(
      topic,
      ({ partition, value }) => void left[partition]?.push(JSON.parse(String(value)).n),
      undefined,
      { from },
    );
    return left;
  }

  test('undisturbed, it is what it should be', () => {
    expect(undisturbed).toMatchObject({
      recordsErased: 67,
      recordsKept: 133,
      open: ['STREAM_NOT_PLANNED'],
      survivors: 0,
      lost: 0,
      old: null,
    });
  });

  test.each(points)('$when call $nth of $port: $verb: the next worker ends with the same result', async (kill) => {
    const seeded = await filled();
    const { topic, target } = seeded;
    const work: TopicChildWork = { url: db.url, brokers: broker.brokers, kill, topic, target, selection };
    const end = await new Promise<{ signal: string | null; stderr: string }>((resolve) => {
      const child = execFile(process.execPath, [childModule, JSON.stringify(work)], (_error, _stdout, stderr) =>
        resolve({ signal: child.signalCode, stderr }),
      );
    });
    expect(end).toEqual({ signal: 'SIGKILL', stderr: expect.any(String) });
    expect(await outcomeOf(seeded, await resumed(seeded))).toEqual(undisturbed);
  });
});
