import type { EntityManager } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../../src/adapters/kafka/kafkajs-gateway.ts';
import { newId } from '../../../src/domain/id.ts';
import { DecisionReadModel } from '../../../src/services/governance/decision.read-model.ts';
import { GovernanceService } from '../../../src/services/governance/governance.service.ts';
import { RetainReader } from '../../../src/services/governance/retains.ts';
import { RetentionPolicyReadModel } from '../../../src/services/governance/retention-policy.read-model.ts';
import { RetentionPolicyService } from '../../../src/services/governance/retention-policy.service.ts';
import { assertRetained } from '../../../src/services/governance/retention-rules.ts';
import { ScopedMinimumService } from '../../../src/services/governance/scoped-minimum.service.ts';
import { HeldTopics } from '../../../src/services/kafka/held-topics.ts';
import type { KafkaCluster } from '../../../src/services/kafka/ports.ts';
import { RetentionPlans } from '../../../src/services/kafka/retention-plans.ts';
import { RetentionReconciler } from '../../../src/services/kafka/retention-reconciler.ts';
import { TopicDiscovery } from '../../../src/services/kafka/topic-discovery.ts';
import { TopicRetentionReadModel } from '../../../src/services/kafka/topic-retention.read-model.ts';
import { TopicRetentionService } from '../../../src/services/kafka/topic-retention.service.ts';
import { byRoles } from '../../testkit/access.ts';
import { quietLogger, tester } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { freshTopic, gatewayFor, missingKafka, testBroker, until } from '../../testkit/kafka.ts';
import { placeLabelsOf } from '../../testkit/lineage.ts';
import { bareRecords } from '../../testkit/records.ts';
import { kafkaNamespace, placedOf, seedTopic } from '../../testkit/topics.ts';

const missing = await missingKafka();
const days = (count: number): string => String(count * 86_400_000);
const ann = { ...tester, id: 'ann' };

