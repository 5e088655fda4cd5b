import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../src/adapters/kafka/kafkajs-gateway.ts';
import { type Data, eventually, type TestApp, testApp } from '../testkit/app.ts';
import { registered } from '../testkit/catalog.ts';
import { sparkSummitDocument } from '../testkit/documents.ts';
import { carriedOut, erase, shred } from '../testkit/erasure.ts';
import { gatewayFor, missingKafka, scanAll, testBroker, uniqueName } from '../testkit/kafka.ts';

const missing = await missingKafka();

/** Of three accounts, in May, June and July of 2018, and one of each account whose date nobody reads. */
const days = ['2018-05-20T10:00:00Z', '2018-06-04T10:00:00Z', '2018-06-30T23:59:59Z', '2018-07-01T00:00:00Z'];
const messages = [...days, 'soon'].flatMap((date, of) =>
  [0, 1, 2].map((account) => ({
    ...{ sid: `SM${of}${account}`, account_sid: `AC${account}`, date_created: date },
    ...{ to: '+11234567890', from: '+351234567890', message_body: 'text' },
  })),
);
const june = { from: '2018-06-01T00:00:00Z', until: '2018-07-01T00:00:00Z' };
const ended = ['COMPLETED', 'PARTIAL', 'BLOCKED', 'FAILED', 'CANCELLED'];

