import { describe, expect, it } from 'vitest';
import { parseJsonSchema } from '../../../src/domain/registry/json-schema/json-schema.ts';

const parse = (schema: unknown, references: readonly { name: string; text: string }[] = []) =>
  parseJsonSchema({ text: typeof schema === 'string' ? schema : JSON.stringify(schema), references });
const text = { type: 'string' };
const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more });
const drafts = [
  'http://json-schema.org/draft-04/schema#',
  'http://json-schema.org/draft-06/schema#',
  'http://json-schema.org/draft-07/schema#',
  'https://json-schema.org/draft/2019-09/schema',
  'https://json-schema.org/draft/2020-12/schema',
  'https://example.org/unknown',
];

describe.each(drafts)('a JSON Schema of %s', ($schema) => {
  const schema = {
    $schema,
    ...object(
      { a: { ...text, maxLength: 2 }, b: { type: 'integer' } },
      { required: ['b'], additionalProperties: false },
    ),
  };

  it('is read, and checks messages', () => {
    const one = parse(schema);
    expect(one.messageFaults({ a: 'x', b: 1 })).toEqual([]);
    expect(one.messageFaults({ a: 'xxx', b: 1 })).toEqual([
      { path: 'a', message: expect.stringContaining('2 characters') },
    ]);
    expect(one.messageFaults({})).toEqual([{ path: '(message)', message: 'lacks the property b' }]);
    expect(one.messageFaults({ b: 1.5 })).toEqual([{ path: 'b', message: 'must be integer' }]);
    expect(one.messageFaults({ b: 1, canary: 'canary' })).toEqual([
      { path: '(message)', message: 'holds a property that the schema does not have' },
    ]);
  });

  it.each([
    ['a type that is none', { type: 'strin' }, ['type']],
    ['a type that is a number', { type: 3 }, ['type']],
    ['a negative length', object({ a: { minLength: -1 } }), ['properties', 'a', 'minLength']],
    ['properties that are a list', { properties: [] }, ['properties']],
    ['required that is text', { required: 'a' }, ['required']],
    ['an empty list of types', { type: [] }, ['type']],
    ['an empty sum', { anyOf: [] }, ['anyOf']],
  ])('is refused for %s', (_name, broken, field) => {
    expect(() => parse({ $schema, ...broken })).toThrow(expect.objectContaining({ code: 'SCHEMA_INVALID', field }));
  });
});

describe('the text of a JSON Schema', () => {
  it.each([
    ['white space goes', ' { "type" : "string" } ', '{"type":"string"}'],
    ['keys keep their order', '{"title":"T","type":"string","$id":"x"}', '{"title":"T","type":"string","$id":"x"}'],
    [
      'numbers keep their spelling',
      '{"maximum":1.0,"minimum":-1e3,"default":12345678901234567890}',
      '{"maximum":1.0,"minimum":-1e3,"default":12345678901234567890}',
    ],
    [
      'unknown keywords stay',
      '{"x-mine":{"b":[1,{}]},"confluent:tags":["PII"]}',
      '{"x-mine":{"b":[1,{}]},"confluent:tags":["PII"]}',
    ],
    ['a boolean is a schema', 'true', 'true'],
    [
      'keys like those of prototypes stay',
      '{"properties":{"__proto__":{"type":"string"},"constructor":{}}}',
      '{"properties":{"__proto__":{"type":"string"},"constructor":{}}}',
    ],
  ])('%s', (_name, given, expected) => {
    expect(parse(given).text).toBe(expected);
  });

  it('sorts keys when it is normalized', () => {
    expect(parse('{"type":"object","properties":{"b":{},"a":{"type":"string","maxLength":1.0}}}').normalized()).toBe(
      '{"properties":{"a":{"maxLength":1.0,"type":"string"},"b":{}},"type":"object"}',
    );
  });

  it('carries its references when it is resolved', () => {
    const one = parse(object({ a: { $ref: 'a.json' } }), [{ name: 'a.json', text: '{"type":"string"}' }]);
    const resolved = one.printed('resolved') ?? '';
    expect(JSON.parse(resolved).$defs).toEqual({ 'a.json': { $id: 'a.json', type: 'string' } });
    expect(parse(resolved).messageFaults({ a: 1 })).toHaveLength(1);
    expect(one.printed('other')).toBeNull();
  });
});

