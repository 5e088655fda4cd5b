import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { a1, breaking, type Case, level, post, type Registry, startRegistry, unique } from './contract.ts';

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry?.stop());

const config = '/config/{s}';
const setMode = (value: string, place = '{s}', query = ''): Case['ask'] => [
  'PUT',
  `/mode/${place}${query}`,
  { mode: value },
];
const metadata = { properties: { owner: 'team' } };
const ruleSet = { domainRules: [{ name: 'r', type: 'CEL' }] };
const levels = ['NONE', 'BACKWARD', 'BACKWARD_TRANSITIVE', 'FORWARD', 'FORWARD_TRANSITIVE', 'FULL', 'FULL_TRANSITIVE'];

const configs: readonly Case[] = [
  { name: 'of everything is BACKWARD', ask: ['GET', '/config'], body: { compatibilityLevel: 'BACKWARD' } },
  {
    name: 'of a subject that has none is not found',
    ask: ['GET', config],
    code: 40_408,
    message: /^Subject 'c[\da-f]+' does not have subject-level compatibility configured$/,
  },
  {
    name: 'of a subject that has versions and none is not found',
    before: [post(a1)],
    ask: ['GET', config],
    code: 40_408,
  },
  {
    name: 'of a subject falls back with defaultToGlobal',
    ask: ['GET', `${config}?defaultToGlobal=true`],
    body: { compatibilityLevel: 'BACKWARD' },
  },
  {
    name: 'of a subject falls back to its context',
    before: [['PUT', '/config/:.{t}:', { compatibility: 'FULL' }]],
    ask: ['GET', '/config/:.{t}:{s}?defaultToGlobal=true'],
    body: { compatibilityLevel: 'FULL' },
  },
  {
    name: 'of a subject that has one stands with defaultToGlobal',
    before: [level('NONE')],
    ask: ['GET', `${config}?defaultToGlobal=true`],
    body: { compatibilityLevel: 'NONE' },
  },
  ...levels.map(
    (name): Case => ({
      name: `is set to ${name}, and answers the request`,
      ask: ['PUT', config, { compatibility: name }],
      body: { compatibility: name },
    }),
  ),
  ...levels.map(
    (name): Case => ({
      name: `is ${name} once it was set`,
      before: [level(name)],
      ask: ['GET', config],
      body: { compatibilityLevel: name },
    }),
  ),
  {
    name: 'is set in small letters, and answers them',
    ask: ['PUT', config, { compatibility: 'full' }],
    body: { compatibility: 'full' },
  },
  { name: 'is read in capitals', before: [level('full')], ask: ['GET', config], body: { compatibilityLevel: 'FULL' } },
  {
    name: 'is set under its other name',
    before: [['PUT', config, { compatibilityLevel: 'NONE' }]],
    ask: ['GET', config],
    body: { compatibilityLevel: 'NONE' },
  },
  {
    name: 'is set with fields that are not known',
    ask: ['PUT', config, { compatibility: 'NONE', x: 1, alias: null }],
    body: { compatibility: 'NONE' },
  },
  {
    name: 'is set with all its fields',
    ask: [
      'PUT',
      config,
      {
        compatibility: 'FULL',
        normalize: true,
        validateFields: true,
        validateRules: false,
        compatibilityPolicy: 'LENIENT',
        compatibilityGroup: 'g',
        alias: 'x',
        defaultMetadata: metadata,
        overrideMetadata: metadata,
        defaultRuleSet: ruleSet,
        overrideRuleSet: ruleSet,
      },
    ],
    body: {
      compatibility: 'FULL',
      normalize: true,
      validateFields: true,
      validateRules: false,
      compatibilityPolicy: 'LENIENT',
      compatibilityGroup: 'g',
      alias: 'x',
      defaultMetadata: metadata,
      overrideMetadata: metadata,
      defaultRuleSet: ruleSet,
      overrideRuleSet: ruleSet,
    },
  },
  {
    name: 'keeps fields that a change leaves out',
    before: [['PUT', config, { normalize: true }], level('FULL')],
    ask: ['GET', config],
    body: { normalize: true, compatibilityLevel: 'FULL' },
  },
  {
    name: 'loses fields that a change sets to null',
    before: [
      ['PUT', config, { normalize: true }],
      ['PUT', config, { normalize: null, compatibility: 'FULL' }],
    ],
    ask: ['GET', config],
    body: { compatibilityLevel: 'FULL' },
  },
  {
    name: 'is set for a subject without versions',
    ask: ['PUT', config, { compatibility: 'FULL' }],
    body: { compatibility: 'FULL' },
  },
  {
    name: 'is not set to an unknown level',
    ask: ['PUT', config, { compatibility: 'SIDEWAYS' }],
    code: 42_203,
    message: /^Invalid compatibility level/,
  },
  { name: 'is not set to a number', ask: ['PUT', config, { compatibility: 3 }], code: 42_203 },
  { name: 'is not set to an empty level', ask: ['PUT', config, { compatibility: '' }], code: 42_203 },
  {
    name: 'of everything is not set to an unknown level',
    ask: ['PUT', '/config', { compatibility: 'SIDEWAYS' }],
    code: 42_203,
  },
  { name: 'is not set to an unknown policy', ask: ['PUT', config, { compatibilityPolicy: 'KIND' }], code: 42_203 },
  { name: 'is not set to wrong rules', ask: ['PUT', config, { defaultRuleSet: { domainRules: [{}] } }], code: 42_210 },
  {
    name: 'is not set to wrong override rules',
    ask: ['PUT', config, { overrideRuleSet: { domainRules: [{ name: 'a' }] } }],
    code: 42_210,
  },
  { name: 'is not set to wrong metadata', ask: ['PUT', config, { defaultMetadata: { tags: 'x' } }], code: 42_201 },
  { name: 'is not set to a flag that is text', ask: ['PUT', config, { normalize: 'perhaps' }], code: 400 },
  {
    name: 'is not set for a reserved subject',
    ask: ['PUT', '/config/__EMPTY', { compatibility: 'FULL' }],
    code: 42_208,
  },
  {
    name: 'is not set for a subject with a control character',
    ask: ['PUT', '/config/a%09b', { compatibility: 'FULL' }],
    code: 42_208,
  },
  {
    name: 'is not set where it is read-only',
    before: [setMode('READONLY')],
    ask: ['PUT', config, { compatibility: 'FULL' }],
    code: 42_205,
  },
  {
    name: 'is deleted, and answers what it was',
    before: [level('FULL')],
    ask: ['DELETE', config],
    body: { compatibilityLevel: 'FULL' },
  },
  {
    name: 'is gone once it was deleted',
    before: [level('FULL'), ['DELETE', config]],
    ask: ['GET', config],
    code: 40_408,
  },
  { name: 'is not deleted where there is none', ask: ['DELETE', config], code: 40_401 },
  {
    name: 'is not deleted where it is read-only',
    before: [level('FULL'), setMode('READONLY')],
    ask: ['DELETE', config],
    code: 42_205,
  },
  {
    name: 'of a context is set',
    ask: ['PUT', '/config/:.{t}:', { compatibility: 'FULL' }],
    body: { compatibility: 'FULL' },
  },
  {
    name: 'of a context is read',
    before: [['PUT', '/config/:.{t}:', { compatibility: 'FULL' }]],
    ask: ['GET', '/config/:.{t}:'],
    body: { compatibilityLevel: 'FULL' },
  },
  {
    name: 'of a context is below its address',
    before: [['PUT', '/contexts/{t}/config', { compatibility: 'FULL' }]],
    ask: ['GET', '/config/:.{t}:'],
    body: { compatibilityLevel: 'FULL' },
  },
  { name: 'of a context that has none is not found', ask: ['GET', '/contexts/{t}/config'], code: 40_408 },
  {
    name: 'of a subject is below the address of its context',
    before: [['PUT', '/contexts/{t}/config/{s}', { compatibility: 'FULL' }]],
    ask: ['GET', '/config/:.{t}:{s}'],
    body: { compatibilityLevel: 'FULL' },
  },
  {
    name: 'gives schemas metadata',
    before: [['PUT', config, { defaultMetadata: metadata }], post(a1)],
    ask: ['GET', '/subjects/{s}/versions/1'],
    body: { subject: '{s}', version: '#1', id: '#{0}', schema: a1, metadata },
  },
  {
    name: 'gives schemas rules over theirs',
    before: [
      ['PUT', config, { overrideRuleSet: ruleSet }],
      ['POST', '/subjects/{s}/versions', { schema: a1, ruleSet: { domainRules: [{ name: 'r', type: 'OTHER' }] } }],
    ],
    ask: ['GET', '/subjects/{s}/versions/1'],
    body: { subject: '{s}', version: '#1', id: '#{0}', schema: a1, ruleSet },
  },
];

