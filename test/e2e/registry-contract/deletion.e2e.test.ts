import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  a1,
  a2,
  a3,
  avro,
  type Case,
  hardDelete,
  level,
  post,
  type Registry,
  softDelete,
  startRegistry,
  unique,
} from './contract.ts';

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry?.stop());

const subject = '/subjects/{s}';
const versions = `${subject}/versions`;
const holder = '{"type":"record","name":"Holder","fields":[{"name":"r","type":"R"}]}';
const refersTo = [
  'POST',
  '/subjects/{t}/versions',
  { schema: holder, references: [{ name: 'R', subject: '{s}', version: 1 }] },
] as const;
const readOnly = ['PUT', '/mode/{s}', { mode: 'READONLY' }] as const;

const ofSubjects: readonly Case[] = [
  { name: 'softly', before: [post(a1), post(a2)], ask: ['DELETE', subject], body: [1, 2] },
  {
    name: 'softly leaves deleted versions out of the answer',
    before: [post(a1), post(a2), softDelete(`${versions}/1`)],
    ask: ['DELETE', subject],
    body: [2],
  },
  {
    name: 'for good after softly',
    before: [post(a1), post(a2), softDelete(subject)],
    ask: ['DELETE', `${subject}?permanent=true`],
    body: [1, 2],
  },
  {
    name: 'for good with permanent=TRUE',
    before: [post(a1), softDelete(subject)],
    ask: ['DELETE', `${subject}?permanent=TRUE`],
    body: [1],
  },
  {
    name: 'not when it is unknown',
    ask: ['DELETE', subject],
    code: 40_401,
    message: /^Subject 'c[\da-f]+' not found\.$/,
  },
  { name: 'not for good when it is unknown', ask: ['DELETE', `${subject}?permanent=true`], code: 40_401 },
  {
    name: 'not softly twice',
    before: [post(a1), softDelete(subject)],
    ask: ['DELETE', subject],
    code: 40_404,
    message: /was soft deleted/,
  },
  {
    name: 'not for good at once',
    before: [post(a1)],
    ask: ['DELETE', `${subject}?permanent=true`],
    code: 40_405,
    message: /was not deleted first before being permanently deleted/,
  },
  {
    name: 'not for good while one version is left',
    before: [post(a1), post(a2), softDelete(`${versions}/1`)],
    ask: ['DELETE', `${subject}?permanent=true`],
    code: 40_405,
  },
  {
    name: 'not for good twice',
    before: [post(a1), softDelete(subject), hardDelete(subject)],
    ask: ['DELETE', `${subject}?permanent=true`],
    code: 40_401,
  },
  { name: 'not while it is referred to', before: [post(a1), refersTo], ask: ['DELETE', subject], code: 42_206 },
  {
    name: 'when who referred to it is deleted',
    before: [post(a1), refersTo, softDelete('/subjects/{t}')],
    ask: ['DELETE', subject],
    body: [1],
  },
  { name: 'not when it is read-only', before: [post(a1), readOnly], ask: ['DELETE', subject], code: 42_205 },
  { name: 'with a reserved name is refused', ask: ['DELETE', '/subjects/__GLOBAL'], code: 42_208 },
];

const ofVersions: readonly Case[] = [
  { name: 'softly', before: [post(a1), post(a2)], ask: ['DELETE', `${versions}/1`], text: '1' },
  { name: 'by latest', before: [post(a1), post(a2)], ask: ['DELETE', `${versions}/latest`], text: '2' },
  { name: 'by -1', before: [post(a1), post(a2)], ask: ['DELETE', `${versions}/-1`], text: '2' },
  {
    name: 'for good after softly',
    before: [post(a1), post(a2), softDelete(`${versions}/1`)],
    ask: ['DELETE', `${versions}/1?permanent=true`],
    text: '1',
  },
  {
    name: 'for good when all are deleted',
    before: [post(a1), post(a2), softDelete(subject)],
    ask: ['DELETE', `${versions}/2?permanent=true`],
    text: '2',
  },
  { name: 'not of an unknown subject', ask: ['DELETE', `${versions}/1`], code: 40_401 },
  { name: 'not the latest of an unknown subject', ask: ['DELETE', `${versions}/latest`], code: 40_401 },
  { name: 'not when it was never given', before: [post(a1)], ask: ['DELETE', `${versions}/2`], code: 40_402 },
  {
    name: 'not for good when it was never given',
    before: [post(a1)],
    ask: ['DELETE', `${versions}/2?permanent=true`],
    code: 40_402,
  },
  {
    name: 'not softly twice',
    before: [post(a1), post(a2), softDelete(`${versions}/1`)],
    ask: ['DELETE', `${versions}/1`],
    code: 40_406,
    message: /Version 1 was soft deleted/,
  },
  {
    name: 'not softly when all are deleted',
    before: [post(a1), softDelete(subject)],
    ask: ['DELETE', `${versions}/1`],
    code: 40_406,
  },
  {
    name: 'not for good at once',
    before: [post(a1)],
    ask: ['DELETE', `${versions}/1?permanent=true`],
    code: 40_407,
    message: /Version 1 was not deleted first before being permanently deleted/,
  },
  {
    name: 'not for good twice',
    before: [post(a1), post(a2), softDelete(`${versions}/1`), hardDelete(`${versions}/1`)],
    ask: ['DELETE', `${versions}/1?permanent=true`],
    code: 40_402,
  },
  { name: 'not by text', before: [post(a1)], ask: ['DELETE', `${versions}/first`], code: 42_202 },
  { name: 'not by 0', before: [post(a1)], ask: ['DELETE', `${versions}/0`], code: 42_202 },
  { name: 'not while it is referred to', before: [post(a1), refersTo], ask: ['DELETE', `${versions}/1`], code: 42_206 },
  {
    name: 'when another version is referred to',
    before: [post(a1), post(a2), refersTo],
    ask: ['DELETE', `${versions}/2`],
    text: '2',
  },
  {
    name: 'not when the subject is read-only',
    before: [post(a1), readOnly],
    ask: ['DELETE', `${versions}/1`],
    code: 42_205,
  },
];

