import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { a1, a2, avro, type Case, post, type Registry, softDelete, startRegistry, unique } from './contract.ts';

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry?.stop());

const extended = { 'confluent-accept-unknown-properties': 'true' };
const guid = expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
const holder = '{"type":"record","name":"Holder","fields":[{"name":"r","type":"R"}]}';
const reference = { name: 'R', subject: '{s}', version: '#1' };
const refersTo = ['POST', '/subjects/{t}/versions', { schema: holder, references: [reference] }] as const;
const metadata = { tags: { '**.a': ['PII'] }, properties: { owner: 'team' }, sensitive: ['owner'] };
const ruleSet = { domainRules: [{ name: 'r', type: 'CEL', tags: ['PII'], params: { a: 'b' }, disabled: false }] };

const byId: readonly Case[] = [
  { name: 'a schema', before: [post(a1)], ask: ['GET', '/schemas/ids/{0}'], body: { schema: a1 } },
  {
    name: 'a schema with references',
    before: [post(a1), refersTo],
    ask: ['GET', '/schemas/ids/{1}'],
    body: { schema: holder, references: [reference] },
  },
  {
    name: 'a schema with metadata and rules',
    before: [['POST', '/subjects/{s}/versions', { schema: a1, metadata, ruleSet }]],
    ask: ['GET', '/schemas/ids/{0}'],
    body: { schema: a1, metadata, ruleSet },
  },
  {
    name: 'a schema, with fetchMaxId=false',
    before: [post(a1)],
    ask: ['GET', '/schemas/ids/{0}?fetchMaxId=false'],
    body: { schema: a1 },
  },
  {
    name: 'the largest id with fetchMaxId',
    before: [post(a1)],
    ask: ['GET', '/schemas/ids/{0}?fetchMaxId=true'],
    body: { schema: a1, maxId: expect.any(Number) },
  },
  {
    name: 'a schema for a subject',
    before: [post(a1)],
    ask: ['GET', '/schemas/ids/{0}?subject={s}'],
    body: { schema: a1 },
  },
  {
    name: 'a schema for an unknown subject',
    before: [post(a1)],
    ask: ['GET', '/schemas/ids/{0}?subject={u}&fetchMaxId=false'],
    body: { schema: a1 },
  },
  {
    name: 'a schema for the default context',
    before: [post(a1)],
    ask: ['GET', '/schemas/ids/{0}?subject=:.:'],
    body: { schema: a1 },
  },
  {
    name: 'no schema of another context',
    before: [post(a1)],
    ask: ['GET', '/schemas/ids/{0}?subject=:.{u}:x'],
    code: 40_403,
  },
  {
    name: 'no schema of another bare context',
    before: [post(a1)],
    ask: ['GET', '/schemas/ids/{0}?subject=:.{u}:'],
    code: 40_403,
  },
  {
    name: 'subjects with includeSubjects',
    before: [post(avro('inc:int'))],
    ask: ['GET', '/schemas/ids/{0}?includeSubjects=true'],
    body: { schema: avro('inc:int'), subjects: ['{s}'] },
  },
  {
    name: 'a variant with format',
    before: [post(a1), refersTo],
    ask: ['GET', '/schemas/ids/{1}?format=resolved'],
    body: { schema: expect.stringContaining('"name":"a"'), references: [reference] },
  },
  {
    name: 'the text as it is for an empty format',
    before: [post(a1)],
    ask: ['GET', '/schemas/ids/{0}?format='],
    body: { schema: a1 },
  },
  {
    name: 'the text as it is for an unknown format',
    before: [post(a1)],
    ask: ['GET', '/schemas/ids/{0}?format=nope'],
    body: { schema: a1 },
  },
  {
    name: 'a schema, whatever else the query holds',
    before: [post(a1)],
    ask: ['GET', '/schemas/ids/{0}?x=1&y&id=2'],
    body: { schema: a1 },
  },
  {
    name: 'a schema, by an id with a sign and zeros',
    before: [post(a1)],
    ask: ['GET', '/schemas/ids/%2B00{0}'],
    body: { schema: a1 },
  },
  {
    name: 'new fields for clients that know them',
    before: [post(a1)],
    ask: ['GET', '/schemas/ids/{0}', undefined, extended],
    body: { schema: a1, guid, ts: expect.any(Number), schemaType: 'AVRO' },
  },
  {
    name: 'no schema of an id that was not given',
    ask: ['GET', '/schemas/ids/2147483647'],
    code: 40_403,
    message: /^Schema 2147483647 not found$/,
  },
  { name: 'no schema of id 0', ask: ['GET', '/schemas/ids/0'], code: 40_403 },
  { name: 'no schema of a negative id', ask: ['GET', '/schemas/ids/-1'], code: 40_403 },
  { name: 'nothing for an id of more than 32 bits', ask: ['GET', '/schemas/ids/2147483648'], code: 404 },
  { name: 'nothing for an id that is no number', ask: ['GET', '/schemas/ids/one'], code: 404 },
  { name: 'nothing for a subject with U+0000', ask: ['GET', '/schemas/ids/1?subject=%00'], code: 422 },
  { name: 'the bare text', before: [post(a1)], ask: ['GET', '/schemas/ids/{0}/schema'], text: a1 },
  {
    name: 'the bare text of a primitive',
    before: [post('{"type":"string"}')],
    ask: ['GET', '/schemas/ids/{0}/schema'],
    text: '"string"',
  },
  {
    name: 'the bare text in a variant',
    before: [post(a1), refersTo],
    ask: ['GET', '/schemas/ids/{1}/schema?format=resolved'],
    text: '{"type":"record","name":"Holder","fields":[{"name":"r","type":{"type":"record","name":"R","fields":[{"name":"a","type":"string"}]}}]}',
  },
  { name: 'no bare text of an unknown id', ask: ['GET', '/schemas/ids/2147483647/schema'], code: 40_403 },
  { name: 'no bare text of an id that is no number', ask: ['GET', '/schemas/ids/x/schema'], code: 404 },
  {
    name: 'subjects',
    before: [post(avro('subs:int')), post(avro('subs:int'), '{t}')],
    ask: ['GET', '/schemas/ids/{0}/subjects'],
    body: expect.arrayContaining(['{s}', '{t}'].map(() => expect.stringMatching(/^c/))),
  },
  {
    name: 'subjects that are the one asked for',
    before: [post(avro('some:int')), post(avro('some:int'), '{t}')],
    ask: ['GET', '/schemas/ids/{0}/subjects?subject={t}'],
    body: ['{t}'],
  },
  {
    name: 'no subjects that are deleted',
    before: [post(avro('gone:int')), softDelete('/subjects/{s}')],
    ask: ['GET', '/schemas/ids/{0}/subjects'],
    body: [],
  },
  {
    name: 'deleted subjects with deleted=true',
    before: [post(avro('back:int')), softDelete('/subjects/{s}')],
    ask: ['GET', '/schemas/ids/{0}/subjects?deleted=true'],
    body: ['{s}'],
  },
  { name: 'no subjects of an unknown id', ask: ['GET', '/schemas/ids/2147483647/subjects'], code: 40_403 },
  { name: 'no subjects of an id that is no number', ask: ['GET', '/schemas/ids/x/subjects'], code: 404 },
  {
    name: 'versions',
    before: [post(avro('vers:int'))],
    ask: ['GET', '/schemas/ids/{0}/versions'],
    body: [{ subject: '{s}', version: '#1' }],
  },
  {
    name: 'versions of the subject asked for',
    before: [post(avro('v2:int')), post(avro('v2:int'), '{t}')],
    ask: ['GET', '/schemas/ids/{0}/versions?subject={t}'],
    body: [{ subject: '{t}', version: '#1' }],
  },
  { name: 'no versions of an unknown id', ask: ['GET', '/schemas/ids/2147483647/versions'], code: 40_403 },
  { name: 'the languages', ask: ['GET', '/schemas/types'], body: ['JSON', 'PROTOBUF', 'AVRO'] },
];

