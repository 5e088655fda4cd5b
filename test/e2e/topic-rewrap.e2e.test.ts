import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SchemaFormat } from '../../src/domain/registry/schema-format.ts';
import type { KafkaMessage } from '../../src/services/kafka/ports.ts';
import type { Data } from '../testkit/app.ts';
import { confluentRecords } from '../testkit/confluent.ts';
import { carriedOut, destroyKeyVersion, shred } from '../testkit/erasure.ts';
import { missingKafka } from '../testkit/kafka.ts';
import { type ProduceTest, produceTest } from '../testkit/produce.ts';
import { contentOf } from '../testkit/topics.ts';

const missing = await missingKafka();
const avro = JSON.stringify({
  ...{ type: 'record', namespace: 'rewrap.avro', name: 'Call' },
  fields: [
    { name: 'account', type: 'string' },
    { name: 'from', type: ['null', 'string'] },
    { name: 'raw', type: 'bytes' },
    { name: 'legs', type: { type: 'array', items: 'string' } },
    { name: 'names', type: { type: 'map', values: 'string' } },
    { name: 'next', type: ['null', 'Call'] },
  ],
});
const proto = `syntax = "proto3"; package rewrap.proto; message Call { string account = 1; oneof who { string from = 2; }
  bytes raw = 3; repeated string legs = 4; map<string, string> names = 5; Call next = 6; }`;
const schemas = {
  AVRO: { text: avro, namespace: 'rewrap.avro' },
  PROTOBUF: { text: proto, namespace: 'rewrap.proto' },
} as const;

/** A call as Confluent's client for the format takes it. */
function callOf(format: 'AVRO' | 'PROTOBUF', account: string, texts: readonly string[]) {
  const [from = '', raw = '', leg = '', name = '', deep = ''] = texts;
  const own = (text: string) => (format === 'AVRO' ? { from: text } : { who: { case: 'from', value: text } });
  const call = (text: string) => ({
    account,
    ...own(text),
    raw: Buffer.from(raw),
    legs: [leg, 'x'],
    names: { a: name },
  });
  const inner = { ...call(deep), ...(format === 'AVRO' ? { next: null } : {}) };
  return { ...call(from), next: inner };
}

const refusedVersion = `mutation ($input: DestroyKeyVersionInput!) {
  destroyKeyVersion(input: $input) { userErrors { code message } } }`;

