import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { a1, type Case, post, type Registry, startRegistry, unique } from './contract.ts';

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry?.stop());

const versions = '/subjects/{s}/versions';
const id = { id: expect.any(Number) };
const record = (fields: string, more = '') => `{"type":"record","name":"Hostile"${more},"fields":[${fields}]}`;
const doc = (text: string) => record(`{"name":"a","type":"string","doc":"${text}"}`, `,"doc":"${text}"`);
const json = (properties: string): Case['ask'] => [
  'POST',
  versions,
  { schemaType: 'JSON', schema: `{"type":"object","title":"H","properties":{${properties}}}` },
];
const names = (count: number) => Array.from({ length: count }, (_, index) => `{"name":"f${index}","type":"string"}`);

const kept: readonly Case[] = [
  { name: 'a doc with half of a surrogate pair', ask: post(doc('x\\ud800y')), body: id },
  {
    name: 'a tag with U+0000',
    ask: post(record('{"name":"a","type":"string","confluent:tags":["a\\u0000"]}')),
    body: id,
  },
  { name: 'an attribute with U+0000', ask: post(record('{"name":"a","type":"string","x":"\\u0000"}')), body: id },
  { name: 'a default with U+0000', ask: post(record('{"name":"a","type":"string","default":"\\u0000"}')), body: id },
  {
    name: 'an attribute called __proto__',
    ask: post(record('{"name":"a","type":"string","__proto__":{"x":1}}')),
    body: id,
  },
  { name: 'a property with U+0000', ask: json('"a\\u0000b":{"type":"string"}'), body: id },
  { name: 'a property with half of a surrogate pair', ask: json('"a\\udc00":{"type":"string"}'), body: id },
  { name: 'a property called __proto__', ask: json('"__proto__":{"type":"string"}'), body: id },
  { name: 'a property with a dot', ask: json('"a.b":{"type":"string"}'), body: id },
  { name: 'a property without a name', ask: json('"":{"type":"string"}'), body: id },
  {
    name: 'a title with U+0000',
    ask: ['POST', versions, { schemaType: 'JSON', schema: '{"type":"object","title":"a\\u0000"}' }],
    body: id,
  },
  { name: 'a record of 3,000 fields', ask: post(record(names(3_000).join(','))), body: id },
  {
    name: 'metadata whose keys are special',
    ask: ['POST', versions, '{"schema":"\\"int\\"","metadata":{"properties":{"__proto__":"x","constructor":"y"}}}'],
    body: id,
  },
];