const lists: readonly Case[] = [
  {
    name: 'schemas of a prefix',
    before: [post(a1), post(a2)],
    ask: ['GET', '/schemas?subjectPrefix={s}'],
    body: [
      { subject: '{s}', version: '#1', id: '#{0}', schema: a1 },
      { subject: '{s}', version: '#2', id: '#{1}', schema: a2 },
    ],
  },
  {
    name: 'the latest of each subject',
    before: [post(a1), post(a2)],
    ask: ['GET', '/schemas?subjectPrefix={s}&latestOnly=true'],
    body: [{ subject: '{s}', version: '#2', id: '#{1}', schema: a2 }],
  },
  {
    name: 'the latest that is not deleted',
    before: [post(a1), post(a2), softDelete('/subjects/{s}/versions/2')],
    ask: ['GET', '/schemas?subjectPrefix={s}&latestOnly=true'],
    body: [{ subject: '{s}', version: '#1', id: '#{0}', schema: a1 }],
  },
  {
    name: 'no deleted schemas',
    before: [post(a1), softDelete('/subjects/{s}')],
    ask: ['GET', '/schemas?subjectPrefix={s}'],
    body: [],
  },
  {
    name: 'deleted schemas with deleted=true',
    before: [post(a1), softDelete('/subjects/{s}')],
    ask: ['GET', '/schemas?subjectPrefix={s}&deleted=true'],
    body: [{ subject: '{s}', version: '#1', id: '#{0}', schema: a1 }],
  },
  {
    name: 'a page of schemas',
    before: [post(a1), post(a2)],
    ask: ['GET', '/schemas?subjectPrefix={s}&offset=1&limit=1'],
    body: [{ subject: '{s}', version: '#2', id: '#{1}', schema: a2 }],
  },
  { name: 'nothing past the end', before: [post(a1)], ask: ['GET', '/schemas?subjectPrefix={s}&offset=5'], body: [] },
  {
    name: 'all schemas for limit=-1',
    before: [post(a1)],
    ask: ['GET', '/schemas?subjectPrefix={s}&limit=-1'],
    body: [{ subject: '{s}', version: '#1', id: '#{0}', schema: a1 }],
  },
  {
    name: 'all schemas for limit=0',
    before: [post(a1)],
    ask: ['GET', '/schemas?subjectPrefix={s}&limit=0'],
    body: [{ subject: '{s}', version: '#1', id: '#{0}', schema: a1 }],
  },
  { name: 'nothing for a limit that is no number', ask: ['GET', '/schemas?limit=x'], code: 404 },
  {
    name: 'new fields for clients that know them',
    before: [post(a1)],
    ask: ['GET', '/schemas?subjectPrefix={s}', undefined, extended],
    body: [
      {
        subject: '{s}',
        version: '#1',
        id: '#{0}',
        schema: a1,
        guid,
        ts: expect.any(Number),
        deleted: false,
        schemaType: 'AVRO',
      },
    ],
  },
  {
    name: 'subjects of a prefix',
    before: [post(a1, '{s}-b'), post(a1, '{s}-a')],
    ask: ['GET', '/subjects?subjectPrefix={s}'],
    body: ['{s}-a', '{s}-b'],
  },
  {
    name: 'subjects of a prefix with wildcards of SQL',
    before: [post(a1, '{s}xa'), post(a1, '{s}_a')],
    ask: ['GET', '/subjects?subjectPrefix={s}_'],
    body: ['{s}_a'],
  },
  {
    name: 'subjects of a prefix in all contexts',
    before: [post(a1, '{s}'), post(a1, ':.{t}:{s}')],
    ask: ['GET', '/subjects?subjectPrefix=:*:{s}'],
    body: ['{s}', ':.{t}:{s}'],
  },
  {
    name: 'subjects of a context',
    before: [post(a1, ':.{t}:{s}')],
    ask: ['GET', '/subjects?subjectPrefix=:.{t}:'],
    body: [':.{t}:{s}'],
  },
  {
    name: 'a page of subjects',
    before: [post(a1, '{s}-a'), post(a1, '{s}-b'), post(a1, '{s}-c')],
    ask: ['GET', '/subjects?subjectPrefix={s}&offset=1&limit=1'],
    body: ['{s}-b'],
  },
  {
    name: 'subjects from the start for a negative offset',
    before: [post(a1)],
    ask: ['GET', '/subjects?subjectPrefix={s}&offset=-3'],
    body: ['{s}'],
  },
  { name: 'no subjects for an offset that is no number', ask: ['GET', '/subjects?offset=x'], code: 404 },
  { name: 'nothing for a prefix with U+0000', ask: ['GET', '/subjects?subjectPrefix=%00'], code: 422 },
];

