import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../src/adapters/kafka/kafkajs-gateway.ts';
import { type Data, eventually, type TestApp, testApp } from '../testkit/app.ts';
import { registered } from '../testkit/catalog.ts';
import { sparkSummitDocument } from '../testkit/documents.ts';
import { erase } from '../testkit/erasure.ts';
import { gatewayFor, missingKafka, scanAll, testBroker, uniqueName } from '../testkit/kafka.ts';

const missing = await missingKafka();

const message = (n: number) => ({
  sid: `SM${n}`,
  account_sid: `AC${n % 3}`,
  date_created: `2018-06-0${(n % 3) + 4}T10:00:00Z`,
  to: '+11234567890',
  from: '+351234567890',
  message_body: `canary-body-${n}`,
});
/** Every other record has no key. */
const batch = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => {
    const n = from + index;
    return n % 2 === 0 ? { value: message(n) } : { key: `SM${n}`, value: message(n) };
  });

describe.skipIf(missing)(
  `topics that are not compacted, from request to certificate${missing ? `: ${missing}` : ''}`,
  () => {
    let app: TestApp;
    let gateway: KafkajsGateway;
    let close: () => Promise<void>;
    const [raw, clean] = [uniqueName('raw'), uniqueName('clean')];
    let entityId: string;
    let table: Data;
    let retentionId: string;

    beforeAll(async () => {
      const broker = await testBroker();
      close = broker.close;
      gateway = gatewayFor(broker.brokers);
      app = await testApp({ KAFKA_BROKERS: broker.brokers });
      for (const name of [raw, clean])
        await gateway.ensureTopic({ name, partitions: 2, config: { 'cleanup.policy': 'delete' } });
      entityId = (await registered(app, sparkSummitDocument)).entity.id;
      const { source } = (await declareStream()) as Data;
      const { setTopicRetention } = await app.done(
        `mutation ($input: SetTopicRetentionInput!) { setTopicRetention(input: $input) { userErrors { code message }
         topicRetention { id } } }`,
        { input: { datasetId: source.id, settings: [{ name: 'retention.ms', value: '1234567890' }] } },
      );
      retentionId = setTopicRetention.topicRetention.id;
      const { createLakeLanding } = await app.done(
        `mutation ($input: CreateLakeLandingInput!) { createLakeLanding(input: $input) { userErrors { code message }
         stream { target { id name } } } }`,
        { input: { ...keys(), sourceTopic: clean, area: 'messaging', dateField: 'date_created' } },
      );
      table = createLakeLanding.stream.target;
    });
    afterAll(async () => {
      await gateway?.close();
      await app?.stop();
      await close?.();
    });

    const keys = () => ({ entityId, accountField: 'account_sid', subjectFields: ['sid'] });
    const declareStream = async (): Promise<string> =>
      (
        await app.done(
          `mutation ($input: CreateStreamProtectionInput!) { createStreamProtection(input: $input) {
           userErrors { code message } stream { id source { id namespace name } target { name } } } }`,
          { input: { ...keys(), sourceTopic: raw, targetTopic: clean, partitions: 2 } },
        )
      ).createStreamProtection.stream;
    const rows = async (): Promise<number> =>
      (await app.done('query ($id: ID!) { node(id: $id) { ... on Dataset { lakeTable { rows } } } }', { id: table.id }))
        .node.lakeTable.rows;
    const sids = async (topic: string): Promise<string[]> =>
      (await scanAll(gateway, topic)).map(({ value }) => JSON.parse(String(value)).sid as string);
    const others = (from: number, to: number) =>
      batch(from, to).flatMap(({ value }) => (value.account_sid === 'AC1' ? [] : [value.sid]));

    test('an account is erased from topics and lake, streams go on without loss or repetition, and old names still work', async () => {
      expect((await app.produce(raw, { records: batch(0, 300) })).status).toBe(200);
      await eventually(rows, (count) => count >= 300);
      const done = await erase(app, { subjects: [{ accountId: 'AC1' }] });
      expect(done).toMatchObject({ status: 'COMPLETED', gaps: [] });
      expect(done.certificate.body).toMatchObject({ outcome: 'COMPLETED', open: [] });
      expect(done.certificate.body.totals).toMatchObject({ recordsErased: 300, survivors: 0, lost: 0 });
      expect(done.targets.nodes.map(({ role, dataset }: Data) => [role, dataset.name]).slice(0, 2)).toEqual([
        ['TOPIC', `${raw}.g2`],
        ['TOPIC', `${clean}.g2`],
      ]);
      expect([await gateway.describeTopic(raw), await gateway.describeTopic(clean)]).toEqual([null, null]);
      expect(await rows()).toBe(200);

      const { status, body } = await app.produce(raw, { records: batch(300, 360) });
      expect(status).toBe(200);
      expect(body.offsets.filter(({ error }: Data) => error !== null)).toEqual([]);
      await eventually(rows, (count) => count >= 260);
      const [inRaw, inClean] = [await sids(`${raw}.g2`), await sids(`${clean}.g2`)];
      const expected = [...others(0, 300), ...batch(300, 360).map(({ value }) => value.sid)].sort();
      expect(inRaw.sort()).toEqual(expected);
      expect(inClean.sort()).toEqual(expected);
      expect(await rows()).toBe(260);
    });

    test('a stream by the old names is the one there is', async () => {
      const stream: Data = await declareStream();
      expect([stream.source.name, stream.target.name]).toEqual([`${raw}.g2`, `${clean}.g2`]);
      expect([await gateway.describeTopic(raw), await gateway.describeTopic(clean)]).toEqual([null, null]);
    });

    test('the retention of a topic is that of its next generation', async () => {
      const { node } = await app.done(
        `query ($id: ID!) { node(id: $id) { ... on TopicRetention { dataset { name }
           retentionPlan { topic hash steps { setting target } } } } }`,
        { id: retentionId },
      );
      expect(node).toMatchObject({
        dataset: { name: `${raw}.g2` },
        retentionPlan: { topic: `${raw}.g2`, steps: [{ setting: 'retention.ms', target: '1234567890' }] },
      });
      const { applyTopicRetention } = await app.done(
        `mutation ($input: ApplyTopicRetentionInput!) { applyTopicRetention(input: $input) {
           userErrors { code message } topicRetention { lastOutcome } } }`,
        { input: { id: retentionId, planHash: node.retentionPlan.hash } },
      );
      expect(applyTopicRetention.topicRetention.lastOutcome).toBe('IN_FORCE');
      const own = (await gateway.describeTopic(`${raw}.g2`))?.own;
      expect(own).toEqual({ 'cleanup.policy': 'delete', 'retention.ms': '1234567890' });
    });

    test('records that are past their retention go from the start of their topic, which stays what it is', async () => {
      const name = uniqueName('old');
      const [now, day] = [Date.now(), 86_400_000];
      await gateway.ensureTopic({
        name,
        partitions: 1,
        config: { 'cleanup.policy': 'delete', 'retention.ms': String(7 * day) },
      });
      const { source } = (await declareStream()) as Data;
      await app.done(
        'mutation ($input: MapEntityInput!) { mapEntity(input: $input) { userErrors { code message } } }',
        { input: { ...keys(), dataset: { namespace: source.namespace, name }, role: 'TOPIC' } },
      );
      const records = ['AC9', 'AC0', 'AC9', 'AC0'].map((account_sid, n) => ({
        key: null,
        timestamp: String(n < 3 ? now - 9 * day : now),
        value: JSON.stringify({ ...message(9_000 + n), account_sid }),
      }));
      await gateway.produce(name, records);
      const done = await erase(app, { subjects: [{ accountId: 'AC9' }] });
      expect(done).toMatchObject({ status: 'COMPLETED', gaps: [] });
      expect(done.certificate.body).toMatchObject({ outcome: 'COMPLETED', open: [] });
      expect(done.certificate.body.totals).toMatchObject({ recordsErased: 2, survivors: 0, lost: 0 });
      expect(done.targets.nodes.map(({ dataset }: Data) => dataset.name)).toContain(name);
      expect(await sids(name)).toEqual(['SM9003']);
      expect(await gateway.offsets(name)).toEqual([{ partition: 0, earliest: '3', latest: '4' }]);
    });
  },
);