describe.skipIf(missing !== null)('retention policies about topics', () => {
  let database: TestDatabase;
  let em: EntityManager;
  let gateway: KafkajsGateway;
  let close: () => Promise<void>;
  let changed = 0;
  beforeAll(async () => {
    database = await testDatabase();
    ({ em } = database);
    const broker = await testBroker();
    close = broker.close;
    gateway = gatewayFor(broker.brokers);
  });
  afterAll(async () => {
    await gateway?.close();
    await close?.();
    await database?.close();
  });

  const clusterWith = (other: Partial<KafkaCluster>): KafkaCluster => {
    const real = gateway.cluster;
    return {
      describe: () => real.describe(),
      settings: (names, settings) => real.settings(names, settings),
      changeSettings: (name, changes) => real.changeSettings(name, changes),
      sizes: () => real.sizes(),
      ranges: (some) => real.ranges(some),
      groups: () => real.groups(),
      describeGroups: (groups) => real.describeGroups(groups),
      ...other,
    };
  };
  const parts = (cluster: Partial<KafkaCluster> = {}) => {
    const retains = new RetainReader({ em, now: () => new Date() });
    const held = new HeldTopics({ em, kafka: gateway, records: bareRecords, retains, lookAgainMs: 0 });
    const plans = new RetentionPlans({ em, kafka: gateway, held, retains });
    const [placed, placeLabels] = [placedOf(em, { cluster: clusterWith(cluster) }), placeLabelsOf(em)];
    const reconciler = new RetentionReconciler({ em, kafka: gateway, plans, placed, held, logger: quietLogger });
    const service = { em, kafkaNamespace, plans, placeLabels, reconciler, approvalByAnother: true };
    return { plans, placeLabels, reconciler, service: new TopicRetentionService(service) };
  };
  const run = (reconciler = parts().reconciler) =>
    reconciler.reconcileAll({ signal: new AbortController().signal, report: async () => undefined });
  const execute = <Row extends object>(sql: string, params: readonly unknown[] = []) =>
    em.fork().execute<Row[]>(sql, [...params]);
  const policies = () =>
    new RetentionPolicyService({
      em,
      changed: async () => {
        changed += 1;
      },
    });
  const readModel = () => {
    const { plans, placeLabels } = parts();
    return new TopicRetentionReadModel({ em, plans, placeLabels });
  };
  const set = (label: string, count: number, name = `P${label}`) =>
    policies().setRetentionPolicy(tester, {
      ...{ name, days: count, autoApprove: false, scope: { classifications: [label] } },
    });
  /** As a discovery of this topic alone finds it. */
  const discover = async (name: string) => {
    const cluster = clusterWith({
      describe: async () => {
        const described = await gateway.cluster.describe();
        return { ...described, topics: described.topics.filter((one) => one.name === name) };
      },
    });
    const discovery = { em, kafka: { cluster }, kafkaNamespace, logger: quietLogger };
    await new TopicDiscovery({
      ...discovery,
      changed: async () => {
        changed += 1;
      },
    }).discover(tester);
    await execute('update topic set gone_at = null where name <> ?', [name]);
  };
  const labelled = async (datasetId: string, label: string) => {
    const field = newId();
    await execute('insert into dataset_field (id, dataset_id, path) values (?, ?, ?)', [field, datasetId, field]);
    await execute(
      `insert into dataset_field_label (field_id, classifications, set_by, set_at) values (?, array[?], 'ann', now())`,
      [field, label],
    );
  };
  async function topic(config: Record<string, string>, label = `C${newId()}`) {
    const name = await freshTopic(gateway, 1, config);
    const { datasetId } = await seedTopic(em, name);
    await labelled(datasetId, label);
    await discover(name);
    return { name, datasetId, label };
  }
  const retentionOf = async (datasetId: string) =>
    (await readModel().topicRetentionsOfDatasets([datasetId])).get(datasetId);
  const planOf = async (datasetId: string) => {
    const retention = await retentionOf(datasetId);
    const [plan] = await readModel().plansOf(retention === undefined ? [] : [retention]);
    if (plan === undefined) throw new Error('no plan');
    return plan;
  };
  const apply = async (datasetId: string, by = ann) => {
    const { retentionId: id, hash: planHash } = await planOf(datasetId);
    return parts().service.applyTopicRetention(by, { id, planHash });
  };
  const onBroker = async (name: string) => {
    const told = (await gateway.cluster.settings([name], ['retention.ms'])).get(name);
    return Array.isArray(told) ? told[0]?.value : null;
  };
  const behind = async (name: string, value: string) => {
    await gateway.cluster.changeSettings(name, { 'retention.ms': value });
    await until(async () => (await onBroker(name)) === value);
  };
  const placesOf = async (policyId: string) =>
    (await new RetentionPolicyReadModel({ em }).placesOf([policyId], { first: 50 }, null))(policyId).items;
  const eventsOf = async (id: string) =>
    (await execute<{ action: string }>('select action from audit_event where resource_id = ? order by id', [id])).map(
      ({ action }) => action,
    );

  test('each topic gets a retention that waits for its own approval; drift is taken back; it ends as it began', async () => {
    const one = await topic({ 'retention.ms': days(300) });
    const other = await topic({ 'retention.ms': days(300) }, one.label);
    changed = 0;
    const policy = await set(one.label, 30);
    expect(changed).toBe(1);
    expect((await placesOf(policy.id)).map(({ state, uncovered }) => [state, uncovered])).toEqual([
      ['IN_FORCE', null],
      ['IN_FORCE', null],
    ]);
    await Promise.all([run(), run()]);
    const retention = await retentionOf(one.datasetId);
    expect(retention).toMatchObject({
      ...{ placedBy: policy.name, policy: { 'retention.ms': days(31) }, policyVersion: 1, outcome: 'NEEDS_APPROVAL' },
    });
    expect(await onBroker(one.name)).toBe(days(300));
    // Who set the policy does not approve where another must.
    await expect(apply(one.datasetId, tester)).rejects.toMatchObject({ code: 'APPROVAL_REFUSED' });
    expect(await apply(one.datasetId)).toMatchObject({ outcome: 'IN_FORCE', approvedBy: 'ann', approvedVersion: 1 });
    expect(await onBroker(one.name)).toBe(days(31));
    expect(await onBroker(other.name)).toBe(days(300));
    const date = new Date(Date.now() - 86_400_000);
    const ask = { datasetId: one.datasetId, selector: { accountId: 'AC1' }, date, isInitiated: true };
    expect(await new DecisionReadModel({ em, now: () => new Date() }).explain(ask)).toMatchObject({
      winner: { rule: 'POLICY_DELETE', sourceId: policy.name },
    });
    await expect(assertRetained(em.fork(), one.datasetId)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    for (const drift of [days(200), days(2)]) {
      await behind(one.name, drift);
      await run();
      expect(await onBroker(one.name)).toBe(days(31));
    }

    // A shorter version waits again, and what was approved stays.
    await set(one.label, 3);
    await run();
    expect(await retentionOf(one.datasetId)).toMatchObject({ policyVersion: 2, outcome: 'NEEDS_APPROVAL' });
    expect(await onBroker(one.name)).toBe(days(31));
    const { id = '' } = retention ?? {};
    await expect(parts().service.deleteTopicRetention(tester, id)).rejects.toMatchObject({ code: 'CONFLICT' });
    await policies().retireRetentionPolicy(tester, policy);
    await run();
    expect([await retentionOf(one.datasetId), await retentionOf(other.datasetId)]).toEqual([undefined, undefined]);
    expect(await onBroker(one.name)).toBe(days(300));
    expect(await eventsOf(id)).toEqual([
      ...['setTopicRetention', 'refuseApproval', 'applyTopicRetention'],
      ...['changeTopicSettings', 'changeTopicSettings', 'changeTopicSettings'],
      ...['setTopicRetention', 'changeTopicSettings', 'deleteTopicRetention'],
    ]);
  });

  test('a topic that comes later is covered at once, and one that keeps shorter is left so, but for a minimum', async () => {
    const label = `C${newId()}`;
    const policy = await set(label, 30);
    changed = 0;
    const { datasetId, name } = await topic({ 'retention.ms': days(7) }, label);
    expect(changed).toBe(1);
    expect(await placesOf(policy.id)).toMatchObject([{ datasetId, state: 'IN_FORCE' }]);
    await run();
    await run();
    expect(await retentionOf(datasetId)).toMatchObject({ outcome: 'IN_FORCE', deviations: [], inForce: {} });
    expect(await onBroker(name)).toBe(days(7));
    const minimums = new ScopedMinimumService({ em, access: byRoles, now: () => new Date(), changed: async () => {} });
    const scope = { classifications: [label] };
    await minimums.set(tester, {
      ...{ name: `M${label}`, scope, days: 9, mode: 'GOVERNANCE', validUntil: null, bypassReason: null },
    });
    await run();
    expect(await onBroker(name)).toBe(days(10));
    // Somebody who makes it longer than the policy says must be approved against first.
    await behind(name, days(90));
    await run();
    expect(await retentionOf(datasetId)).toMatchObject({ outcome: 'NEEDS_APPROVAL' });
    await apply(datasetId);
    expect(await onBroker(name)).toBe(days(31));
    // No policy cuts below the minimum, which needs nobody.
    await set(label, 2);
    await run();
    await apply(datasetId);
    expect(await onBroker(name)).toBe(days(10));
    expect((await retentionOf(datasetId))?.deviations).toMatchObject([{ setting: 'retention.ms', desired: days(3) }]);
  });

  test('a held topic is not cut, and keeps what the hold has lengthened when the policy ends', async () => {
    const { datasetId, name, label } = await topic({ 'retention.ms': days(300) });
    const policy = await set(label, 30);
    const governance = new GovernanceService({ em, holdsChanged: async () => undefined });
    const { id } = await governance.placeLegalHold(tester, {
      ...{ matterId: `m-${label}`, reason: 'a case', scope: { datasetIds: [datasetId] } },
    });
    await run();
    expect(await retentionOf(datasetId)).toMatchObject({ outcome: 'HELD' });
    await expect(apply(datasetId)).rejects.toMatchObject({ code: 'HOLD_ACTIVE' });
    expect(await onBroker(name)).toBe('-1');
    await governance.releaseLegalHold(tester, { id, reason: 'settled' });
    await run();
    await run();
    expect(await retentionOf(datasetId)).toMatchObject({ outcome: 'NEEDS_APPROVAL', beforeHold: {} });
    expect(await onBroker(name)).toBe(days(300));
    await governance.placeLegalHold(tester, {
      matterId: `n-${label}`,
      reason: 'another',
      scope: { datasetIds: [datasetId] },
    });
    await run();
    await policies().retireRetentionPolicy(tester, policy);
    await run();
    expect(await onBroker(name)).toBe('-1');
  });

  test('what somebody set for the topic goes before, and so does a narrower policy; what was approved is kept on the way', async () => {
    const { datasetId, name, label } = await topic({ 'retention.ms': days(300) });
    const broad = await set(label, 30);
    await run();
    await apply(datasetId);
    const narrow = await policies().setRetentionPolicy(tester, {
      ...{ name: `N${label}`, days: 60, autoApprove: false, scope: { datasetIds: [datasetId] } },
    });
    await run();
    expect(await retentionOf(datasetId)).toMatchObject({ placedBy: narrow.name, policyVersion: 2 });
    expect(await onBroker(name)).toBe(days(61));
    const settings = [{ name: 'retention.ms', value: days(61) }];
    const own = await parts().service.setTopicRetention(ann, { datasetId, settings });
    expect(own).toMatchObject({ placedBy: null, policyVersion: 2, inForce: { 'retention.ms': days(61) } });
    for (const { id } of [broad, narrow]) expect(await placesOf(id)).toMatchObject([{ state: 'OVERRULED' }]);
    await policies().retireRetentionPolicy(tester, narrow);
    await run();
    expect(await retentionOf(datasetId)).toMatchObject({ placedBy: null });
    // Once that is gone the policy is about the topic again, and nothing goes sooner by it before somebody says so.
    await parts().service.deleteTopicRetention(ann, own.id);
    await run();
    expect(await retentionOf(datasetId)).toMatchObject({ placedBy: broad.name, outcome: 'NEEDS_APPROVAL' });
    expect(await onBroker(name)).toBe(days(61));
  });

  test('where a policy cannot be followed it is told, with the reason; one that is away for a time keeps its approval', async () => {
    const { datasetId, name, label } = await topic({ 'retention.ms': days(300) });
    const compacted = await topic({ 'cleanup.policy': 'compact' }, label);
    const both = await topic({ 'cleanup.policy': 'compact,delete' }, label);
    const unmapped = await topic({}, label);
    await execute('delete from mapping where dataset_id = ?', [unmapped.datasetId]);
    const untold = await topic({}, label);
    await execute('update topic set cleanup_policy = null where dataset_id = ?', [untold.datasetId]);
    const unseen = await seedTopic(em, `unseen-${newId()}`);
    await labelled(unseen.datasetId, label);
    const policy = await set(label, 30);
    const reasons = async () =>
      Object.fromEntries((await placesOf(policy.id)).map(({ datasetId: id, uncovered }) => [id, uncovered]));
    const expected = {
      ...{ [datasetId]: null, [both.datasetId]: null },
      ...{ [compacted.datasetId]: 'COMPACTED', [unmapped.datasetId]: 'NO_ENTITY' },
      ...{ [untold.datasetId]: 'SETTINGS_UNKNOWN', [unseen.datasetId]: 'NO_TOPIC' },
    };
    expect(await reasons()).toEqual(expected);
    await run();
    for (const id of [compacted, unmapped, untold, unseen].map((one) => one.datasetId))
      expect(await retentionOf(id)).toBeUndefined();
    await apply(datasetId);
    await execute('update topic set gone_at = now() where dataset_id = ?', [datasetId]);
    await run();
    expect(await reasons()).toMatchObject({ [datasetId]: 'NO_TOPIC' });
    await discover(name);
    await run();
    expect(await retentionOf(datasetId)).toMatchObject({ approvedVersion: 1, outcome: 'IN_FORCE' });
    await execute(`update topic set cleanup_policy = 'compact' where dataset_id = ?`, [datasetId]);
    await run();
    expect(await retentionOf(datasetId)).toBeUndefined();
    expect(await onBroker(name)).toBe(days(300));
  });

  test('what ends is given back once, also when the process dies between, and a topic that fails does not keep others waiting', async () => {
    const one = await topic({ 'retention.ms': days(300) });
    const other = await topic({ 'retention.ms': days(300) }, one.label);
    const policy = await set(one.label, 30);
    await run();
    for (const { datasetId } of [one, other]) await apply(datasetId);
    await policies().retireRetentionPolicy(tester, policy);
    const dying = parts({
      changeSettings: async (name, changes) => {
        await gateway.cluster.changeSettings(name, changes);
        if (name === one.name) throw new Error('killed');
      },
    });
    await expect(run(dying.reconciler)).rejects.toThrow('killed');
    expect(await retentionOf(one.datasetId)).toBeDefined();
    expect(await retentionOf(other.datasetId)).toBeUndefined();
    await run();
    expect(await retentionOf(one.datasetId)).toBeUndefined();
    expect([await onBroker(one.name), await onBroker(other.name)]).toEqual([days(300), days(300)]);
  });
});
