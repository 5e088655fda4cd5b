import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../../src/adapters/kafka/kafkajs-gateway.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import {
  type FilledForRewrite,
  filledForRewrite,
  oneAccount,
  outcomeOfRewrite,
  resumedRewrite,
  undisturbedRewrite,
} from '../../testkit/disturbed-rewrite.ts';
import { gatewayFor, missingKafka, type TestBroker, testBroker } from '../../testkit/kafka.ts';
import type { TopicChildWork, TopicKill } from './topic-child.ts';

const missing = await missingKafka();
const childModule = fileURLToPath(new URL('./topic-child.ts', import.meta.url));
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
    const seeded = await filledForRewrite(gateway, db.em);
    undisturbed = await outcomeOf(seeded);
  });
  afterAll(async () => {
    await gateway?.close();
    await db?.close();
    await broker?.close();
  });

  const outcomeOf = async (seeded: FilledForRewrite) =>
    outcomeOfRewrite(gateway, db.em, { ...seeded, receipt: await resumedRewrite(gateway, db.em, seeded) });

  test('undisturbed, it is what it should be', () => {
    expect(undisturbed).toMatchObject(undisturbedRewrite);
  });

  test.each(points)('$when call $nth of $port: $verb: the next worker ends with the same result', async (kill) => {
    const seeded = await filledForRewrite(gateway, db.em);
    const { topic, target } = seeded;
    const work: TopicChildWork = { url: db.url, brokers: broker.brokers, kill, topic, target, selection: oneAccount };
    const end = await new Promise<{ signal: string | null; stderr: string }>((resolve) => {
      const child = execFile(process.execPath, [childModule, JSON.stringify(work)], (_error, _stdout, stderr) =>
        resolve({ signal: child.signalCode, stderr }),
      );
    });
    expect(end).toEqual({ signal: 'SIGKILL', stderr: expect.any(String) });
    expect(await outcomeOf(seeded)).toEqual(undisturbed);
  });
});