describe('GET /schemas/ids answers', () => {
  test.each(byId)('$name', (one) => registry.check(one));
});
describe('lists hold', () => {
  test.each(lists)('$name', (one) => registry.check(one));

  test('subjects of all contexts without a prefix, of the default one with an empty prefix', async () => {
    const [s, t] = [unique(), unique()];
    for (const name of [s, `:.${t}:${s}`])
      await registry.ask('POST', `/subjects/${name}/versions`, { body: { schema: a1 } });
    expect((await registry.ask('GET', '/subjects')).body).toEqual(expect.arrayContaining([s, `:.${t}:${s}`]));
    const plain: string[] = (await registry.ask('GET', '/subjects?subjectPrefix=')).body;
    expect(plain).toContain(s);
    expect(plain.filter((name) => name.startsWith(':'))).toEqual([]);
    const schemas: { subject: string }[] = (await registry.ask('GET', '/schemas')).body;
    expect(schemas.filter(({ subject }) => subject.startsWith(':'))).toEqual([]);
  });
});

describe('a GUID', () => {
  test('names a schema in every context', async () => {
    const [s, t] = [unique(), unique()];
    const schema = avro(`f${s}:int`);
    const ids: number[] = [];
    for (const name of [s, `:.${t}:${s}`])
      ids.push((await registry.ask('POST', `/subjects/${name}/versions`, { body: { schema } })).body.id);
    const whole = (await registry.ask('GET', `/subjects/${s}/versions/1`, { headers: extended })).body;
    expect((await registry.ask('GET', `/schemas/guids/${whole.guid}`)).body).toEqual({ schema });
    expect((await registry.ask('GET', `/schemas/guids/${whole.guid.toUpperCase()}`)).body).toEqual({ schema });
    expect((await registry.ask('GET', `/schemas/guids/${whole.guid}`, { headers: extended })).body).toEqual({
      schema,
      schemaType: 'AVRO',
      guid: whole.guid,
      ts: expect.any(Number),
    });
    expect((await registry.ask('GET', `/schemas/guids/${whole.guid}/ids`)).body).toEqual([
      { context: '.', id: ids[0] },
      { context: `.${t}`, id: ids[1] },
    ]);
  });

  test.each<Case>([
    { name: 'that is unknown', ask: ['GET', '/schemas/guids/00000000-0000-8000-8000-000000000000'], code: 40_403 },
    {
      name: 'that is unknown, for ids',
      ask: ['GET', '/schemas/guids/00000000-0000-8000-8000-000000000000/ids'],
      code: 40_403,
    },
    { name: 'that is none', ask: ['GET', '/schemas/guids/none'], code: 40_403 },
    { name: 'with U+0000', ask: ['GET', '/schemas/guids/%00'], code: 40_403 },
  ])('$name leads nowhere', (one) => registry.check(one));
});

