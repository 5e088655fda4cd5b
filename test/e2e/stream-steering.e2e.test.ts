import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../src/adapters/kafka/kafkajs-gateway.ts';
import { type Data, eventually, register, type TestApp, testApp } from '../testkit/app.ts';
import { type ConsumerProcess, consumerProcess } from '../testkit/consumers.ts';
import { sparkSummitDocument } from '../testkit/documents.ts';
import { erase } from '../testkit/erasure.ts';
import { gatewayFor, missingKafka, scanAll, testBroker, uniqueName } from '../testkit/kafka.ts';

const missing = await missingKafka();

const message = (index: number, account = `AC${index % 3}`) => ({
  sid: `SM${index}`,
  account_sid: account,
  date_created: '2018-06-05T10:00:00Z',
  to: '+11234567890',
  from: '+351234567890',
  message_body: `canary-body-${index}`,
});
const records = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => ({
    key: `SM${from + index}`,
    value: JSON.stringify(message(from + index)),
    partition: index % 4,
  }));

const steer = (verb: 'pauseStream' | 'resumeStream') =>
  `mutation ($input: SteerStreamInput!) { ${verb}(input: $input) { userErrors { code message } stream { state } } }`;
const replay = `mutation ($input: ReplayStreamInput!) { replayStream(input: $input) {
  userErrors { code field } steps { partition from to } } }`;
const streamQuery = `query ($id: ID!) { node(id: $id) { ... on Stream { state
  status { reason since processes recordsPerSecond bytesPerSecond passed setAside }
  lag { records partitions { partition position end records } } } } }`;

