import type { EntityManager } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../../src/adapters/kafka/kafkajs-gateway.ts';
import { GovernanceService } from '../../../src/services/governance/governance.service.ts';
import { RetainReader } from '../../../src/services/governance/retains.ts';
import { HeldTopics } from '../../../src/services/kafka/held-topics.ts';
import { RetentionPlans } from '../../../src/services/kafka/retention-plans.ts';
import { RetentionReconciler } from '../../../src/services/kafka/retention-reconciler.ts';
import { TopicRetentionService } from '../../../src/services/kafka/topic-retention.service.ts';
import { quietLogger, tester } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { freshTopic, gatewayFor, missingKafka, testBroker, until } from '../../testkit/kafka.ts';
import { placeLabelsOf } from '../../testkit/lineage.ts';
import { bareRecords } from '../../testkit/records.ts';
import { kafkaNamespace, placedOf, recordOf, seedTopic } from '../../testkit/topics.ts';

const missing = await missingKafka();
const [day, week] = ['86400000', '604800000'];

describe.skipIf(missing !== null)('holds on topics', () => {
  let database: TestDatabase;
  let em: EntityManager;
  let gateway: KafkajsGateway;
  let close: () => Promise<void>;
  let governance: GovernanceService;

  beforeAll(async () => {
    database = await testDatabase();
    ({ em } = database);
    const broker = await testBroker();
    close = broker.close;
    gateway = gatewayFor(broker.brokers);
    governance = new GovernanceService({ em, holdsChanged: async () => undefined });
  });
  afterAll(async () => {
    await gateway?.close();
    await close?.();
    await database?.close();
  });

  const heldTopics = () =>
    new HeldTopics({
      em,
      kafka: gateway,
      records: bareRecords,
      retains: new RetainReader({ em, now: () => new Date() }),
      lookAgainMs: 0,
    });
  const holdOn = (accountId: string) =>
    governance.placeLegalHold(tester, { matterId: 'M1', reason: 'r', scope: { accountId } });
  const topicWith = async (config: Record<string, string>) => {
    const name = await freshTopic(gateway, 2, config);
    return { name, ...(await seedTopic(em, name)) };
  };

  /** A reconciler in which something happens right before it asks for a change. */
  const reconcilerWith = (before: (change: Change) => Promise<void>) => {
    const cluster: typeof gateway.cluster = Object.assign(Object.create(gateway.cluster), {
      settings: (names: readonly string[], of?: readonly string[]) => gateway.cluster.settings(names, of),
      changeSettings: async (name: string, changes: Change['changes'], checkOnly = false) => {
        await before({ checkOnly, changes });
        await gateway.cluster.changeSettings(name, changes, checkOnly);
      },
    });
    const held = heldTopics();
    const plans = new RetentionPlans({
      em,
      kafka: gateway,
      held,
      retains: new RetainReader({ em, now: () => new Date() }),
    });
    const reconciler = new RetentionReconciler({
      em,
      kafka: { configured: true, cluster },
      plans,
      placed: placedOf(em, gateway),
      held,
      logger: quietLogger,
    });
    return {
      reconciler,
      service: new TopicRetentionService({
        em,
        kafkaNamespace,
        plans,
        placeLabels: placeLabelsOf(em),
        reconciler,
        approvalByAnother: false,
      }),
    };
  };
  const limitsOf = async (topic: string) => {
    const names = ['retention.ms', 'retention.bytes'];
    const told = (await gateway.cluster.settings([topic], names)).get(topic);
    if (!Array.isArray(told)) throw new Error(`no settings of ${topic}`);
    return names.map((name) => told.find((one) => one.name === name)?.value);
  };

  test('look anew through a topic that was made again under its name', async () => {
    const topic = await topicWith({ 'retention.ms': day });
    const look = { datasetId: topic.datasetId, name: topic.name };
    const held = heldTopics();
    const { signal } = new AbortController();
    const hold = await holdOn('AC-again');
    const why = async () => (await held.holdsOn([look])).get(look.datasetId)?.map((one) => one.why);
    await gateway.produce(topic.name, [{ key: 'k', value: recordOf('AC-else', 'u', 1), partition: 0 }]);
    await held.look([look], signal);
    expect(await why()).toEqual([]);
    await gateway.topics.deleteTopic(topic.name);
    const isThere = async () => (await gateway.cluster.describe([topic.name])).topics.length > 0;
    await until(async () => !(await isThere()));
    await gateway.ensureTopic({ name: topic.name, partitions: 2, config: {} });
    await until(isThere);
    // It reaches as far as the one before, so that its offsets tell nothing.
    await gateway.produce(topic.name, [{ key: 'k', value: recordOf('AC-again', 'u', 1), partition: 0 }]);
    expect(await why()).toEqual(['NOT_LOOKED_THROUGH']);
    await held.look([look], signal);
    expect(await why()).toEqual(['CARRIES']);
    await governance.releaseLegalHold(tester, { id: hold.id, reason: 'over' });
  });

  test.each([
    ['right before a cut keep what it would take', true, ['-1']],
    ['in the moment of a cut take it back', false, [day, '-1']],
  ] as const)('that are placed %s', async (_, beforeChange, asked) => {
    const topic = await topicWith({ 'retention.ms': week, 'retention.bytes': '1000000' });
    await gateway.produce(topic.name, [{ key: 'k', value: recordOf('AC-late', 'u', 1), partition: 0 }]);
    let hold: string | null = null;
    const limits: (string | null | undefined)[] = [];
    const { reconciler, service } = reconcilerWith(async ({ checkOnly, changes }) => {
      if (!checkOnly) limits.push(changes['retention.ms']);
      if (checkOnly === beforeChange && hold === null) hold = (await holdOn('AC-late')).id;
    });
    const settings = [{ name: 'retention.ms', value: day }];
    const { id } = await service.setTopicRetention(tester, { datasetId: topic.datasetId, settings });
    await em.fork().execute('update topic_retention set in_force = policy, approved_version = 1 where id = ?', [id]);
    expect(await reconciler.reconcile(tester, id)).toMatchObject({ outcome: 'HELD' });
    expect(await limitsOf(topic.name)).toEqual(['-1', '-1']);
    expect(limits).toEqual(asked);
    await governance.releaseLegalHold(tester, { id: hold ?? '', reason: 'over' });
    expect(await reconciler.reconcile(tester, id)).toMatchObject({ outcome: 'IN_FORCE' });
    expect(await limitsOf(topic.name)).toEqual([day, '1000000']);
  });
});

interface Change {
  readonly checkOnly: boolean;
  readonly changes: Readonly<Record<string, string | null>>;
}