describe.skipIf(missing)(`a legal hold on a range of dates${missing ? `: ${missing}` : ''}`, () => {
  let app: TestApp;
  let gateway: KafkajsGateway;
  let close: () => Promise<void>;
  let table: Data;
  let topicDataset: string;
  const topic = uniqueName('dated');

  beforeAll(async () => {
    const broker = await testBroker();
    close = broker.close;
    gateway = gatewayFor(broker.brokers);
    app = await testApp({ KAFKA_BROKERS: broker.brokers, HOLD_RELEASE_GRACE_DAYS: '0' });
    await gateway.ensureTopic({ name: topic, partitions: 1, config: { 'cleanup.policy': 'compact' } });
    const { entity } = await registered(app, sparkSummitDocument);
    const keys = { accountField: 'account_sid', subjectFields: ['sid'] };
    const { stream } = await change(
      'createLakeLanding',
      { entityId: entity.id, sourceTopic: topic, area: 'messaging', dateField: 'date_created', ...keys },
      'stream { source { id namespace } target { id name } }',
    );
    table = stream.target;
    topicDataset = stream.source.id;
    const dataset = { namespace: stream.source.namespace, name: topic };
    await change('mapEntity', { entityId: entity.id, role: 'TOPIC', ...keys, dataset });
    expect((await app.produce(topic, { records: messages.map((value) => ({ key: value.sid, value })) })).status).toBe(
      200,
    );
    await eventually(rows, (found) => found.length === messages.length);
  });
  afterAll(async () => {
    await gateway?.close();
    await app?.stop();
    await close?.();
  });

  const change = async (name: string, input: Data, fields = ''): Promise<Data> => {
    const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
    const query = `mutation ($input: ${type}!) { ${name}(input: $input) { userErrors { code message } ${fields} } }`;
    return (await app.done(query, { input }))[name];
  };
  const hold = async (scope: Data): Promise<Data> =>
    (
      await change(
        'placeLegalHold',
        { matterId: 'M', reason: 'r', scope },
        'legalHold { id scope { accountId dates { from until } } }',
      )
    ).legalHold;
  const release = (id: string) => change('releaseLegalHold', { id, reason: 'settled' });
  /** What is in the files, as `sid`s. */
  async function rows(): Promise<readonly string[]> {
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    const files = join(app.lakeRoot, table.name, '**/*.parquet');
    const [any] = (await connection.runAndReadAll(`SELECT count(*) FROM glob('${files}')`)).getRows();
    const found =
      Number(any?.[0] ?? 0) === 0
        ? []
        : (
            await connection.runAndReadAll(
              `SELECT sid FROM read_parquet('${files}', hive_partitioning = false) ORDER BY 1`,
            )
          ).getRows();
    connection.closeSync();
    return found.map(([sid]) => String(sid));
  }
  /** Whose record is in the topic, and has no tombstone. */
  const sidsIn = async (): Promise<readonly string[]> => {
    const newest = new Map((await scanAll(gateway, topic)).map(({ key, value }) => [String(key), value]));
    return [...newest].flatMap(([sid, value]) => (value === null ? [] : [sid])).sort();
  };
  const explain = async (accountId: string, date: string, datasetId: string): Promise<Data> =>
    (
      await app.done(
        `query ($item: DecisionItemInput!) { explainDecision(item: $item) { action reason
           winner { rule sourceId dates { from until } } losers { reason claim { rule sourceId dates { from until } } } } }`,
        { item: { datasetId, accountId, date } },
      )
    ).explainDecision;
  const operation = async (id: string): Promise<Data> =>
    (
      await app.done(
        `query ($id: ID!) { node(id: $id) { ... on Operation { id status statusReason planHash
           deferral { byHold byMinimum reopened } certificate { body } targets { nodes { role receipt { recordsErased } } } } } }`,
        { id },
      )
    ).node;
  const instants = { from: '2018-06-01T00:00:00.000Z', until: '2018-07-01T00:00:00.000Z' };
  const sids = (accounts: readonly number[], dates = [0, 1, 2, 3, 4]): readonly string[] =>
    dates.flatMap((date) => accounts.map((account) => `SM${date}${account}`)).sort();

  test('that comes after the plan keeps rows of its dates and the whole topic, and lets them go with its release', async () => {
    let placed: Data = {};
    const partly = await erase(app, { subjects: [{ accountId: 'AC1' }] }, async () => {
      placed = await hold({ accountId: 'AC1', dates: june });
    });
    expect(placed.scope).toEqual({ accountId: 'AC1', dates: instants });
    expect(partly.status).toBe('PARTIAL');
    // Rows of June, and the one that may be of June.
    expect(await rows()).toEqual([...sids([0, 2]), 'SM11', 'SM21', 'SM41'].sort());
    expect(await sidsIn()).toEqual(sids([0, 1, 2]));
    const { body } = partly.certificate;
    const told = (name: string) =>
      body.open.filter(({ dataset }: Data) => dataset === name).map(({ code, reason }: Data) => `${code} ${reason}`);
    for (const gap of [...told(topic), ...told(table.name)]) expect(gap).toMatch(/^HOLD_ACTIVE .*dates/u);
    expect(told(topic)).toEqual([expect.stringContaining('counts for all of them')]);
    expect(told(table.name)).toHaveLength(3);
    expect((await operation(partly.id)).deferral).toEqual({ byHold: true, byMinimum: false, reopened: 0 });

    const inside = await explain('AC1', '2018-06-15T12:00:00Z', table.id);
    const claim = { rule: 'LEGAL_HOLD', sourceId: placed.id, dates: instants };
    expect(inside).toMatchObject({ action: 'DEFER', winner: claim, losers: [{ claim: { rule: 'ERASURE' } }] });
    expect(await explain('AC1', '2018-07-01T00:00:00Z', table.id)).toMatchObject({
      ...{ action: 'DELETE', winner: { rule: 'ERASURE', dates: null } },
      losers: [{ claim, reason: 'it is about records of other dates' }],
    });
    // A record of a topic has the date of its writing, which is not that of what it tells.
    expect(await explain('AC1', '2018-07-01T00:00:00Z', topicDataset)).toMatchObject({
      action: 'DEFER',
      winner: claim,
    });

    await release(placed.id);
    const again = await eventually(
      () => operation(partly.id),
      ({ status }) => status === 'PLANNED',
    );
    await change('approveOperation', { id: partly.id, planHash: again.planHash });
    const done = await eventually(
      () => operation(partly.id),
      ({ status }) => ended.includes(status),
    );
    expect(done).toMatchObject({ status: 'COMPLETED', statusReason: null, deferral: null });
    expect(await rows()).toEqual(sids([0, 2]));
    expect(await sidsIn()).toEqual(sids([0, 2]));
  });

  test('on a table keeps its old rows of these dates from a retention rule, and no others', async () => {
    await change('setLakeRetention', { datasetId: table.id, days: 30 });
    const { id } = await hold({ datasetIds: [table.id], dates: { until: june.until, from: june.from } });
    const partly = await carriedOut(app, 'Retention', { datasetId: table.id });
    expect(partly.status).toBe('PARTIAL');
    const codes = (partly.gaps as Data[]).map(({ code }) => code);
    expect(new Set(codes)).toEqual(new Set(['HOLD_ACTIVE', 'DATE_UNKNOWN']));
    expect(await rows()).toEqual(sids([0, 2], [1, 2, 4]));
    // Its date is not changed from under it.
    const refused = await app.refusals(
      'mutation ($input: SetLakeRetentionInput!) { setLakeRetention(input: $input) { userErrors { code field } } }',
      { input: { datasetId: table.id, days: 30, dateField: 'message_body' } },
    );
    expect(refused).toEqual([{ code: 'HOLD_ACTIVE', field: ['dateField'] }]);
    await release(id);
    const done = await carriedOut(app, 'Retention', { datasetId: table.id });
    expect((done.gaps as Data[]).map(({ code }) => code)).toEqual(['DATE_UNKNOWN']);
    expect(await rows()).toEqual(sids([0, 2], [4]));
  });

  test('keeps keys whole, and says why', async () => {
    const { id } = await hold({ accountId: 'AC2', dates: june });
    const blocked = await shred(app, { subjects: [{ accountId: 'AC2' }] });
    expect(blocked).toMatchObject({ status: 'BLOCKED', statusReason: expect.stringContaining('range of dates') });
    await release(id);
  });

  test.each([
    [{ from: june.until, until: june.from }, ['scope', 'dates', 'until']],
    [{}, ['scope', 'dates']],
  ])('is refused with %j', async (dates, field) => {
    const refused = await app.refusals(
      'mutation ($input: PlaceLegalHoldInput!) { placeLegalHold(input: $input) { userErrors { code field } } }',
      { input: { matterId: 'M', reason: 'r', scope: { accountId: 'AC1', dates } } },
    );
    expect(refused).toEqual([{ code: 'BAD_INPUT', field }]);
  });

  test('is refused with a time that has no zone', async () => {
    const { errors } = await app.graphql(
      'mutation ($input: PlaceLegalHoldInput!) { placeLegalHold(input: $input) { userErrors { code } } }',
      { input: { matterId: 'M', reason: 'r', scope: { accountId: 'AC1', dates: { from: '2018-06-01T00:00:00' } } } },
    );
    expect(errors).toHaveLength(1);
  });
});
