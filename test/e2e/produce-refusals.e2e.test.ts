import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Data } from '../testkit/app.ts';
import { missingKafka } from '../testkit/kafka.ts';
import { type ProduceTest, produceTest } from '../testkit/produce.ts';

const missing = await missingKafka();

const schemaOf = (name: string, fields: readonly object[]) =>
  JSON.stringify({
    type: 'record',
    name,
    namespace: 'refused',
    fields: [{ name: 'account', type: 'string' }, ...fields],
  });
const from = { name: 'from', type: 'string', twilio_type: 'phonenumber' };
const call = schemaOf('Call', [from]);
const value = { account: 'AC1', from: '+11234567890' };

describe.skipIf(missing !== null)(`what the produce API refuses${missing ? `: ${missing}` : ''}`, () => {
  let kit: ProduceTest;
  let topic: string;
  let other: number;
  const produce = (body: object, format = 'avro') => kit.app.produce(topic, { records: [{ value }], ...body }, format);

  beforeAll(async () => {
    kit = await produceTest();
    await kit.register('AVRO', call, 'refused-call');
    other = await kit.register('AVRO', schemaOf('Other', []), 'refused-other');
    await kit.register('JSON', '{"type":"string"}', 'refused-text');
    topic = await kit.topicOf('refused', 'Call', 'account');
  });
  afterAll(() => kit?.close());

  const text = (name: string, fields: readonly object[]) => ({ value_schema: schemaOf(name, fields) });
  test.each([
    ['an id that nobody has', { value_schema_id: 99_999 }, 408, 40_801, /no version of refused\.Call/],
    ['a subject that nobody has', { value_subject: 'nowhere' }, 408, 40_801, /nowhere/],
    ['a version that the subject lacks', { value_subject: 'refused-call', value_schema_version: 9 }, 408, 40_801, /9/],
    ['a version that is none', { value_schema_version: 'x' }, 408, 40_801, /version/],
    ['a subject of another context', { value_subject: ':.ctx:a', value_schema_version: 1 }, 408, 40_801, /context/],
    ['the schema of another entity', text('Other', []), 408, 40_801, /another record than refused\.Call/],
    ['a schema of a record that nobody knows', text('New', []), 408, 40_801, /another record/],
    ['a schema of no record', { value_schema: '"string"' }, 408, 40_801, /another record/],
    ['a text that is no schema', { value_schema: '{"type":"reco' }, 422, 42_205, /JSON/],
    ['a text with U+0000', { value_schema: '\0' }, 422, 42_203, /value_schema/],
    [
      'a new version that readers of the old one cannot be given',
      text('Call', [from, { name: 'must', type: 'int' }]),
      408,
      40_801,
      /READER_FIELD_MISSING_DEFAULT_VALUE/,
    ],
    [
      'a new version that takes a label away',
      text('Call', [{ name: 'from', type: 'string' }]),
      408,
      40_801,
      /takes the label \S+ from the field from/,
    ],
    ['keys without their schema', { records: [{ key: 'k', value }] }, 422, 42_201, /key_schema/],
    [
      'keys by the way around the values',
      { records: [{ key: value, value }], key_schema: schemaOf('Call', [{ name: 'from', type: 'string' }]) },
      408,
      40_801,
      /takes the label/,
    ],
    [
      'keys of another schema language',
      { records: [{ key: 'k', value }], key_subject: 'refused-text' },
      408,
      40_801,
      /is of the type JSON/,
    ],
    [
      'a key schema that nobody has',
      { records: [{ key: 'k', value }], key_schema_id: 99_999 },
      408,
      40_801,
      /not found/,
    ],
    ['no records', { records: [] }, 422, 42_203, /records/],
    ['a partition that is no number', { records: [{ value, partition: 'x' }] }, 422, 42_203, /records\.0\.partition/],
  ])('%s', async (_what, body, status, code, message) => {
    const subjects = async () => (await fetch(`${kit.app.urls.registry}/subjects`)).json();
    const before = await subjects();
    const answer = await produce(body);
    expect(answer).toMatchObject({ status, body: { error_code: code, message: expect.stringMatching(message) } });
    expect(answer.body.message).not.toContain('+1123');
    expect(await subjects()).toEqual(before);
    expect(await kit.messages(topic)).toEqual([]);
  });

  test('the schema of another entity by its id, and records of another schema language than the entity’s', async () => {
    const byId = await produce({ value_schema_id: other });
    expect(byId).toMatchObject({ status: 408, body: { error_code: 40_801 } });
    for (const format of ['jsonschema', 'protobuf'])
      expect(await produce({}, format)).toMatchObject({
        status: 422,
        body: { error_code: 42_202, message: expect.stringContaining('AVRO') },
      });
  });

  test('bytes that nobody can read, and no other', async () => {
    const good = Buffer.from(JSON.stringify(value)).toString('base64');
    const { body } = await produce({ records: ['AAAA', '*', 5, good].map((given) => ({ value: given })) }, 'binary');
    expect(body.offsets).toMatchObject([
      { error_code: 42_203, error: expect.stringContaining('neither') },
      { error_code: 42_203, error: expect.stringContaining('base64') },
      { error_code: 42_203, error: expect.stringContaining('base64') },
      { error_code: null },
    ]);
  });

  test('another partition than that of the address, and one that is none', async () => {
    const to = (partition: string, body: object) => kit.app.produce(`${topic}/partitions/${partition}`, body);
    const records = [{ value }, { value, partition: 1 }];
    expect(await to('0', { records })).toMatchObject({ status: 422, body: { error_code: 42_203 } });
    expect(await to('x', { records: [{ value }] })).toMatchObject({ status: 404, body: { error_code: 40_402 } });
    const { body } = await to('7', { records: [{ value }] });
    expect(body.offsets).toMatchObject([{ error_code: 40_402 }]);
  });

  test('records without a value and without a key, and values that are left out', async () => {
    const records = [{ value: null }, { key: 'k' }];
    const { body } = await produce({ records }, 'json');
    expect(body.offsets).toMatchObject([{ error_code: 42_203 }, { error_code: 42_203 }]);
  });

  test('media types that it does not take', async () => {
    for (const type of ['text/plain', 'text/csv', 'application/vnd.kafka.avro.v1+json']) {
      const body = JSON.stringify({ records: [{ value }] });
      const url = `${kit.app.urls.produce}/topics/${topic}`;
      const answer = await fetch(url, { method: 'POST', headers: { 'content-type': type }, body });
      expect([answer.status, await answer.json()]).toMatchObject([415, { error_code: 415 }]);
    }
    const broken = await kit.app.produce(topic, '{"records":', 'avro');
    expect(broken).toMatchObject({ status: 400, body: { error_code: 42_203 } });
  });

  test('topics without an entity', async () => {
    const answer = await kit.app.produce('nowhere', { records: [{ value }] }, 'avro');
    expect(answer).toMatchObject({ status: 404, body: { error_code: 40_401 } });
  });

  test('a record that is nested without measure, in any format, and no other', async () => {
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    for (const [format, part] of [
      ['json', 'key'],
      ['json', 'value'],
      ['avro', 'value'],
    ] as const) {
      const good = format === 'json' ? { key: 'k', value } : { value };
      const text = JSON.stringify({ records: [{ ...good, [part]: 'deep' }, good] }).replace('"deep"', deep);
      const { status, body } = await kit.app.produce(topic, text, format);
      expect([status, body.offsets]).toMatchObject([
        200,
        [{ error_code: 42_203, error: `${part} is nested deeper than 512 levels` }, { error_code: null }],
      ]);
    }
  });

  test('single records, each for its own reason, and no others', async () => {
    const records: Data[] = [
      { value },
      { value: { ...value, from: 4711 } },
      { value: { ...value, canary: 1 } },
      { value, partition: 7 },
      { value: null },
      {},
      { value: { from: 'canary' } },
      { value, partition: 0 },
    ];
    const before = (await kit.messages(topic)).length;
    const { status, body } = await produce({ records });
    expect(status).toBe(200);
    expect(body.offsets.map((offset: Data) => [offset.error_code, offset.error])).toEqual([
      [null, null],
      [42_203, 'from must be a string'],
      [42_203, '(message) holds 1 field(s) that the schema does not have'],
      [40_402, expect.stringContaining('no partition 7')],
      [42_203, '(message) must be an object'],
      [42_203, '(message) must be an object'],
      [42_203, 'account is missing'],
      [null, null],
    ]);
    expect((await kit.messages(topic)).length - before).toBe(2);
  });
});