describe('an answer by id', () => {
  test.each(['', '/schema'])('%s is not sent again to who has it', async (part) => {
    const { id } = (await registry.ask('POST', `/subjects/${unique()}/versions`, { body: { schema: a1 } })).body;
    const path = `/schemas/ids/${id}${part}`;
    const etag = (await registry.ask('GET', path)).headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]+"$/);
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const answer = await registry.ask('GET', path, { headers: { 'if-none-match': known } });
      expect([answer.status, answer.text, answer.headers.get('etag')]).toEqual([304, '', etag]);
    }
    expect((await registry.ask('GET', path, { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
  });

  test('needs no database once it was asked for, and is as before', async () => {
    const { id } = (await registry.ask('POST', `/subjects/${unique()}/versions`, { body: { schema: a1 } })).body;
    const paths = [
      `/schemas/ids/${id}`,
      `/schemas/ids/${id}?fetchMaxId=false&subject=topic-value`,
      `/schemas/ids/${id}/schema`,
    ];
    for (const path of paths) await registry.ask('GET', path);
    await registry.app.em.fork().execute('alter table schema rename to schema_away');
    try {
      for (const path of paths) expect((await registry.ask('GET', path)).status).toBe(200);
      const missing = await registry.ask('GET', `/schemas/ids/${id}/versions`);
      expect([missing.status, missing.body]).toEqual([500, { error_code: 50_001, message: expect.any(String) }]);
    } finally {
      await registry.app.em.fork().execute('alter table schema_away rename to schema');
    }
  });
});
