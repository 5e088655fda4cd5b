import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  a1,
  a2,
  a3,
  avro,
  breaking,
  type Case,
  level,
  optional,
  post,
  type Registry,
  startRegistry,
  unique,
} from './contract.ts';

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry?.stop());

const versions = '/subjects/{s}/versions';
const ruleSet = { domainRules: [{ name: 'r', kind: 'CONDITION', mode: 'WRITE', type: 'CEL', expr: 'true' }] };
const metadata = { properties: { owner: 'team' }, tags: { '**.a': ['PII'] }, sensitive: ['owner'] };

const accepted: readonly Case[] = [
  { name: 'a schema', ask: post(a1), body: { id: expect.any(Number) } },
  { name: 'a schema of a primitive', ask: post('"string"') },
  { name: 'a primitive as an object', ask: post('{"type":"int"}') },
  { name: 'an enum', ask: post('{"type":"enum","name":"E","symbols":["A","B"]}') },
  { name: 'a fixed', ask: post('{"type":"fixed","name":"F","size":16}') },
  { name: 'an array', ask: post('{"type":"array","items":"long"}') },
  { name: 'a map', ask: post('{"type":"map","values":"long"}') },
  { name: 'a union', ask: post('["null","string"]') },
  { name: 'a type named AVRO', ask: ['POST', versions, { schema: a1, schemaType: 'AVRO' }] },
  { name: 'a null type', ask: ['POST', versions, { schema: a1, schemaType: null }] },
  { name: 'an empty type', ask: ['POST', versions, { schema: a1, schemaType: '' }] },
  {
    name: 'null for every other field',
    ask: ['POST', versions, { schema: a1, references: null, metadata: null, ruleSet: null, id: null, version: null }],
  },
  {
    name: 'fields that are not known',
    ask: ['POST', versions, { schema: a1, propagate: true, schemaTagsToAdd: [], x: { y: 1 } }],
  },
  { name: 'empty references', ask: ['POST', versions, { schema: a1, references: [] }] },
  { name: 'id -1 and version -1 as none', ask: ['POST', versions, { schema: a1, id: -1, version: -1 }] },
  { name: 'version 0 as none', ask: ['POST', versions, { schema: a1, version: 0 }] },
  { name: 'the version that is next', before: [post(a1)], ask: ['POST', versions, { schema: a2, version: 2 }] },
  {
    name: 'the version that is next, as text',
    before: [post(a1)],
    ask: ['POST', versions, { schema: a2, version: '2' }],
  },
  { name: 'metadata', ask: ['POST', versions, { schema: a1, metadata }] },
  { name: 'rules', ask: ['POST', versions, { schema: a1, ruleSet }] },
  { name: 'metadata without parts', ask: ['POST', versions, { schema: a1, metadata: {} }] },
  { name: 'a schema given as a number, which is its text', ask: ['POST', versions, { schema: 1 }], code: 42_201 },
  { name: 'the same schema again, by its id', before: [post(a1)], ask: post(a1), body: { id: '#{0}' } },
  {
    name: 'the same schema in other white space, by its id',
    before: [post(a1)],
    ask: post(JSON.stringify(JSON.parse(a1), null, 2)),
    body: { id: '#{0}' },
  },
  {
    name: 'the same schema under another subject, by its id',
    before: [post(a1, '{t}')],
    ask: post(a1),
    body: { id: '#{0}' },
  },
  {
    name: 'the same schema with the id it has',
    before: [post(a1)],
    ask: ['POST', versions, { schema: a1, id: '#{0}' }],
    body: { id: '#{0}' },
  },
  { name: 'a compatible schema', before: [post(a1)], ask: post(a2), body: { id: expect.any(Number) } },
  { name: 'anything where nothing is asked', before: [level('NONE'), post(a1)], ask: post(breaking) },
  {
    name: 'another language where nothing is asked',
    before: [level('NONE'), post(a1)],
    ask: ['POST', versions, { schema: '{"type":"object"}', schemaType: 'JSON' }],
  },
  { name: 'with normalize', ask: ['POST', `${versions}?normalize=true`, { schema: a1 }] },
  { name: 'with normalize=false', ask: ['POST', `${versions}?normalize=false`, { schema: a1 }] },
  {
    name: 'metadata alone, which go beside the schema before',
    before: [post(a1)],
    ask: ['POST', versions, { metadata }],
  },
  {
    name: 'a deleted schema again, as a new version',
    before: [post(a1), ['DELETE', '/subjects/{s}']],
    ask: post(a1),
    body: { id: '#{0}' },
  },
  {
    name: 'a schema that refers to another',
    before: [post(avro('z:int'), '{t}')],
    ask: [
      'POST',
      versions,
      {
        schema: '{"type":"record","name":"Holder","fields":[{"name":"r","type":"R"}]}',
        references: [{ name: 'R', subject: '{t}', version: 1 }],
      },
    ],
  },
  {
    name: 'a reference to the latest version',
    before: [post(avro('y:int'), '{t}')],
    ask: [
      'POST',
      versions,
      {
        schema: '{"type":"record","name":"Latest","fields":[{"name":"r","type":"R"}]}',
        references: [{ name: 'R', subject: '{t}', version: -1 }],
      },
    ],
  },
  {
    name: 'a reference whose version is text',
    before: [post(avro('x:int'), '{t}')],
    ask: [
      'POST',
      versions,
      {
        schema: '{"type":"record","name":"Text","fields":[{"name":"r","type":"R"}]}',
        references: [{ name: 'R', subject: '{t}', version: '1' }],
      },
    ],
  },
];

