import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../../src/adapters/kafka/kafkajs-gateway.ts';
import type { Actor } from '../../../src/domain/access/actor.ts';
import { newId } from '../../../src/domain/id.ts';
import type { ApprovalPolicy } from '../../../src/domain/operations/approval.ts';
import { RetainReader } from '../../../src/services/governance/retains.ts';
import { HeldTopics } from '../../../src/services/kafka/held-topics.ts';
import { RetentionPlans } from '../../../src/services/kafka/retention-plans.ts';
import { RetentionReconciler } from '../../../src/services/kafka/retention-reconciler.ts';
import { TopicRetentionReadModel } from '../../../src/services/kafka/topic-retention.read-model.ts';
import { TopicRetentionService } from '../../../src/services/kafka/topic-retention.service.ts';
import { ApprovalPolicyService } from '../../../src/services/operations/approval-policy.service.ts';
import { byRoles } from '../../testkit/access.ts';
import { quietLogger, tester } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { freshTopic, gatewayFor, missingKafka, testBroker } from '../../testkit/kafka.ts';
import { placeLabelsOf } from '../../testkit/lineage.ts';
import { bareRecords } from '../../testkit/records.ts';
import { kafkaNamespace, placedOf, seedTopic } from '../../testkit/topics.ts';

const missing = await missingKafka();
const [day, week] = ['86400000', '604800000'];
const actor = (id: string, ...roles: Actor['roles']): Actor => ({ ...tester, id, roles });
const [ann, bob, eve] = [
  actor('ann', 'privacy_officer'),
  actor('bob', 'privacy_officer'),
  actor('eve', 'privacy_officer'),
];

