import avsc from 'avsc';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../../src/adapters/kafka/kafkajs-gateway.ts';
import type { Selection } from '../../../src/domain/governance/selection.ts';
import type { OutgoingMessage } from '../../../src/services/kafka/ports.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { erasureWork } from '../../testkit/erasure-work.ts';
import { freshTopic, gatewayFor, missingKafka, ownBroker, scanAll, uniqueName, until } from '../../testkit/kafka.ts';
import { recordsOf } from '../../testkit/records.ts';
import {
  contentOf,
  filesWith,
  placeOf,
  recordOf,
  seedTarget,
  seedTopic,
  topicContext,
  topicExecutor,
  valuesIn,
} from '../../testkit/topics.ts';

const missing = await missingKafka();
const asked: Selection = { act: [{ accountId: 'AC1' }], keep: [] };
const deleted = { 'cleanup.policy': 'delete', 'retention.ms': '-1' };
const avroSchema = JSON.stringify({
  type: 'record',
  name: 'Call',
  fields: [
    { name: 'account', type: 'string' },
    { name: 'user', type: 'string' },
  ],
});
const avro = avsc.Type.forSchema(JSON.parse(avroSchema));

describe.skipIf(missing)(`erasing by a next generation${missing ? `: ${missing}` : ''}`, () => {
  let broker: Awaited<ReturnType<typeof ownBroker>>;
  let gateway: KafkajsGateway;
  let db: TestDatabase;
  beforeAll(async () => {
    broker = await ownBroker();
    gateway = gatewayFor(broker.broker.brokers);
    db = await testDatabase();
  });
  afterAll(async () => {
    await gateway?.close();
    await db?.close();
    await broker?.close();
  });

  const executor = () => topicExecutor(db.em, gateway, { records: recordsOf(['AVRO', avroSchema]) });

  async function filled(messages: readonly OutgoingMessage[], partitions = 1) {
    const name = await freshTopic(gateway, partitions, deleted);
    await gateway.produce(name, messages);
    return { name, topic: await seedTopic(db.em, name) };
  }

  /** Keyed and keyless JSON of two accounts over two partitions, and framed Avro. */
  function mixed(canary: string): OutgoingMessage[] {
    const json = Array.from({ length: 40 }, (_, n) => ({
      key: n % 4 < 2 ? `K${n}` : null,
      partition: n % 2,
      timestamp: String(1_700_000_000_000 + n),
      headers: { trace: `t${n}` },
      value: recordOf(n % 3 === 0 ? 'AC1' : 'AC2', n % 3 === 0 ? canary : `U${n}`, n),
    }));
    const framed = ['AC1', 'AC2', 'AC1'].map((account, n) => ({
      key: null,
      partition: n % 2,
      value: Buffer.concat([
        Buffer.of(0, 0, 0, 0, 1),
        avro.toBuffer({ account, user: account === 'AC1' ? canary : 'U' }),
      ]),
    }));
    return [...json, ...framed];
  }

  test('takes one account out; all else stays as it was, in its order, and the plaintext is nowhere on the disk', async () => {
    const canary = uniqueName('canary');
    const { name, topic } = await filled(mixed(canary), 2);
    const before = await scanAll(gateway, name);
    const isOthers = (text: string) => text.includes('AC2');
    const others = (partition: number) =>
      before.filter((message) => message.partition === partition && isOthers(String(message.value))).map(contentOf);
    const expected = [others(0), others(1)];
    expect(await filesWith(broker.broker.logDir, canary)).not.toEqual([]);

    const plan = await executor().plan(await placeOf(db.em, topic), asked, erasureWork.work);
    expect(plan).toMatchObject({ action: 'REWRITE', records: 16, gaps: [] });
    expect(plan.manifest).toContainEqual({ source: name, generation: `${name}.g2` });
    const target = await seedTarget(db.em, topic);
    const context = () => topicContext(db.em, { topic, ...target, selection: asked });
    const receipt = await executor().execute(await context());
    expect(receipt).toMatchObject({ recordsErased: 16, recordsKept: 27, open: [], residues: [{ dataset: name }] });
    const goneBy = receipt.residues[0]?.until;
    expect(receipt.evidence).toMatchObject([
      { source: name, phase: 'PURGED', purge: { bytesInLogs: '0', filesGoneBy: goneBy } },
    ]);
    // The test broker deletes files a second after they went from the log.
    const { purge } = receipt.evidence[0] as { readonly purge: { readonly at: string } };
    expect(Date.parse(String(goneBy)) - Date.parse(purge.at)).toBe(1_000);
    expect(await executor().verify(await context())).toMatchObject({
      survivors: 0,
      lost: 0,
      recordsScanned: 27,
      open: [],
    });

    const after = await scanAll(gateway, `${name}.g2`);
    const kept = (partition: number) => after.filter((message) => message.partition === partition).map(contentOf);
    expect([kept(0), kept(1)]).toEqual(expected);
    expect(await gateway.describeTopic(name)).toBeNull();
    expect((await gateway.describeTopic(`${name}.g2`))?.own).toEqual(deleted);
    const { topics } = await gateway.cluster.describe();
    expect(topics.map((one) => one.name)).toContain(`${name}.g2`);
    for (const { name: any } of topics.filter(({ isInternal }) => !isInternal))
      expect((await scanAll(gateway, any)).filter(({ value }) => value?.includes(canary))).toEqual([]);
    await until(async () => (await filesWith(broker.broker.logDir, canary)).length === 0);
    // Once more, as after a lost answer: it finds its work done.
    expect(await executor().execute(await context())).toEqual(receipt);
  });

  test('reads keyless and framed records, and keeps what a hold names', async () => {
    const { name, topic } = await filled([
      ...['U1', 'U2', 'U1'].map((user, n) => ({ key: null, value: recordOf('AC1', user, n) })),
      { key: null, value: Buffer.concat([Buffer.of(0, 0, 0, 0, 1), avro.toBuffer({ account: 'AC1', user: 'U2' })]) },
      { key: null, value: Buffer.from('no record at all') },
      { key: 'T', value: null },
    ]);
    const held: Selection = { ...asked, keep: [{ accountId: 'AC1', subject: { field: 'user', value: 'U1' } }] };
    const run = { topic, ...(await seedTarget(db.em, topic)), selection: held };
    const receipt = await executor().execute(await topicContext(db.em, run));
    expect(receipt).toMatchObject({ recordsErased: 2, recordsKept: 4 });
    expect(receipt.open).toEqual([
      { code: 'MESSAGE_UNREADABLE', dataset: name, reason: '1 message(s) are not JSON objects' },
    ]);
    expect(await executor().verify(await topicContext(db.em, run))).toMatchObject({ survivors: 0, lost: 0 });
    expect(await valuesIn(gateway, `${name}.g2`)).toEqual({
      0: [recordOf('AC1', 'U1', 0), recordOf('AC1', 'U1', 2), 'no record at all', 'null'],
    });
  });

  test('leaves a topic alone that holds nothing of the selection', async () => {
    const { name, topic } = await filled([{ key: 'K', value: recordOf('AC2', 'U', 1) }]);
    const run = { topic, ...(await seedTarget(db.em, topic)), selection: asked };
    const receipt = await executor().execute(await topicContext(db.em, run));
    expect(receipt).toMatchObject({ recordsErased: 0, open: [], residues: [] });
    expect(await gateway.describeTopic(`${name}.g2`)).toBeNull();
  });

  test('a second erasure goes into the third generation, and takes the last name for what it is', async () => {
    const { name, topic } = await filled(
      ['AC1', 'AC2', 'AC3'].map((account, n) => ({ key: null, value: recordOf(account, 'U', n) })),
    );
    for (const accountId of ['AC1', 'AC3']) {
      const run = { topic, ...(await seedTarget(db.em, topic)), selection: { act: [{ accountId }], keep: [] } };
      expect(await executor().execute(await topicContext(db.em, run))).toMatchObject({ recordsErased: 1, open: [] });
    }
    expect((await placeOf(db.em, topic)).name).toBe(`${name}.g3`);
    expect(await valuesIn(gateway, `${name}.g3`)).toEqual({ 0: [recordOf('AC2', 'U', 1)] });
    expect(await gateway.describeTopic(`${name}.g2`)).toBeNull();
  });

  test('a topic of many partitions, most of them empty, and records beyond a megabyte', async () => {
    // With 1,000 it takes three quarters of a minute, half of it for the broker to make the next generation.
    const partitions = 60;
    const name = await freshTopic(gateway, partitions, { ...deleted, 'max.message.bytes': '4000000' });
    const long = 'x'.repeat(2_000_000);
    const messages = [0, 17, 59].flatMap((partition) =>
      ['AC1', 'AC2'].map((account, n) => ({ key: null, partition, value: recordOf(account, long, n) })),
    );
    expect((await gateway.produce(name, messages)).every(({ ok }) => ok)).toBe(true);
    const topic = await seedTopic(db.em, name);
    const plan = await executor().plan(await placeOf(db.em, topic), asked, erasureWork.work);
    expect(plan).toMatchObject({ action: 'REWRITE', records: 3 });
    const run = { topic, ...(await seedTarget(db.em, topic)), selection: asked };
    const receipt = await executor().execute(await topicContext(db.em, run));
    expect(receipt).toMatchObject({ recordsErased: 3, recordsKept: 3, open: [] });
    expect(await executor().verify(await topicContext(db.em, run))).toMatchObject({ survivors: 0, lost: 0 });
    const kept = [recordOf('AC2', long, 1)];
    expect(await valuesIn(gateway, `${name}.g2`)).toEqual({ 0: kept, 17: kept, 59: kept });
    expect((await gateway.describeTopic(`${name}.g2`))?.own).toEqual({ ...deleted, 'max.message.bytes': '4000000' });
  });

  test('what was stopped before the switch leaves the topic as it was, and no copy', async () => {
    const { name, topic } = await filled(mixed('canary'), 2);
    const before = await valuesIn(gateway, name);
    const run = { topic, ...(await seedTarget(db.em, topic)), selection: asked };
    let held = 6;
    const assertHeld = async () => {
      held -= 1;
      if (held < 0) throw new DOMException('cancelled', 'AbortError');
    };
    await expect(executor().execute(await topicContext(db.em, { ...run, assertHeld }))).rejects.toThrow('cancelled');
    expect(await executor().receiptSoFar(await topicContext(db.em, run))).toMatchObject({ recordsErased: 0, open: [] });
    await until(async () => (await gateway.describeTopic(`${name}.g2`)) === null);
    expect(await valuesIn(gateway, name)).toEqual(before);
    expect((await placeOf(db.em, topic)).name).toBe(name);
  });
});
