import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Case, level, type Registry, type Step, startRegistry } from './contract.ts';

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry?.stop());

type Language = 'JSON' | 'PROTOBUF';
const put = (schemaType: Language, schema: string, subject = '{s}', more: object = {}): Step => [
  'POST',
  `/subjects/${subject}/versions`,
  { schemaType, schema, ...more },
];

const order = '{"type":"object","title":"Order","properties":{"id":{"type":"integer"}},"additionalProperties":false}';
const orderWithNote =
  '{"type":"object","title":"Order","properties":{"id":{"type":"integer"},"note":{"type":"string"}},"additionalProperties":false}';
const orderOfText =
  '{"type":"object","title":"Order","properties":{"id":{"type":"string"}},"additionalProperties":false}';
const person = 'syntax = "proto3";\npackage acme;\n\nmessage Person {\n  string name = 1;\n}\n';
const personWithAge = person.replace('  string name = 1;\n', '  string name = 1;\n  int32 age = 2;\n');
const personOfNumbers = person.replace('string', 'int32');

interface Sample {
  readonly language: Language;
  readonly one: string;
  readonly other: string;
  readonly breaking: string;
  readonly invalid: readonly string[];
}
const samples: readonly Sample[] = [
  {
    language: 'JSON',
    one: order,
    other: orderWithNote,
    breaking: orderOfText,
    invalid: ['{', '{"type":"nope"}', '{"properties":[]}', '{"$ref":"#/definitions/none"}', '7'],
  },
  {
    language: 'PROTOBUF',
    one: person,
    other: personWithAge,
    breaking: personOfNumbers,
    invalid: [
      'message {',
      'syntax = "proto9";',
      'message A { string a = 0; }',
      'message A { string a = 1; string b = 1; }',
      'message A { Nope a = 1; }',
      'import "nope.proto"; message A {}',
    ],
  },
];

const casesOf = ({ language, one, other, breaking }: Sample): readonly Case[] => {
  const place = { subject: '{s}', version: '#1', id: '#{0}', schemaType: language, schema: expect.any(String) };
  const given = (schema: string) => ({ schema, schemaType: language });
  return [
    { name: 'is registered', ask: put(language, one), body: { id: expect.any(Number) } },
    { name: 'is registered once', before: [put(language, one)], ask: put(language, one), body: { id: '#{0}' } },
    {
      name: 'is one schema under two subjects',
      before: [put(language, one, '{t}')],
      ask: put(language, one),
      body: { id: '#{0}' },
    },
    {
      name: 'is read by version, with its type',
      before: [put(language, one)],
      ask: ['GET', '/subjects/{s}/versions/1'],
      body: place,
    },
    {
      name: 'is read by id, with its type',
      before: [put(language, one)],
      ask: ['GET', '/schemas/ids/{0}'],
      body: { schemaType: language, schema: expect.any(String) },
    },
    { name: 'is looked up', before: [put(language, one)], ask: ['POST', '/subjects/{s}', given(one)], body: place },
    {
      name: 'is not found when another was registered',
      before: [put(language, one)],
      ask: ['POST', '/subjects/{s}', given(other)],
      code: 40_403,
    },
    {
      name: 'is listed with its type',
      before: [put(language, one)],
      ask: ['GET', '/schemas?subjectPrefix={s}'],
      body: [place],
    },
    {
      name: 'is followed by a compatible one',
      before: [put(language, one)],
      ask: put(language, other),
      body: { id: expect.any(Number) },
    },
    {
      name: 'is not followed by a breaking one',
      before: [put(language, one)],
      ask: put(language, breaking),
      status: 409,
      code: 409,
    },
    {
      name: 'is followed by anything at level NONE',
      before: [level('NONE'), put(language, one)],
      ask: put(language, breaking),
      body: { id: expect.any(Number) },
    },
    {
      name: 'goes together with a compatible one',
      before: [put(language, one)],
      ask: ['POST', '/compatibility/subjects/{s}/versions/latest', given(other)],
      body: { is_compatible: true },
    },
    {
      name: 'does not go together with a breaking one',
      before: [put(language, one)],
      ask: ['POST', '/compatibility/subjects/{s}/versions/latest?verbose=true', given(breaking)],
      body: {
        is_compatible: false,
        messages: expect.arrayContaining([expect.stringContaining('{oldSchemaVersion: 1}')]),
      },
    },
    {
      name: 'is not followed by Avro',
      before: [put(language, one)],
      ask: ['POST', '/subjects/{s}/versions', { schema: '"string"' }],
      status: 409,
      code: 409,
      message: /SCHEMA_TYPE_CHANGED/,
    },
    {
      name: 'is no Avro schema',
      ask: ['POST', '/subjects/{s}/versions', { schema: one, schemaType: 'AVRO' }],
      code: 42_201,
    },
    { name: 'is deleted', before: [put(language, one)], ask: ['DELETE', '/subjects/{s}'], body: [1] },
    {
      name: 'is registered in its normal form',
      ask: ['POST', '/subjects/{s}/versions?normalize=true', given(one)],
      body: { id: expect.any(Number) },
    },
    {
      name: 'keeps metadata beside it',
      before: [put(language, one, '{s}', { metadata: { properties: { a: 'b' } } })],
      ask: ['GET', '/subjects/{s}/versions/1'],
      body: { ...place, metadata: { properties: { a: 'b' } } },
    },
  ];
};

