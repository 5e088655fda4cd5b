import { describe, expect, it } from 'vitest';
import { parseAvroSchema } from '../../../src/domain/registry/avro/avro-schema.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';

const parse = (text: string, references: readonly string[] = []) =>
  parseAvroSchema({
    text,
    references: references.map((reference, index) => ({ name: `ref${index}`, text: reference })),
  });

function refused(text: string, references: readonly string[] = []): LinewardError {
  try {
    parse(text, references);
  } catch (error) {
    if (error instanceof LinewardError) return error;
    throw error;
  }
  throw new Error('the schema was accepted');
}

const record = (fields: readonly unknown[], more = {}) => ({ type: 'record', name: 'R', fields, ...more });
const field = (type: unknown, more = {}) => record([{ name: 'f', type, ...more }]);
const fault = (schema: unknown) => refused(JSON.stringify(schema));
const fixed = { type: 'fixed', name: 'F', size: 2 };
const enumE = { type: 'enum', name: 'E', symbols: ['A', 'B'] };
const inner = {
  type: 'record',
  name: 'I',
  fields: [
    { name: 'x', type: 'int' },
    { name: 'y', type: 'int', default: 1 },
  ],
};

describe('an Avro schema is read', () => {
  it.each<readonly [string, unknown]>([
    ['a bare primitive', 'string'],
    ['a primitive as an object', { type: 'int' }],
    ['a union', ['null', 'string']],
    ['a union of one', ['int']],
    ['an array', { type: 'array', items: 'int' }],
    ['a map', { type: 'map', values: 'int' }],
    ['an enum', enumE],
    ['an enum with a default', { ...enumE, default: 'B' }],
    ['a fixed', fixed],
    ['a fixed of no bytes', { ...fixed, size: 0 }],
    ['a record', inner],
    ['a record without fields', record([])],
    ['an error', { ...inner, type: 'error' }],
    ['a type within a type', { type: { type: 'array', items: 'int' } }],
    ['a recursive record', record([{ name: 'next', type: ['null', 'R'] }])],
    ['a recursive record by its full name', record([{ name: 'next', type: ['null', 'n.R'] }], { namespace: 'n' })],
    [
      'a type that is used twice',
      record([
        { name: 'a', type: fixed },
        { name: 'b', type: 'F' },
      ]),
    ],
    [
      'a type of the enclosing namespace',
      record(
        [
          { name: 'a', type: fixed },
          { name: 'b', type: 'n.F' },
        ],
        { namespace: 'n' },
      ),
    ],
    [
      'a type outside of the namespace',
      record(
        [
          { name: 'a', type: { ...fixed, namespace: '' } },
          { name: 'b', type: 'F' },
        ],
        { namespace: 'n' },
      ),
    ],
    ['a name with dots, which makes the namespace count for nothing', record([], { name: 'a.b.R', namespace: 'x' })],
    ['a name like a primitive inside a namespace', record([], { name: 'a.string' })],
    ['two records of one name and two namespaces', [record([], { namespace: 'a' }), record([], { namespace: 'b' })]],
    [
      'a union of array, map and named types',
      ['null', { type: 'array', items: 'int' }, { type: 'map', values: 'int' }, fixed, enumE],
    ],
    ['a known logical type', { type: 'bytes', logicalType: 'decimal', precision: 4, scale: 2 }],
    ['an unknown logical type', { type: 'string', logicalType: 'nonsense' }],
    ['an order in capitals', field('int', { order: 'DESCENDING' })],
    ['a default null of a union', field(['null', 'int'], { default: null })],
    ['a default of a later branch', field(['null', 'int'], { default: 3 })],
    ['a default of an int', field('int', { default: -2_147_483_648 })],
    ['a default of a double', field('double', { default: 1 })],
    ['a default that is no finite number', field('double', { default: 'NaN' })],
    ['a default of bytes', field('bytes', { default: '\u0000\u00ff' })],
    ['a default of a fixed', field(fixed, { default: 'ab' })],
    ['a default of an enum', field(enumE, { default: 'B' })],
    ['a default of an array', field({ type: 'array', items: 'int' }, { default: [1, 2] })],
    ['a default of a map', field({ type: 'map', values: 'string' }, { default: { toString: 'x' } })],
    ['a default of a record, whose own defaults fill it', field(inner, { default: { x: 1 } })],
    [
      'names that objects inherit',
      record(
        ['constructor', 'toString'].map((name) => ({ name, type: 'int' })),
        { name: 'valueOf' },
      ),
    ],
  ])('%s', (_name, schema) => {
    const { text } = parse(JSON.stringify(schema, null, 2));
    expect(parse(text).text).toBe(text);
  });
});

