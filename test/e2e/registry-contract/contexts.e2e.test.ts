import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { a1, a2, avro, type Case, post, type Registry, startRegistry, unique } from './contract.ts';

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry?.stop());

const within = ':.{t}:{s}';
const found = { subject: within, version: '#1', id: '#{0}', schema: a1 };

const cases: readonly Case[] = [
  { name: 'a qualified subject is registered', ask: post(a1, within), body: { id: 1 } },
  {
    name: 'a qualified subject is read',
    before: [post(a1, within)],
    ask: ['GET', `/subjects/${within}/versions/1`],
    body: found,
  },
  {
    name: 'a qualified subject is read percent-encoded',
    before: [post(a1, within)],
    ask: ['GET', '/subjects/%3A.{t}%3A{s}/versions/1'],
    body: found,
  },
  {
    name: 'a subject is registered below a context',
    before: [['POST', '/contexts/{t}/subjects/{s}/versions', { schema: a1 }]],
    ask: ['GET', `/subjects/${within}/versions/1`],
    body: found,
  },
  {
    name: 'a context is given with its dot',
    before: [['POST', '/contexts/.{t}/subjects/{s}/versions', { schema: a1 }]],
    ask: ['GET', `/subjects/${within}/versions/1`],
    body: found,
  },
  {
    name: 'a context is given as it is qualified',
    before: [['POST', '/contexts/:.{t}:/subjects/{s}/versions', { schema: a1 }]],
    ask: ['GET', `/subjects/${within}/versions/1`],
    body: found,
  },
  {
    name: 'a qualified subject beats the context of the address',
    before: [post(a1, within)],
    ask: ['GET', `/contexts/{u}/subjects/${within}/versions`],
    body: [1],
  },
  {
    name: 'subjects of one are unknown in another',
    before: [post(a1, within)],
    ask: ['GET', '/subjects/{s}/versions'],
    code: 40_401,
  },
  {
    name: 'subjects of one are unknown below another',
    before: [post(a1, within)],
    ask: ['GET', '/contexts/{u}/subjects/{s}/versions'],
    code: 40_401,
    message: /^Subject ':\.c[\da-f]+:c[\da-f]+' not found\.$/,
  },
  {
    name: 'subjects are listed below it',
    before: [post(a1, within), post(a1, ':.{u}:{s}')],
    ask: ['GET', '/contexts/{t}/subjects'],
    body: [within],
  },
  {
    name: 'subjects are listed below it by prefix',
    before: [post(a1, within), post(a1, ':.{t}:x')],
    ask: ['GET', '/contexts/{t}/subjects?subjectPrefix={s}'],
    body: [within],
  },
  {
    name: 'schemas are listed below it',
    before: [post(a1, within)],
    ask: ['GET', '/contexts/{t}/schemas'],
    body: [found],
  },
  {
    name: 'ids are its own',
    before: [post(a1, within)],
    ask: ['GET', '/contexts/{t}/schemas/ids/1'],
    body: { schema: a1 },
  },
  {
    name: 'ids are read for a qualified subject',
    before: [post(a1, within)],
    ask: ['GET', `/schemas/ids/1?subject=${within}`],
    body: { schema: a1 },
  },
  {
    name: 'ids are read for the bare context',
    before: [post(a1, within)],
    ask: ['GET', '/schemas/ids/1?subject=:.{t}:'],
    body: { schema: a1 },
  },
  {
    name: 'bare texts are read for a qualified subject',
    before: [post(a1, within)],
    ask: ['GET', `/schemas/ids/1/schema?subject=${within}`],
    text: a1,
  },
  {
    name: 'places of an id are its own',
    before: [post(a1, within)],
    ask: ['GET', '/contexts/{t}/schemas/ids/1/versions'],
    body: [{ subject: within, version: '#1' }],
  },
  {
    name: 'subjects of an id are its own',
    before: [post(a1, within)],
    ask: ['GET', '/contexts/{t}/schemas/ids/1/subjects'],
    body: [within],
  },
  {
    name: 'its largest id is its own',
    before: [post(a1, within), post(a2, within)],
    ask: ['GET', '/contexts/{t}/schemas/ids/1?fetchMaxId=true'],
    body: { schema: a1, maxId: 2 },
  },
  {
    name: 'ids of one are unknown in another',
    before: [post(a1, within)],
    ask: ['GET', '/contexts/{u}/schemas/ids/1'],
    code: 40_403,
  },
  {
    name: 'schemas are looked up below it',
    before: [post(a1, within)],
    ask: ['POST', '/contexts/{t}/subjects/{s}', { schema: a1 }],
    body: found,
  },
  {
    name: 'versions are deleted below it',
    before: [post(a1, within)],
    ask: ['DELETE', '/contexts/{t}/subjects/{s}/versions/1'],
    text: '1',
  },
  {
    name: 'subjects are deleted below it',
    before: [post(a1, within)],
    ask: ['DELETE', '/contexts/{t}/subjects/{s}'],
    body: [1],
  },
  {
    name: 'references are to subjects of the same one',
    before: [post(avro('z:int'), ':.{t}:{u}')],
    ask: [
      'POST',
      '/contexts/{t}/subjects/{s}/versions',
      {
        schema: '{"type":"record","name":"H","fields":[{"name":"r","type":"R"}]}',
        references: [{ name: 'R', subject: '{u}', version: 1 }],
      },
    ],
    body: { id: 2 },
  },
  {
    name: 'references reach another one when they are qualified',
    before: [post(avro('z:int'), '{u}')],
    ask: [
      'POST',
      '/contexts/{t}/subjects/{s}/versions',
      {
        schema: '{"type":"record","name":"H","fields":[{"name":"r","type":"R"}]}',
        references: [{ name: 'R', subject: ':.:{u}', version: 1 }],
      },
    ],
    body: { id: 1 },
  },
  {
    name: 'the languages are below it too',
    ask: ['GET', '/contexts/{t}/schemas/types'],
    body: ['JSON', 'PROTOBUF', 'AVRO'],
  },
  { name: 'contexts are below it too', ask: ['GET', '/contexts/{t}/contexts?contextPrefix=.{t}'], body: [] },
  {
    name: 'contexts are listed by prefix',
    before: [post(a1, within)],
    ask: ['GET', '/contexts?contextPrefix=.{t}'],
    body: ['.{t}'],
  },
  {
    name: 'one that is empty is deleted',
    before: [post(a1, within), ['DELETE', `/subjects/${within}`], ['DELETE', `/subjects/${within}?permanent=true`]],
    ask: ['DELETE', '/contexts/.{t}'],
    status: 204,
  },
  {
    name: 'one that has subjects is not deleted',
    before: [post(a1, within)],
    ask: ['DELETE', '/contexts/.{t}'],
    code: 42_211,
  },
  {
    name: 'one that has deleted subjects is not deleted',
    before: [post(a1, within), ['DELETE', `/subjects/${within}`]],
    ask: ['DELETE', '/contexts/{t}'],
    code: 42_211,
  },
  { name: 'one that is unknown is not deleted', ask: ['DELETE', '/contexts/{t}'], code: 40_401 },
  { name: 'one with a control character is refused', ask: ['GET', '/contexts/a%01/subjects'], code: 42_208 },
  { name: 'one with a colon is refused', ask: ['GET', '/contexts/a:b/subjects'], code: 42_208 },
];