describe.each(samples)('a schema of $language', (sample) => {
  test.each(casesOf(sample))('$name', (one) => registry.check(one));

  test.each(sample.invalid)('is refused when it is %j', (schema) =>
    registry.check({ name: '', ask: put(sample.language, schema), code: 42_201 }),
  );
});

const customer = '{"type":"object","title":"Customer","properties":{"name":{"type":"string"}}}';
const withCustomer = '{"type":"object","title":"Sale","properties":{"who":{"$ref":"customer.json"}}}';
const address = 'syntax = "proto3";\npackage acme;\n\nmessage Address {\n  string city = 1;\n}\n';
const withAddress =
  'syntax = "proto3";\npackage acme;\n\nimport "address.proto";\n\nmessage Buyer {\n  acme.Address home = 1;\n}\n';
const refersTo = (name: string) => [{ name, subject: '{t}', version: '#1' }];

describe('references', () => {
  test.each<Case>([
    {
      name: 'of JSON Schema are by URI',
      before: [put('JSON', customer, '{t}')],
      ask: put('JSON', withCustomer, '{s}', { references: refersTo('customer.json') }),
      body: { id: expect.any(Number) },
    },
    {
      name: 'of JSON Schema must be there',
      ask: put('JSON', withCustomer, '{s}', { references: refersTo('customer.json') }),
      code: 42_201,
    },
    {
      name: 'of JSON Schema keep what they name from deletion',
      before: [
        put('JSON', customer, '{t}'),
        put('JSON', withCustomer, '{s}', { references: refersTo('customer.json') }),
      ],
      ask: ['DELETE', '/subjects/{t}'],
      code: 42_206,
    },
    {
      name: 'of Protobuf are by import',
      before: [put('PROTOBUF', address, '{t}')],
      ask: put('PROTOBUF', withAddress, '{s}', { references: refersTo('address.proto') }),
      body: { id: expect.any(Number) },
    },
    {
      name: 'of Protobuf are answered',
      before: [
        put('PROTOBUF', address, '{t}'),
        put('PROTOBUF', withAddress, '{s}', { references: refersTo('address.proto') }),
      ],
      ask: ['GET', '/schemas/ids/{1}'],
      body: { schemaType: 'PROTOBUF', schema: expect.any(String), references: refersTo('address.proto') },
    },
    { name: 'of Protobuf must be there', ask: put('PROTOBUF', withAddress), code: 42_201 },
    {
      name: 'of Protobuf are not needed for well-known types',
      ask: put(
        'PROTOBUF',
        'syntax = "proto3";\nimport "google/protobuf/timestamp.proto";\nmessage T { google.protobuf.Timestamp at = 1; }',
      ),
      body: { id: expect.any(Number) },
    },
  ])('$name', (one) => registry.check(one));
});

describe('Protobuf', () => {
  test('is answered as a descriptor for format=serialized, and taken as one', async () => {
    const path = '/subjects/serialized/versions';
    const { id } = (await registry.ask('POST', path, { body: { schemaType: 'PROTOBUF', schema: person } })).body;
    const { schema } = (await registry.ask('GET', `/schemas/ids/${id}?format=serialized`)).body;
    expect(schema).toMatch(/^[A-Za-z0-9+/]+=*$/);
    expect((await registry.ask('POST', path, { body: { schemaType: 'PROTOBUF', schema } })).body).toEqual({ id });
  });

  test('is one schema however it is laid out', async () => {
    const path = '/subjects/laid-out/versions';
    const body = (schema: string) => ({ body: { schemaType: 'PROTOBUF', schema } });
    const { id } = (await registry.ask('POST', path, body(person))).body;
    const spread = person.replace('{\n', '{\n\n  // the name\n').replaceAll('  ', '\t');
    expect((await registry.ask('POST', path, body(spread))).body).toEqual({ id });
  });
});

describe('JSON Schema', () => {
  const open = '{"type":"object","title":"Open","properties":{"a":{"type":"string"}}}';
  const more = '{"type":"object","title":"Open","properties":{"a":{"type":"string"},"b":{"type":"string"}}}';
  test.each<Case>([
    {
      name: 'STRICT refuses an optional property of an open model',
      before: [put('JSON', open)],
      ask: put('JSON', more),
      status: 409,
      code: 409,
    },
    {
      name: 'LENIENT takes an optional property of an open model',
      before: [['PUT', '/config/{s}', { compatibilityPolicy: 'LENIENT' }], put('JSON', open)],
      ask: put('JSON', more),
      body: { id: expect.any(Number) },
    },
  ])('$name', (one) => registry.check(one));
});
