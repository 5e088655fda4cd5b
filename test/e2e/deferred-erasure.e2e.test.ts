import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../src/adapters/kafka/kafkajs-gateway.ts';
import { type Data, eventually, type TestApp, testApp } from '../testkit/app.ts';
import { registered } from '../testkit/catalog.ts';
import { sparkSummitDocument } from '../testkit/documents.ts';
import { erase } from '../testkit/erasure.ts';
import { gatewayFor, missingKafka, scanAll, testBroker, uniqueName } from '../testkit/kafka.ts';

const missing = await missingKafka();

const message = (n: number) => ({
  ...{ sid: `SM${n}`, account_sid: `AC${n % 3}`, date_created: '2018-06-04T10:00:00Z' },
  ...{ to: '+11234567890', from: '+351234567890', message_body: 'text' },
});
const ended = ['COMPLETED', 'PARTIAL', 'BLOCKED', 'FAILED', 'CANCELLED'];

describe.skipIf(missing)(`an erasure that something keeps from its end${missing ? `: ${missing}` : ''}`, () => {
  let app: TestApp;
  let gateway: KafkajsGateway;
  let close: () => Promise<void>;
  let table: Data;
  let topicDataset: string;
  const topic = uniqueName('calls');

  beforeAll(async () => {
    const broker = await testBroker();
    close = broker.close;
    gateway = gatewayFor(broker.brokers);
    app = await testApp({ KAFKA_BROKERS: broker.brokers, HOLD_RELEASE_GRACE_DAYS: '0' });
    await gateway.ensureTopic({ name: topic, partitions: 2, config: { 'cleanup.policy': 'delete' } });
    const { entity } = await registered(app, sparkSummitDocument);
    const { createLakeLanding } = await app.done(
      `mutation ($input: CreateLakeLandingInput!) { createLakeLanding(input: $input) { userErrors { code message }
         stream { source { id namespace } target { id name } } } }`,
      {
        input: {
          ...{ entityId: entity.id, sourceTopic: topic, area: 'messaging', dateField: 'date_created' },
          ...{ accountField: 'account_sid', subjectFields: ['sid'] },
        },
      },
    );
    table = createLakeLanding.stream.target;
    topicDataset = createLakeLanding.stream.source.id;
    await change('mapEntity', {
      ...{ entityId: entity.id, role: 'TOPIC', accountField: 'account_sid', subjectFields: ['sid'] },
      dataset: { namespace: createLakeLanding.stream.source.namespace, name: topic },
    });
    const records = Array.from({ length: 90 }, (_, n) => ({ value: message(n) }));
    expect((await app.produce(topic, { records })).status).toBe(200);
    await eventually(rows, (count) => count === 90);
  });
  afterAll(async () => {
    await gateway?.close();
    await app?.stop();
    await close?.();
  });

  const rows = async (): Promise<number> =>
    (await app.done('query ($id: ID!) { node(id: $id) { ... on Dataset { lakeTable { rows } } } }', { id: table.id }))
      .node.lakeTable.rows;
  const topicName = async (): Promise<string> =>
    (await app.done('query ($id: ID!) { node(id: $id) { ... on Dataset { name } } }', { id: topicDataset })).node.name;
  const accountsIn = async (name: string): Promise<readonly string[]> => {
    const values = (await scanAll(gateway, name)).map(({ value }) => JSON.parse(String(value)).account_sid as string);
    return [...new Set(values)].sort();
  };
  const change = (name: string, input: Data, fields = ''): Promise<Data> =>
    app.done(
      `mutation ($input: ${name[0]?.toUpperCase()}${name.slice(1)}Input!) { ${name}(input: $input) { userErrors { code message } ${fields} } }`,
      { input },
    );
  const hold = async (accountId: string): Promise<string> =>
    (await change('placeLegalHold', { matterId: 'M', reason: 'r', scope: { accountId } }, 'legalHold { id }'))
      .placeLegalHold.legalHold.id;
  const release = (id: string): Promise<Data> => change('releaseLegalHold', { id, reason: 'settled' });
  const operation = async (id: string): Promise<Data> =>
    (
      await app.done(
        `query ($id: ID!) { node(id: $id) { ... on Operation { id status statusReason planHash
           deferral { byHold byMinimum until reopened } certificate { body }
           targets { nodes { role receipt { recordsErased } } } } } }`,
        { id },
      )
    ).node;
  /** The next round, which nobody asked for, once somebody has approved it and it has ended. */
  const nextRound = async (id: string): Promise<Data> => {
    const planned = await eventually(
      () => operation(id),
      ({ status }) => status === 'PLANNED',
    );
    await change('approveOperation', { id, planHash: planned.planHash });
    return eventually(
      () => operation(id),
      ({ status }) => ended.includes(status),
    );
  };

  test('by a hold between plan and swap is swapped nowhere, comes back with the release of the last one, and completes', async () => {
    const holds: string[] = [];
    const stopped = await erase(app, { subjects: [{ accountId: 'AC1' }] }, async () => {
      for (let n = 0; n < 2; n += 1) holds.push(await hold('AC1'));
    });
    expect(stopped.status).toBe('PARTIAL');
    expect(stopped.certificate.body).toMatchObject({
      totals: { recordsErased: 0 },
      open: expect.arrayContaining([expect.objectContaining({ code: 'HOLD_ACTIVE' })]),
    });
    expect([await rows(), await topicName()]).toEqual([90, topic]);
    expect(await accountsIn(topic)).toEqual(['AC0', 'AC1', 'AC2']);
    const { id } = stopped;
    expect((await operation(id)).deferral).toEqual({ byHold: true, byMinimum: false, until: null, reopened: 0 });

    // Each release takes away its own matter only: what is planned anew is blocked by the other.
    const [first = '', second = ''] = holds;
    await release(first);
    const blocked = await eventually(
      () => operation(id),
      ({ status }) => status === 'BLOCKED',
    );
    expect(blocked.deferral).toMatchObject({ byHold: true, reopened: 1 });
    expect(await rows()).toBe(90);
    await release(second);
    const done = await nextRound(id);
    expect(done).toMatchObject({ status: 'COMPLETED', statusReason: null, deferral: null });
    expect(done.targets.nodes.map(({ role, receipt }: Data) => [role, receipt.recordsErased])).toEqual([
      ['TOPIC', 30],
      ['LAKE_TABLE', 30],
    ]);
    expect(await rows()).toBe(60);
    expect(await accountsIn(await topicName())).toEqual(['AC0', 'AC2']);
    const { auditEvents } = await app.done(
      `query ($id: ID!) { auditEvents(first: 50, filter: { resourceId: $id, action: "retryOperation" }) { nodes { actorId } } }`,
      { id },
    );
    expect(auditEvents.nodes).toEqual(Array(2).fill({ actorId: 'erasure-ledger' }));
  });

  test('by minimums keeps what is young, in topic and table, and completes when they have run out', async () => {
    const minimum = { name: 'SOX', mode: 'GOVERNANCE' };
    // The rows are of 2018, the records of today: only a long minimum keeps the rows.
    await change('setMinimumRetention', { ...minimum, datasetId: topicDataset, days: 5 });
    await change('setMinimumRetention', { ...minimum, datasetId: table.id, days: 30_000 });
    const kept = await erase(app, { subjects: [{ accountId: 'AC2' }] });
    expect(kept.status).toBe('PARTIAL');
    expect(new Set(kept.gaps.map(({ code, dataset }: Data) => `${code} ${dataset}`))).toEqual(
      new Set([`MINIMUM_RETENTION ${await topicName()}`, `MINIMUM_RETENTION ${table.name}`]),
    );
    expect([await rows(), await accountsIn(await topicName())]).toEqual([60, ['AC0', 'AC2']]);
    const last = Date.parse('2018-06-04') + 30_001 * 86_400_000;
    expect((await operation(kept.id)).deferral).toEqual({
      ...{ byHold: false, byMinimum: true, reopened: 0 },
      until: new Date(last).toISOString(),
    });
    // Their ends: the very rows of the minimums run out, and the ledger is told so by its own clock.
    const bypassReason = 'the regulation was repealed';
    for (const datasetId of [topicDataset, table.id])
      await change('removeMinimumRetention', { datasetId, name: minimum.name, bypassReason });
    await app.em.fork().execute('update erasure_deferral set until = now() where by_minimum');
    const done = await nextRound(kept.id);
    expect(done).toMatchObject({ status: 'COMPLETED', deferral: null });
    expect([await rows(), await accountsIn(await topicName())]).toEqual([30, ['AC0']]);
  });

  test('keeps keys, too: what a minimum keeps stays readable', async () => {
    await change('setMinimumRetention', { name: 'HIPAA', mode: 'COMPLIANCE', datasetId: table.id, days: 30_000 });
    const { requestShred } = await change('requestShred', { subjects: [{ accountId: 'AC0' }] }, 'operation { id }');
    const done = await nextRound(requestShred.operation.id);
    expect(done.status).toBe('PARTIAL');
    expect(done.deferral).toMatchObject({ byMinimum: true, until: expect.stringMatching(/^2100-/) });
    expect(done.certificate.body.totals.recordsErased).toBe(0);
    const keys = await app.em.fork().execute(`select 1 from account_key where state = 'DESTROYED'`);
    expect(keys).toEqual([]);
  });

  test.each([
    [{ days: 29_999 }, 'RETENTION_LOCKED', ['days']],
    [{ mode: 'GOVERNANCE' }, 'RETENTION_LOCKED', ['mode']],
    [{ validUntil: '2090-01-01T00:00:00Z' }, 'RETENTION_LOCKED', ['validUntil']],
    [{ days: 0 }, 'BAD_INPUT', ['days']],
    [{ name: ' ' }, 'BAD_INPUT', ['name']],
    [{ dateField: 'other', name: 'PCI' }, 'BAD_INPUT', ['dateField']],
    [{ validUntil: '2020-01-01T00:00:00Z', name: 'PCI' }, 'BAD_INPUT', ['validUntil']],
  ])('and a compliance minimum is not weakened by anybody: %j', async (less, code, field) => {
    const input = { name: 'HIPAA', mode: 'COMPLIANCE', datasetId: table.id, days: 30_000, bypassReason: 'because' };
    const refused = await app.refusals(
      'mutation ($input: SetMinimumRetentionInput!) { setMinimumRetention(input: $input) { userErrors { code field } } }',
      { input: { ...input, ...less } },
    );
    expect(refused).toEqual([{ code, field }]);
  });

  test('nor removed; but lengthened', async () => {
    const refused = await app.refusals(
      'mutation ($input: RemoveMinimumRetentionInput!) { removeMinimumRetention(input: $input) { userErrors { code } } }',
      { input: { datasetId: table.id, name: 'HIPAA', bypassReason: 'because' } },
    );
    expect(refused).toEqual([{ code: 'RETENTION_LOCKED' }]);
    await change('setMinimumRetention', { name: 'HIPAA', mode: 'COMPLIANCE', datasetId: table.id, days: 30_001 });
    const { node } = await app.done(
      'query ($id: ID!) { node(id: $id) { ... on Dataset { minimumRetentions { name days mode dateField validUntil } } } }',
      { id: table.id },
    );
    expect(node.minimumRetentions).toEqual([
      { name: 'HIPAA', days: 30_001, mode: 'COMPLIANCE', dateField: 'date_created', validUntil: null },
    ]);
  });
});