const refused: readonly Case[] = [
  { name: 'no schema', ask: ['POST', versions, {}], code: 42_201 },
  { name: 'a null schema', ask: ['POST', versions, { schema: null }], code: 42_201 },
  { name: 'an empty schema', ask: post(''), code: 42_201 },
  { name: 'a blank schema', ask: post('  \n'), code: 42_201 },
  { name: 'text that is no JSON', ask: post('{"type":'), code: 42_201 },
  { name: 'a type that does not exist', ask: post('{"type":"nope"}'), code: 42_201 },
  { name: 'a bare name that does not exist', ask: post('"nope"'), code: 42_201 },
  { name: 'a record without fields', ask: post('{"type":"record","name":"X"}'), code: 42_201 },
  { name: 'a record without a name', ask: post('{"type":"record","fields":[]}'), code: 42_201 },
  { name: 'a field without a type', ask: post('{"type":"record","name":"X","fields":[{"name":"a"}]}'), code: 42_201 },
  { name: 'two fields of one name', ask: post(avro('a:int', 'a:int')), code: 42_201 },
  { name: 'a bad field name', ask: post(avro('a-b:int')), code: 42_201 },
  { name: 'a bad record name', ask: post('{"type":"record","name":"1X","fields":[]}'), code: 42_201 },
  { name: 'two branches of one type', ask: post('["int","int"]'), code: 42_201 },
  { name: 'a union within a union', ask: post('["null",["int","string"]]'), code: 42_201 },
  { name: 'an enum with a symbol twice', ask: post('{"type":"enum","name":"E","symbols":["A","A"]}'), code: 42_201 },
  { name: 'an enum without symbols', ask: post('{"type":"enum","name":"E"}'), code: 42_201 },
  { name: 'a fixed without a size', ask: post('{"type":"fixed","name":"F"}'), code: 42_201 },
  { name: 'an array without items', ask: post('{"type":"array"}'), code: 42_201 },
  { name: 'a default of another type', ask: post(avro({ name: 'a', type: 'int', default: 'x' })), code: 42_201 },
  { name: 'a number as schema', ask: post('7'), code: 42_201 },
  {
    name: 'a schema nested too deeply',
    ask: post(`${'{"type":"array","items":'.repeat(3_000)}"int"${'}'.repeat(3_000)}`),
    code: 42_201,
  },
  {
    name: 'a schema language that does not exist',
    ask: ['POST', versions, { schema: a1, schemaType: 'THRIFT' }],
    code: 42_201,
  },
  { name: 'a language in small letters', ask: ['POST', versions, { schema: a1, schemaType: 'avro' }], code: 42_201 },
  {
    name: 'a reference to a subject that does not exist',
    ask: ['POST', versions, { schema: a1, references: [{ name: 'R', subject: '{u}', version: 1 }] }],
    code: 42_201,
  },
  {
    name: 'a reference to a version that does not exist',
    before: [post(a1, '{t}')],
    ask: ['POST', versions, { schema: a1, references: [{ name: 'R', subject: '{t}', version: 2 }] }],
    code: 42_201,
  },
  {
    name: 'a reference to a deleted version',
    before: [post(a1, '{t}'), ['DELETE', '/subjects/{t}']],
    ask: ['POST', versions, { schema: '"R"', references: [{ name: 'R', subject: '{t}', version: 1 }] }],
    code: 42_201,
  },
  {
    name: 'a reference without a name',
    ask: ['POST', versions, { schema: a1, references: [{ subject: 'x', version: 1 }] }],
    code: 42_201,
  },
  {
    name: 'a reference without a subject',
    ask: ['POST', versions, { schema: a1, references: [{ name: 'x', version: 1 }] }],
    code: 42_201,
  },
  {
    name: 'a reference without a version',
    ask: ['POST', versions, { schema: a1, references: [{ name: 'x', subject: 'x' }] }],
    code: 42_201,
  },
  {
    name: 'a reference to version 0',
    ask: ['POST', versions, { schema: a1, references: [{ name: 'x', subject: 'x', version: 0 }] }],
    code: 42_201,
  },
  { name: 'a reference that is text', ask: ['POST', versions, { schema: a1, references: ['x'] }], code: 42_201 },
  { name: 'references that are no list', ask: ['POST', versions, { schema: a1, references: {} }], code: 400 },
  {
    name: 'more references than there may be',
    ask: [
      'POST',
      versions,
      {
        schema: a1,
        references: Array.from({ length: 1_001 }, (_, index) => ({ name: `n${index}`, subject: 'x', version: 1 })),
      },
    ],
    code: 42_201,
  },
  { name: 'a schema that is an object', ask: ['POST', versions, { schema: { type: 'string' } }], code: 400 },
  { name: 'a type that is an object', ask: ['POST', versions, { schema: a1, schemaType: {} }], code: 400 },
  { name: 'an id that is no number', ask: ['POST', versions, { schema: a1, id: 'x' }], code: 400 },
  { name: 'an id of more than 32 bits', ask: ['POST', versions, { schema: a1, id: 2 ** 31 }], code: 400 },
  { name: 'id 0', ask: ['POST', versions, { schema: a1, id: 0 }], code: 42_201 },
  { name: 'a version that is a fraction', ask: ['POST', versions, { schema: a1, version: 1.5 }], code: 400 },
  { name: 'a version that is not next', ask: ['POST', versions, { schema: a1, version: 7 }], code: 42_201 },
  { name: 'metadata that are no object', ask: ['POST', versions, { schema: a1, metadata: 'x' }], code: 42_201 },
  {
    name: 'tags that are no lists',
    ask: ['POST', versions, { schema: a1, metadata: { tags: { a: 'PII' } } }],
    code: 42_201,
  },
  {
    name: 'properties that are no text',
    ask: ['POST', versions, { schema: a1, metadata: { properties: { a: {} } } }],
    code: 42_201,
  },
  {
    name: 'a rule without a name',
    ask: ['POST', versions, { schema: a1, ruleSet: { domainRules: [{ type: 'CEL' }] } }],
    code: 42_210,
  },
  {
    name: 'a rule without a type',
    ask: ['POST', versions, { schema: a1, ruleSet: { domainRules: [{ name: 'r' }] } }],
    code: 42_210,
  },
  {
    name: 'two rules of one name',
    ask: ['POST', versions, { schema: a1, ruleSet: { domainRules: [...ruleSet.domainRules, ...ruleSet.domainRules] } }],
    code: 42_210,
  },
  {
    name: 'a rule of a mode that does not exist',
    ask: ['POST', versions, { schema: a1, ruleSet: { domainRules: [{ name: 'r', type: 'CEL', mode: 'NEVER' }] } }],
    code: 42_210,
  },
  {
    name: 'a migration that reads',
    ask: [
      'POST',
      versions,
      { schema: a1, ruleSet: { migrationRules: [{ name: 'r', type: 'JSONATA', mode: 'READ' }] } },
    ],
    code: 42_210,
  },
  {
    name: 'a domain rule that migrates',
    ask: ['POST', versions, { schema: a1, ruleSet: { domainRules: [{ name: 'r', type: 'CEL', mode: 'UPGRADE' }] } }],
    code: 42_210,
  },
  { name: 'an id outside IMPORT mode', ask: ['POST', versions, { schema: a1, id: 2_000_000 }], code: 42_205 },
  {
    name: 'another id for a schema that is known',
    before: [post(a1)],
    ask: ['POST', versions, { schema: a1, id: 2_000_001 }],
    code: 42_207,
  },
  {
    name: 'an incompatible schema',
    before: [post(a1)],
    ask: post(breaking),
    status: 409,
    code: 409,
    message: /READER_FIELD_MISSING_DEFAULT_VALUE/,
  },
  {
    name: 'a schema of another language',
    before: [post(a1)],
    ask: ['POST', versions, { schema: '{"type":"object"}', schemaType: 'JSON' }],
    status: 409,
    code: 409,
  },
  { name: 'a change of type', before: [post(a1)], ask: post(avro('a:int')), status: 409, code: 409 },
  {
    name: 'an incompatible schema with normalize',
    before: [post(a1)],
    ask: ['POST', `${versions}?normalize=true`, { schema: breaking }],
    status: 409,
    code: 409,
  },
  { name: 'a text with U+0000', ask: post('"a\0"'), code: 42_201 },
  {
    name: 'metadata with U+0000',
    ask: ['POST', versions, { schema: a1, metadata: { properties: { a: '\0' } } }],
    code: 42_201,
  },
  {
    name: 'half of a surrogate pair',
    ask: ['POST', versions, '{"schema":"\\"string\\"","metadata":{"properties":{"a":"\\ud800"}}}'],
    code: 42_201,
  },
  { name: 'a reserved subject', ask: post(a1, '__GLOBAL'), code: 42_208 },
  { name: 'the other reserved subject', ask: post(a1, '__EMPTY'), code: 42_208 },
  { name: 'a subject with a line break', ask: post(a1, 'a%0Ab'), code: 42_208 },
  { name: 'a subject with U+0000', ask: post(a1, 'a%00b'), code: 42_208 },
  { name: 'a context without a subject', ask: post(a1, ':.x:'), code: 42_208 },
  { name: 'a subject that is too long', ask: post(a1, 'x'.repeat(1_100)), code: 42_208 },
];