describe.skipIf(missing)(`steering a stream that two processes run${missing ? `: ${missing}` : ''}`, () => {
  let app: TestApp;
  let other: ConsumerProcess;
  let gateway: KafkajsGateway;
  let close: () => Promise<void>;
  let brokers: string;
  let entityId: string;
  beforeAll(async () => {
    const broker = await testBroker();
    ({ close, brokers } = broker);
    gateway = gatewayFor(broker.brokers);
    app = await testApp({ KAFKA_BROKERS: broker.brokers });
    entityId = (await app.done(register, { input: { document: sparkSummitDocument } })).registerEntityVersion.entity.id;
    other = await consumerProcess(app.settings);
  });
  afterAll(async () => {
    await other?.kill();
    await app?.stop();
    await gateway?.close();
    await close?.();
  });

  async function declared() {
    const [raw, clean] = [uniqueName('raw'), uniqueName('clean')];
    const keys = { entityId, accountField: 'account_sid', subjectFields: ['sid'] };
    const { createStreamProtection } = await app.done(
      'mutation ($input: CreateStreamProtectionInput!) { createStreamProtection(input: $input) { userErrors { code } stream { id } } }',
      { input: { ...keys, sourceTopic: raw, targetTopic: clean, partitions: 4 } },
    );
    return { raw, clean, id: createStreamProtection.stream.id as string };
  }
  const streamOf = async (id: string): Promise<Data> => (await app.done(streamQuery, { id })).node;
  const caughtUp = (id: string, passed: number) =>
    eventually(
      () => streamOf(id),
      ({ lag, status }) => lag?.records === 0 && status.passed >= passed,
    );
  /** Waits until two members have the partitions of a group. */
  async function shared(group: string): Promise<void> {
    const admin = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    await eventually(
      () => admin.describeGroups([group]),
      ({ groups }) => groups[0]?.state === 'Stable' && groups[0].members.length === 2,
    );
    await admin.disconnect();
  }
  const stopped = async (id: string) => {
    await app.done(steer('pauseStream'), { input: { id } });
    return eventually(
      () => streamOf(id),
      ({ status }) => status.processes === 0,
    );
  };

  test('tells lineage of itself as one run, with what becomes of each field, until it is paused', async () => {
    const { raw, clean, id } = await declared();
    const job = `lineward.protection.${Buffer.from(id, 'base64url').toString().split(':')[1]}`;
    const told = async (): Promise<Data[]> => {
      const answer = await fetch(`${app.urls.main}/api/v1/events/lineage?limit=100`);
      const { events } = (await answer.json()) as { events: Data[] };
      return events.filter((event) => event.job.name === job).reverse();
    };
    const [start] = await eventually(told, (events) => events.length > 0);
    expect(start).toMatchObject({
      eventType: 'START',
      job: { namespace: 'lineward', facets: { jobType: { processingType: 'STREAMING' } } },
      inputs: [{ namespace: `kafka://${brokers}`, name: raw }],
      outputs: [{ namespace: `kafka://${brokers}`, name: clean }],
    });
    const waysOf = (field: string) =>
      start.outputs[0].facets.columnLineage.fields[field].inputFields[0].transformations;
    expect(waysOf('sid')).toMatchObject([{ type: 'DIRECT', subtype: 'IDENTITY', masking: false }]);
    expect(waysOf('to')).toMatchObject([{ type: 'DIRECT', subtype: 'TRANSFORMATION', masking: true }]);

    const { node } = await app.done('query ($id: ID!) { node(id: $id) { ... on Stream { source { id } } } }', {
      id,
    });
    const { lineage, columnLineage } = await app.done(
      `query ($start: ID!) {
        lineage(start: $start, direction: DOWNSTREAM) { jobs { namespace name } nodes { dataset { name } } edges { job } }
        columnLineage(datasetId: $start, field: "to", direction: DOWNSTREAM) {
          edges { source { path } target { path dataset { name } } subtype masking job { namespace name } } }
      }`,
      { start: node.source.id },
    );
    expect(lineage.nodes.map(({ dataset }: Data) => dataset.name)).toEqual([raw, clean]);
    expect(lineage.edges).toEqual([{ job }]);
    expect(columnLineage.edges).toEqual([
      {
        source: { path: 'to' },
        target: { path: 'to', dataset: { name: clean } },
        ...{ subtype: 'TRANSFORMATION', masking: true, job: { namespace: 'lineward', name: job } },
      },
    ]);

    await stopped(id);
    await eventually(told, (events) => events.length > 1);
    await app.done(steer('resumeStream'), { input: { id } });
    const events = await eventually(told, (all) => all.length > 2);
    expect(events.map(({ eventType }) => eventType)).toEqual(['START', 'ABORT', 'START']);
    expect(events[1].run.runId).toBe(start.run.runId);
    expect(events[2].run.runId).not.toBe(start.run.runId);
  });

  test('its state, lag, rates and counts are those of both together, and of Prometheus beside', async () => {
    const { raw, clean, id } = await declared();
    await eventually(
      () => streamOf(id),
      ({ status }) => status.processes === 2,
    );
    const local = Buffer.from(id, 'base64url').toString().split(':')[1] ?? '';
    await shared(`lineward.${local}`);
    await gateway.produce(raw, [...records(0, 2_000), { key: 'bad', value: 'no json', partition: 0 }]);
    const read = await caughtUp(id, 2_000);
    expect(read).toMatchObject({ state: 'RUNNING', status: { reason: null, passed: 2_000, setAside: 1 } });
    expect(read.status.recordsPerSecond).toBeCloseTo(2_001 / 60);
    expect(read.status.bytesPerSecond).toBeGreaterThan((2_000 * 100) / 60);
    const metrics = await (await fetch(`${app.urls.main}/metrics`)).text();
    const here = Number(new RegExp(`records_total\\{stream="${local}",outcome="passed"\\} (\\d+)`).exec(metrics)?.[1]);
    expect(here).toBeGreaterThan(0);
    expect(here).toBeLessThan(2_000);
    expect(metrics).toContain(`lineward_stream_lag_records{stream="${local}"} 0`);
    expect(metrics).toContain(`lineward_stream_failing{stream="${local}"} 0`);

    const paused = await stopped(id);
    expect(paused).toMatchObject({ state: 'PAUSED', lag: { records: 0 } });
    expect(Date.parse(paused.status.since)).toBeGreaterThan(Date.parse(read.status.since));
    await gateway.produce(raw, records(2_000, 2_100));
    expect(await streamOf(id)).toMatchObject({ lag: { records: 100 }, status: { passed: 2_000 } });
    await app.done(steer('resumeStream'), { input: { id } });
    expect(await caughtUp(id, 2_100)).toMatchObject({ state: 'RUNNING' });
    expect(await scanAll(gateway, clean)).toHaveLength(2_100);
  });

  test('it is replayed once it stands still everywhere, and writes each record a second time', async () => {
    const { raw, clean, id } = await declared();
    await gateway.produce(raw, records(0, 200));
    await caughtUp(id, 200);
    const input = { id, from: { earliest: true }, acceptsDuplicates: true };
    expect(await app.refusals(replay, { input })).toEqual([{ code: 'STREAM_STATE', field: ['id'] }]);
    await app.done(steer('pauseStream'), { input: { id } });
    for (const from of [{}, { earliest: false }, { earliest: true, offsets: [] }])
      expect(await app.refusals(replay, { input: { ...input, from } })).toEqual([
        { code: 'BAD_INPUT', field: ['from'] },
      ]);
    const unaware = { ...input, acceptsDuplicates: false };
    expect(await app.refusals(replay, { input: unaware })).toMatchObject([{ field: ['acceptsDuplicates'] }]);
    // Waits for the consumers in both processes by itself.
    const { replayStream } = await app.done(replay, { input });
    expect(replayStream.steps).toEqual([0, 1, 2, 3].map((partition) => ({ partition, from: '50', to: '0' })));
    expect(await scanAll(gateway, clean)).toHaveLength(200);
    await app.done(steer('resumeStream'), { input: { id } });
    await caughtUp(id, 400);
    const values = (await scanAll(gateway, clean)).map(({ value }) => String(value));
    expect(values).toHaveLength(400);
    expect(new Set(values).size).toBe(200);
    expect(values.join()).not.toContain('canary');
    const { auditEvents } = await app.done('{ auditEvents(first: 100) { nodes { action outcome details } } }');
    expect(auditEvents.nodes.find(({ action }: Data) => action === 'replayStream')).toMatchObject({
      outcome: 'SUCCESS',
      details: { from: 'EARLIEST', topic: raw },
    });
  });

  test('an erasure names the stream that it does not wait for; after it neither pause nor replay carries erased records on', async () => {
    const { raw, clean, id } = await declared();
    await gateway.produce(raw, records(0, 120));
    await caughtUp(id, 120);
    await stopped(id);
    // Not yet read by the stream when they are erased.
    await gateway.produce(raw, records(120, 240));
    const done = await erase(app, { subjects: [{ accountId: 'AC1' }] });
    expect(done.status).toBe('PARTIAL');
    const open = done.targets.nodes.flatMap(({ receipt }: Data) => receipt?.open ?? []);
    const local = Buffer.from(id, 'base64url').toString().split(':')[1] ?? '';
    expect(open.filter(({ reason }: Data) => reason.includes(local) && reason.includes('paused'))).toEqual([
      { code: 'STREAM_PAUSED', reason: expect.stringMatching(new RegExp(`^stream ${local} is paused since 20`)) },
    ]);
    const ends = new Map((await gateway.offsets(clean)).map(({ partition, latest }) => [partition, BigInt(latest)]));
    await app.done(replay, { input: { id, from: { earliest: true }, acceptsDuplicates: true } });
    await app.done(steer('resumeStream'), { input: { id } });
    await eventually(
      () => streamOf(id),
      ({ lag }) => lag?.records === 0,
    );
    const carried: string[] = [];
    const each = ({ value }: { value: Buffer | null }) => {
      if (value !== null) carried.push(String(value));
    };
    await gateway.scan(clean, each, undefined, { from: ends });
    expect(carried.filter((value) => value.includes('"AC1"'))).toEqual([]);
    expect(carried).toHaveLength(160);
  });

  test('it fails with a reason while its target is gone, and says since when', async () => {
    const { raw, clean, id } = await declared();
    await gateway.produce(raw, records(0, 10));
    await caughtUp(id, 10);
    await gateway.topics.deleteTopic(clean);
    await sleep(1_500);
    await gateway.produce(raw, records(10, 20));
    const failed = await eventually(
      () => streamOf(id),
      ({ state }) => state === 'FAILED',
    );
    expect(failed.status.reason).toMatch(/topic/i);
    expect(Date.parse(failed.status.since)).toBeGreaterThan(0);
    await gateway.ensureTopic({ name: clean, partitions: 4, config: {} });
    await eventually(
      () => streamOf(id),
      ({ state, status }) => state === 'RUNNING' && status.passed === 20,
    );
    expect(await scanAll(gateway, clean)).toHaveLength(10);
  });
});
