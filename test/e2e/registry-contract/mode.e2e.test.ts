import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { a1, a2, type Case, post, type Registry, startRegistry, unique } from './contract.ts';

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry?.stop());

const mode = '/mode/{s}';
const setMode = (value: string, place = '{s}', query = ''): Case['ask'] => [
  'PUT',
  `/mode/${place}${query}`,
  { mode: value },
];

const modes: readonly Case[] = [
  { name: 'of everything is READWRITE', ask: ['GET', '/mode'], body: { mode: 'READWRITE' } },
  {
    name: 'of a subject that has none is not found',
    ask: ['GET', mode],
    code: 40_409,
    message: /^Subject 'c[\da-f]+' does not have subject-level mode configured$/,
  },
  {
    name: 'of a subject falls back with defaultToGlobal',
    ask: ['GET', `${mode}?defaultToGlobal=true`],
    body: { mode: 'READWRITE' },
  },
  {
    name: 'of a subject falls back to its context',
    before: [setMode('READONLY', ':.{t}:')],
    ask: ['GET', '/mode/:.{t}:{s}?defaultToGlobal=true'],
    body: { mode: 'READONLY' },
  },
  ...['READWRITE', 'READONLY', 'READONLY_OVERRIDE', 'IMPORT'].map(
    (name): Case => ({ name: `is set to ${name}`, ask: setMode(name), body: { mode: name } }),
  ),
  ...['READWRITE', 'READONLY', 'IMPORT'].map(
    (name): Case => ({
      name: `is ${name} once it was set`,
      before: [setMode(name)],
      ask: ['GET', mode],
      body: { mode: name },
    }),
  ),
  { name: 'is set in small letters', before: [setMode('readonly')], ask: ['GET', mode], body: { mode: 'READONLY' } },
  { name: 'is not set to an unknown one', ask: setMode('SLEEPING'), code: 42_204, message: /^Invalid mode/ },
  { name: 'is not set to nothing', ask: ['PUT', mode, {}], code: 42_204 },
  { name: 'is not set to a number', ask: ['PUT', mode, { mode: 1 }], code: 42_204 },
  { name: 'is not IMPORT where schemas are', before: [post(a1)], ask: setMode('IMPORT'), code: 42_205 },
  {
    name: 'is IMPORT where schemas are by force',
    before: [post(a1)],
    ask: setMode('IMPORT', '{s}', '?force=true'),
    body: { mode: 'IMPORT' },
  },
  {
    name: 'is IMPORT where all schemas are deleted',
    before: [post(a1), ['DELETE', '/subjects/{s}']],
    ask: setMode('IMPORT'),
    body: { mode: 'IMPORT' },
  },
  {
    name: 'is IMPORT again where schemas were imported',
    before: [
      setMode('IMPORT'),
      ['POST', '/subjects/{s}/versions', { schema: '{"type":"record","name":"I0","fields":[]}', id: 900_000 }],
    ],
    ask: setMode('IMPORT'),
    body: { mode: 'IMPORT' },
  },
  {
    name: 'of everything is not IMPORT where schemas are',
    before: [post(a1)],
    ask: ['PUT', '/mode', { mode: 'IMPORT' }],
    code: 42_205,
  },
  {
    name: 'is deleted, and answers what it was',
    before: [setMode('READONLY')],
    ask: ['DELETE', mode],
    body: { mode: 'READONLY' },
  },
  {
    name: 'is gone once it was deleted',
    before: [setMode('READONLY'), ['DELETE', mode]],
    ask: ['GET', mode],
    code: 40_409,
  },
  { name: 'is not deleted where there is none', ask: ['DELETE', mode], code: 40_401 },
  { name: 'of everything is deleted where there is none', ask: ['DELETE', '/mode'], body: { mode: 'READWRITE' } },
  {
    name: 'of a context and its subjects is deleted with recursive',
    before: [
      setMode('READONLY', ':.{t}:{s}'),
      setMode('READONLY', ':.{t}:'),
      ['DELETE', '/mode/:.{t}:?recursive=true'],
    ],
    ask: ['GET', '/mode/:.{t}:{s}'],
    code: 40_409,
  },
  {
    name: 'of a subject stays when that of its context is deleted',
    before: [setMode('READONLY', ':.{t}:{s}'), setMode('READONLY', ':.{t}:'), ['DELETE', '/mode/:.{t}:']],
    ask: ['GET', '/mode/:.{t}:{s}'],
    body: { mode: 'READONLY' },
  },
  {
    name: 'of a context is below its address',
    before: [['PUT', '/contexts/{t}/mode', { mode: 'READONLY' }]],
    ask: ['GET', '/mode/:.{t}:'],
    body: { mode: 'READONLY' },
  },
  { name: 'is not set for a reserved subject', ask: setMode('READONLY', '__GLOBAL'), code: 42_208 },
  {
    name: 'READONLY refuses schemas',
    before: [setMode('READONLY')],
    ask: post(a1),
    code: 42_205,
    message: /read-only mode$/,
  },
  {
    name: 'READONLY answers schemas that are there',
    before: [post(a1), setMode('READONLY')],
    ask: post(a1),
    body: { id: '#{0}' },
  },
  {
    name: 'READONLY answers reads',
    before: [post(a1), setMode('READONLY')],
    ask: ['GET', '/subjects/{s}/versions'],
    body: [1],
  },
  {
    name: 'READONLY of a context holds for its subjects',
    before: [setMode('READONLY', ':.{t}:')],
    ask: post(a1, ':.{t}:{s}'),
    code: 42_205,
  },
  {
    name: 'READWRITE of a subject beats READONLY of its context',
    before: [setMode('READONLY', ':.{t}:'), setMode('READWRITE', ':.{t}:{s}')],
    ask: post(a1, ':.{t}:{s}'),
    body: { id: expect.any(Number) },
  },
  {
    name: 'READONLY_OVERRIDE of a context beats READWRITE of a subject',
    before: [setMode('READONLY_OVERRIDE', ':.{t}:'), setMode('READWRITE', ':.{t}:{s}')],
    ask: post(a1, ':.{t}:{s}'),
    code: 42_205,
  },
  {
    name: 'IMPORT refuses schemas without an id',
    before: [setMode('IMPORT')],
    ask: post(a1),
    code: 42_205,
    message: /read-write mode$/,
  },
  {
    name: 'IMPORT takes an id',
    before: [setMode('IMPORT')],
    ask: ['POST', '/subjects/{s}/versions', { schema: '{"type":"record","name":"I1","fields":[]}', id: 900_001 }],
    body: { id: 900_001 },
  },
  {
    name: 'IMPORT takes an id that is text',
    before: [setMode('IMPORT')],
    ask: ['POST', '/subjects/{s}/versions', { schema: '{"type":"record","name":"I2","fields":[]}', id: '900002' }],
    body: { id: 900_002 },
  },
  {
    name: 'IMPORT takes a version',
    before: [
      setMode('IMPORT'),
      [
        'POST',
        '/subjects/{s}/versions',
        { schema: '{"type":"record","name":"I3","fields":[]}', id: 900_003, version: 7 },
      ],
    ],
    ask: ['GET', '/subjects/{s}/versions'],
    body: [7],
  },
  {
    name: 'IMPORT asks nothing of compatibility',
    before: [
      setMode('IMPORT'),
      ['POST', '/subjects/{s}/versions', { schema: '{"type":"record","name":"I4","fields":[]}', id: 900_004 }],
    ],
    ask: ['POST', '/subjects/{s}/versions', { schema: '"int"', id: 900_005 }],
    body: { id: 900_005 },
  },
  {
    name: 'IMPORT refuses an id that another schema has',
    before: [post(a1, '{t}'), setMode('IMPORT')],
    ask: ['POST', '/subjects/{s}/versions', { schema: '{"type":"record","name":"I6","fields":[]}', id: '#{0}' }],
    code: 42_205,
  },
  {
    name: 'IMPORT refuses a version that another schema has',
    before: [
      setMode('IMPORT'),
      [
        'POST',
        '/subjects/{s}/versions',
        { schema: '{"type":"record","name":"I7","fields":[]}', id: 900_007, version: 3 },
      ],
    ],
    ask: [
      'POST',
      '/subjects/{s}/versions',
      { schema: '{"type":"record","name":"I8","fields":[]}', id: 900_008, version: 3 },
    ],
    code: 42_205,
  },
  {
    name: 'IMPORT refuses another id for a schema that is known',
    before: [
      setMode('IMPORT'),
      ['POST', '/subjects/{s}/versions', { schema: '{"type":"record","name":"I9","fields":[]}', id: 900_009 }],
    ],
    ask: ['POST', '/subjects/{s}/versions', { schema: '{"type":"record","name":"I9","fields":[]}', id: 900_010 }],
    code: 42_207,
  },
];

describe('the mode', () => {
  test.each(modes)('$name', (one) => registry.check(one));

  test('of everything holds for all subjects', async () => {
    const s = unique();
    const ask = async (...[method, path, body]: Case['ask']) => (await registry.ask(method, path, { body })).body;
    expect(await ask('PUT', '/mode', { mode: 'READONLY' })).toEqual({ mode: 'READONLY' });
    expect(await ask('POST', `/subjects/${s}/versions`, { schema: a2 })).toMatchObject({ error_code: 42_205 });
    expect(await ask('PUT', '/config', { compatibility: 'NONE' })).toMatchObject({ error_code: 42_205 });
    expect(await ask('DELETE', '/mode')).toEqual({ mode: 'READONLY' });
    expect(await ask('GET', '/mode')).toEqual({ mode: 'READWRITE' });
  });
});
