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
  softDelete,
  startRegistry,
} from './contract.ts';

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry?.stop());

const against = (version: string, schema: string, query = ''): Case['ask'] => [
  'POST',
  `/compatibility/subjects/{s}/versions/${version}${query}`,
  { schema },
];
const againstAll = (schema: string, query = ''): Case['ask'] => [
  'POST',
  `/compatibility/subjects/{s}/versions${query}`,
  { schema },
];
const yes = { is_compatible: true };
const no = { is_compatible: false };
const reasons = (...parts: readonly string[]) => ({
  is_compatible: false,
  messages: expect.arrayContaining(parts.map((part) => expect.stringContaining(part))),
});
const gone = softDelete('/subjects/{s}');
/** Drops `b` of `a2`, which only readers of newer data mind. */
const without = avro('a:string');
const required = avro('a:string', 'b:string');

const cases: readonly Case[] = [
  { name: 'of a compatible schema with the latest', before: [post(a1)], ask: against('latest', a2), body: yes },
  { name: 'of a breaking schema with the latest', before: [post(a1)], ask: against('latest', breaking), body: no },
  { name: 'with -1', before: [post(a1)], ask: against('-1', breaking), body: no },
  { name: 'with LATEST', before: [post(a1)], ask: against('LATEST', a2), body: yes },
  { name: 'with a version by number', before: [post(a1), post(a2)], ask: against('1', breaking), body: no },
  { name: 'of a schema with itself', before: [post(a1)], ask: against('1', a1), body: yes },
  { name: 'with the latest of an unknown subject', ask: against('latest', a1), body: yes },
  { name: 'with all versions of an unknown subject', ask: againstAll(a1), body: yes },
  { name: 'with a deleted subject', before: [post(a1), gone], ask: against('latest', breaking), body: yes },
  { name: 'with a version of an unknown subject', ask: against('1', a1), code: 40_402 },
  {
    name: 'with an unknown version',
    before: [post(a1)],
    ask: against('2', a1),
    code: 40_402,
    message: /^Version 2 not found\.$/,
  },
  {
    name: 'with a deleted version',
    before: [post(a1), post(a2), softDelete('/subjects/{s}/versions/1')],
    ask: against('1', a1),
    code: 40_402,
  },
  { name: 'with version 0', before: [post(a1)], ask: against('0', a1), code: 42_202 },
  { name: 'with a version that is text', ask: against('first', a1), code: 42_202 },
  { name: 'of an invalid schema', before: [post(a1)], ask: against('latest', '{"type":"nope"}'), code: 42_201 },
  { name: 'of an invalid schema with all', before: [post(a1)], ask: againstAll('{'), code: 42_201 },
  {
    name: 'of no schema',
    before: [post(a1)],
    ask: ['POST', '/compatibility/subjects/{s}/versions/latest', {}],
    code: 42_201,
  },
  {
    name: 'of a schema of an unknown language',
    before: [post(a1)],
    ask: ['POST', '/compatibility/subjects/{s}/versions/latest', { schema: a1, schemaType: 'X' }],
    code: 42_201,
  },
  {
    name: 'of an invalid schema, in words',
    before: [post(a1)],
    ask: against('latest', '{"type":"nope"}', '?verbose=true'),
    body: reasons('nope'),
  },
  {
    name: 'of a compatible schema, in words',
    before: [post(a1)],
    ask: against('latest', a2, '?verbose=true'),
    body: { ...yes, messages: [] },
  },
  {
    name: 'of a breaking schema, in words',
    before: [post(a1)],
    ask: against('latest', breaking, '?verbose=true'),
    body: reasons(
      "{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE'",
      '{oldSchemaVersion: 1}',
      '{oldSchema: ',
      "{validateFields: 'false', compatibility: 'BACKWARD'}",
    ),
  },
  {
    name: 'of a breaking schema with all, in words',
    before: [post(a1)],
    ask: againstAll(breaking, '?verbose=true'),
    body: reasons('READER_FIELD_MISSING_DEFAULT_VALUE'),
  },
  { name: 'with verbose=no', before: [post(a1)], ask: against('latest', breaking, '?verbose=no'), body: no },
  { name: 'with normalize', before: [post(a1)], ask: against('latest', a2, '?normalize=true'), body: yes },
  {
    name: 'of another language',
    before: [post(a1)],
    ask: ['POST', '/compatibility/subjects/{s}/versions/latest', { schema: '{"type":"object"}', schemaType: 'JSON' }],
    body: no,
  },
  {
    name: 'of a schema with references',
    before: [post(a1), post(avro('z:int'), '{t}')],
    ask: [
      'POST',
      '/compatibility/subjects/{s}/versions/latest',
      {
        schema: '{"type":"record","name":"H","fields":[{"name":"r","type":"R"}]}',
        references: [{ name: 'R', subject: '{t}', version: 1 }],
      },
    ],
    body: no,
  },
  {
    name: 'of a schema with a missing reference',
    before: [post(a1)],
    ask: [
      'POST',
      '/compatibility/subjects/{s}/versions/latest',
      { schema: a1, references: [{ name: 'R', subject: '{u}', version: 1 }] },
    ],
    code: 42_201,
  },
  {
    name: 'of unknown request fields left aside',
    before: [post(a1)],
    ask: ['POST', '/compatibility/subjects/{s}/versions/latest', { schema: a2, metadata: null, x: 1 }],
    body: yes,
  },
  {
    name: 'by alias',
    before: [post(a1, '{t}'), ['PUT', '/config/{s}', { alias: '{t}' }]],
    ask: against('latest', breaking),
    body: no,
  },
  {
    name: 'below a context',
    before: [post(a1, ':.{t}:{s}')],
    ask: ['POST', '/contexts/{t}/compatibility/subjects/{s}/versions/latest', { schema: breaking }],
    body: no,
  },
];