const refused: readonly Case[] = [
  { name: 'a doc with U+0000', ask: post(doc('x\\u0000y')), code: 42_201 },
  { name: 'a field called __proto__', ask: post(record('{"name":"__proto__","type":"string"}')), code: 42_201 },
  { name: 'a schema nested 100,000 deep', ask: post('['.repeat(100_000)), code: 42_201 },
  {
    name: 'a JSON Schema nested 100,000 deep',
    ask: ['POST', versions, { schemaType: 'JSON', schema: '{"not":'.repeat(100_000) }],
    code: 42_201,
  },
  {
    name: 'a Protobuf schema nested 10,000 deep',
    ask: ['POST', versions, { schemaType: 'PROTOBUF', schema: 'message A {'.repeat(10_000) }],
    code: 42_201,
  },
  {
    name: 'a body nested 100,000 deep',
    ask: ['POST', versions, `{"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
    code: 42_201,
  },
  { name: 'a key of the body with U+0000', ask: ['POST', versions, { schema: a1, 'x\0': 1 }], code: 42_201 },
  {
    name: 'a reference name with U+0000',
    ask: ['POST', versions, { schema: a1, references: [{ name: '\0', subject: 'x', version: 1 }] }],
    code: 42_201,
  },
  { name: 'an alias with a control character', ask: ['PUT', '/config/{s}', { alias: 'a\u0007' }], code: 42_208 },
  { name: 'an alias with U+0000', ask: ['PUT', '/config/{s}', { alias: 'a\0' }], code: 42_201 },
  { name: 'a version of twenty digits', ask: ['GET', `${versions}/99999999999999999999`], code: 42_202 },
  { name: 'an offset of twenty digits', ask: ['GET', '/subjects?offset=99999999999999999999'], code: 404 },
  { name: 'SQL in a version', ask: ['GET', `${versions}/1;drop%20table%20schema`], code: 42_202 },
  { name: 'SQL in a subject', ask: ['GET', "/subjects/x'%20or%20'1'='1/versions"], code: 40_401 },
  {
    name: 'a reference to itself',
    ask: ['POST', versions, { schema: a1, references: [{ name: 'R', subject: '{s}', version: 1 }] }],
    code: 42_201,
  },
];

describe('the registry keeps', () => {
  test.each(kept)('$name', (one) => registry.check(one));
});
describe('the registry refuses, and stands', () => {
  test.each(refused)('$name', (one) => registry.check(one));
});

test('no body makes it fail on its own side', async () => {
  const values: readonly unknown[] = [
    null,
    true,
    0,
    -1,
    1.5,
    2 ** 53,
    '',
    'x',
    '\ud800',
    [],
    {},
    [null],
    [[]],
    { a: null },
  ];
  const keys = [
    'schema',
    'schemaType',
    'references',
    'metadata',
    'ruleSet',
    'id',
    'version',
    'compatibility',
    'mode',
    'alias',
    'normalize',
    'defaultMetadata',
    'tagsToAdd',
    'newVersion',
  ];
  const s = unique();
  await registry.ask('POST', `/subjects/${s}/versions`, { body: { schema: a1 } });
  const asked = [
    ['POST', `/subjects/${s}/versions`],
    ['POST', `/subjects/${s}`],
    ['POST', `/subjects/${s}/versions/1/tags`],
    ['POST', `/compatibility/subjects/${s}/versions/1`],
    ['PUT', `/config/${s}-settings`],
    ['PUT', `/mode/${s}-settings`],
  ] as const;
  for (const [method, path] of asked)
    for (const key of keys) {
      const bodies = values.map((value) => ({ schema: a1, [key]: value }));
      const answers = await Promise.all(bodies.map((body) => registry.ask(method, path, { body })));
      expect(answers.filter(({ status }) => status >= 500).map(({ text }) => `${path} ${key} ${text}`)).toEqual([]);
    }
});

test('no query makes it fail on its own side', async () => {
  const s = unique();
  const { id: known } = (await registry.ask('POST', `/subjects/${s}/versions`, { body: { schema: a1 } })).body;
  const paths = [
    '/subjects',
    `/subjects/${s}/versions`,
    `/subjects/${s}/versions/1`,
    `/subjects/${s}/metadata`,
    '/schemas',
    `/schemas/ids/${known}`,
    `/schemas/ids/${known}/versions`,
    `/config/${s}`,
    '/contexts',
  ];
  const queryKeys = [
    'subjectPrefix',
    'offset',
    'limit',
    'deleted',
    'deletedOnly',
    'format',
    'subject',
    'key',
    'value',
    'fetchMaxId',
    'contextPrefix',
    'latestOnly',
    'defaultToGlobal',
  ];
  const values = [
    '',
    '%',
    '%00',
    '%ff',
    '-1',
    '9'.repeat(30),
    ':.:',
    ':.x:',
    ':*:',
    ':',
    '__proto__',
    '%F0%9F%99%82',
    'a&a=b',
    "'",
    '\\',
  ];
  for (const path of paths)
    for (const key of queryKeys) {
      const answers = await Promise.all(values.map((value) => registry.ask('GET', `${path}?${key}=${value}&value=x`)));
      expect(answers.filter(({ status }) => status >= 500).map(({ text }) => `${path} ${key} ${text}`)).toEqual([]);
    }
});

test('a schema is not read with more behind its references than one schema may hold', async () => {
  const s = unique();
  const names = [0, 1, 2, 3, 4].map((index) => `E${s}${index}`);
  for (const name of names) {
    const schema = JSON.stringify({ type: 'enum', name, symbols: ['A'], doc: 'x'.repeat(1_000_000) });
    await registry.ask('POST', `/subjects/${name}/versions`, { body: { schema } });
  }
  const refer = (some: readonly string[]) =>
    registry.ask('POST', `/subjects/${s}/versions`, {
      body: {
        schema: record(some.map((type) => `{"name":"${type}","type":"${type}"}`).join(',')),
        references: some.map((name) => ({ name, subject: name, version: 1 })),
      },
    });
  const answer = await refer(names);
  expect([answer.status, answer.body.error_code]).toEqual([422, 42_209]);
  expect((await refer(names.slice(1))).status).toBe(200);
});