describe('POST /subjects/{subject}/versions takes', () => {
  test.each(accepted)('$name', (one) => registry.check(one));
});

describe('POST /subjects/{subject}/versions refuses', () => {
  test.each(refused)('$name', (one) => registry.check(one));
});

describe('what is registered', () => {
  const register = async (subject: string, body: unknown, headers = {}) =>
    (await registry.ask('POST', `/subjects/${subject}/versions`, { body, headers })).body;
  const latest = async (subject: string) => (await registry.ask('GET', `/subjects/${subject}/versions/latest`)).body;

  test('gets a new id, or the one of the same schema', async () => {
    const [s, t] = [unique(), unique()];
    const schema = avro(`f${s}:int`);
    const { id } = await register(s, { schema });
    expect(await register(t, { schema })).toEqual({ id });
    expect((await register(t, { schema: avro(`f${s}:int`, optional('x')) })).id).toBeGreaterThan(id);
    const places = (await registry.ask('GET', `/schemas/ids/${id}/versions`)).body;
    expect(places).toEqual([s, t].sort().map((subject) => ({ subject, version: 1 })));
    expect((await registry.ask('GET', `/schemas/ids/${id}/subjects`)).body).toEqual([s, t].sort());
  });

  test('is another schema with other metadata or rules, under the same subject', async () => {
    const s = unique();
    const plain = await register(s, { schema: a1 });
    const described = await register(s, { schema: a1, metadata });
    const ruled = await register(s, { schema: a1, metadata, ruleSet });
    expect(new Set([plain.id, described.id, ruled.id]).size).toBe(3);
    expect(await latest(s)).toEqual({ subject: s, version: 3, id: ruled.id, schema: a1, metadata, ruleSet });
    expect(await register(s, { schema: a1, metadata, ruleSet })).toEqual(ruled);
  });

  test('keeps metadata and rules of the version before when none are given', async () => {
    const s = unique();
    await register(s, { schema: a1, metadata, ruleSet });
    await register(s, { schema: a2 });
    expect(await latest(s)).toMatchObject({ version: 2, metadata, ruleSet });
  });

  test('keeps its schema when only metadata are given', async () => {
    const s = unique();
    await register(s, { schema: a2 });
    await register(s, { metadata });
    expect(await latest(s)).toMatchObject({ version: 2, schema: a2, metadata });
  });

  test('is answered whole only to clients that say they know new fields', async () => {
    const s = unique();
    const schema = avro(`g${s}:int`);
    const headers = { 'confluent-accept-unknown-properties': 'true' };
    const answer = await register(s, { schema, metadata }, headers);
    const guid = expect.stringMatching(/^[\da-f-]{36}$/);
    const ts = expect.any(Number);
    expect(answer).toEqual({
      id: expect.any(Number),
      version: 1,
      guid,
      schemaType: 'AVRO',
      metadata,
      schema,
      ts,
      deleted: false,
    });
    const again = await register(s, { schema, metadata }, headers);
    expect(again).toEqual(answer);
  });

  test('is numbered in order, deletions or not', async () => {
    const s = unique();
    for (const schema of [a1, a2]) await register(s, { schema });
    await registry.ask('DELETE', `/subjects/${s}`);
    for (const schema of [a1, a3]) await register(s, { schema });
    expect((await registry.ask('GET', `/subjects/${s}/versions`)).body).toEqual([3, 4]);
    expect((await registry.ask('GET', `/subjects/${s}/versions?deleted=true`)).body).toEqual([1, 2, 3, 4]);
  });
});