const after: readonly Case[] = [
  {
    name: 'its configuration is gone',
    before: [post(a1), level('FULL'), softDelete(subject)],
    ask: ['GET', '/config/{s}'],
    code: 40_408,
  },
  {
    name: 'its mode is gone',
    before: [post(a1), ['PUT', '/mode/{s}', { mode: 'READWRITE' }], softDelete(subject)],
    ask: ['GET', '/mode/{s}'],
    code: 40_409,
  },
  {
    name: 'its configuration is gone with its last version',
    before: [post(a1), level('FULL'), softDelete(`${versions}/1`)],
    ask: ['GET', '/config/{s}'],
    code: 40_408,
  },
  {
    name: 'its configuration stays with a version left',
    before: [post(a1), post(a2), level('FULL'), softDelete(`${versions}/1`)],
    ask: ['GET', '/config/{s}'],
    body: { compatibilityLevel: 'FULL' },
  },
  {
    name: 'deleted versions are not compared with',
    before: [post(a1), softDelete(subject)],
    ask: post(avro('a:int')),
    body: { id: expect.any(Number) },
  },
  {
    name: 'the version before the deleted one is compared with',
    before: [level('NONE'), post(a1), post(avro('a:int')), level('BACKWARD'), softDelete(`${versions}/2`)],
    ask: post(a2),
    body: { id: expect.any(Number) },
  },
  {
    name: 'a schema resolves by its id',
    before: [post(a1), softDelete(subject)],
    ask: ['GET', '/schemas/ids/{0}'],
    body: { schema: a1 },
  },
  {
    name: 'versions of an id leave it out',
    before: [post(avro('only:int')), softDelete(subject)],
    ask: ['GET', '/schemas/ids/{0}/versions'],
    body: [],
  },
  {
    name: 'versions of an id have it with deleted=true',
    before: [post(avro('once:int')), softDelete(subject)],
    ask: ['GET', '/schemas/ids/{0}/versions?deleted=true'],
    body: [{ subject: '{s}', version: '#1' }],
  },
];

describe('a subject is deleted', () => {
  test.each(ofSubjects)('$name', (one) => registry.check(one));
});
describe('a version is deleted', () => {
  test.each(ofVersions)('$name', (one) => registry.check(one));
});
describe('after a subject is deleted', () => {
  test.each(after)('$name', (one) => registry.check(one));

  const register = async (s: string, schema: string) =>
    (await registry.ask('POST', `/subjects/${s}/versions`, { body: { schema } })).body.id;

  test('versions count on, and from 1 when it was deleted for good', async () => {
    const s = unique();
    const numbers = async () => (await registry.ask('GET', `/subjects/${s}/versions`)).body;
    for (const schema of [a1, a2]) await register(s, schema);
    await registry.ask('DELETE', `/subjects/${s}`);
    await register(s, a3);
    expect(await numbers()).toEqual([3]);
    for (const path of [`/subjects/${s}`, `/subjects/${s}?permanent=true`]) await registry.ask('DELETE', path);
    await register(s, a1);
    expect(await numbers()).toEqual([1]);
  });

  test('for good, its schema is gone at once, and its id is given to no other', async () => {
    const s = unique();
    const id = await register(s, avro(`f${s}:int`));
    expect((await registry.ask('GET', `/schemas/ids/${id}`)).status).toBe(200);
    for (const path of [`/subjects/${s}`, `/subjects/${s}?permanent=true`]) await registry.ask('DELETE', path);
    for (const part of ['', '/schema', '/versions', '/subjects'])
      expect((await registry.ask('GET', `/schemas/ids/${id}${part}`)).body).toMatchObject({ error_code: 40_403 });
    expect(await register(s, avro(`g${s}:int`))).toBeGreaterThan(id);
  });

  test('for good, its schema stays while another subject has it', async () => {
    const [s, t] = [unique(), unique()];
    const schema = avro(`h${s}:int`);
    const id = await register(s, schema);
    await register(t, schema);
    for (const path of [`/subjects/${s}`, `/subjects/${s}?permanent=true`]) await registry.ask('DELETE', path);
    expect((await registry.ask('GET', `/schemas/ids/${id}`)).body).toEqual({ schema });
    expect((await registry.ask('GET', `/schemas/ids/${id}/versions?deleted=true`)).body).toEqual([
      { subject: t, version: 1 },
    ]);
  });

  test('it is listed only where deleted subjects are asked for', async () => {
    const s = unique();
    const listed = async (query: string) => (await registry.ask('GET', `/subjects?subjectPrefix=${s}${query}`)).body;
    await register(s, a1);
    expect([await listed(''), await listed('&deleted=true'), await listed('&deletedOnly=true')]).toEqual([
      [s],
      [s],
      [],
    ]);
    await registry.ask('DELETE', `/subjects/${s}`);
    expect([await listed(''), await listed('&deleted=true'), await listed('&deletedOnly=true')]).toEqual([
      [],
      [s],
      [s],
    ]);
    await registry.ask('DELETE', `/subjects/${s}?permanent=true`);
    expect([await listed(''), await listed('&deleted=true'), await listed('&deletedOnly=true')]).toEqual([[], [], []]);
  });
});
