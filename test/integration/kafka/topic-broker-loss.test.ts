import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../../src/adapters/kafka/kafkajs-gateway.ts';
import type { TargetReceipt } from '../../../src/domain/operations/target.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import type { KafkaGateway } from '../../../src/services/kafka/ports.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import {
  filledForRewrite,
  oneAccount,
  outcomeOfRewrite,
  resumedRewrite,
  undisturbedRewrite,
} from '../../testkit/disturbed-rewrite.ts';
import { gatewayFor, missingKafka, ownBroker, until } from '../../testkit/kafka.ts';
import { around } from '../../testkit/lake.ts';
import { placeOf, topicContext, topicExecutor, valuesIn } from '../../testkit/topics.ts';

// The broker is killed, so it is one of its own.
const missing = await missingKafka();

interface Loss {
  readonly while: string;
  readonly port: 'kafka' | 'topics' | 'lease';
  readonly verb: string;
  /** Which call of the verb, from 1. */
  readonly nth: number;
}

const losses: readonly Loss[] = [
  // The batch of the call is on its way into a transaction.
  { while: 'records are copied', port: 'lease', verb: 'assertHeld', nth: 4 },
  { while: 'the position of a group is moved', port: 'topics', verb: 'commitOffsets', nth: 2 },
  { while: 'the old topic is emptied', port: 'topics', verb: 'deleteRecords', nth: 1 },
];

describe.skipIf(missing)(`a rewrite whose broker or topic is lost${missing ? `: ${missing}` : ''}`, () => {
  let own: Awaited<ReturnType<typeof ownBroker>>;
  let gateway: KafkajsGateway;
  let db: TestDatabase;
  let undisturbed: unknown;
  beforeAll(async () => {
    own = await ownBroker();
    gateway = gatewayFor(own.broker.brokers);
    db = await testDatabase();
    const seeded = await filledForRewrite(gateway, db.em);
    const receipt = await resumedRewrite(gateway, db.em, seeded);
    undisturbed = await outcomeOfRewrite(gateway, db.em, { ...seeded, receipt });
    expect(undisturbed).toMatchObject(undisturbedRewrite);
  });
  afterAll(async () => {
    await gateway?.close();
    await db?.close();
    await own?.close();
  });

  /** A gateway and a lease with which something happens in the moment of a call. */
  function disturbed({ port, verb, nth }: Omit<Loss, 'while'>, happen: () => void | Promise<void>) {
    let calls = 0;
    const hook = (of: Loss['port']) => async (called: string, call: () => unknown) => {
      if (of === port && called === verb) {
        calls += 1;
        if (calls === nth) await happen();
      }
      return call();
    };
    const topics = around(gateway.topics, hook('topics'));
    const kafka = new Proxy<KafkaGateway>(around<KafkaGateway>(gateway, hook('kafka')), {
      get: (ports, name) => (name === 'topics' ? topics : Reflect.get(ports, name, ports)),
    });
    const lease = hook('lease');
    return { kafka, assertHeld: async () => void (await lease('assertHeld', () => undefined)) };
  }

  /** As the queue does: what the broker could not do is tried again. */
  async function tried(work: () => Promise<TargetReceipt>): Promise<TargetReceipt> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof LinewardError) || error.code !== 'KAFKA_UNAVAILABLE') throw error;
        await sleep(200);
      }
    }
  }

  test(`the broker is killed while ${losses.map((loss) => loss.while).join(', and ')}: all end with the same result`, async () => {
    const away = Promise.withResolvers<void>();
    let [arrived, back] = [0, Promise.resolve()];
    // Who comes last kills it; the calls that are held up until then go to a broker that is dying.
    const happen = () => {
      arrived += 1;
      if (arrived === losses.length) {
        back = own.broker.kill().then(() => own.broker.start());
        away.resolve();
      }
      return away.promise;
    };
    const rewritten = async (loss: Loss) => {
      const seeded = await filledForRewrite(gateway, db.em);
      const { topic, target } = seeded;
      const { kafka, assertHeld } = disturbed(loss, happen);
      const run = { topic, ...target, selection: oneAccount, fencingToken: 2, assertHeld };
      const receipt = await tried(async () => topicExecutor(db.em, kafka).execute(await topicContext(db.em, run)));
      return [loss.while, await outcomeOfRewrite(gateway, db.em, { ...seeded, receipt })];
    };
    const outcomes = await Promise.all(losses.map(rewritten));
    await back;
    expect(arrived).toBe(losses.length);
    expect(outcomes).toEqual(losses.map((loss) => [loss.while, undisturbed]));
  }, 120_000);

  test.concurrent('a topic that is deleted while it is copied ends the work with that, and leaves no copy', async () => {
    const seeded = await filledForRewrite(gateway, db.em);
    const { name, topic, target } = seeded;
    const { kafka, assertHeld } = disturbed({ port: 'lease', verb: 'assertHeld', nth: 3 }, () => {
      void gateway.topics.deleteTopic(name);
    });
    const run = { topic, ...target, selection: oneAccount, fencingToken: 2, assertHeld };
    const executor = topicExecutor(db.em, kafka);
    await expect(topicContext(db.em, run).then((context) => executor.execute(context))).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    const context = await topicContext(db.em, run);
    await expect(executor.execute(context)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await executor.receiptSoFar(context)).toMatchObject({ recordsErased: 0, open: [] });
    await until(async () => (await gateway.describeTopic(`${name}.g2`)) === null);
    expect((await placeOf(db.em, topic)).name).toBe(name);
    expect(await executor.verify(context)).toMatchObject({ open: [{ code: 'TOPIC_MISSING' }] });
  });

  test.concurrent('an old topic that somebody deletes after the switch takes nothing with it that was copied', async () => {
    const seeded = await filledForRewrite(gateway, db.em);
    const { name, topic, target } = seeded;
    const { kafka, assertHeld } = disturbed({ port: 'topics', verb: 'groupsOn', nth: 1 }, () => {
      void gateway.topics.deleteTopic(name);
    });
    const run = { topic, ...target, selection: oneAccount, fencingToken: 2, assertHeld };
    const work = async () => topicExecutor(db.em, kafka).execute(await topicContext(db.em, run));
    await work().catch(async () => work());
    const { values } = undisturbed as { values: unknown };
    const copied = Object.entries(await valuesIn(gateway, `${name}.g2`));
    expect(copied.map(([partition, all]) => [partition, all.map((value) => JSON.parse(value).n)])).toEqual(values);
    expect((await placeOf(db.em, topic)).name).toBe(`${name}.g2`);
  });
});