type Level = readonly [level: string, next: string, compatible: boolean, why: string];
const levels: readonly Level[] = [
  ['NONE', breaking, true, 'anything goes'],
  ['NONE', avro('other:int'), true, 'anything goes'],
  ['BACKWARD', a2, true, 'a field with a default is added'],
  ['BACKWARD', required, false, 'a field without a default is added'],
  ['BACKWARD', avro(optional('n')), true, 'a field is removed'],
  ['BACKWARD', avro('a:int'), false, 'a type changes'],
  ['BACKWARD', avro('a:bytes'), true, 'a type is promoted'],
  ['FORWARD', required, true, 'a field is added'],
  ['FORWARD', avro(optional('n')), false, 'a field without a default is removed'],
  ['FORWARD', a2, true, 'a field with a default is added'],
  ['FULL', a2, true, 'a field with a default is added'],
  ['FULL', required, false, 'a field without a default is added'],
  ['FULL', avro(optional('n')), false, 'a field without a default is removed'],
  ['BACKWARD_TRANSITIVE', a2, true, 'all can be read'],
  ['BACKWARD_TRANSITIVE', required, false, 'the only version cannot be read'],
  ['FORWARD_TRANSITIVE', required, true, 'the only version can read it'],
  ['FULL_TRANSITIVE', a2, true, 'both can be read'],
  ['FULL_TRANSITIVE', required, false, 'the only version cannot be read'],
];

/** Version 1 has an `int`, version 2 has no `a` at all; a `string` goes together with 2 alone. */
const history = [
  level('NONE'),
  post(avro(optional('n'), { name: 'a', type: 'int', default: 0 })),
  post(avro(optional('n'))),
];
const text = avro(optional('n'), { name: 'a', type: 'string', default: '' });
const pastAndPresent: readonly Case[] = ['BACKWARD', 'FORWARD', 'FULL'].flatMap((name) => [
  { name: `${name} asks the latest only`, before: [...history, level(name)], ask: againstAll(text), body: yes },
  {
    name: `${name}_TRANSITIVE asks all`,
    before: [...history, level(`${name}_TRANSITIVE`)],
    ask: againstAll(text),
    body: no,
  },
  {
    name: `${name} registers what fits the latest`,
    before: [...history, level(name)],
    ask: post(text),
    body: { id: expect.any(Number) },
  },
  {
    name: `${name}_TRANSITIVE refuses what does not fit one of all`,
    before: [...history, level(`${name}_TRANSITIVE`)],
    ask: post(text),
    status: 409,
    code: 409,
  },
  {
    name: `${name}_TRANSITIVE passes over deleted versions`,
    before: [...history, level(`${name}_TRANSITIVE`), softDelete('/subjects/{s}/versions/1')],
    ask: againstAll(text),
    body: yes,
  },
]);

