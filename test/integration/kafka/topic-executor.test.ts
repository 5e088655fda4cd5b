import avsc from 'avsc';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../../src/adapters/kafka/kafkajs-gateway.ts';
import type { Selection } from '../../../src/domain/governance/selection.ts';
import type { TargetPlace } from '../../../src/domain/operations/target.ts';
import { StreamReadModel } from '../../../src/services/kafka/stream.read-model.ts';
import { TopicExecutor, type TopicExecutorDeps } from '../../../src/services/kafka/topic.executor.ts';
import type { ExecutionContext } from '../../../src/services/operations/ports.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { erasureWork } from '../../testkit/erasure-work.ts';
import { freshTopic, gatewayFor, missingKafka, testBroker } from '../../testkit/kafka.ts';
import { bareRecords, recordsOf } from '../../testkit/records.ts';
import { untouched } from '../../testkit/topics.ts';

const missing = await missingKafka();
const asked: Selection = { act: [{ accountId: 'AC1' }], keep: [] };
const avroSchema = JSON.stringify({
  type: 'record',
  name: 'Call',
  fields: ['account', 'user'].map((name) => ({ name, type: 'string' })),
});
const nothing: Selection = { act: [], keep: [] };

describe.skipIf(missing)(`erasing from a compacted topic${missing ? `: ${missing}` : ''}`, () => {
  let gateway: KafkajsGateway;
  let executor: TopicExecutor;
  let db: TestDatabase;
  let close: () => Promise<void>;
  const executorWith = (more: Partial<TopicExecutorDeps> = {}) =>
    new TopicExecutor({
      em: db.em,
      kafka: gateway,
      streams: new StreamReadModel({ em: db.em }),
      progress: { passed: async () => ({ paused: [] }), besides: async () => [] },
      records: bareRecords,
      quietMs: 100,
      transformations: untouched,
      ...more,
    });
  beforeAll(async () => {
    const broker = await testBroker();
    close = broker.close;
    gateway = gatewayFor(broker.brokers);
    db = await testDatabase();
    executor = executorWith();
  });
  afterAll(async () => {
    await gateway?.close();
    await db?.close();
    await close?.();
  });
  const plan = (topic: string, selection: Selection, by = executor) =>
    by.plan(placeOf(topic), selection, erasureWork.work);

  const placeOf = (name: string): TargetPlace => ({
    targetId: 'target',
    datasetId: 'dataset',
    namespace: 'kafka://test',
    name,
    role: 'TOPIC',
    accountField: 'account',
    subjectFields: ['user'],
  });

  const context = (name: string, selections: { now: () => Selection; requested?: Selection }): ExecutionContext => ({
    operationId: 'operation-1',
    work: erasureWork.work,
    planned: { ...erasureWork.planned, action: 'TOMBSTONE' },
    place: placeOf(name),
    signal: new AbortController().signal,
    lease: { resource: 'dataset:dataset', fencingToken: 1, assertHeld: async () => undefined },
    selectionNow: async () => selections.now(),
    requested: async () => selections.requested ?? asked,
    report: async () => undefined,
  });

  /** Ten records of AC1 and five of AC2, each under a key of its own. */
  async function filledTopic(): Promise<string> {
    const topic = await freshTopic(gateway, 2, { 'cleanup.policy': 'compact,delete' });
    await gateway.produce(
      topic,
      Array.from({ length: 15 }, (_, index) => ({
        key: `K${index}`,
        value: JSON.stringify({ account: index < 10 ? 'AC1' : 'AC2', user: `U${index % 5}` }),
      })),
    );
    return topic;
  }

  test('buries every record of the account, and nobody else’s', async () => {
    const topic = await filledTopic();
    expect((await plan(topic, asked)).records).toBe(10);
    const receipt = await executor.execute(context(topic, { now: () => asked }));
    expect(receipt).toMatchObject({ recordsErased: 10, open: [] });
    expect(receipt.residues).toHaveLength(1);
    expect(await executor.verify(context(topic, { now: () => asked }))).toMatchObject({ survivors: 0, lost: 0 });
    expect((await plan(topic, { act: [{ accountId: 'AC2' }], keep: [] })).records).toBe(5);
  });

  test('erases one subject of an account, and answers the same receipt when it runs again', async () => {
    const topic = await filledTopic();
    const subject: Selection = { act: [{ accountId: 'AC1', subject: { field: 'user', value: 'U3' } }], keep: [] };
    const run = () => executor.execute(context(topic, { now: () => subject, requested: subject }));
    expect((await run()).recordsErased).toBe(2);
    expect((await run()).recordsErased).toBe(2);
    expect((await plan(topic, asked)).records).toBe(8);
  });

  test('keeps what a narrower hold names', async () => {
    const topic = await filledTopic();
    const held: Selection = { ...asked, keep: [{ accountId: 'AC1', subject: { field: 'user', value: 'U0' } }] };
    expect((await executor.execute(context(topic, { now: () => held }))).recordsErased).toBe(8);
    expect((await plan(topic, asked)).records).toBe(2);
  });

  test('what was erased before a hold came is not taken for a loss of somebody else', async () => {
    const topic = await filledTopic();
    await executor.execute(context(topic, { now: () => asked }));
    expect(await executor.verify(context(topic, { now: () => nothing }))).toMatchObject({ survivors: 0, lost: 0 });
  });

  test('the read-back sees a survivor, and a record that should not have gone', async () => {
    const topic = await filledTopic();
    await executor.execute(context(topic, { now: () => asked }));
    const onlyTwo: Selection = { act: [{ accountId: 'AC2' }], keep: [] };
    const seen = await executor.verify(context(topic, { now: () => onlyTwo, requested: onlyTwo }));
    expect(seen).toMatchObject({ survivors: 5, lost: 10 });
  });

  test('tells what a run that was stopped had buried, though nobody is known any more', async () => {
    const topic = await filledTopic();
    const subject: Selection = { act: [{ accountId: 'AC1', subject: { field: 'user', value: 'U3' } }], keep: [] };
    expect(await executor.receiptSoFar(context(topic, { now: () => nothing }))).toMatchObject({ recordsErased: 0 });
    await executor.execute(context(topic, { now: () => subject, requested: subject }));
    const receipt = await executor.receiptSoFar(context(topic, { now: () => nothing, requested: nothing }));
    expect(receipt).toMatchObject({ recordsErased: 2, residues: [{ dataset: topic }] });
  });

  test('refuses a plan over more keys than it may remember, before anything is done', async () => {
    const topic = await filledTopic();
    const planWith = (keysMax: number) => plan(topic, asked, executorWith({ keysMax }));
    expect((await planWith(10)).records).toBe(10);
    await expect(planWith(9)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });

  test('stops reading the topic when the worker stops', async () => {
    const signal = AbortSignal.abort();
    const stopped = executor.execute({ ...context(await filledTopic(), { now: () => asked }), signal });
    await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  test('reads records by the schemas that they name, and tells what it cannot read without what is in it', async () => {
    const schemas = [
      ['AVRO', avroSchema],
      ['JSON', '{"type":"object"}'],
      ['PROTOBUF', 'syntax = "proto3"; message Call { string account = 1; string user = 2; }'],
    ] as const;
    const framed = (id: number, payload: Uint8Array) => Buffer.concat([Buffer.from([0, 0, 0, 0, id]), payload]);
    const recordOf = (account: string) => [
      framed(1, avsc.Type.forSchema(JSON.parse(avroSchema)).toBuffer({ account, user: 'U1' })),
      framed(2, Buffer.from(JSON.stringify({ account, user: 'U1' }))),
      framed(3, Buffer.concat([Buffer.of(0, 0x0a, 3), Buffer.from(account), Buffer.of(0x12, 2), Buffer.from('U1')])),
    ];
    const topic = await freshTopic(gateway, 1, { 'cleanup.policy': 'compact,delete' });
    const values = [...recordOf('AC1'), ...recordOf('AC2')];
    await gateway.produce(
      topic,
      values.map((value, n) => ({ key: framed(9, Buffer.of(n)), value })),
    );
    const reading = executorWith({ records: recordsOf(...schemas) });
    const subject: Selection = { act: [{ accountId: 'AC1', subject: { field: 'user', value: 'U1' } }], keep: [] };
    const run = context(topic, { now: () => subject, requested: subject });
    expect(await reading.execute(run)).toMatchObject({ recordsErased: 3, open: [] });
    expect(await reading.verify(run)).toMatchObject({ survivors: 0, lost: 0, recordsScanned: 9 });
    await gateway.produce(topic, [{ key: 'U', value: framed(99, Buffer.from('canary')) }]);
    const receipt = await reading.execute(run);
    expect(receipt.open).toEqual([
      {
        code: 'MESSAGE_UNREADABLE',
        dataset: topic,
        reason: '1 message(s) name the schema 99, which is not registered',
      },
    ]);
  });
});
