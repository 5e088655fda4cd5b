import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAvroSchema } from '../../../src/domain/registry/avro/avro-schema.ts';

const parse = (text: string, references: readonly { name: string; text: string }[] = []) =>
  parseAvroSchema({ text, references });
const of = (schema: unknown) => parse(JSON.stringify(schema));
const record = (fields: readonly object[], more: object = {}) => ({ type: 'record', name: 'R', fields, ...more });
const f = (name: string, type: unknown, more: object = {}) => ({ name, type, ...more });

describe('the text of an Avro schema', () => {
  it.each([
    ['a primitive is its name', '{"type":"string"}', '"string"'],
    ['white space goes', ' [ "null" , "int" ] ', '["null","int"]'],
    [
      'a primitive with attributes keeps them',
      '{"logicalType":"date","type":"int"}',
      '{"type":"int","logicalType":"date"}',
    ],
    [
      'unknown logical types stay',
      '{"type":"string","logicalType":"mine","x":[1]}',
      '{"type":"string","logicalType":"mine","x":[1]}',
    ],
    [
      'attributes stand in a fixed order',
      '{"fields":[],"doc":"d","name":"R","type":"record"}',
      '{"type":"record","name":"R","doc":"d","fields":[]}',
    ],
    [
      'a dotted name becomes name and namespace',
      '{"type":"record","name":"a.b.R","fields":[]}',
      '{"type":"record","name":"R","namespace":"a.b","fields":[]}',
    ],
    [
      'a dotted name beats the namespace',
      '{"type":"fixed","name":"a.F","namespace":"b","size":1}',
      '{"type":"fixed","name":"F","namespace":"a","size":1}',
    ],
    [
      'an inherited namespace is left out',
      '{"type":"record","name":"R","namespace":"a","fields":[{"name":"x","type":{"type":"fixed","name":"F","namespace":"a","size":1}}]}',
      '{"type":"record","name":"R","namespace":"a","fields":[{"name":"x","type":{"type":"fixed","name":"F","size":1}}]}',
    ],
    [
      'the empty namespace inside another is kept',
      '{"type":"record","name":"R","namespace":"a","fields":[{"name":"x","type":{"type":"fixed","name":"F","namespace":"","size":1}}]}',
      '{"type":"record","name":"R","namespace":"a","fields":[{"name":"x","type":{"type":"fixed","name":"F","namespace":"","size":1}}]}',
    ],
    [
      'a type is written once and named after',
      '[{"type":"fixed","name":"F","size":1},{"type":"array","items":"F"}]',
      '[{"type":"fixed","name":"F","size":1},{"type":"array","items":"F"}]',
    ],
    [
      'a name of another namespace is full',
      '{"type":"record","name":"R","namespace":"a","fields":[{"name":"x","type":{"type":"fixed","name":"b.F","size":1}},{"name":"y","type":"b.F"}]}',
      '{"type":"record","name":"R","namespace":"a","fields":[{"name":"x","type":{"type":"fixed","name":"F","namespace":"b","size":1}},{"name":"y","type":"b.F"}]}',
    ],
    [
      'the usual order of sorting is left out',
      '{"type":"record","name":"R","fields":[{"name":"a","type":"int","order":"ascending"},{"name":"b","type":"int","order":"descending"}]}',
      '{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"int","order":"descending"}]}',
    ],
    [
      'numbers keep their spelling',
      '{"type":"record","name":"R","fields":[{"name":"a","type":"double","default":1.0},{"name":"b","type":"long","default":9223372036854775807},{"name":"c","type":"double","default":1e3}]}',
      '{"type":"record","name":"R","fields":[{"name":"a","type":"double","default":1.0},{"name":"b","type":"long","default":9223372036854775807},{"name":"c","type":"double","default":1e3}]}',
    ],
    [
      'field attributes stay as they are',
      '{"type":"record","name":"R","fields":[{"twilio_type":"email","name":"a","type":"string","confluent:tags":["PII"]}]}',
      '{"type":"record","name":"R","fields":[{"name":"a","type":"string","twilio_type":"email","confluent:tags":["PII"]}]}',
    ],
    [
      'aliases stay',
      '{"type":"enum","name":"E","aliases":["x.Old"],"symbols":["A"],"default":"A"}',
      '{"type":"enum","name":"E","symbols":["A"],"default":"A","aliases":["x.Old"]}',
    ],
    ['a type within a type is the inner one', '{"type":{"type":"int"}}', '"int"'],
    [
      'hostile names of attributes are attributes',
      '{"type":"int","__proto__":{"x":1},"constructor":2}',
      '{"type":"int","__proto__":{"x":1},"constructor":2}',
    ],
  ])('%s', (_name, given, expected) => {
    const { text } = parse(given);
    expect(text).toBe(expected);
    expect(parse(text).text).toBe(text);
  });

  it('does not change with white space or the order of keys', () => {
    const keys = ['type', 'name', 'namespace', 'doc', 'fields'] as const;
    const whole = { ...record([f('a', 'int')]), namespace: 'n', doc: 'd' };
    fc.assert(
      fc.property(fc.shuffledSubarray([...keys], { minLength: 5 }), fc.integer({ min: 0, max: 4 }), (order, indent) => {
        const shuffled = Object.fromEntries(order.map((key) => [key, whole[key]]));
        expect(parse(JSON.stringify(shuffled, null, indent)).text).toBe(of(whole).text);
      }),
    );
  });

  it('sorts free attributes when it is normalized, and nothing else', () => {
    const one = of(record([f('b', 'int', { z: 1, a: { d: 1, c: 2 } }), f('a', 'int')]));
    expect(one.normalized()).toBe(
      '{"type":"record","name":"R","fields":[{"name":"b","type":"int","a":{"c":2,"d":1},"z":1},{"name":"a","type":"int"}]}',
    );
  });

  it('leaves referred types out, and writes them out when resolved', () => {
    const references = [{ name: 'x.A', text: '{"type":"record","name":"A","namespace":"x","fields":[]}' }];
    const one = parse(
      '{"type":"record","name":"R","fields":[{"name":"a","type":"x.A"},{"name":"b","type":["null","x.A"]}]}',
      references,
    );
    expect(one.text).toBe(
      '{"type":"record","name":"R","fields":[{"name":"a","type":"x.A"},{"name":"b","type":["null","x.A"]}]}',
    );
    expect(one.printed('resolved')).toBe(
      '{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"record","name":"A","namespace":"x","fields":[]}},{"name":"b","type":["null","x.A"]}]}',
    );
    expect(one.printed('serialized')).toBeNull();
  });
});

