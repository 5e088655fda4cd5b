import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readGuidHeader, schemaIdHeaders } from '../../src/domain/registry/wire-format.ts';
import type { Data } from '../testkit/app.ts';
import { confluentRecords } from '../testkit/confluent.ts';
import { erase } from '../testkit/erasure.ts';
import { missingKafka } from '../testkit/kafka.ts';
import { type ProduceTest, produceTest } from '../testkit/produce.ts';

const missing = await missingKafka();

const schemas = {
  avro: JSON.stringify({
    type: 'record',
    name: 'Call',
    namespace: 'framed.avro',
    fields: [
      { name: 'account', type: 'string' },
      { name: 'user', type: ['null', 'long'], default: null },
    ],
  }),
  jsonschema: JSON.stringify({
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'framed.jsonschema.Call',
    type: 'object',
    properties: { account: { type: 'string' }, user: { type: 'integer' } },
    required: ['account'],
  }),
  protobuf: `syntax = "proto3"; package framed.protobuf; message Call { string account = 1; int64 user = 2; }`,
};
const types = { avro: 'AVRO', jsonschema: 'JSON', protobuf: 'PROTOBUF' } as const;
const formats = ['avro', 'jsonschema', 'protobuf'] as const;
type Format = (typeof formats)[number];

const compacted = { subjectFields: ['user'], config: { 'cleanup.policy': 'compact,delete' } };
/** They are one number once a double has rounded them. */
const [person, neighbour] = ['9007199254740993', '9007199254740992'];

describe.skipIf(missing !== null)(`erasing records that name their schema${missing ? `: ${missing}` : ''}`, () => {
  let kit: ProduceTest;
  const ids: Record<string, number> = {};
  beforeAll(async () => {
    kit = await produceTest();
    for (const format of formats) ids[format] = await kit.register(types[format], schemas[format], `framed-${format}`);
  });
  afterAll(() => kit?.close());

  const topicOf = (format: Format) => kit.topicOf(`framed.${format}`, 'Call', 'account', compacted);
  const entityOf = async (format: Format): Promise<string> =>
    (await kit.app.done(`{ entity(namespace: "framed.${format}", name: "Call") { id } }`)).entity.id;
  const eraseIn = async (format: Format, subject: Data): Promise<Data> =>
    erase(kit.app, { entityId: await entityOf(format), subjects: [subject] });
  const tombstones = async (topic: string): Promise<string[]> =>
    (await kit.messages(topic)).filter(({ value }) => value === null).map(({ key }) => String(key));

  /** Records of Confluent's own client, three accounts of two records each. */
  async function written(format: Format, topic: string, place: 'PREFIX' | 'HEADER' = 'PREFIX'): Promise<void> {
    const schema = { format: types[format], text: schemas[format], subject: `framed-${format}` };
    const users = [0, 1, 2, 3, 4, 5].map((n) => (format === 'protobuf' ? BigInt(n) : n));
    const records = users.map((user, n) => ({ account: `AC${n % 3}`, user }));
    const messages = await confluentRecords(kit.app.urls.registry ?? '', schema, records, place);
    await kit.gateway.produce(
      topic,
      messages.map((message, n) => ({ key: `K${n}`, ...message })),
    );
  }

  test.each(formats)('%s: an account goes with a certificate, and nobody else', async (format) => {
    const topic = await topicOf(format);
    await written(format, topic);
    const done = await eraseIn(format, { accountId: 'AC1' });
    expect(done).toMatchObject({ status: 'COMPLETED', gaps: [] });
    expect(done.certificate.signature).toEqual(expect.any(String));
    expect(done.certificate.body).toMatchObject({ outcome: 'COMPLETED', open: [] });
    expect(done.targets.nodes.map(({ verification }: Data) => verification)).toEqual(
      done.targets.nodes.map(() => ({ survivors: 0, lost: 0 })),
    );
    expect(await tombstones(topic)).toEqual(['K1', 'K4']);
  });

  test.each(['avro', 'protobuf'] as const)('%s: a person is told from a neighbour beyond 2^53', async (format) => {
    const topic = await topicOf(format);
    const users =
      format === 'avro' ? [person, neighbour].map((user) => `{"long":${user}}`) : [`"${person}"`, `"${neighbour}"`];
    const keys = format === 'avro' ? ['"K0"', '"K1"'] : ['{"id":"K0"}', '{"id":"K1"}'];
    // Numbers as such: JavaScript would round them.
    const records = users.map((user, n) => `{"key":${keys[n]},"value":{"account":"AC7","user":${user}}}`);
    const { body } = await kit.app.produce(
      topic,
      `{"key_schema":${JSON.stringify(keySchema[format])},"records":[${records}]}`,
      format,
    );
    expect(body.offsets).toMatchObject([{ error: null }, { error: null }]);
    const done = await eraseIn(format, { accountId: 'AC7', subject: { field: 'user', value: person } });
    expect(done.status).toBe('COMPLETED');
    const messages = await kit.messages(topic);
    expect(messages.filter(({ value }) => value === null).map(({ key }) => key)).toEqual([messages[0]?.key]);
  });

  test.each(['avro', 'protobuf'] as const)(
    '%s: records whose schema a header names are found as well',
    async (format) => {
      const topic = await topicOf(format);
      await written(format, topic, 'HEADER');
      const [first] = await kit.messages(topic);
      expect(readGuidHeader(first?.headers[schemaIdHeaders.value] ?? Buffer.alloc(0))).toMatch(/^[\da-f-]{36}$/);
      expect((await eraseIn(format, { accountId: 'AC1' })).status).toBe('COMPLETED');
      expect(await tombstones(topic)).toEqual(['K1', 'K4']);
    },
  );

  test('an unknown schema, or bytes that do not fit theirs, make the end PARTIAL, counted and without their content', async () => {
    const topic = await topicOf('protobuf');
    await written('protobuf', topic);
    const framed = (id: number, text: string) => {
      const head = Buffer.alloc(5);
      head.writeInt32BE(id, 1);
      return Buffer.concat([head, Buffer.of(0), Buffer.from(text)]);
    };
    await kit.gateway.produce(topic, [
      { key: 'U1', value: framed(99_999, 'canary') },
      { key: 'U2', value: framed(99_999, 'canary') },
      { key: 'U3', value: framed(ids.protobuf!, 'canary') },
    ]);
    const done = await eraseIn('protobuf', { accountId: 'AC2' });
    expect(done.status).toBe('PARTIAL');
    const { open } = done.certificate.body;
    expect(open.map(({ code, dataset, reason }: Data) => [code, dataset, reason])).toEqual([
      ['MESSAGE_UNREADABLE', topic, '2 message(s) name the schema 99999, which is not registered'],
      ['MESSAGE_UNREADABLE', topic, `1 message(s) do not hold a record of the schema ${ids.protobuf} that they name`],
    ]);
    expect(JSON.stringify(done)).not.toContain('canary');
    expect(await tombstones(topic)).toEqual(['K2', 'K5']);
  });
});

const keySchema = { avro: '"string"', protobuf: 'syntax = "proto3"; message Key { string id = 1; }' };
