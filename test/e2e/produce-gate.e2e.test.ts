import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Data } from '../testkit/app.ts';
import { missingKafka, uniqueName } from '../testkit/kafka.ts';
import { type ProduceTest, produceTest } from '../testkit/produce.ts';

const missing = await missingKafka();
const schema = JSON.stringify({
  type: 'record',
  name: 'Call',
  namespace: 'gate',
  fields: [
    { name: 'account', type: 'string' },
    { name: 'from', type: 'string', twilio_type: 'phonenumber' },
  ],
});
const value = { account: 'AC1', from: '+11234567890' };
const setGate = `mutation ($input: SetProduceGateInput!) {
  setProduceGate(input: $input) { mapping { id protectOnProduce } userErrors { code message } } }`;

describe.skipIf(missing !== null)(`the gate in front of a topic${missing ? `: ${missing}` : ''}`, () => {
  let kit: ProduceTest;
  let entityId: string;
  beforeAll(async () => {
    kit = await produceTest();
    await kit.register('AVRO', schema, 'gate-call');
    ({
      entity: { id: entityId },
    } = await kit.app.done('{ entity(namespace: "gate", name: "Call") { id } }'));
  });
  afterAll(() => kit?.close());

  const mappingOf = async (topic: string): Promise<string> => {
    const { entity } = await kit.app.done(
      '{ entity(namespace: "gate", name: "Call") { mappings(first: 100) { nodes { id dataset { name } } } } }',
    );
    return entity.mappings.nodes.find(({ dataset }: Data) => dataset.name === topic).id;
  };
  const guarded = async (): Promise<string> => {
    const topic = await kit.topicOf('gate', 'Call', 'account');
    const input = { id: await mappingOf(topic), protect: true };
    const { setProduceGate } = await kit.app.done(setGate, { input });
    expect(setProduceGate).toEqual({ mapping: { id: input.id, protectOnProduce: true }, userErrors: [] });
    return topic;
  };

  test('protects what comes in, in every format, before Kafka sees it', async () => {
    const topic = await guarded();
    const bytes = Buffer.from(JSON.stringify(value)).toString('base64');
    for (const [format, record] of [
      ['json', { value }],
      ['avro', { value }],
      ['binary', { value: bytes }],
    ] as const) {
      const { body } = await kit.app.produce(topic, { records: [record] }, format);
      expect(body.offsets).toMatchObject([{ error_code: null }]);
    }
    const messages = await kit.messages(topic);
    const texts = messages.map((message) => message.value?.toString('latin1') ?? '');
    for (const text of texts) expect(text).not.toContain(value.from);
    expect(JSON.parse(texts[0] ?? '')).toEqual({ account: 'AC1', from: '+1123456XXXX' });
    expect(texts[2]).toBe(texts[0]);
    expect(await kit.registry.decode(messages[1]!.value!)).toMatchObject({ from: '+1123456XXXX' });
  });

  test('lets deletions pass, and answers each record on its own', async () => {
    const topic = await guarded();
    const records = [{ value }, { key: 'k', value: null }, { value: { account: 1 } }, { key: 'k', value }];
    const { body } = await kit.app.produce(topic, { records });
    expect(body.offsets.map(({ offset, error_code }: Data) => offset ?? error_code)).toEqual([0, 1, 42_203, 2]);
    const messages = await kit.messages(topic);
    expect(messages.map(({ value: written }) => written?.toString() ?? null)).toEqual([
      '{"account":"AC1","from":"+1123456XXXX"}',
      null,
      '{"account":"AC1","from":"+1123456XXXX"}',
    ]);
  });

  test('refuses what looks personal where no semantic type says so, in every format', async () => {
    const topic = await kit.topicOf('gate', 'Call', 'account');
    await kit.app.done(setGate, { input: { id: await mappingOf(topic), refuseUntagged: true } });
    const personal = { account: 'someone@example.com', from: '+11234567890' };
    for (const format of ['json', 'avro']) {
      const { body } = await kit.app.produce(topic, { records: [{ value: personal }, { value }] }, format);
      expect(body.offsets).toMatchObject([
        { error_code: 42_203, error: expect.stringMatching(/^account looks like email/) },
        { error_code: null },
      ]);
      expect(JSON.stringify(body)).not.toContain('someone');
    }
    const { setProduceGate } = await kit.app.done(setGate, {
      input: { id: await mappingOf(topic), refuseUntagged: false },
    });
    expect(setProduceGate.mapping).toMatchObject({ protectOnProduce: false });
    const { body } = await kit.app.produce(topic, { records: [{ value: personal }] });
    expect(body.offsets).toMatchObject([{ error_code: null }]);
  });

  test('looks at all that is in JSON given as bytes, framed or not, and names no field that is none', async () => {
    const chain = {
      title: 'gate.Chain',
      type: 'object',
      properties: { account: { type: 'string' }, 'odd[name': { type: 'string' }, next: { $ref: '#' } },
      additionalProperties: true,
    };
    const schemaId = await kit.register('JSON', JSON.stringify(chain), 'gate-chain');
    const topic = await kit.topicOf('gate', 'Chain', 'account');
    const { entity } = await kit.app.done(
      '{ entity(namespace: "gate", name: "Chain") { mappings(first: 100) { nodes { id } } } }',
    );
    await kit.app.done(setGate, { input: { id: entity.mappings.nodes[0].id, refuseUntagged: true } });
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    const framed = (text: string) => Buffer.from([0, 0, 0, 0, schemaId, ...Buffer.from(text)]).toString('base64');
    const deep = `${'{"next":'.repeat(20_000)}{}${'}'.repeat(20_000)}`;
    const twice = '{"account":"someone@example.com","account":"AC1"}';
    const records = [
      { value: base64('{"account":"AC1"}') },
      { value: base64(deep) },
      { value: base64('{"account":"AC1","someone@example.com":true}') },
      { value: base64(twice) },
      { value: framed('{"account":"AC1"}') },
      { value: framed(deep) },
      { value: framed(twice) },
      { value: framed('{"account":5}') },
    ];
    const { status, body } = await kit.app.produce(topic, { records }, 'binary');
    expect([status, body.offsets]).toMatchObject([
      200,
      [
        { error_code: null },
        { error_code: 42_203, error: expect.stringMatching(/nested deeper than 512/) },
        { error_code: 42_203, error: expect.stringMatching(/\{\} \(a key\) looks like email/) },
        { error_code: 42_203, error: expect.stringMatching(/a key twice/) },
        { error_code: null },
        { error_code: 42_203, error: expect.stringMatching(/nested deeper than 512/) },
        { error_code: 42_203, error: expect.stringMatching(/a key twice/) },
        { error_code: 42_203, error: expect.stringMatching(/account/) },
      ],
    ]);
    expect(JSON.stringify(body)).not.toContain('someone');
  });

  test('is one for all entities of a topic, whenever they are mapped to it', async () => {
    const topic = await guarded();
    const other = JSON.stringify({ ...JSON.parse(schema), name: 'OtherCall' });
    await kit.register('AVRO', other, 'gate-other-call');
    const { entity } = await kit.app.done('{ entity(namespace: "gate", name: "OtherCall") { id } }');
    const dataset = { namespace: `kafka://${kit.brokers}`, name: topic };
    const { mapEntity } = await kit.app.done(
      `mutation ($input: MapEntityInput!) {
        mapEntity(input: $input) { mapping { protectOnProduce } userErrors { message } } }`,
      { input: { entityId: entity.id, dataset, role: 'TOPIC', accountField: 'account', subjectFields: [] } },
    );
    expect(mapEntity).toEqual({ mapping: { protectOnProduce: true }, userErrors: [] });
    // The topic is protected already, whoever else wants it.
    const input = { entityId: entity.id, accountField: 'account', subjectFields: [], sourceTopic: topic };
    const { data } = await kit.app.graphql(
      'mutation ($input: CreateStreamProtectionInput!) { createStreamProtection(input: $input) { userErrors { code } } }',
      { input: { ...input, targetTopic: uniqueName('clean') } },
    );
    expect(data).toMatchObject({ createStreamProtection: { userErrors: [{ code: 'MAPPING_IN_USE' }] } });
  });

  test('and a protection stream are one too many, whichever comes first', async () => {
    const topics = { sourceTopic: uniqueName('raw'), targetTopic: uniqueName('clean') };
    const stream = (input: object) =>
      kit.app.graphql(
        'mutation ($input: CreateStreamProtectionInput!) { createStreamProtection(input: $input) { userErrors { code field } } }',
        { input: { entityId, accountField: 'account', subjectFields: [], ...topics, ...input } },
      );
    await stream({});
    const refused = await kit.app.graphql(setGate, {
      input: { id: await mappingOf(topics.sourceTopic), protect: true },
    });
    expect(refused.data).toMatchObject({ setProduceGate: { mapping: null, userErrors: [{ code: 'MAPPING_IN_USE' }] } });
    const second = await stream({ sourceTopic: await guarded(), targetTopic: uniqueName('clean') });
    expect(second.data).toMatchObject({
      createStreamProtection: { userErrors: [{ code: 'MAPPING_IN_USE', field: ['sourceTopic'] }] },
    });
  });
});