describe('an Avro schema is refused', () => {
  it.each([
    ['not JSON', '{"type":', ['schema'], /not valid JSON/],
    ['an unknown type', '"strin"', [], /did you mean "string"/],
    [
      'an unknown type of a field',
      '{"type":"record","name":"R","fields":[{"name":"a","type":"X"}]}',
      ['fields', '0', 'type'],
      /unknown type "X"/,
    ],
    ['a number', '3', [], /must be a type/],
    ['an object without a type', '{"name":"R"}', ['type'], /is missing/],
    ['a record without a name', '{"type":"record","fields":[]}', ['name'], /must be a name/],
    ['a record without fields', '{"type":"record","name":"R"}', ['fields'], /must be a list/],
    [
      'a field without a type',
      '{"type":"record","name":"R","fields":[{"name":"a"}]}',
      ['fields', '0', 'type'],
      /must be a type/,
    ],
    ['a bad name', '{"type":"record","name":"1R","fields":[]}', ['name'], /must be a name/],
    ['a bad part of a dotted name', '{"type":"record","name":"a..R","fields":[]}', ['name'], /must be a name/],
    ['a bad namespace', '{"type":"record","name":"R","namespace":"a-b","fields":[]}', ['namespace'], /must be a name/],
    ['a bad alias', '{"type":"record","name":"R","aliases":["a b"],"fields":[]}', ['aliases', '0'], /must be a name/],
    [
      'aliases that are no list',
      '{"type":"record","name":"R","aliases":"x","fields":[]}',
      ['aliases'],
      /must be a list/,
    ],
    [
      'a field called twice',
      '{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"a","type":"int"}]}',
      ['fields', '1', 'name'],
      /another field "a"/,
    ],
    [
      'a type defined twice',
      '[{"type":"fixed","name":"F","size":1},{"type":"record","name":"F","fields":[]}]',
      ['1', 'name'],
      /defined twice/,
    ],
    [
      'a type that an enclosing one is called',
      '{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"enum","name":"R","symbols":["A"]}}]}',
      ['fields', '0', 'type', 'name'],
      /defined twice/,
    ],
    ['an empty union', '[]', [], /at least one branch/],
    ['a union within a union', '["null",["int"]]', ['1'], /may not hold a union/],
    ['a branch that stands twice', '["int","int"]', ['1'], /another branch "int"/],
    [
      'two arrays in a union',
      '[{"type":"array","items":"int"},{"type":"array","items":"string"}]',
      ['1'],
      /another branch "array"/,
    ],
    ['a symbol that stands twice', '{"type":"enum","name":"E","symbols":["A","A"]}', ['symbols'], /twice/],
    ['a bad symbol', '{"type":"enum","name":"E","symbols":["A-B"]}', ['symbols', '0'], /must be a name/],
    ['symbols that are no list', '{"type":"enum","name":"E"}', ['symbols'], /must be a list/],
    [
      'a default that is no symbol',
      '{"type":"enum","name":"E","symbols":["A"],"default":"B"}',
      ['default'],
      /one of the symbols/,
    ],
    ['a negative size', '{"type":"fixed","name":"F","size":-1}', ['size'], /number of bytes/],
    ['a size that is text', '{"type":"fixed","name":"F","size":"4"}', ['size'], /number of bytes/],
    [
      'a bad order',
      '{"type":"record","name":"R","fields":[{"name":"a","type":"int","order":"up"}]}',
      ['fields', '0', 'order'],
      /ascending/,
    ],
    ['an array without items', '{"type":"array"}', ['items'], /must be a type/],
    ['a map without values', '{"type":"map"}', ['values'], /must be a type/],
    [
      'a reserved name of this language',
      '{"type":"record","name":"R","fields":[{"name":"__proto__","type":"int"}]}',
      ['fields', '0', 'name'],
      /must be a name/,
    ],
    ['an empty text', '', ['schema'], /empty/],
    [
      '10,000 arrays in each other',
      `${'{"type":"array","items":'.repeat(10_000)}"int"${'}'.repeat(10_000)}`,
      ['schema'],
      /deeper than 512/,
    ],
    [
      '200 arrays in each other',
      `${'{"type":"array","items":'.repeat(200)}"int"${'}'.repeat(200)}`,
      Array(129).fill('items'),
      /deeper than 128/,
    ],
  ])('for %s', (_name, text, field, message) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ field, message: expect.stringMatching(message) }));
  });

  const withDefault = (type: unknown, value: unknown) => of(record([f('a', type, { default: value })]));
  it.each([
    ['int', 'x'],
    ['int', 1.5],
    ['int', 2 ** 31],
    ['long', 1.5],
    ['boolean', 0],
    ['string', 1],
    ['bytes', '€'],
    ['null', 0],
    ['double', '1'],
    [['null', 'int'], 'x'],
    [{ type: 'array', items: 'int' }, [1, 'x']],
    [{ type: 'map', values: 'int' }, { a: 'x' }],
    [{ type: 'enum', name: 'E', symbols: ['A'] }, 'B'],
    [{ type: 'fixed', name: 'F', size: 2 }, 'abc'],
    [record([f('x', 'int')], { name: 'I' }), {}],
  ])('for a default of %j that is %j', (type, value) => {
    expect(() => withDefault(type, value)).toThrow(expect.objectContaining({ field: ['fields', '0', 'default'] }));
  });

  it.each([
    ['int', -(2 ** 31)],
    ['long', 2 ** 53],
    ['float', 1],
    ['bytes', 'ÿ\0'],
    [['int', 'null'], null],
    [{ type: 'array', items: 'int' }, []],
    [{ type: 'map', values: 'int' }, { a: 1 }],
    [{ type: 'fixed', name: 'F', size: 2 }, 'ab'],
    [record([f('x', 'int', { default: 1 })], { name: 'I' }), {}],
  ])('not for a default of %j that is %j', (type, value) => {
    expect(withDefault(type, value).fields[0]).toMatchObject({ required: false });
  });
});

