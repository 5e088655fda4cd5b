import avsc from 'avsc';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../../src/adapters/kafka/kafkajs-gateway.ts';
import type { Selection } from '../../../src/domain/governance/selection.ts';
import type { OutgoingMessage } from '../../../src/services/kafka/ports.ts';
import { TopicSubjects } from '../../../src/services/kafka/topic-subjects.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { erasureWork } from '../../testkit/erasure-work.ts';
import { freshTopic, gatewayFor, missingKafka, ownBroker, scanAll, uniqueName, until } from '../../testkit/kafka.ts';
import { around } from '../../testkit/lake.ts';
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
const held: Selection = { ...asked, keep: [{ accountId: 'AC1', subject: { field: 'user', value: 'U1' } }] };
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

/** Private members want the very object. */
function boundMember(port: KafkajsGateway, name: string | symbol): unknown {
  const member: unknown = Reflect.get(port, name, port);
  return typeof member === 'function' ? member.bind(port) : member;
}

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

  test('names each account and person once, and what nobody can read, to who looks for erased ones', async () => {
    const { topic } = await filled([
      ...['U1', 'U2', 'U1'].map((user, n) => ({ key: null, value: recordOf('AC1', user, n) })),
      { key: null, value: Buffer.concat([Buffer.of(0, 0, 0, 0, 1), avro.toBuffer({ account: 'AC2', user: 'U9' })]) },
      { key: null, value: Buffer.from('no record at all') },
      { key: 'T', value: null },
    ]);
    const subjects = new TopicSubjects({ kafka: gateway, records: recordsOf(['AVRO', avroSchema]) });
    const found: unknown[] = [];
    for await (const one of subjects.subjectsIn(await placeOf(db.em, topic), new AbortController().signal))
      found.push(one);
    const person = (accountId: string, value: string) => ({ accountId, subject: { field: 'user', value } });
    expect(found).toEqual([
      ...[{ accountId: 'AC1' }, person('AC1', 'U1'), person('AC1', 'U2')],
      ...[{ accountId: 'AC2' }, person('AC2', 'U9')],
      '1 message(s) are not JSON objects',
    ]);
  });

  test('reads keyless and framed records, and keeps what a hold names', async () => {
    const { name, topic } = await filled([
      ...['U1', 'U2', 'U1'].map((user, n) => ({ key: null, value: recordOf('AC1', user, n) })),
      { key: null, value: Buffer.concat([Buffer.of(0, 0, 0, 0, 1), avro.toBuffer({ account: 'AC1', user: 'U2' })]) },
      { key: null, value: Buffer.from('no record at all') },
      { key: 'T', value: null },
    ]);
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

  const twoOfOne = [
    ...['U1', 'U2', 'U3'].map((user, n) => ({ key: null, value: recordOf('AC1', user, n) })),
    { key: null, value: recordOf('AC2', 'U', 3) },
  ];

  test('a hold that comes while it is copied stops the switch, and what it keeps is copied anew', async () => {
    const { name, topic } = await filled(twoOfOne);
    let calls = 0;
    // The first call looks whether there is work, the second is for the first batch.
    const selection = () => {
      calls += 1;
      return calls < 3 ? asked : held;
    };
    const run = { topic, ...(await seedTarget(db.em, topic)), selection };
    expect(await executor().execute(await topicContext(db.em, run))).toMatchObject({
      recordsErased: 2,
      recordsKept: 2,
      open: [],
    });
    const { name: inForce } = await placeOf(db.em, topic);
    expect(inForce).not.toBe(`${name}.g2`);
    expect(await valuesIn(gateway, inForce)).toEqual({ 0: [recordOf('AC1', 'U1', 0), recordOf('AC2', 'U', 3)] });
    await until(async () => (await gateway.describeTopic(`${name}.g2`)) === null);
  });

  test('a hold that comes after the switch keeps the old topic, which has what it names, until it is released', async () => {
    const { name, topic } = await filled(twoOfOne);
    const target = await seedTarget(db.em, topic);
    let isHeld = false;
    // Other people's groups are asked for once the generation is in force.
    const topics = around(gateway.topics, (verb, call) => {
      if (verb === 'groupsOn') isHeld = true;
      return call();
    });
    const kafka = new Proxy(gateway, {
      get: (port, name) => (name === 'topics' ? topics : boundMember(port, name)),
    });
    const run = { topic, ...target, selection: () => (isHeld ? held : asked) };
    const receipt = await topicExecutor(db.em, kafka).execute(await topicContext(db.em, run));
    expect(receipt.open).toEqual([
      { code: 'KEPT_IN_SOURCE', dataset: name, reason: expect.stringContaining('1 record(s)') },
    ]);
    expect(await valuesIn(gateway, name)).toEqual({ 0: twoOfOne.map(({ value }) => value) });
    expect((await placeOf(db.em, topic)).name).toBe(`${name}.g2`);

    const released = { topic, ...(await seedTarget(db.em, topic, target.operationId)), selection: asked };
    expect(await executor().execute(await topicContext(db.em, released))).toMatchObject({ recordsErased: 3, open: [] });
    expect(await gateway.describeTopic(name)).toBeNull();
    expect(await valuesIn(gateway, `${name}.g2`)).toEqual({ 0: [recordOf('AC2', 'U', 3)] });
  });

  test('records that a minimum keeps by their time stamps stay, and are told with the day of the last one', async () => {
    const { name, topic } = await filled(
      ['2026-01-10', '2026-01-20', '2026-01-30'].map((day, n) => {
        const timestamp = String(Date.parse(`${day}T23:59:59.999Z`));
        return { key: null, timestamp, value: recordOf('AC1', 'U', n) };
      }),
    );
    const selection: Selection = { ...asked, minimum: { dateField: null, days: 30, before: '2026-01-20' } };
    const open = [
      {
        code: 'MINIMUM_RETENTION',
        dataset: name,
        reason: expect.stringContaining('2 record(s)'),
        until: '2026-03-02T00:00:00.000Z',
      },
    ];
    expect(await executor().plan(await placeOf(db.em, topic), selection, erasureWork.work)).toMatchObject({
      records: 1,
      gaps: open,
    });
    const run = { topic, ...(await seedTarget(db.em, topic)), selection };
    expect(await executor().execute(await topicContext(db.em, run))).toMatchObject({
      recordsErased: 1,
      recordsKept: 2,
      open: [],
    });
    expect(await executor().verify(await topicContext(db.em, run))).toMatchObject({
      survivors: 0,
      lost: 0,
      open: [{ ...open[0], dataset: `${name}.g2` }],
    });
    expect(await valuesIn(gateway, `${name}.g2`)).toEqual({ 0: [1, 2].map((n) => recordOf('AC1', 'U', n)) });
  });
});