const aliases: readonly Case[] = [
  {
    name: 'is read',
    before: [post(a1, '{t}'), ['PUT', config, { alias: '{t}' }]],
    ask: ['GET', '/subjects/{s}/versions/latest'],
    body: { subject: '{t}', version: '#1', id: '#{0}', schema: a1 },
  },
  {
    name: 'is listed',
    before: [post(a1, '{t}'), ['PUT', config, { alias: '{t}' }]],
    ask: ['GET', '/subjects/{s}/versions'],
    body: [1],
  },
  {
    name: 'is looked up',
    before: [post(a1, '{t}'), ['PUT', config, { alias: '{t}' }]],
    ask: ['POST', '/subjects/{s}', { schema: a1 }],
    body: { subject: '{t}', version: '#1', id: '#{0}', schema: a1 },
  },
  {
    name: 'is registered under',
    before: [['PUT', config, { alias: '{t}' }], post(a1)],
    ask: ['GET', '/subjects/{t}/versions'],
    body: [1],
  },
  {
    name: 'is deleted',
    before: [post(a1, '{t}'), ['PUT', config, { alias: '{t}' }], ['DELETE', '/subjects/{s}']],
    ask: ['GET', '/subjects/{t}/versions'],
    code: 40_401,
  },
  {
    name: 'is another context’s when its name says so',
    before: [post(a1, ':.{u}:{t}'), ['PUT', config, { alias: ':.{u}:{t}' }]],
    ask: ['GET', '/subjects/{s}/versions/1/schema'],
    text: a1,
  },
  {
    name: 'has a configuration of its own',
    before: [level('FULL', '{t}'), ['PUT', config, { alias: '{t}' }]],
    ask: ['GET', config],
    body: { alias: '{t}' },
  },
  {
    name: 'is itself again when the alias is removed',
    before: [post(a1, '{t}'), ['PUT', config, { alias: '{t}' }], ['PUT', config, { alias: null }]],
    ask: ['GET', '/subjects/{s}/versions'],
    code: 40_401,
  },
  {
    name: 'is itself for an empty alias',
    before: [post(a1), ['PUT', config, { alias: '' }]],
    ask: ['GET', '/subjects/{s}/versions'],
    body: [1],
  },
];

describe('the configuration', () => {
  test.each(configs)('$name', (one) => registry.check(one));

  test('of everything holds for subjects that have none, and is deleted again', async () => {
    const s = unique();
    const ask = async (...[method, path, body]: Case['ask']) => (await registry.ask(method, path, { body })).body;
    expect(await ask('PUT', '/config', { compatibility: 'NONE' })).toEqual({ compatibility: 'NONE' });
    expect(await ask('GET', '/config')).toEqual({ compatibilityLevel: 'NONE' });
    expect(await ask('GET', `/config/${s}?defaultToGlobal=true`)).toEqual({ compatibilityLevel: 'NONE' });
    for (const schema of [a1, breaking])
      expect(await ask('POST', `/subjects/${s}/versions`, { schema })).toEqual({ id: expect.any(Number) });
    expect(await ask('DELETE', '/config')).toEqual({ compatibilityLevel: 'NONE' });
    expect(await ask('GET', '/config')).toEqual({ compatibilityLevel: 'BACKWARD' });
    expect(await ask('DELETE', '/config')).toEqual({ compatibilityLevel: 'BACKWARD' });
  });
});

describe('what an alias stands for', () => {
  test.each(aliases)('$name', (one) => registry.check(one));
});
