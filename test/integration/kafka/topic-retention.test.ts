import type { EntityManager } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../../src/adapters/kafka/kafkajs-gateway.ts';
import { newId } from '../../../src/domain/id.ts';
import { TopicRetentionSchema } from '../../../src/entities/topic-retention.entity.ts';
import { GovernanceService } from '../../../src/services/governance/governance.service.ts';
import { RetainReader } from '../../../src/services/governance/retains.ts';
import { HeldTopics } from '../../../src/services/kafka/held-topics.ts';
import type { TopicSetting } from '../../../src/services/kafka/ports.ts';
import { RetentionPlans } from '../../../src/services/kafka/retention-plans.ts';
import { RetentionReconciler } from '../../../src/services/kafka/retention-reconciler.ts';
import { TopicRetentionService } from '../../../src/services/kafka/topic-retention.service.ts';
import { quietLogger, tester } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { freshTopic, gatewayFor, missingKafka, testBroker, uniqueName, until } from '../../testkit/kafka.ts';
import { placeLabelsOf } from '../../testkit/lineage.ts';
import { bareRecords } from '../../testkit/records.ts';
import { kafkaNamespace, placedOf, recordOf, type SeededTopic, seedTarget, seedTopic } from '../../testkit/topics.ts';

const missing = await missingKafka();
const [hour, day, week] = ['3600000', '86400000', '604800000'];