describe('references of a JSON Schema', () => {
  const number = { type: 'number' };
  const reads = (schema: unknown, references: readonly { name: string; text: string }[] = []) =>
    parse(schema, references).fields.map((field) => `${field.path}:${field.type}`);

  it.each([
    ['a pointer', object({ a: { $ref: '#/definitions/n' } }, { definitions: { n: number } }), []],
    [
      'a pointer with escapes',
      object({ a: { $ref: '#/definitions/x~1y%20z' } }, { definitions: { 'x/y z': number } }),
      [],
    ],
    [
      'an anchor',
      { $schema: drafts[4], ...object({ a: { $ref: '#n' } }, { $defs: { n: { $anchor: 'n', ...number } } }) },
      [],
    ],
    ['an id that is an anchor', object({ a: { $ref: '#n' } }, { definitions: { n: { $id: '#n', ...number } } }), []],
    [
      'an id within',
      object(
        { a: { $ref: 'http://x/n.json' } },
        { $id: 'http://x/root.json', definitions: { n: { $id: 'n.json', ...number } } },
      ),
      [],
    ],
    ['the name of a reference', object({ a: { $ref: 'n.json' } }), [{ name: 'n.json', text: JSON.stringify(number) }]],
    [
      'a pointer into a reference',
      object({ a: { $ref: 'n.json#/definitions/n' } }),
      [{ name: 'n.json', text: JSON.stringify({ definitions: { n: number } }) }],
    ],
    [
      'the id of a reference',
      object({ a: { $ref: 'http://x/n.json' } }),
      [{ name: 'n', text: JSON.stringify({ $id: 'http://x/n.json', ...number }) }],
    ],
    [
      'a name relative to the id',
      object({ a: { $ref: 'n.json' } }, { $id: 'http://x/root.json' }),
      [{ name: 'http://x/n.json', text: JSON.stringify(number) }],
    ],
    [
      'a chain',
      object({ a: { $ref: '#/definitions/x' } }, { definitions: { x: { $ref: '#/definitions/n' }, n: number } }),
      [],
    ],
  ])('%s is found', (_name, schema, references) => {
    expect(reads(schema, references)).toEqual(['a:double']);
  });

  it.each([
    ['a pointer to nothing', object({ a: { $ref: '#/definitions/n' } }), ['properties', 'a', '$ref']],
    ['an unknown file', { $ref: 'http://example.org/x.json' }, ['$ref']],
    ['an unknown anchor', { allOf: [{ $ref: '#nowhere' }] }, ['allOf', '0', '$ref']],
  ])('%s is refused', (_name, schema, field) => {
    expect(() => parse(schema)).toThrow(expect.objectContaining({ code: 'SCHEMA_INVALID', field }));
  });

  it('beside one another all hold', () => {
    const one = parse({
      $schema: drafts[4],
      ...object({ a: { $ref: '#/$defs/n', $dynamicRef: '#small' } }),
      $defs: { n: number, small: { $dynamicAnchor: 'small', maximum: 5 } },
    });
    expect(one.fields).toMatchObject([{ path: 'a', type: 'double' }]);
    expect(['x', 6, 5].map((a) => one.messageFaults({ a }).length)).toEqual([1, 1, 0]);
  });

  it('by a name relative to the id are followed when messages are checked', () => {
    const one = parse(object({ a: { $ref: 'n.json' } }, { $id: 'http://x/y/root.json' }), [
      { name: 'n.json', text: JSON.stringify(number) },
    ]);
    expect(one.fields).toMatchObject([{ path: 'a', type: 'double' }]);
    expect(one.messageFaults({ a: 1 })).toEqual([]);
    expect(one.messageFaults({ a: 'x' })).toEqual([{ path: 'a', message: 'must be number' }]);
  });

  it('that lead in a circle allow everything', () => {
    const one = parse({
      $ref: '#/definitions/a',
      definitions: { a: { $ref: '#/definitions/b' }, b: { $ref: '#/definitions/a' } },
    });
    expect(one.incompatibilitiesWith(parse({ type: 'string' }), 'STRICT')).toEqual([]);
    expect(one.fields).toEqual([]);
  });

  it('are no references where they are data', () => {
    expect(() => parse({ enum: [{ $ref: '#/nowhere' }], default: { $ref: 'x' } })).not.toThrow();
  });
});