describe.skipIf(missing !== null)('approval policies about the retention of topics', () => {
  let database: TestDatabase;
  let gateway: KafkajsGateway;
  let close: () => Promise<void>;
  let service: TopicRetentionService;
  let readModel: TopicRetentionReadModel;
  let policies: ApprovalPolicyService;

  beforeAll(async () => {
    database = await testDatabase();
    const { em } = database;
    const broker = await testBroker();
    close = broker.close;
    gateway = gatewayFor(broker.brokers);
    const retains = new RetainReader({ em, now: () => new Date() });
    const held = new HeldTopics({ em, kafka: gateway, records: bareRecords, retains, lookAgainMs: 0 });
    const plans = new RetentionPlans({ em, kafka: gateway, held, retains });
    const reconciler = new RetentionReconciler({
      em,
      kafka: gateway,
      plans,
      placed: placedOf(em, gateway),
      held,
      logger: quietLogger,
    });
    service = new TopicRetentionService({
      em,
      kafkaNamespace,
      plans,
      placeLabels: placeLabelsOf(em),
      reconciler,
      approvalByAnother: false,
    });
    readModel = new TopicRetentionReadModel({ em, plans, placeLabels: placeLabelsOf(em) });
    policies = new ApprovalPolicyService({ em, access: byRoles });
  });
  afterAll(async () => {
    await gateway?.close();
    await close?.();
    await database?.close();
  });

  const execute = (sql: string, params: readonly unknown[] = []) => database.em.fork().execute(sql, [...params]);
  /** A topic of which the records are to go sooner, by what eve has set; with a label that policies may go by. */
  async function shortened() {
    const name = await freshTopic(gateway, 1, { 'retention.ms': week });
    const { datasetId } = await seedTopic(database.em, name);
    const [field, label] = [newId(), `C${newId()}`];
    await execute('insert into dataset_field (id, dataset_id, path) values (?, ?, ?)', [field, datasetId, field]);
    await execute(
      `insert into dataset_field_label (field_id, classifications, set_by, set_at) values (?, array[?], 'ann', now())`,
      [field, label],
    );
    const { id } = await setTo(datasetId, day);
    return { name, datasetId, id, label };
  }
  const setTo = (datasetId: string, value: string) =>
    service.setTopicRetention(eve, { datasetId, settings: [{ name: 'retention.ms', value }] });
  const ask = (classifications: readonly string[], more: Partial<ApprovalPolicy> = {}) =>
    policies.setApprovalPolicy(tester, {
      ...{ name: `P${newId()}`, kinds: ['RETENTION'], classifications, over: {}, approvals: 2, roles: null },
      byRequester: true,
      ...more,
    });
  const planOf = async (id: string) => {
    const [plan] = await readModel.plansOf(await readModel.topicRetentionsById([id]));
    if (plan === undefined) throw new Error('no plan');
    return plan;
  };
  const approve = async (by: Actor, id: string) =>
    service.applyTopicRetention(by, { id, planHash: (await planOf(id)).hash });
  const onBroker = async (name: string) => {
    const told = (await gateway.cluster.settings([name], ['retention.ms'])).get(name);
    return Array.isArray(told) ? told[0]?.value : null;
  };
  const eventsOf = async (id: string) =>
    (
      await database.em
        .fork()
        .execute<{ action: string; actor_id: string }[]>(
          'select action, actor_id from audit_event where resource_id = ? order by id',
          [id],
        )
    ).map(({ action, actor_id }) => `${action} ${actor_id}`);

  test('two must approve where one says so by label; until then what was in force stays', async () => {
    const topic = await shortened();
    await ask([topic.label]);
    expect(await planOf(topic.id)).toMatchObject({ approvalsNeeded: 2, approvedBy: [] });
    expect(await approve(ann, topic.id)).toMatchObject({ outcome: 'NEEDS_APPROVAL', approvedVersion: null });
    expect(await onBroker(topic.name)).toBe(week);
    expect(await planOf(topic.id)).toMatchObject({ approvalsNeeded: 2, approvedBy: ['ann'] });
    await expect(approve(ann, topic.id)).rejects.toMatchObject({ code: 'APPROVAL_REFUSED' });
    expect(await approve(bob, topic.id)).toMatchObject({ outcome: 'IN_FORCE', approvedBy: 'ann, bob' });
    expect(await onBroker(topic.name)).toBe(day);
    expect(await execute('select 1 from topic_retention_approval where retention_id = ?', [topic.id])).toEqual([]);
    expect(await eventsOf(topic.id)).toEqual([
      'setTopicRetention eve',
      'approveTopicRetention ann',
      'refuseApproval ann',
      'applyTopicRetention bob',
      'changeTopicSettings bob',
    ]);
  });

  test('an approval is of one plan: another version needs all of them anew', async () => {
    const topic = await shortened();
    await ask([topic.label]);
    await approve(ann, topic.id);
    await setTo(topic.datasetId, '90000000');
    expect(await planOf(topic.id)).toMatchObject({ approvedBy: [] });
    expect(await approve(bob, topic.id)).toMatchObject({ approvedVersion: null });
    expect(await approve(ann, topic.id)).toMatchObject({ approvedVersion: 2, approvedBy: 'bob, ann' });
  });

  test('two who approve at once both count', async () => {
    const topic = await shortened();
    await ask([topic.label]);
    await Promise.all([approve(ann, topic.id), approve(bob, topic.id)]);
    expect(await onBroker(topic.name)).toBe(day);
  });

  test('one that is tightened counts for what waits: who has no fitting role, or set it, does not count', async () => {
    const topic = await shortened();
    const { name } = await ask([topic.label]);
    await approve(eve, topic.id);
    await ask([topic.label], { name, byRequester: false, roles: ['privacy_officer'] });
    expect(await approve(ann, topic.id)).toMatchObject({ approvedVersion: null });
    await expect(approve(eve, topic.id)).rejects.toMatchObject({ code: 'APPROVAL_REFUSED' });
    await expect(approve(actor('sec', 'security_admin'), topic.id)).rejects.toMatchObject({ code: 'APPROVAL_REFUSED' });
    expect(await approve(bob, topic.id)).toMatchObject({ approvedVersion: 1, approvedBy: 'ann, bob' });
  });

  test('one about large plans speaks, since nobody can say how much will go; those about other things do not', async () => {
    const topic = await shortened();
    await ask([topic.label], { kinds: ['ERASURE'] });
    await ask([`C${newId()}`]);
    expect(await planOf(topic.id)).toMatchObject({ approvalsNeeded: 1 });
    await ask([topic.label], { over: { records: 1_000_000_000 } });
    expect(await planOf(topic.id)).toMatchObject({ approvalsNeeded: 2 });
  });

  test('what keeps records longer needs no second approver', async () => {
    const topic = await shortened();
    await ask([topic.label]);
    await setTo(topic.datasetId, '1209600000');
    expect(await planOf(topic.id)).toMatchObject({ approvalsNeeded: 1 });
    expect(await approve(ann, topic.id)).toMatchObject({ approvedVersion: 2, outcome: 'IN_FORCE' });
    expect(await onBroker(topic.name)).toBe('1209600000');
  });
});