const grouped = (group: string) => ({ metadata: { properties: { major: group } } });
const rules: readonly Case[] = [
  {
    name: 'the level of a context holds for its subjects',
    before: [['PUT', '/config/:.{t}:', { compatibility: 'NONE' }], post(a1, ':.{t}:{s}')],
    ask: post(breaking, ':.{t}:{s}'),
    body: { id: expect.any(Number) },
  },
  {
    name: 'the level of a subject beats that of its context',
    before: [['PUT', '/config/:.{t}:', { compatibility: 'NONE' }], level('FULL', ':.{t}:{s}'), post(a1, ':.{t}:{s}')],
    ask: post(breaking, ':.{t}:{s}'),
    status: 409,
    code: 409,
  },
  {
    name: 'versions of another group are not compared with',
    before: [
      ['PUT', '/config/{s}', { compatibilityGroup: 'major' }],
      ['POST', '/subjects/{s}/versions', { schema: a1, ...grouped('1') }],
    ],
    ask: ['POST', '/subjects/{s}/versions', { schema: breaking, ...grouped('2') }],
    body: { id: expect.any(Number) },
  },
  {
    name: 'versions of the same group are compared with',
    before: [
      ['PUT', '/config/{s}', { compatibilityGroup: 'major' }],
      ['POST', '/subjects/{s}/versions', { schema: a1, ...grouped('1') }],
    ],
    ask: ['POST', '/subjects/{s}/versions', { schema: breaking, ...grouped('1') }],
    status: 409,
    code: 409,
  },
  {
    name: 'an older version of the group is compared with',
    before: [
      ['PUT', '/config/{s}', { compatibilityGroup: 'major' }],
      ['POST', '/subjects/{s}/versions', { schema: a1, ...grouped('1') }],
      ['POST', '/subjects/{s}/versions', { schema: breaking, ...grouped('2') }],
    ],
    ask: ['POST', '/subjects/{s}/versions', { schema: avro('a:int'), ...grouped('1') }],
    status: 409,
    code: 409,
  },
  {
    name: 'fields that the metadata reserve are refused',
    before: [['PUT', '/config/{s}', { validateFields: true }], post(a1)],
    ask: ['POST', '/subjects/{s}/versions', { schema: a2, metadata: { properties: { 'confluent:reserved': 'b' } } }],
    status: 409,
    code: 409,
    message: /FIELD_CONFLICTS_WITH_RESERVED_FIELD/,
  },
  {
    name: 'reserved fields that are given up are refused',
    before: [
      ['PUT', '/config/{s}', { validateFields: true }],
      ['POST', '/subjects/{s}/versions', { schema: a1, metadata: { properties: { 'confluent:reserved': 'x' } } }],
    ],
    ask: ['POST', '/subjects/{s}/versions', { schema: a2, metadata: { properties: {} } }],
    status: 409,
    code: 409,
    message: /RESERVED_FIELD_REMOVED/,
  },
  {
    name: 'the refusal names the subject and the way out',
    before: [post(a1)],
    ask: post(a3.replace('"default":null', '"doc":"x"')),
    status: 409,
    code: 409,
    message: /^Schema being registered is incompatible with an earlier schema for subject "c[\da-f]+", details: \[/,
  },
];

describe('POST /compatibility answers about', () => {
  test.each(cases)('$name', (one) => registry.check(one));
});

describe('the compatibility level', () => {
  test.each(levels)('%s, where %s is next, answers %s: %s', async (name, next, compatible) => {
    const before = [post(a1), level(name)];
    await registry.check({ name, before, ask: againstAll(next), body: { is_compatible: compatible } });
    const registered: Omit<Case, 'name' | 'ask'> = compatible
      ? { body: { id: expect.any(Number) } }
      : { status: 409, code: 409 };
    await registry.check({ name, before, ask: post(next), ...registered });
  });

  test.each(pastAndPresent)('$name', (one) => registry.check(one));
  test.each(rules)('$name', (one) => registry.check(one));

  test('of the last version may be older than what it forbids', () =>
    registry.check({ name: '', before: [post(a2)], ask: against('1', without), body: yes }));
});