describe('an Avro schema is refused with the place of its fault', () => {
  const at = (...path: string[]) => path;
  it.each<readonly [string, unknown, readonly string[], RegExp]>([
    ['null', null, at(), /must be a type/],
    ['a number', 7, at(), /must be a type/],
    ['an object without a type', {}, at('type'), /missing/],
    ['an unknown type', 'strng', at(), /did you mean "string"/],
    ['an unknown type like nothing known', 'qqqqqqqqqqqqqqq', at(), /use one of/],
    ['an unknown type as an object', { type: 'foo' }, at('type'), /unknown type "foo"/],
    [
      'a misspelt name',
      record([
        { name: 'a', type: { ...fixed, name: 'Hash' } },
        { name: 'b', type: 'Hsh' },
      ]),
      at('fields', '1', 'type'),
      /did you mean "Hash"/,
    ],
    [
      'a name before it is defined',
      record([
        { name: 'a', type: 'F' },
        { name: 'b', type: fixed },
      ]),
      at('fields', '0', 'type'),
      /unknown type "F"/,
    ],
    [
      'an array without its object',
      record([{ name: 'a', type: 'array', items: 'int' }]),
      at('fields', '0', 'type'),
      /write it as an object.*"items"/,
    ],
    ['an array without items', { type: 'array' }, at('items'), /must be a type/],
    ['a map without values', { type: 'map' }, at('values'), /must be a type/],
    ['an empty union', [], at(), /at least one branch/],
    ['a union in a union', ['null', ['int']], at('1'), /may not hold a union/],
    ['a branch twice', ['int', 'string', 'int'], at('2'), /another branch "int"/],
    ['a branch twice with other attributes', ['int', { type: 'int', logicalType: 'date' }], at('1'), /another branch/],
    [
      'two arrays in a union',
      [
        { type: 'array', items: 'int' },
        { type: 'array', items: 'string' },
      ],
      at('1'),
      /another branch "array"/,
    ],
    ['a named branch twice', [fixed, 'F'], at('1'), /another branch "F"/],
    ['a record without a name', { type: 'record', fields: [] }, at('name'), /must be a name/],
    ['a record with a bad name', record([], { name: 'no-name' }), at('name'), /must be a name/],
    ['a record with an empty name', record([], { name: '' }), at('name'), /must be a name/],
    ['a record with a name of 256 characters', record([], { name: 'x'.repeat(256) }), at('name'), /255/],
    ['a record with a bad part of its name', record([], { name: 'a..R' }), at('name'), /must be a name/],
    ['a record with a bad namespace', record([], { namespace: '1a' }), at('namespace'), /must be a name/],
    ['a record with a namespace without end', record([], { namespace: 'a.'.repeat(600) }), at('namespace'), /1024/],
    ['a record like a primitive', record([], { name: 'int' }), at('name'), /primitive/],
    ['__proto__ as a name', record([], { name: '__proto__' }), at('name'), /must be a name/],
    ['a record without fields', { type: 'record', name: 'R' }, at('fields'), /list of fields/],
    ['a field that is no object', record([7]), at('fields', '0'), /must be an object/],
    ['a field without a name', record([{ type: 'int' }]), at('fields', '0', 'name'), /must be a name/],
    ['a field without a type', record([{ name: 'a' }]), at('fields', '0', 'type'), /must be a type/],
    [
      'a field with a bad alias',
      field('int', { aliases: ['a b'] }),
      at('fields', '0', 'aliases', '0'),
      /must be a name/,
    ],
    ['aliases that are no list', record([], { aliases: 'x' }), at('aliases'), /list of names/],
    ['a bad order', field('int', { order: 'up' }), at('fields', '0', 'order'), /ascending/],
    [
      'a type that is defined twice',
      record([
        { name: 'a', type: fixed },
        { name: 'b', type: fixed },
      ]),
      at('fields', '1', 'type', 'name'),
      /defined twice/,
    ],
    [
      'a record within itself',
      record([{ name: 'a', type: record([]) }]),
      at('fields', '0', 'type', 'name'),
      /defined twice/,
    ],
    ['an enum without symbols', { type: 'enum', name: 'E' }, at('symbols'), /list of names/],
    ['an enum with a bad symbol', { ...enumE, symbols: ['A', '1'] }, at('symbols', '1'), /must be a name/],
    ['an enum with a symbol twice', { ...enumE, symbols: ['A', 'A'] }, at('symbols'), /twice/],
    ['an enum with a default that it lacks', { ...enumE, default: 'C' }, at('default'), /one of the symbols/],
    ['a fixed without a size', { type: 'fixed', name: 'F' }, at('size'), /number of bytes/],
    ['a fixed with a negative size', { ...fixed, size: -1 }, at('size'), /number of bytes/],
    ['a fixed with half a byte', { ...fixed, size: 1.5 }, at('size'), /number of bytes/],
    ['a fixed of 2 GiB', { ...fixed, size: 2 ** 31 }, at('size'), /number of bytes/],
    ['a semantic type that is no text', field('int', { twilio_type: 3 }), at('fields', '0', 'twilio_type'), /string/],
    [
      'a fault deep inside',
      { type: 'map', values: { type: 'array', items: field(['null', 'nul']) } },
      at('values', 'items', 'fields', '0', 'type', '1'),
      /did you mean "null"/,
    ],
    ['U+0000 in a description', record([], { doc: 'a\0' }), at('doc'), /U\+0000/],
  ])('%s', (_name, schema, path, message) => {
    const error = fault(schema);
    expect([error.code, error.field]).toEqual(['SCHEMA_INVALID', path]);
    expect(error.message).toMatch(message);
  });

  it('a field twice', () => {
    const error = fault(
      record([
        { name: 'a', type: 'int' },
        { name: 'a', type: 'int' },
      ]),
    );
    expect([error.code, error.field]).toEqual(['FIELD_DUPLICATE', ['fields', '1', 'name']]);
  });

  it.each<readonly [string, unknown, unknown]>([
    ['a text for an int', 'int', 'x'],
    ['null for an int', 'int', null],
    ['too much for an int', 'int', 2 ** 31],
    ['a fraction for a long', 'long', 1.5],
    ['a number for a string', 'string', 1],
    ['a number for a boolean', 'boolean', 0],
    ['a text for null', 'null', ''],
    ['a text for a double', 'double', '1.5'],
    ['wide characters for bytes', 'bytes', 'Ā'],
    ['too many bytes for a fixed', fixed, 'abc'],
    ['an unknown symbol', enumE, 'C'],
    ['no branch of a union', ['null', 'int'], 'x'],
    ['an object for an array', { type: 'array', items: 'int' }, {}],
    ['a bad item', { type: 'array', items: 'int' }, [1, 'x']],
    ['a list for a map', { type: 'map', values: 'int' }, []],
    ['a bad value', { type: 'map', values: 'int' }, { a: 'x' }],
    ['a record without a field that has no default', inner, { y: 1 }],
    ['a record with a bad field', inner, { x: 'a' }],
    ['an inherited member for a field', record([{ name: 'toString', type: 'string' }], { name: 'I' }), {}],
  ])('a default that does not fit: %s', (_name, type, value) => {
    const error = fault(field(type, { default: value }));
    expect([error.code, error.field]).toEqual(['SCHEMA_INVALID', ['fields', '0', 'default']]);
    expect(error.message).toContain('the default is not a value of the type');
  });

  it.each([
    ['9223372036854775807', 'long', true],
    ['9223372036854775808', 'long', false],
    ['-9223372036854775808', 'long', true],
    ['-9223372036854775809', 'long', false],
    ['1.0', 'long', false],
    ['1e3', 'int', false],
    ['1e3', 'double', true],
    ['2147483648', 'int', false],
  ])('the default %s of a %s: %s', (spelling, type, isRead) => {
    const text = `{"type":"record","name":"R","fields":[{"name":"f","type":"${type}","default":${spelling}}]}`;
    if (isRead) expect(parse(text).text).toBe(text);
    else expect(refused(text).field).toEqual(['fields', '0', 'default']);
  });

  it.each([
    ['nothing', '', /empty/],
    ['white space', ' \n', /empty/],
    ['half a schema', '{"type":', /not valid JSON/],
    ['a bare word', 'string', /not valid JSON/],
    ['two schemas', '"int" "int"', /not valid JSON/],
  ])('text that is no JSON: %s', (_name, text, message) => {
    const error = refused(text);
    expect([error.code, error.field]).toEqual(['SCHEMA_INVALID', ['schema']]);
    expect(error.message).toMatch(message);
  });
});

describe('references', () => {
  const address = '{"type":"record","name":"Address","namespace":"a","fields":[{"name":"zip","type":"string"}]}';
  const user = '{"type":"record","name":"User","namespace":"a","fields":[{"name":"home","type":"Address"}]}';

  it('define names for the schema and for each other', () => {
    const schema = parse('{"type":"record","name":"Order","fields":[{"name":"by","type":"a.User"}]}', [address, user]);
    expect(schema.fields.map(({ path }) => path)).toEqual(['by', 'by.home', 'by.home.zip']);
    expect(schema.record).toEqual({ namespace: '', name: 'Order' });
  });

  it('are needed for what a schema names', () => {
    expect(refused(user).message).toContain('unknown type "Address"');
    expect(refused(user, [address.replace('Address', 'Adress')]).message).toContain('did you mean "a.Adress"?');
  });

  it('may not be defined again', () => {
    expect(refused(address, [address]).message).toContain('defined twice');
  });

  it('are refused at their place', () => {
    expect(refused('"int"', [address, '{"type":"record","name":"X"}']).field).toEqual(['references', '1', 'fields']);
  });
});