describe.skipIf(missing !== null)('the retention of topics', () => {
  let database: TestDatabase;
  let em: EntityManager;
  let gateway: KafkajsGateway;
  let close: () => Promise<void>;
  let service: TopicRetentionService;
  let plans: RetentionPlans;
  let governance: GovernanceService;
  let holdsChanged = 0;

  beforeAll(async () => {
    database = await testDatabase();
    ({ em } = database);
    const broker = await testBroker();
    close = broker.close;
    gateway = gatewayFor(broker.brokers);
    governance = new GovernanceService({
      em,
      holdsChanged: async () => {
        holdsChanged += 1;
      },
    });
    ({ service, plans } = parts());
  });
  afterAll(async () => {
    await gateway?.close();
    await close?.();
    await database?.close();
  });

  const serviceParts = (planned: RetentionPlans, reconciler: RetentionReconciler) => {
    const own = { em, kafkaNamespace, placeLabels: placeLabelsOf(em), approvalByAnother: false };
    return { ...own, plans: planned, reconciler };
  };
  const parts = (lookMs?: number) => {
    const retains = new RetainReader({ em, now: () => new Date() });
    const held = new HeldTopics({
      ...{ em, kafka: gateway, records: bareRecords, retains },
      lookAgainMs: 0,
      ...(lookMs === undefined ? {} : { lookMs }),
    });
    const plans = new RetentionPlans({ em, kafka: gateway, held, retains });
    const placed = placedOf(em, gateway);
    const reconciler = new RetentionReconciler({ em, kafka: gateway, plans, placed, held, logger: quietLogger });
    return { held, plans, reconciler, service: new TopicRetentionService(serviceParts(plans, reconciler)) };
  };
  const run = (reconciler = parts().reconciler) =>
    reconciler.reconcileAll({ signal: new AbortController().signal, report: async () => undefined });

  /** A reconciler in which something happens right before it asks for a change. */
  const interrupted = (before: (change: { readonly checkOnly: boolean }) => Promise<void>) => {
    const cluster: typeof gateway.cluster = Object.assign(Object.create(gateway.cluster), {
      settings: (names: readonly string[], of?: readonly string[]) => gateway.cluster.settings(names, of),
      changeSettings: async (name: string, changes: Record<string, string | null>, checkOnly = false) => {
        await before({ checkOnly });
        await gateway.cluster.changeSettings(name, changes, checkOnly);
      },
    });
    const { held } = parts();
    const [kafka, placed] = [{ configured: true, cluster }, placedOf(em, gateway)];
    return new RetentionReconciler({ em, kafka, plans, placed, held, logger: quietLogger });
  };

  const topicWith = async (config: Record<string, string>) => {
    const name = await freshTopic(gateway, 2, config);
    return { name, ...(await seedTopic(em, name)) };
  };
  const set = (topic: Pick<SeededTopic, 'datasetId'>, settings: Record<string, string>) =>
    service.setTopicRetention(tester, {
      datasetId: topic.datasetId,
      settings: Object.entries(settings).map(([name, value]) => ({ name, value })),
    });
  const now = (id: string) => em.fork().findOneOrFail(TopicRetentionSchema, { id });
  const planNow = async (id: string) => {
    const [plan] = await plans.plansOf([await now(id)], { approving: true });
    if (plan === undefined) throw new Error('no plan');
    return plan;
  };
  const apply = async (id: string) => service.applyTopicRetention(tester, { id, planHash: (await planNow(id)).hash });
  const settings = async (topic: string): Promise<readonly TopicSetting[]> => {
    const told = (await gateway.cluster.settings([topic])).get(topic);
    if (!Array.isArray(told)) throw new Error(`no settings of ${topic}`);
    return told;
  };
  const value = async (topic: string, name: string) => (await settings(topic)).find((one) => one.name === name)?.value;
  const changeBehind = async (topic: string, name: string, to: string) => {
    await gateway.cluster.changeSettings(topic, { [name]: to });
    await until(async () => (await value(topic, name)) === to);
  };
  const eventsOf = async (id: string) =>
    (
      await em
        .fork()
        .execute<{ action: string; outcome: string; actor_id: string }[]>(
          'select action, outcome, actor_id from audit_event where resource_id = ? order by id',
          [id],
        )
    ).map(({ action, outcome, actor_id }) => `${action} ${outcome} ${actor_id}`);

  test('what is kept longer follows by itself, and every other setting stays as it was', async () => {
    const topic = await topicWith({
      'retention.ms': day,
      'segment.ms': hour,
      'max.message.bytes': '2097152',
      'min.cleanable.dirty.ratio': '0.2',
      'cleanup.policy': 'compact,delete',
    });
    const before = await settings(topic.name);
    const { id } = await set(topic, { 'retention.ms': week });
    await run();
    const expected = before.map((one) => (one.name === 'retention.ms' ? { ...one, value: week } : one));
    expect(await settings(topic.name)).toEqual(expected);
    expect(before.filter(({ source }) => source === 'TOPIC')).toHaveLength(5);
    expect(await now(id)).toMatchObject({
      outcome: 'IN_FORCE',
      deviations: [],
      deviatingSince: null,
      lastChanges: [{ setting: 'retention.ms', from: day, to: week }],
    });
    expect(await eventsOf(id)).toEqual(['setTopicRetention SUCCESS tester', 'changeTopicSettings SUCCESS system']);
  });

  test('what deletes sooner waits for the hash of its plan, and drift from what was approved is taken back', async () => {
    const topic = await topicWith({ 'retention.ms': week, 'segment.ms': day });
    const { id } = await set(topic, { 'retention.ms': day });
    await run();
    expect(await value(topic.name, 'retention.ms')).toBe(week);
    const waiting = await now(id);
    expect(waiting).toMatchObject({
      outcome: 'NEEDS_APPROVAL',
      deviations: [{ setting: 'retention.ms', onBroker: week, desired: day }],
    });
    await run();
    expect((await now(id)).deviatingSince).toEqual(waiting.deviatingSince);

    const plan = await planNow(id);
    expect(plan.steps).toMatchObject([{ setting: 'retention.ms', onBroker: week, target: day, change: 'SHORTEN' }]);
    await changeBehind(topic.name, 'retention.ms', '604900000');
    await expect(service.applyTopicRetention(tester, { id, planHash: plan.hash })).rejects.toMatchObject({
      code: 'PLAN_CHANGED',
    });
    const strict = new TopicRetentionService({
      ...serviceParts(plans, parts().reconciler),
      approvalByAnother: true,
    });
    const { hash: planHash } = await planNow(id);
    await expect(strict.applyTopicRetention(tester, { id, planHash })).rejects.toMatchObject({
      code: 'APPROVAL_REFUSED',
    });
    expect(await value(topic.name, 'retention.ms')).toBe('604900000');
    expect(await apply(id)).toMatchObject({ outcome: 'IN_FORCE', approvedVersion: 1, approvedBy: 'tester' });
    expect(await value(topic.name, 'retention.ms')).toBe(day);

    for (const drifted of [week, hour]) {
      await changeBehind(topic.name, 'retention.ms', drifted);
      await run();
      expect(await value(topic.name, 'retention.ms')).toBe(day);
      expect((await now(id)).lastChanges).toEqual([{ setting: 'retention.ms', from: drifted, to: day }]);
    }
    // The next version would delete sooner still: drift goes back to what was approved before, not to that.
    await set(topic, { 'retention.ms': hour });
    await changeBehind(topic.name, 'retention.ms', week);
    await run();
    expect(await value(topic.name, 'retention.ms')).toBe(day);
    expect(await now(id)).toMatchObject({ outcome: 'NEEDS_APPROVAL', policyVersion: 2, approvedVersion: 1 });
    expect(await value(topic.name, 'segment.ms')).toBe(day);
  });

  test('a hold on somebody whose records are there keeps them, and refuses to cut; after it all is as before', async () => {
    const held = await topicWith({ 'retention.ms': day, 'retention.bytes': '1000000' });
    const other = await topicWith({ 'retention.ms': day });
    await gateway.produce(held.name, [{ key: 'k', value: recordOf('AC-held', 'u1', 1), partition: 1 }]);
    await gateway.produce(other.name, [{ key: 'k', value: recordOf('AC-free', 'u1', 1), partition: 0 }]);
    const [ofHeld, ofOther] = [await set(held, { 'retention.ms': day }), await set(other, { 'retention.ms': day })];
    await apply(ofHeld.id);
    await apply(ofOther.id);
    await set(held, { 'retention.ms': hour });
    const hold = await governance.placeLegalHold(tester, {
      matterId: 'M1',
      reason: 'r',
      scope: { accountId: 'AC-held', subject: { field: 'user', value: 'u1' } },
    });
    // Not looked through yet: both may carry it.
    expect((await planNow(ofOther.id)).holds).toEqual([{ holdId: hold.id, why: 'NOT_LOOKED_THROUGH' }]);
    await expect(apply(ofOther.id)).rejects.toMatchObject({ code: 'HOLD_ACTIVE' });
    expect(await parts().reconciler.reconcile(tester, ofOther.id)).toMatchObject({ outcome: 'HELD' });
    expect(await value(other.name, 'retention.ms')).toBe('-1');
    await run();
    expect((await planNow(ofOther.id)).holds).toEqual([]);
    expect(await value(other.name, 'retention.ms')).toBe(day);
    expect((await planNow(ofHeld.id)).holds).toEqual([{ holdId: hold.id, why: 'CARRIES' }]);
    expect([await value(held.name, 'retention.ms'), await value(held.name, 'retention.bytes')]).toEqual(['-1', '-1']);
    expect(await now(ofHeld.id)).toMatchObject({ outcome: 'HELD' });
    await expect(apply(ofHeld.id)).rejects.toMatchObject({ code: 'HOLD_ACTIVE' });

    // What comes later is looked at, too, and a record that nobody can read may be anybody's.
    await gateway.produce(other.name, [{ key: 'k', value: 'no record', partition: 1 }]);
    await run();
    expect((await planNow(ofOther.id)).holds).toMatchObject([{ why: 'CARRIES' }]);

    await governance.releaseLegalHold(tester, { id: hold.id, reason: 'over' });
    await run();
    expect(await value(held.name, 'retention.ms')).toBe(day);
    expect((await settings(held.name)).find(({ name }) => name === 'retention.bytes')).toMatchObject({
      value: '1000000',
      source: 'TOPIC',
    });
    expect(await now(ofHeld.id)).toMatchObject({ outcome: 'NEEDS_APPROVAL', beforeHold: {} });
    // Whoever keeps topics to their retention hears of both at once.
    expect(holdsChanged).toBe(2);
  });

  test('a look that has no time goes on where it ended, and a topic of no entity counts for every hold', async () => {
    const topic = await topicWith({ 'retention.ms': day });
    const unmapped = await topicWith({ 'retention.ms': day });
    await em.fork().execute('delete from mapping where dataset_id = ?', [unmapped.datasetId]);
    await gateway.produce(topic.name, [{ key: 'k', value: recordOf('AC-x', 'u', 1), partition: 0 }]);
    const hold = await governance.placeLegalHold(tester, {
      matterId: 'M2',
      reason: 'r',
      scope: { accountId: 'AC-nowhere' },
    });
    const hurried = parts(1).held;
    const look = { datasetId: topic.datasetId, name: topic.name };
    const { signal } = new AbortController();
    const why = async (of: { datasetId: string; name: string }) =>
      (await hurried.holdsOn([of])).get(of.datasetId)?.map((one) => one.why);
    await hurried.look([look], signal);
    expect(await why(look)).toEqual(['NOT_LOOKED_THROUGH']);
    expect(await parts().held.look([look], signal)).toEqual([]);
    expect(await why(look)).toEqual([]);
    // What comes since is younger than the look: a busy topic is not held for ever.
    await gateway.produce(topic.name, [{ key: 'k', value: recordOf('AC-y', 'u', 2), partition: 0 }]);
    expect(await why(look)).toEqual([]);
    // A topic of the same name is another one, and accounts may stand in another field.
    await em
      .fork()
      .execute(`update topic_hold_look set looked = '{"0": "99"}' where dataset_id = ?`, [topic.datasetId]);
    expect(await why(look)).toEqual(['NOT_LOOKED_THROUGH']);
    await parts().held.look([look], signal);
    expect(await why(look)).toEqual([]);
    await em.fork().execute(`update mapping set account_field = 'user' where dataset_id = ?`, [topic.datasetId]);
    expect(await why(look)).toEqual(['NOT_LOOKED_THROUGH']);
    await parts().held.look([look], signal);
    expect(await why(look)).toEqual([]);
    expect(await why(unmapped)).toEqual(['NO_ENTITY']);
    await governance.releaseLegalHold(tester, { id: hold.id, reason: 'over' });
    expect(await why(unmapped)).toBeUndefined();
  });

  test('two at once change a topic once', async () => {
    const topic = await topicWith({ 'retention.ms': day });
    const { id } = await set(topic, { 'retention.ms': week });
    const twice = [parts().reconciler, parts().reconciler].map((reconciler) => reconciler.reconcile(tester, id));
    for (const left of await Promise.all(twice)) expect(left.outcome).toBe('IN_FORCE');
    expect(await value(topic.name, 'retention.ms')).toBe(week);
    expect((await eventsOf(id)).filter((event) => event.startsWith('changeTopicSettings'))).toHaveLength(1);
  });

  test('a process that dies between the record of a change and the change leaves it to the next', async () => {
    const topic = await topicWith({ 'retention.ms': day });
    const { id } = await set(topic, { 'retention.ms': week });
    const killed = interrupted(async ({ checkOnly }) => {
      if (!checkOnly) throw new Error('killed');
    });
    await expect(killed.reconcile(tester, id)).rejects.toThrow('killed');
    expect(await value(topic.name, 'retention.ms')).toBe(day);
    await run();
    expect(await value(topic.name, 'retention.ms')).toBe(week);
    expect(await now(id)).toMatchObject({ outcome: 'IN_FORCE', lastChanges: [{ from: day, to: week }] });
  });

  test('what a broker refuses is told, and does not keep the others from their settings', async () => {
    const stubborn = await topicWith({ 'retention.ms': day, 'min.compaction.lag.ms': week });
    const refused = await set(stubborn, { 'retention.ms': week, 'max.compaction.lag.ms': day });
    const meek = await topicWith({ 'retention.ms': day });
    const taken = await set(meek, { 'retention.ms': week });
    const applied = await apply(refused.id);
    expect(applied).toMatchObject({
      outcome: 'REFUSED',
      outcomeReason: expect.stringContaining('max.compaction.lag.ms'),
    });
    expect(applied.deviations.map(({ setting }) => setting)).toEqual(['retention.ms', 'max.compaction.lag.ms']);
    expect(await value(stubborn.name, 'retention.ms')).toBe(day);
    await run();
    // What was refused changed nothing, and is on record as the state that it is, not again and again.
    expect(await eventsOf(refused.id)).toEqual([
      'setTopicRetention SUCCESS tester',
      'applyTopicRetention SUCCESS tester',
    ]);
    expect(await now(taken.id)).toMatchObject({ outcome: 'IN_FORCE' });
    await service.deleteTopicRetention(tester, refused.id);
  });

  test('a topic that is deleted, rewritten or renamed keeps its policy', async () => {
    const topic = await topicWith({ 'retention.ms': day });
    const { id } = await set(topic, { 'retention.ms': week });
    await gateway.topics.deleteTopic(topic.name);
    await until(async () => (await gateway.describeTopic(topic.name)) === null);
    await run();
    expect(await now(id)).toMatchObject({ outcome: 'TOPIC_GONE' });
    await expect(apply(id)).rejects.toMatchObject({ code: 'CONFLICT' });
    // And where it is deleted between the look and the change.
    const other = await topicWith({ 'retention.ms': day });
    const retention = await set(other, { 'retention.ms': week });
    const late = interrupted(async ({ checkOnly }) => {
      if (!checkOnly) return;
      await gateway.topics.deleteTopic(other.name);
      await until(async () => (await gateway.describeTopic(other.name)) === null);
    });
    expect(await late.reconcile(tester, retention.id)).toMatchObject({ outcome: 'TOPIC_GONE' });

    const generation = await freshTopic(gateway, 1, { 'retention.ms': day });
    const target = await seedTarget(em, topic);
    const rewrite = newId();
    await em.fork().execute(
      `insert into topic_rewrite (id, operation_id, begun_by, worked_by, dataset_id, source, generation, phase, config,
         snapshot, created_at, updated_at) values (?, ?, ?, ?, ?, ?, ?, 'SWITCHED', '{}', '[]', now(), now())`,
      [rewrite, target.operationId, target.targetId, target.targetId, topic.datasetId, topic.name, generation],
    );
    await em.fork().execute('update dataset set name = ? where id = ?', [generation, topic.datasetId]);
    await run();
    expect(await now(id)).toMatchObject({ outcome: 'REWRITING' });
    expect(await value(generation, 'retention.ms')).toBe(day);
    await em.fork().execute(`update topic_rewrite set phase = 'PURGED' where id = ?`, [rewrite]);
    await run();
    expect(await now(id)).toMatchObject({ outcome: 'IN_FORCE' });
    expect(await value(generation, 'retention.ms')).toBe(week);
  });

  test('of more topics than there are connections is set, applied and reconciled at once', async () => {
    const { reconciler } = parts();
    const held = await set(await topicWith({ 'retention.ms': day }), { 'retention.ms': week });
    const others = await Promise.all(
      Array.from({ length: 25 }, async () => {
        const topic = await seedTopic(em, uniqueName('absent'));
        return { topic, id: (await set(topic, { 'retention.ms': week })).id };
      }),
    );
    const all = others.flatMap(({ topic, id }) => [
      service.applyTopicRetention(tester, { id, planHash: '' }),
      reconciler.reconcile(tester, id),
      reconciler.reconcile(tester, held.id),
      set(topic, { 'retention.ms': day }),
    ]);
    const results = await Promise.allSettled(all);
    const refusals = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []));
    // Kafka has none of these topics, so none can be applied.
    expect(refusals).toEqual(others.map(() => 'CONFLICT'));
    expect(await now(held.id)).toMatchObject({ outcome: 'IN_FORCE' });
  });

  test('is versioned, guarded against blind writes, and only for topics', async () => {
    const topic = await topicWith({});
    const first = await set(topic, { 'retention.ms': week, 'segment.ms': day });
    expect(await set(topic, { 'segment.ms': day, 'retention.ms': week })).toMatchObject({ policyVersion: 1 });
    const second = service.setTopicRetention(tester, {
      datasetId: topic.datasetId,
      settings: [{ name: 'retention.ms', value: day }],
      expectedVersion: 0,
    });
    await expect(second).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await set(topic, { 'retention.ms': day })).toMatchObject({ id: first.id, policyVersion: 2 });
    const strange = newId();
    await em
      .fork()
      .execute(`insert into dataset (id, namespace, name, created_at) values (?, 'file', ?, now())`, [
        strange,
        uniqueName('f'),
      ]);
    for (const datasetId of [strange, newId()])
      await expect(set({ datasetId }, { 'retention.ms': day })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await service.deleteTopicRetention(tester, first.id);
    await expect(service.deleteTopicRetention(tester, first.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