describe.skipIf(missing)(`re-encrypting topics of encoded records${missing ? `: ${missing}` : ''}`, () => {
  let kit: ProduceTest;
  beforeAll(async () => {
    kit = await produceTest();
  });
  afterAll(() => kit?.close());

  const rotate = (accountId: string, subject?: Data): Promise<Data> =>
    kit.app.done(
      `mutation ($input: RotateAccountKeyInput!) { rotateAccountKey(input: $input) { userErrors { code } } }`,
      { input: { accountId, subject } },
    );
  const seal = async (accountId: string, value: unknown, more: Data = {}): Promise<string> =>
    (await kit.app.post('/api/v1/crypto:seal', { accountId, value, type: 'phonenumber', ...more })).body.value;
  const opening = async (accountId: string, value: string): Promise<Data> =>
    (await kit.app.post('/api/v1/crypto:open?purpose=test', { accountId, value })).body;
  const open = async (accountId: string, value: string): Promise<unknown> => (await opening(accountId, value)).value;
  const headerOf = (envelope: string): Data => JSON.parse(Buffer.from(envelope, 'base64').toString());
  /** A byte behind an envelope may look like base64, too; envelopes come in fours. */
  const envelopesIn = ({ value }: Pick<KafkaMessage, 'value'>): string[] =>
    (value?.toString('latin1').match(/eyJjcnlwdG9faWQi[\w+/=]*/gu) ?? []).map((one) => one.slice(0, one.length & ~3));

  async function written(format: 'AVRO' | 'PROTOBUF', calls: readonly Data[]) {
    const { text, namespace } = schemas[format];
    const subject = `${namespace}-value`;
    await kit.register(format as SchemaFormat, text, subject);
    const topic = await kit.topicOf(namespace, 'Call', 'account');
    const records = { format, text, subject } as const;
    const registry = kit.app.urls.registry ?? '';
    const messages = [
      ...(await confluentRecords(registry, records, calls)),
      ...(await confluentRecords(registry, records, calls.slice(0, 1), 'HEADER')),
    ].map((one, n) => ({ key: `k${n}`, partition: 0, ...one }));
    await kit.gateway.produce(topic, messages);
    const { datasets } = await kit.app.done('{ datasets(first: 100) { nodes { id name } } }');
    return { topic, id: datasets.nodes.find(({ name }: Data) => name === topic).id };
  }

  test.concurrent.each(['AVRO', 'PROTOBUF'] as const)('%s: every envelope, and no other byte', async (format) => {
    const [own, other] = [`${format}-own`, `${format}-other`];
    const person = { field: 'user_id', value: 'ada' };
    const lost = { field: 'user_id', value: 'bob' };
    const values = ['+1', 42, 'in a list', true, 'of a person'] as const;
    const texts = [
      await seal(own, '+1'),
      await seal(own, 42, { suite: 2 }),
      await seal(own, 'in a list', { padding: true }),
      await seal(own, true, { suite: 3 }),
      await seal(own, 'of a person', { subject: person }),
    ];
    const forgotten = await seal(own, 'gone', { subject: lost });
    const calls = [
      callOf(format, own, texts),
      callOf(format, own, [forgotten, 'raw', 'none', '', '']),
      callOf(format, other, [await seal(other, 'kept')]),
    ];
    const { topic, id } = await written(format, calls);
    const before = await kit.messages(topic);
    await rotate(own);
    await rotate(own, person);
    await shred(kit.app, { subjects: [{ accountId: own, subject: lost }] });

    const done = await carriedOut(kit.app, 'Rewrap', { datasetIds: [id] });
    expect(done).toMatchObject({ status: 'COMPLETED', statusReason: null });
    expect(done.targets.nodes[0]).toMatchObject({
      dataset: { name: `${topic}.g2` },
      receipt: { recordsChanged: 2, recordsKept: 2, open: [] },
      verification: { survivors: 0, lost: 0 },
    });
    const after = await kit.messages(`${topic}.g2`);
    expect(after.slice(1, 3).map(contentOf)).toEqual(before.slice(1, 3).map(contentOf));
    for (const index of [0, 3]) {
      const [was, is] = [before[index]!, after[index]!];
      const [old, anew] = [envelopesIn(was), envelopesIn(is)];
      expect(anew).toHaveLength(8);
      expect(anew.map((one) => headerOf(one).kv)).toEqual(anew.map(() => 2));
      expect(anew.map((one) => headerOf(one).crypto_id)).toEqual(old.map((one) => headerOf(one).crypto_id));
      expect(new Set(await Promise.all(anew.map((one) => open(own, one))))).toEqual(new Set(values));
      let rest = is.value?.toString('latin1') ?? '';
      for (const [n, envelope] of old.entries()) rest = rest.replace(anew[n] ?? '', () => envelope);
      expect(contentOf({ ...is, value: Buffer.from(rest, 'latin1') })).toEqual(contentOf(was));
    }

    const again = await carriedOut(kit.app, 'Rewrap', { datasetIds: [id] });
    expect(again).toMatchObject({ status: 'COMPLETED' });
    expect(again.targets.nodes[0]).toMatchObject({
      receipt: { recordsChanged: 0 },
      verification: { survivors: 0, lost: 0 },
    });
  });

  test('a version that no topic needs any more can be destroyed, and what is in them opens', async () => {
    const own = 'destroyed-version';
    const old = await seal(own, 'x');
    const { topic, id } = await written('AVRO', [callOf('AVRO', own, [old, 'raw', '', '', ''])]);
    await rotate(own);
    await kit.app.em
      .fork()
      .execute(`update account_key set retired_at = now() - interval '1 hour' where account_id = ?`, [own]);
    const input = { accountId: own, keyVersion: 1 };
    expect(await kit.app.refusals(refusedVersion, { input })).toMatchObject([
      { code: 'KEY_IN_USE', message: expect.stringContaining(topic) },
    ]);
    expect(await carriedOut(kit.app, 'Rewrap', {})).toMatchObject({ status: 'COMPLETED', statusReason: null });
    expect(await destroyKeyVersion(kit.app, input)).toMatchObject({ status: 'COMPLETED', statusReason: null });
    expect((await opening(own, old)).code).toBe('KEY_DESTROYED');
    const [first] = await kit.messages(`${topic}.g2`);
    expect(envelopesIn(first!)).toHaveLength(1);
    expect(await open(own, envelopesIn(first!)[0] ?? '')).toBe('x');
    // Nothing of it is left to be done.
    const again = await carriedOut(kit.app, 'Rewrap', { datasetIds: [id] });
    expect(again.targets.nodes[0]).toMatchObject({ receipt: { recordsChanged: 0 }, verification: { survivors: 0 } });
  });

  test('records that cannot be read stay, and are told', async () => {
    const own = 'unreadable';
    const { topic, id } = await written('AVRO', [callOf('AVRO', own, [await seal(own, 'x'), 'raw', '', '', ''])]);
    const [message] = await kit.messages(topic);
    const [cut, unknown] = [message!.value!.subarray(0, -1), Buffer.from(message!.value!)];
    unknown.writeUInt32BE(99_999, 1);
    await kit.gateway.produce(topic, [
      { key: 'cut', partition: 0, value: cut },
      { key: 'unknown', partition: 0, value: unknown },
    ]);
    await rotate(own);
    const done = await carriedOut(kit.app, 'Rewrap', { datasetIds: [id] });
    expect(done.status).toBe('PARTIAL');
    expect(done.targets.nodes[0].receipt).toMatchObject({
      recordsChanged: 2,
      recordsKept: 2,
      open: [{ code: 'MESSAGE_UNREADABLE' }, { code: 'MESSAGE_UNREADABLE' }],
    });
    const values = (await kit.messages(`${topic}.g2`)).map(({ value }) => value);
    expect(values.slice(2)).toEqual([cut, unknown]);
  });
});