describe('the fields of a JSON Schema', () => {
  const paths = (schema: unknown) =>
    parse(schema).fields.map(
      (field) => `${field.path}:${field.type}${field.nullable ? '?' : ''}${field.required ? '!' : ''}`,
    );

  it.each([
    [
      'types in the words of the catalog',
      object({ a: text, b: { type: 'integer' }, c: { type: 'number' }, d: { type: 'boolean' } }),
      ['a:string', 'b:long', 'c:double', 'd:boolean'],
    ],
    ['required ones', object({ a: text }, { required: ['a'] }), ['a:string!']],
    [
      'nullable ones',
      object({
        a: { type: ['null', 'string'] },
        b: { oneOf: [{ type: 'null' }, { type: 'integer' }] },
        c: { type: 'string', nullable: true },
      }),
      ['a:string?', 'b:long?', 'c:string?'],
    ],
    ['members', object({ a: object({ b: text }) }), ['a:record', 'a.b:string']],
    ['items', object({ a: { type: 'array', items: object({ b: text }) } }), ['a:array', 'a[].b:string']],
    [
      'tuples',
      object({ a: { type: 'array', items: [object({ b: text }), object({ c: text })] } }),
      ['a:array', 'a[].b:string', 'a[].c:string'],
    ],
    ['values', object({ a: { type: 'object', additionalProperties: object({ b: text }) } }), ['a:map', 'a{}.b:string']],
    [
      'pattern properties',
      object({ a: { type: 'object', patternProperties: { x: object({ b: text }) } } }),
      ['a:map', 'a{}.b:string'],
    ],
    ['enums', object({ a: { enum: ['x'] }, b: { type: 'string', enum: ['y'] } }), ['a:enum', 'b:enum']],
    [
      'unions',
      object({ a: { type: ['string', 'integer'] }, b: { oneOf: [text, { type: 'integer' }] } }),
      ['a:union', 'b:union'],
    ],
    [
      'merged products',
      { allOf: [object({ a: text }), object({ b: text }, { required: ['b'] })] },
      ['a:string', 'b:string!'],
    ],
    ['branches of sums', { oneOf: [object({ a: text }), object({ b: text })] }, ['a:string', 'b:string']],
    [
      'what is behind references',
      { definitions: { d: object({ x: text }) }, ...object({ a: { $ref: '#/definitions/d' } }) },
      ['a:record', 'a.x:string'],
    ],
    ['a schema inside itself once', object({ next: { $ref: '#' }, v: text }), ['next:record', 'v:string']],
    ['nothing of true', true, []],
  ])('are %s', (_name, schema, expected) => {
    expect(paths(schema)).toEqual(expected);
  });

  it('carry what is said of them', () => {
    const [one] = parse(
      object({ a: { ...text, 'confluent:tags': ['PII'], twilio_type: 'email', description: 'd' } }),
    ).fields;
    expect(one).toMatchObject({ tags: ['PII'], semanticType: 'email', doc: 'd' });
  });

  it('name the record by the title', () => {
    expect(parse({ title: 'a.b.C' }).record).toEqual({ namespace: 'a.b', name: 'C' });
    expect(parse({ title: 'C' }).record).toEqual({ namespace: '', name: 'C' });
    expect(parse({}).record).toBeNull();
  });
});

