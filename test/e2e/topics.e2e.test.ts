import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../src/adapters/kafka/kafkajs-gateway.ts';
import { LinewardError } from '../../src/errors/lineward-error.ts';
import { type Data, documentOf, eventually, type TestApp, testApp } from '../testkit/app.ts';
import { registered, registerSchema } from '../testkit/catalog.ts';
import { gatewayFor, missingKafka, testBroker, uniqueName } from '../testkit/kafka.ts';

const missing = await missingKafka();
const isAway = (error: unknown): false => {
  if (error instanceof LinewardError && error.code === 'KAFKA_UNAVAILABLE') return false;
  throw error;
};
const [day, week] = ['86400000', '604800000'];

describe.skipIf(missing)(`topics of the cluster${missing ? `: ${missing}` : ''}`, () => {
  let app: TestApp;
  let gateway: KafkajsGateway;
  let close: () => Promise<void>;
  const log: string[] = [];
  const name = uniqueName('contacts');

  beforeAll(async () => {
    const broker = await testBroker();
    close = broker.close;
    gateway = gatewayFor(broker.brokers);
    await gateway.ensureTopic({ name, partitions: 2, config: { 'retention.ms': week, 'segment.ms': day } });
    const records = Array.from({ length: 40 }, (_, n) => ({
      key: null,
      value: JSON.stringify({ account: `AC${n % 2}`, contact: `canary${n}@x.example` }),
      partition: n % 2,
    }));
    await gateway.produce(name, records);
    app = await testApp(
      {
        KAFKA_BROKERS: broker.brokers,
        TOPIC_DISCOVERY_SECONDS: '1',
        TOPIC_RETENTION_SECONDS: '1',
        LOG_LEVEL: 'trace',
      },
      { write: (line) => log.push(line) },
    );
  });
  afterAll(async () => {
    await gateway?.close();
    await app?.stop();
    await close?.();
  });

  const topics = async (filter: Record<string, unknown> = {}): Promise<Data[]> =>
    (
      await app.done(
        `query ($filter: TopicFilter) { topics(filter: $filter) { nodes {
           id name topicKind partitionCount recordCount goneAt dataset { id namespace name } retention { id }
           brokerSettings { name value source } partitions(first: 1) { totalCount pageInfo { hasNextPage }
           nodes { partition leader replicas inSync earliest latest bytes } } } } }`,
        { filter: { ...filter, name: { eq: name } } },
      )
    ).topics.nodes;
  const onBroker = async (setting: string): Promise<string> =>
    (await topics())[0].brokerSettings.find((one: Data) => one.name === setting).value;

  test('are discovered by the schedule, and shown with partitions, settings, groups and lag', async () => {
    const [topic] = await eventually(topics, (found) => found.length === 1);
    expect(topic).toMatchObject({ topicKind: 'DATA', partitionCount: 2, recordCount: 40, goneAt: null });
    expect(topic.brokerSettings).toContainEqual({ name: 'retention.ms', value: week, source: 'TOPIC' });
    expect(topic.partitions).toMatchObject({
      totalCount: 2,
      pageInfo: { hasNextPage: true },
      nodes: [{ partition: 0, replicas: [1], inSync: [1], earliest: '0', latest: '20' }],
    });
    expect(Number(topic.partitions.nodes[0].bytes)).toBeGreaterThan(500);
    const group = uniqueName('group');
    // The first group of a broker waits until that is ready for groups.
    const commit = () => gateway.topics.commitOffsets(group, name, new Map([[1, '5']]));
    await eventually(
      () => commit().then(() => true, isAway),
      (isDone) => isDone,
    );
    const { kafkaCluster } = await app.done(
      `query ($topic: String) { kafkaCluster { clusterId topicCount partitionCount leaderlessCount brokers { nodeId port }
         consumerGroups(topic: $topic) { totalCount nodes { name state memberCount lag members { nodes { clientId } }
         positions { nodes { topic partition committed latest lag } } } } } }`,
      { topic: name },
    );
    expect(kafkaCluster).toMatchObject({ leaderlessCount: 0, brokers: [{ nodeId: 1 }] });
    expect(kafkaCluster.consumerGroups).toEqual({
      totalCount: 1,
      nodes: [
        {
          ...{ name: group, state: 'Empty', memberCount: 0, lag: '15', members: { nodes: [] } },
          positions: { nodes: [{ topic: name, partition: 1, committed: '5', latest: '20', lag: '15' }] },
        },
      ],
    });
    const all = await app.done('{ kafkaCluster { consumerGroups(first: 1) { nodes { name } } } }');
    expect(all.kafkaCluster.consumerGroups.nodes).toHaveLength(1);
  });

  test('are seen through: what nobody knows, what samples suggest, what a person then says, and what lacks protection', async () => {
    const [topic] = await topics({ hasEntity: false });
    const fields = ['account', 'contact'].map((field) => ({ name: field, type: 'string' }));
    const { entity, version } = await registered(app, documentOf(`Contacts${Date.now()}`, fields));
    await app.done(`mutation ($input: MapEntityInput!) { mapEntity(input: $input) { userErrors { code message } } }`, {
      input: {
        ...{ entityId: entity.id, role: 'TOPIC', accountField: 'account' },
        dataset: { namespace: topic.dataset.namespace, name },
      },
    });
    expect(await topics({ hasEntity: true, hasPersonalData: false })).toHaveLength(1);
    const sampled = `mutation ($input: SampleTopicInput!) { sampleTopic(input: $input) { userErrors { code field }
      sample { records complete unreadable topic { name }
        suggestions { path semanticType basis hits seen confidence declared } } } }`;
    const { sampleTopic } = await app.done(sampled, { input: { id: topic.id, records: 20 } });
    expect(sampleTopic.sample).toMatchObject({ records: 20, complete: true, unreadable: 0, topic: { name } });
    expect(sampleTopic.sample.suggestions).toEqual([
      {
        ...{ path: 'contact', semanticType: 'email', basis: 'VALUES', hits: 20, seen: 20, declared: null },
        confidence: expect.closeTo(0.84, 2),
      },
    ]);
    // Nothing was decided by that.
    expect(await topics({ hasPersonalData: true })).toEqual([]);
    expect(JSON.stringify(sampleTopic) + log.join('')).not.toContain('canary');

    const accept = `mutation ($input: AcceptSemanticTypeInput!) { acceptSemanticType(input: $input) {
      userErrors { code message field } version { number fields { nodes { path semanticType classifications } } } } }`;
    const input = { entityId: entity.id, path: 'contact', semanticType: 'email', expectedNumber: version.number };
    for (const [wrong, refused] of [
      [{ path: 'nowhere' }, { code: 'NOT_FOUND', field: ['path'] }],
      [{ semanticType: 'emial' }, { code: 'SEMANTIC_TYPE_UNKNOWN', field: ['semanticType'] }],
      [{ expectedNumber: 7 }, { code: 'CONFLICT', field: ['expectedNumber'] }],
    ])
      expect(await app.refusals(accept, { input: { ...input, ...wrong } })).toMatchObject([refused]);
    const { acceptSemanticType } = await app.done(accept, { input });
    expect(acceptSemanticType.version.number).toBe(version.number + 1);
    expect(acceptSemanticType.version.fields.nodes).toContainEqual({
      path: 'contact',
      semanticType: 'email',
      classifications: ['PII'],
    });
    // Once more changes nothing; another type is for who writes the schema.
    const again = { ...input, expectedNumber: version.number + 1 };
    expect((await app.done(accept, { input: again })).acceptSemanticType.version.number).toBe(version.number + 1);
    expect(await app.refusals(accept, { input: { ...again, semanticType: 'phonenumber' } })).toMatchObject([
      { code: 'CONFLICT', field: ['path'] },
    ]);
    expect(await topics({ hasPersonalData: true, hasProtection: false, hasRetention: false })).toHaveLength(1);
    const { topicCoverage } = await app.done(
      `{ topicCoverage { topics withoutEntity withPersonalData personalDataWithoutProtection
         personalDataWithoutRetention withoutRetention discoveredAt } }`,
    );
    expect(topicCoverage).toMatchObject({
      withPersonalData: 1,
      personalDataWithoutProtection: 1,
      personalDataWithoutRetention: 1,
      discoveredAt: expect.any(String),
    });
    const later = await app.done(sampled, { input: { id: topic.id } });
    expect(later.sampleTopic.sample.suggestions).toMatchObject([{ path: 'contact', declared: 'email' }]);
  });

  test('tell what to change where a schema is not one subject’s own', async () => {
    const schema = JSON.stringify({
      ...{ type: 'record', name: `Shared${Date.now()}`, namespace: 'Demo' },
      fields: [{ name: 'contact', type: 'string' }],
    });
    const [first, second] = [uniqueName('one'), uniqueName('two')];
    for (const subject of [first, second]) await registerSchema(app, `${subject}-value`, { schema });
    const { search } = await app
      .done(
        `query { entities(filter: { name: { eq: "${JSON.parse(schema).name}" } }) { nodes { id latestVersion { number } } } }`,
      )
      .then(({ entities }) => ({ search: entities.nodes[0] }));
    const refused = await app.refusals(
      `mutation ($input: AcceptSemanticTypeInput!) { acceptSemanticType(input: $input) { userErrors { code message } } }`,
      {
        input: {
          ...{ entityId: search.id, path: 'contact', semanticType: 'email' },
          expectedNumber: search.latestVersion.number,
        },
      },
    );
    expect(refused).toMatchObject([{ code: 'CONFLICT', message: expect.stringContaining('{"contact":["email"]}') }]);
  });

  test('keep to a retention that is planned, approved by its hash, and watched', async () => {
    const [topic] = await topics();
    const fields = `userErrors { code message field } topicRetention { id policyVersion approvedBy lastOutcome
      settings { name value } deviations { setting onBroker desired why } deviatingSince
      lastChanges { setting from to } dataset { name } policyVersions { totalCount nodes { createdBy settings { value } } }
      retentionPlan { topic hash holds reason approvalsNeeded approvedBy steps { setting onBroker desired target change blocked } } }`;
    const set = `mutation ($input: SetTopicRetentionInput!) { setTopicRetention(input: $input) { ${fields} } }`;
    const apply = `mutation ($input: ApplyTopicRetentionInput!) { applyTopicRetention(input: $input) { ${fields} } }`;
    const settings = [{ name: 'retention.ms', value: day }];
    const refused = await app.refusals(set, {
      input: { datasetId: topic.dataset.id, settings: [{ name: 'retention.ms', value: 'a week' }] },
    });
    expect(refused).toMatchObject([{ code: 'BAD_INPUT', field: ['settings', '0', 'value'] }]);
    const { setTopicRetention } = await app.done(set, { input: { datasetId: topic.dataset.id, settings } });
    const { id, retentionPlan } = setTopicRetention.topicRetention;
    expect(retentionPlan).toMatchObject({
      ...{ approvalsNeeded: 1, approvedBy: [] },
      topic: name,
      holds: 0,
      reason: null,
      steps: [{ setting: 'retention.ms', onBroker: week, desired: day, target: day, change: 'SHORTEN', blocked: null }],
    });
    const waiting = async () =>
      (
        await app.done(
          `{ topicRetentions(filter: { deviating: true, outcome: NEEDS_APPROVAL }) { nodes { id deviatingSince
               deviations { setting onBroker desired } } } }`,
        )
      ).topicRetentions.nodes;
    expect(await eventually(waiting, (found) => found.length === 1)).toMatchObject([
      {
        id,
        deviatingSince: expect.any(String),
        deviations: [{ setting: 'retention.ms', onBroker: week, desired: day }],
      },
    ]);
    expect(await onBroker('retention.ms')).toBe(week);
    const wrong = await app.refusals(apply, { input: { id, planHash: '0'.repeat(64) } });
    expect(wrong).toMatchObject([{ code: 'PLAN_CHANGED', field: ['planHash'] }]);
    const { applyTopicRetention } = await app.done(apply, { input: { id, planHash: retentionPlan.hash } });
    expect(applyTopicRetention.topicRetention).toMatchObject({
      lastOutcome: 'IN_FORCE',
      approvedBy: 'local',
      deviations: [],
      lastChanges: [{ setting: 'retention.ms', from: week, to: day }],
    });
    expect([await onBroker('retention.ms'), await onBroker('segment.ms')]).toEqual([day, day]);
    // Somebody changes it on the broker, and the schedule takes that back.
    await gateway.cluster.changeSettings(name, { 'retention.ms': week });
    const changes = async () =>
      (await app.done(`query ($id: ID!) { node(id: $id) { ... on TopicRetention { lastOutcome changedAt } } }`, { id }))
        .node;
    const { changedAt } = await changes();
    await eventually(changes, (found) => found.changedAt !== changedAt && found.lastOutcome === 'IN_FORCE');
    expect(await onBroker('retention.ms')).toBe(day);
    const deleted = await app.done(
      `mutation ($id: ID!) { deleteTopicRetention(input: { id: $id }) { userErrors { code } deletedId } }`,
      { id },
    );
    expect(deleted.deleteTopicRetention.deletedId).toBe(id);
    expect((await topics())[0].retention).toBeNull();
  });

  test('go by a retention policy that fits them, each by its own approval, and get back what they had', async () => {
    await gateway.cluster.changeSettings(name, { 'retention.ms': week });
    const [topic] = await topics();
    const scope = { classifications: ['PII'], namespaces: [topic.dataset.namespace] };
    const set = `mutation ($input: SetRetentionPolicyInput!) { setRetentionPolicy(input: $input) { userErrors { message }
      retentionPolicy { places(first: 5) { nodes { state uncovered dataset { id } } } } } }`;
    const policy = `contacts${Date.now()}`;
    const { setRetentionPolicy } = await app.done(set, { input: { name: policy, days: 2, scope } });
    expect(setRetentionPolicy.retentionPolicy.places.nodes).toEqual([
      { state: 'IN_FORCE', uncovered: null, dataset: { id: topic.dataset.id } },
    ]);
    const placed = async (): Promise<Data[]> =>
      (
        await app.done(
          `{ topicRetentions(first: 5, filter: { outcome: NEEDS_APPROVAL }) { nodes { id placedByPolicy
             dataset { effectiveRetention { policyName days dateField } }
             retentionPlan { hash steps { onBroker desired change } } } } }`,
        )
      ).topicRetentions.nodes;
    const [found] = await eventually(placed, (some) => some.length === 1);
    const { id, retentionPlan } = found;
    expect(found).toMatchObject({
      placedByPolicy: policy,
      dataset: { effectiveRetention: { policyName: policy, days: 2, dateField: null } },
    });
    expect(retentionPlan.steps).toEqual([{ onBroker: week, desired: '259200000', change: 'SHORTEN' }]);
    await app.done(
      `mutation ($input: ApplyTopicRetentionInput!) { applyTopicRetention(input: $input) { userErrors { message } } }`,
      { input: { id, planHash: retentionPlan.hash } },
    );
    expect(await onBroker('retention.ms')).toBe('259200000');
    const refused = await app.refusals(
      `mutation ($id: ID!) { deleteTopicRetention(input: { id: $id }) { userErrors { code } } }`,
      { id },
    );
    expect(refused).toMatchObject([{ code: 'CONFLICT' }]);
    await app.done(
      `mutation ($name: String!) { retireRetentionPolicy(input: { name: $name }) { userErrors { message } } }`,
      { name: policy },
    );
    await eventually(topics, ([one]) => one.retention === null);
    expect(await onBroker('retention.ms')).toBe(week);
  });

  test('that are gone are marked at the next discovery', async () => {
    await gateway.topics.deleteTopic(name);
    await eventually(
      async () => gateway.describeTopic(name),
      (found) => found === null,
    );
    const { discoverTopics } = await app.done(
      'mutation { discoverTopics(input: {}) { userErrors { code } discovery { topics gone discovered returned finishedAt } } }',
    );
    expect(discoverTopics.discovery.topics).toBeGreaterThanOrEqual(0);
    const [topic] = await topics({ gone: true });
    expect(topic).toMatchObject({ brokerSettings: null, partitions: { totalCount: 0 } });
    expect(topic.goneAt).not.toBeNull();
  });
});