describe('the fields of an Avro schema', () => {
  const paths = (schema: unknown) =>
    of(schema).fields.map((field) => `${field.path}:${field.type}${field.nullable ? '?' : ''}`);

  it.each([
    ['members of records', record([f('a', record([f('b', 'int')], { name: 'I' }))]), ['a:record', 'a.b:int']],
    [
      'elements of arrays',
      record([f('a', { type: 'array', items: record([f('b', 'int')], { name: 'I' }) })]),
      ['a:array', 'a[].b:int'],
    ],
    [
      'values of maps',
      record([f('a', { type: 'map', values: record([f('b', 'int')], { name: 'I' }) })]),
      ['a:map', 'a{}.b:int'],
    ],
    ['nullable fields', record([f('a', ['null', 'string'])]), ['a:string?']],
    ['unions', record([f('a', ['int', 'string', 'null'])]), ['a:union?']],
    [
      'both records of a union',
      record([f('a', [record([f('x', 'int')], { name: 'I' }), record([f('y', 'int')], { name: 'J' })])]),
      ['a:union', 'a.x:int', 'a.y:int'],
    ],
    ['a record inside itself once', record([f('next', ['null', 'R']), f('v', 'int')]), ['next:record?', 'v:int']],
    [
      'fixed and enums',
      record([f('a', { type: 'fixed', name: 'F', size: 2 }), f('b', { type: 'enum', name: 'E', symbols: ['A'] })]),
      ['a:fixed', 'b:enum'],
    ],
    ['nothing of a schema that is no record', 'string', []],
  ])('are %s', (_name, schema, expected) => {
    expect(paths(schema)).toEqual(expected);
  });

  it('carry what is said of them', () => {
    const [one] = of(
      record([
        f(
          'a',
          { type: 'string', 'confluent:tags': ['x'] },
          { 'confluent:tags': ['PII', 'PII', 3], twilio_type: 'email', doc: 'd' },
        ),
      ]),
    ).fields;
    expect(one).toMatchObject({ tags: ['PII', 'x'], semanticType: 'email', doc: 'd' });
  });

  it('name the record', () => {
    expect(of(record([], { namespace: 'a.b' })).record).toEqual({ namespace: 'a.b', name: 'R' });
    expect(of('int').record).toBeNull();
  });
});
