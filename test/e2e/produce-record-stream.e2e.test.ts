import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readFrame } from '../../src/domain/registry/wire-format.ts';
import type { Data } from '../testkit/app.ts';
import { missingKafka } from '../testkit/kafka.ts';
import { type ProduceTest, produceTest } from '../testkit/produce.ts';

const missing = await missingKafka();
const schema = JSON.stringify({
  type: 'record',
  name: 'Call',
  namespace: 'stream.v3',
  fields: [
    { name: 'account', type: 'string' },
    { name: 'at', type: 'long', default: 0 },
  ],
});
const value = { account: 'AC1', at: 7 };
const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe.skipIf(missing !== null)(`records of the REST Proxy v3${missing ? `: ${missing}` : ''}`, () => {
  let kit: ProduceTest;
  let schemaId: number;
  let cluster: string;
  beforeAll(async () => {
    kit = await produceTest();
    schemaId = await kit.register('AVRO', schema, 'stream-v3');
    const answer = await fetch(`${kit.app.urls.produce}/v3/clusters`);
    const { data }: Data = await answer.json();
    cluster = data[0].cluster_id;
  });
  afterAll(() => kit?.close());

  const newTopic = () => kit.topicOf('stream.v3', 'Call', 'account');
  const urlOf = (topic: string, prefix = '/v3', of = cluster) =>
    `${kit.app.urls.produce}${prefix}/clusters/${of}/topics/${topic}/records`;
  async function send(topic: string, documents: readonly unknown[], prefix = '/v3'): Promise<Data[]> {
    const body = documents.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join('\n');
    const answer = await fetch(urlOf(topic, prefix), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    expect(answer.status).toBe(200);
    const lines = (await answer.text()).trim();
    return lines === '' ? [] : lines.split('\n').map((line) => JSON.parse(line));
  }

  test('are answered one by one, in their order, whatever each is written as', async () => {
    const topic = await newTopic();
    const avro = { type: 'AVRO', data: { account: 'AC2', at: 5 } };
    const framed = Buffer.concat([
      Buffer.from([0, 0, 0, 0, schemaId]),
      Buffer.from([6]),
      Buffer.from('AC3'),
      Buffer.from([2]),
    ]);
    const answers = await send(topic, [
      { key: { type: 'STRING', data: 'k1' }, value: { type: 'JSON', data: value } },
      { value: avro, key: { type: 'BINARY', data: base64('k2') } },
      { value: { type: 'JSON', data: { account: 1 } } },
      { value: { type: 'STRING', data: JSON.stringify(value) }, timestamp: '2026-01-02T03:04:05Z' },
      { value: { type: 'BINARY', data: framed.toString('base64') }, partition_id: 0 },
      { value: { type: 'AVRO', data: value }, partition_id: 9 },
      { key: { type: 'STRING', data: 'k1' }, value: null, headers: [{ name: 'why', value: base64('gone') }] },
      { valeu: { type: 'JSON', data: value }, key: { type: 'STRING', data: 'k1' } },
    ]);
    expect(answers.map(({ error_code, offset }) => [error_code, offset])).toEqual([
      [200, 0],
      [200, 1],
      [42_203, undefined],
      [200, 2],
      [200, 3],
      [40_402, undefined],
      [200, 4],
      [42_203, undefined],
    ]);
    expect(answers[0]).toMatchObject({
      cluster_id: cluster,
      topic_name: topic,
      partition_id: 0,
      key: { type: 'STRING', size: 2 },
    });
    expect(answers[1]).toMatchObject({ value: { type: 'AVRO', schema_id: schemaId }, key: { type: 'BINARY' } });
    expect(answers[2]?.message).toMatch(/account/);
    expect(answers[3]?.timestamp).toBe('2026-01-02T03:04:05.000Z');
    expect(answers[6]?.value).toBeNull();
    expect(answers[7]?.message).toMatch(/^value/);
    const messages = await kit.messages(topic);
    expect(messages.map(({ key }) => key?.toString() ?? null)).toEqual(['k1', 'k2', null, null, 'k1']);
    expect(readFrame(messages[1]!.value!, false)).toMatchObject({ schemaId });
    expect(messages[2]?.timestamp).toBe(String(Date.UTC(2026, 0, 2, 3, 4, 5)));
    expect(messages[3]?.value).toEqual(framed);
    expect(messages[4]).toMatchObject({ value: null, headers: { why: Buffer.from('gone') } });
  });

  test('keep every digit of what is written by a schema', async () => {
    const topic = await newTopic();
    const big = '{"value":{"type":"AVRO","data":{"account":"AC1","at":9007199254740993}}}';
    expect(await send(topic, [big])).toMatchObject([{ error_code: 200 }]);
    const [message] = await kit.messages(topic);
    // Avro's long: zig-zag, then seven bits a byte, lowest first.
    const varint = [0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20];
    expect([...message!.value!.subarray(-varint.length)]).toEqual(varint);
  });

  test('are answered while the stream goes on', async () => {
    const topic = await newTopic();
    const sending = request(urlOf(topic), { method: 'POST', headers: { 'content-type': 'application/json' } });
    const answered = new Promise<AsyncIterator<Buffer>>((resolve) => {
      sending.on('response', (response) => resolve(response[Symbol.asyncIterator]()));
    });
    for (let at = 0; at < 3; at += 1) {
      sending.write(JSON.stringify({ value: { type: 'JSON', data: { account: 'AC1', at } } }));
      const answers = await answered;
      const { value: line } = await answers.next();
      expect(JSON.parse(String(line))).toMatchObject({ error_code: 200, offset: at });
    }
    sending.end();
    expect((await (await answered).next()).done).toBe(true);
  });

  test('end where the stream cannot be read, with what came before written', async () => {
    const topic = await newTopic();
    const good = { value: { type: 'JSON', data: value } };
    const answers = await send(topic, [good, '[]', good]);
    expect(answers.map(({ error_code }) => error_code)).toEqual([200, 42_203]);
    expect(await kit.messages(topic)).toHaveLength(1);
    expect(await send(topic, [good, '{"value":', good])).toMatchObject([{ error_code: 200 }, { error_code: 42_203 }]);
    expect(await send(topic, [])).toEqual([]);
  });

  test('of a thousand arrive once each, in order, under both addresses', async () => {
    const topic = await newTopic();
    const all = Array.from({ length: 1_000 }, (_, at) => ({ value: { type: 'AVRO', data: { account: 'AC1', at } } }));
    const answers = await send(topic, all, '/kafka/v3');
    expect(answers.map(({ offset }) => offset)).toEqual(all.map((_, index) => index));
  });

  test.each([
    ['a header twice', { headers: [{ name: 'a' }, { name: 'a' }] }, /headers/],
    ['a header that is no base64', { headers: [{ name: 'a', value: 'é' }] }, /headers\.0\.value/],
    ['a type that is none', { value: { type: 'XML', data: value } }, /value\.type/],
    ['a time that is none', { timestamp: 'yesterday' }, /timestamp/],
    ['bytes that are no base64', { value: { type: 'BINARY', data: '***' } }, /base64/],
    ['bytes that are no record', { value: { type: 'BINARY', data: base64('hello') } }, /neither/],
    ['bytes of a schema that nobody has', { value: { type: 'BINARY', data: 'AAAAAAkB' } }, /schema 9/],
    ['bytes that are no data of their schema', { value: { type: 'BINARY', data: 'AAAAAAEB' } }, /schema 1/],
    ['a text that does not fit', { value: { type: 'STRING', data: '{"account":1}' } }, /account/],
    ['no value, and no key to delete', { value: null }, /./],
    ['a time beyond what a clock can tell', { timestamp: 9_000_000_000_000_000 }, /timestamp/],
    ['a time before 1970', { timestamp: '1969-12-31T23:59:59Z' }, /timestamp/],
    [
      'a text that is nested too deeply',
      { value: { type: 'STRING', data: `{"account":${'['.repeat(50_000)}${']'.repeat(50_000)}}` } },
      /512/,
    ],
  ])('refuse %s, and quote nothing', async (_, more, message) => {
    const [answer] = await send(await newTopic(), [{ value: { type: 'JSON', data: value }, ...more }]);
    expect(answer).toMatchObject({ error_code: 42_203, message: expect.stringMatching(message) });
    expect(JSON.stringify(answer)).not.toMatch(/AC1|yesterday|hello/);
  });

  test('name their schema once: not another one in a header, by which readers would take the prefix for data', async () => {
    const topic = await newTopic();
    const headers = [{ name: '__value_schema_id', value: Buffer.from([1, ...Buffer.alloc(16)]).toString('base64') }];
    const answers = await send(topic, [
      { value: { type: 'AVRO', data: value }, headers },
      { value: { type: 'AVRO', data: value } },
      { value: { type: 'JSON', data: value }, headers },
    ]);
    expect(answers).toMatchObject([
      { error_code: 42_203, message: expect.stringMatching(/__value_schema_id/) },
      { error_code: 200 },
      { error_code: 200 },
    ]);
    const messages = await kit.messages(topic);
    expect(messages).toHaveLength(2);
    expect(messages[1]?.headers.__value_schema_id).not.toEqual(Buffer.from(headers[0]!.value, 'base64'));
  });

  test('say so when there is no such cluster, or nothing is mapped to the topic', async () => {
    const answer = await fetch(urlOf('nowhere', '/v3', 'other'), { method: 'POST', body: '{}' });
    expect([answer.status, ((await answer.json()) as Data).error_code]).toEqual([404, 404]);
    expect(await send('nowhere', [{ value: { type: 'JSON', data: value } }])).toMatchObject([{ error_code: 40_401 }]);
  });
});