describe('contexts', () => {
  test.each(cases)('$name', (one) => registry.check(one));

  // fetch takes "." in an address for "the same folder", so it stands here as it is qualified.
  test.each<Case>([
    { name: 'has an address', before: [post(a1)], ask: ['GET', '/contexts/:.:/subjects/{s}/versions'], body: [1] },
    {
      name: 'is qualified',
      before: [post(a1)],
      ask: ['GET', '/subjects/:.:{s}/versions/1'],
      body: { ...found, subject: '{s}' },
    },
    {
      name: 'has the configuration of everything',
      ask: ['GET', '/contexts/:.:/config'],
      body: { compatibilityLevel: 'BACKWARD' },
    },
    { name: 'is not deleted', ask: ['DELETE', '/contexts/:.:'], code: 42_211 },
  ])('the default one $name', (one) => registry.check(one));

  test('are listed while they have subjects, the default one always', async () => {
    const context = unique();
    const listed = async () => (await registry.ask('GET', '/contexts')).body;
    expect(await listed()).toContain('.');
    expect(await listed()).not.toContain(`.${context}`);
    await registry.ask('POST', `/contexts/${context}/subjects/x/versions`, { body: { schema: a1 } });
    expect(await listed()).toContain(`.${context}`);
    for (const query of ['', '?permanent=true'])
      await registry.ask('DELETE', `/contexts/${context}/subjects/x${query}`);
    expect((await registry.ask('DELETE', `/contexts/${context}`)).status).toBe(204);
    expect(await listed()).not.toContain(`.${context}`);
  });

  test('never give an id twice, deleted or not', async () => {
    const context = unique();
    const register = async (schema: string) =>
      (await registry.ask('POST', `/contexts/${context}/subjects/x/versions`, { body: { schema } })).body.id;
    expect(await register(a1)).toBe(1);
    for (const query of ['', '?permanent=true'])
      await registry.ask('DELETE', `/contexts/${context}/subjects/x${query}`);
    await registry.ask('DELETE', `/contexts/${context}`);
    expect(await register(avro('other:int'))).toBe(2);
  });
});
