import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, documentOf, register, type TestApp, testApp } from '../testkit/app.ts';

let app: TestApp;

beforeAll(async () => {
  app = await testApp({ LINEWARD_ROLES: 'api' });
});
afterAll(() => app?.stop());

const refused = (document: unknown): Promise<Data> => app.refusals(register, { input: { document } });

const counts = async () =>
  (
    await app.em
      .fork()
      .execute(
        'select (select count(*) from entity)::int entities, (select count(*) from entity_version)::int versions, (select count(*) from entity_field)::int fields, (select count(*) from audit_event)::int events',
      )
  )[0];

const field = (extra: Record<string, unknown>) => [
  { name: 'ok', type: 'string' },
  { name: 'x', ...extra },
];
const names = (count: number) => Array.from({ length: count }, (_, index) => ({ name: `f${index}`, type: 'string' }));

function nested(depth: number): unknown {
  let type: unknown = 'string';
  for (let level = 0; level < depth; level += 1) type = { type: 'array', items: type };
  return type;
}

describe('a document that is not valid is refused with the place of its fault, and nothing is changed', () => {
  const schema = documentOf('Faulty').schema;
  const at = (...path: string[]) => ['document', ...path];
  const cases: readonly (readonly [string, unknown, string, readonly string[], RegExp])[] = [
    ['a text', 'text', 'SCHEMA_INVALID', at(), /JSON object/],
    ['a list', [], 'SCHEMA_INVALID', at(), /JSON object/],
    ['no namespace', { schema }, 'SCHEMA_INVALID', at('namespace'), /namespace/],
    ['no schema', { namespace: 'Team' }, 'SCHEMA_INVALID', at('schema'), /must be an object/],
    [
      'another type',
      { namespace: 'T', schema: { ...schema, type: 'enum' } },
      'SCHEMA_INVALID',
      at('schema', 'type'),
      /record/,
    ],
    [
      'no fields',
      { namespace: 'T', schema: { ...schema, fields: undefined } },
      'SCHEMA_INVALID',
      at('schema', 'fields'),
      /list/,
    ],
    [
      'fields as object',
      { namespace: 'T', schema: { ...schema, fields: {} } },
      'SCHEMA_INVALID',
      at('schema', 'fields'),
      /list/,
    ],
    ['an empty record', documentOf('E', []), 'SCHEMA_INVALID', at('schema', 'fields'), /at least one/],
    [
      'a field as text',
      { namespace: 'T', schema: { ...schema, fields: ['x'] } },
      'SCHEMA_INVALID',
      at('schema', 'fields', '0'),
      /object/,
    ],
    ['a field without type', documentOf('E', field({})), 'SCHEMA_INVALID', at('schema', 'fields', '1', 'type'), /type/],
    [
      'a repeated field',
      documentOf('E', [...names(2), { name: 'f0', type: 'int' }]),
      'FIELD_DUPLICATE',
      at('schema', 'fields', '2', 'name'),
      /f0/,
    ],
    [
      'an unknown type',
      documentOf('E', field({ type: 'strnig' })),
      'SCHEMA_INVALID',
      at('schema', 'fields', '1', 'type'),
      /unknown type "strnig"/,
    ],
    [
      'a misspelt semantic type',
      documentOf('E', field({ type: 'string', twilio_type: 'phonenumbr' })),
      'SEMANTIC_TYPE_UNKNOWN',
      at('schema', 'fields', '1', 'twilio_type'),
      /Did you mean "phonenumber"/,
    ],
    [
      'a member as semantic type',
      documentOf('E', field({ type: 'string', twilio_type: 'constructor' })),
      'SEMANTIC_TYPE_UNKNOWN',
      at('schema', 'fields', '1', 'twilio_type'),
      /not registered/,
    ],
    [
      'a number as semantic type',
      documentOf('E', field({ type: 'string', twilio_type: 7 })),
      'SCHEMA_INVALID',
      at('schema', 'fields', '1', 'twilio_type'),
      /string/,
    ],
    ['a bad name of a record', documentOf('No-Name'), 'SCHEMA_INVALID', at('schema', 'name'), /name/],
    ['a name of 256 characters', documentOf('x'.repeat(256)), 'SCHEMA_INVALID', at('schema', 'name'), /255/],
    [
      'a bad name of a field',
      documentOf('E', [{ name: '1st', type: 'int' }]),
      'SCHEMA_INVALID',
      at('schema', 'fields', '0', 'name'),
      /name/,
    ],
    ['a bad namespace', { namespace: 'a..b', schema }, 'SCHEMA_INVALID', at('namespace'), /namespace/],
    [
      'a bad namespace of a record',
      { namespace: 'a', schema: { ...schema, namespace: 'Ü' } },
      'SCHEMA_INVALID',
      at('schema', 'namespace'),
      /namespace/,
    ],
    [
      '__proto__ as a field',
      documentOf('E', [{ name: '__proto__', type: 'int' }]),
      'SCHEMA_INVALID',
      at('schema', 'fields', '0', 'name'),
      /name/,
    ],
    ['10,001 fields', documentOf('E', names(10_001)), 'LIMIT_EXCEEDED', at('schema', 'fields'), /10000/],
    [
      'types 200 levels deep',
      documentOf('E', field({ type: nested(200) })),
      'SCHEMA_INVALID',
      at('schema', 'fields', '1', 'type', ...Array(127).fill('items')),
      /deeper than 128/,
    ],
    [
      'an empty union',
      documentOf('E', field({ type: [] })),
      'SCHEMA_INVALID',
      at('schema', 'fields', '1', 'type'),
      /union/,
    ],
    [
      'a union in a union',
      documentOf('E', field({ type: ['null', ['null', 'string']] })),
      'SCHEMA_INVALID',
      at('schema', 'fields', '1', 'type', '1'),
      /union/,
    ],
    [
      'an enum with a repeated symbol',
      documentOf('E', field({ type: { type: 'enum', name: 'N', symbols: ['A', 'A'] } })),
      'SCHEMA_INVALID',
      at('schema', 'fields', '1', 'type', 'symbols'),
      /twice/,
    ],
    ['a version that is an object', { ...documentOf('E'), version: {} }, 'SCHEMA_INVALID', at('version'), /string/],
    [
      'a NUL in a description',
      documentOf('E', field({ type: 'int', doc: 'a\0b' })),
      'SCHEMA_INVALID',
      at('schema', 'fields', '1', 'doc'),
      /U\+0000/,
    ],
  ];

  test.each(cases)('%s', async (_name, document, code, path, message) => {
    const before = await counts();
    const errors = await refused(document);
    expect(errors).toEqual([{ code, field: path, message: expect.stringMatching(message) }]);
    expect(await counts()).toEqual(before);
  });

  test('half a surrogate pair, which has no canonical form', async () => {
    expect(await refused({ ...documentOf('E'), note: '\ud800' })).toMatchObject([{ code: 'VALUE_INVALID' }]);
  });

  test('a document with a `__proto__` key is refused before anything reads it', async () => {
    const body = `{"query":${JSON.stringify(register)},"variables":{"input":{"document":{"__proto__":{"a":1}}}}}`;
    const { status, body: answer } = await app.post('/graphql', body);
    expect([status, answer.code]).toEqual([400, 'BAD_INPUT']);
  });
});