describe('hostile JSON Schemas', () => {
  it.each([
    ['no JSON', '{', /not valid JSON/],
    ['a list', '[]', /must be an object/],
    ['text', '"string"', /must be an object/],
    ['10,000 levels', `${'{"not":'.repeat(10_000)}{}${'}'.repeat(10_000)}`, /deeper than 512/],
    ['60,000 subschemas', JSON.stringify({ allOf: Array.from({ length: 60_000 }, () => ({})) }), /more than 50000/],
  ])('with %s are refused', (_name, schema, message) => {
    expect(() => parse(schema)).toThrow(message);
  });

  it('cannot make a check run for ever by a pattern', () => {
    const one = parse({ type: 'string', pattern: '^(a+)+$' });
    expect(one.messageFaults(`${'a'.repeat(5_000)}!`)).toHaveLength(1);
    expect(one.messageFaults('aaa')).toEqual([]);
  });

  it('tell the patterns of two properties apart', () => {
    const one = parse(object({ a: { pattern: '^a' }, b: { pattern: '^b' } }));
    expect([{ a: 'a', b: 'b' }, { a: 'b' }, { b: 'a' }].map((m) => one.messageFaults(m).length)).toEqual([0, 1, 1]);
  });

  it('are refused for what is a regular expression nowhere', () => {
    expect(() => parse(object({ a: { pattern: '(' } }))).toThrow(
      expect.objectContaining({ code: 'SCHEMA_INVALID', field: ['properties', 'a', 'pattern'] }),
    );
    expect(() => parse({ patternProperties: { '[': {} } })).toThrow(
      expect.objectContaining({ code: 'SCHEMA_INVALID', field: ['patternProperties', '['] }),
    );
  });

  it('with sums of sums that share their parts are listed once', () => {
    const level = (next: string) => ({ oneOf: [{ $ref: next }, { anyOf: [{ $ref: next }, { $ref: next }] }] });
    const levels = Array.from({ length: 60 }, (_, i) => [`l${i}`, level(`#/definitions/l${i + 1}`)]);
    const definitions = { ...Object.fromEntries(levels), l60: object({ leaf: text }) };
    expect(parse({ definitions, ...level('#/definitions/l0') }).fields.map((field) => field.path)).toEqual(['leaf']);
  });

  it('say so when one place joins too many schemas, and lose no field below that', () => {
    const joined = (count: number) =>
      parse({ allOf: Array.from({ length: count }, (_, i) => object({ [`p${i}`]: text })) });
    expect(joined(500).fields).toHaveLength(500);
    expect(() => joined(1_001).fields).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
  });

  it.each(['(?=a)b', '(a)\\1', '(?<!x)y'])(
    'with the pattern %s are read, and say that they cannot be checked',
    (pattern) => {
      expect(parse({ pattern }).messageFaults('b')).toEqual([
        { path: '(message)', message: expect.stringContaining('look-around') },
      ]);
    },
  );

  it('are refused messages without quoting them', () => {
    const one = parse(
      object({ a: { enum: ['x'] }, b: { const: 1 }, c: { type: 'string', format: 'email' }, d: { pattern: '^x' } }),
    );
    const keyed = parse({ additionalProperties: { type: 'number' } });
    for (const name of ['canary@example.com', '+35123456789', '35123456789'])
      expect(keyed.messageFaults({ [name]: 'x' })).toEqual([{ path: '{}', message: 'must be number' }]);
    for (const message of [{ a: 'canary' }, { b: 'canary' }, { c: 'canary' }, { d: 'canary' }, 'canary'])
      expect(JSON.stringify(one.messageFaults(message))).not.toContain('canary');
  });
});
