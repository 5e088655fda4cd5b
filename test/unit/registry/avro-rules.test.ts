import { describe, expect, it } from 'vitest';
import { parseAvroSchema } from '../../../src/domain/registry/avro/avro-schema.ts';

const parse = (schema: unknown) => parseAvroSchema({ text: JSON.stringify(schema), references: [] });
const differences = (reader: unknown, writer: unknown) => parse(reader).incompatibilitiesWith(parse(writer));
const told = (reader: unknown, writer: unknown) =>
  differences(reader, writer).map(({ errorType, path }) => `${errorType} ${path}`);

const record = (fields: readonly unknown[], more: Record<string, unknown> = {}) => ({
  type: 'record',
  name: 'R',
  fields,
  ...more,
});
const holding = (type: unknown) => record([{ name: 'f', type }]);
const enumOf = (symbols: readonly string[], more = {}) => ({ type: 'enum', name: 'E', symbols, ...more });
const fixed = (size: number, more = {}) => ({ type: 'fixed', name: 'F', size, ...more });
const array = (items: unknown) => ({ type: 'array', items });
const map = (values: unknown) => ({ type: 'map', values });

describe('rules of schema resolution', () => {
  const [a, b] = [
    { name: 'a', type: 'int' },
    { name: 'b', type: 'int' },
  ];
  it.each<readonly [string, unknown, unknown, readonly string[]]>([
    ['the same record', record([a]), record([a]), []],
    ['a dropped field', record([a]), record([a, b]), []],
    ['fields in another order', record([b, a]), record([a, b]), []],
    ['a new field with a default', record([a, { ...b, default: 1 }]), record([a]), []],
    ['a new field with the default null', record([{ ...b, type: ['null', 'int'], default: null }]), record([]), []],
    ['a new field without', record([a, b]), record([a]), ['READER_FIELD_MISSING_DEFAULT_VALUE /fields/1']],
    [
      'two new fields without',
      record([a, b]),
      record([]),
      ['READER_FIELD_MISSING_DEFAULT_VALUE /fields/0', 'READER_FIELD_MISSING_DEFAULT_VALUE /fields/1'],
    ],
    [
      'a new nullable field without a default',
      record([{ ...b, type: ['null', 'int'] }]),
      record([]),
      ['READER_FIELD_MISSING_DEFAULT_VALUE /fields/0'],
    ],
    [
      'a new field of an enum with a default, without its own',
      holding(enumOf(['A'], { default: 'A' })),
      record([]),
      ['READER_FIELD_MISSING_DEFAULT_VALUE /fields/0'],
    ],
    ['a renamed field', record([{ ...b, name: 'c' }]), record([b]), ['READER_FIELD_MISSING_DEFAULT_VALUE /fields/0']],
    ['a renamed field with an alias', record([{ ...b, name: 'c', aliases: ['b'] }]), record([b]), []],
    [
      'an alias of the writer',
      record([b]),
      record([{ ...b, name: 'c', aliases: ['b'] }]),
      ['READER_FIELD_MISSING_DEFAULT_VALUE /fields/0'],
    ],
    [
      'an alias whose type differs',
      record([{ name: 'c', type: 'string', aliases: ['b'] }]),
      record([b]),
      ['TYPE_MISMATCH /fields/0/type'],
    ],
    [
      'an alias for one of two fields',
      record([{ ...b, aliases: ['a'] }]),
      record([a, b]),
      ['READER_FIELD_AMBIGUOUS /fields/0'],
    ],
    [
      'two aliases of which both are there',
      record([{ name: 'c', type: 'int', aliases: ['a', 'b'], default: 1 }]),
      record([a, b]),
      ['READER_FIELD_AMBIGUOUS /fields/0'],
    ],
    ['two aliases of which one is there', record([{ name: 'c', type: 'int', aliases: ['a', 'b'] }]), record([b]), []],
    ['an alias that repeats the name', record([{ ...b, aliases: ['b', 'b'] }]), record([b]), []],
    ['another name', record([], { name: 'S' }), record([]), ['NAME_MISMATCH /name']],
    [
      'another name and a missing default',
      record([a], { name: 'S' }),
      record([]),
      ['NAME_MISMATCH /name', 'READER_FIELD_MISSING_DEFAULT_VALUE /fields/0'],
    ],
    ['another name with an alias', record([], { name: 'S', aliases: ['R'] }), record([]), []],
    ['another namespace', record([], { namespace: 'x' }), record([], { namespace: 'y' }), []],
    ['a namespace and none', record([], { namespace: 'x' }), record([]), []],
    ['an alias with its namespace', record([], { name: 'S', aliases: ['y.R'] }), record([], { namespace: 'y' }), []],
    [
      'an alias in another namespace',
      record([], { name: 'S', aliases: ['x.R'] }),
      record([], { namespace: 'y' }),
      ['NAME_MISMATCH /name'],
    ],
    [
      'an alias that inherits the namespace',
      record([], { name: 'S', namespace: 'y', aliases: ['R'] }),
      record([], { namespace: 'y' }),
      [],
    ],
    ['an error and a record', { ...record([a]), type: 'error' }, record([a]), []],
    ['a fixed of the same size', fixed(4), fixed(4), []],
    ['a fixed of another size', fixed(4), fixed(8), ['FIXED_SIZE_MISMATCH /size']],
    ['a fixed of another name', fixed(4, { name: 'G' }), fixed(4), ['NAME_MISMATCH /name']],
    [
      'a fixed of another name and size',
      fixed(4, { name: 'G' }),
      fixed(8),
      ['NAME_MISMATCH /name', 'FIXED_SIZE_MISMATCH /size'],
    ],
    ['a fixed with an alias', fixed(4, { name: 'G', aliases: ['F'] }), fixed(4), []],
    ['an enum with a new symbol', enumOf(['A', 'B']), enumOf(['A']), []],
    ['an enum in another order', enumOf(['B', 'A']), enumOf(['A', 'B']), []],
    ['an enum without a symbol', enumOf(['A']), enumOf(['A', 'B']), ['MISSING_ENUM_SYMBOLS /symbols']],
    ['an enum without a symbol and with a default', enumOf(['A'], { default: 'A' }), enumOf(['A', 'B']), []],
    [
      'an enum whose writer has a default',
      enumOf(['A']),
      enumOf(['A', 'B'], { default: 'A' }),
      ['MISSING_ENUM_SYMBOLS /symbols'],
    ],
    ['an enum of another name', enumOf(['A'], { name: 'G' }), enumOf(['A']), ['NAME_MISMATCH /name']],
    ['an enum with an alias', enumOf(['A'], { name: 'G', aliases: ['E'] }), enumOf(['A']), []],
    ['an enum and a string', enumOf(['A']), 'string', ['TYPE_MISMATCH /']],
    ['a string and an enum', 'string', enumOf(['A']), ['TYPE_MISMATCH /']],
    ['a fixed and bytes', 'bytes', fixed(4), ['TYPE_MISMATCH /']],
    ['a record and a map', record([]), map('int'), ['TYPE_MISMATCH /']],
    ['an array and a map', array('int'), map('int'), ['TYPE_MISMATCH /']],
    ['items that are promoted', array('long'), array('int'), []],
    ['items that differ', array('int'), array('long'), ['TYPE_MISMATCH /items']],
    ['values that are promoted', map('double'), map('float'), []],
    ['values that differ', map('int'), map('string'), ['TYPE_MISMATCH /values']],
    ['items of items', array(array('int')), array(array('string')), ['TYPE_MISMATCH /items/items']],
    [
      'values of items of a field',
      holding(array(map('int'))),
      holding(array(map('string'))),
      ['TYPE_MISMATCH /fields/0/type/items/values'],
    ],
    ['logical types, which do not count', { type: 'long', logicalType: 'timestamp-millis' }, 'long', []],
    [
      'documentation and tags, which do not count',
      record([{ ...a, doc: 'x', 'confluent:tags': ['PII'] }]),
      record([a]),
      [],
    ],
  ])('%s', (_name, reader, writer, expected) => {
    expect(told(reader, writer)).toEqual(expected);
  });
});

describe('unions', () => {
  const named = (name: string, fields: readonly unknown[] = [], more = {}) => record(fields, { name, ...more });
  it.each<readonly [string, unknown, unknown, readonly string[]]>([
    ['the same', ['null', 'int'], ['null', 'int'], []],
    ['another order', ['int', 'null'], ['null', 'int'], []],
    ['a further branch', ['null', 'int', 'string'], ['null', 'int'], []],
    ['a missing branch', ['null', 'int'], ['null', 'int', 'boolean'], ['MISSING_UNION_BRANCH /2']],
    [
      'two missing branches',
      ['null'],
      ['int', 'null', 'boolean'],
      ['MISSING_UNION_BRANCH /0', 'MISSING_UNION_BRANCH /2'],
    ],
    ['a branch that is promoted', ['null', 'long'], ['null', 'int'], []],
    ['a branch that is narrowed', ['null', 'int'], ['null', 'long'], ['MISSING_UNION_BRANCH /1']],
    ['a type that becomes a union', ['null', 'int'], 'int', []],
    ['a type that becomes a union of others', ['null', 'int'], 'string', ['MISSING_UNION_BRANCH /']],
    ['a type that is promoted into a union', ['null', 'double'], 'int', []],
    ['a union that becomes its only type', 'int', ['int'], []],
    ['a union that becomes one of its types', 'int', ['null', 'int'], ['TYPE_MISMATCH /']],
    ['a union that becomes what reads all of it', 'double', ['int', 'float'], []],
    [
      'a union whose two branches are both not read',
      'int',
      ['string', 'boolean'],
      ['TYPE_MISMATCH /', 'TYPE_MISMATCH /'],
    ],
    ['a record of another namespace', ['null', named('A', [], { namespace: 'x' })], ['null', named('A')], []],
    ['a record of another name', ['null', named('B')], ['null', named('A')], ['MISSING_UNION_BRANCH /1']],
    ['a record with an alias', ['null', named('B', [], { aliases: ['A'] })], ['null', named('A')], []],
    [
      'a record that differs inside',
      ['null', named('A', [{ name: 'x', type: 'int' }])],
      ['null', named('A')],
      ['MISSING_UNION_BRANCH /1'],
    ],
    [
      'a record at another place that differs inside',
      [named('A', [{ name: 'x', type: 'int' }]), 'null'],
      ['null', named('A')],
      ['MISSING_UNION_BRANCH /1'],
    ],
    ['items of a branch', ['null', array('int')], ['null', array('string')], ['MISSING_UNION_BRANCH /1']],
    ['an enum of a branch', ['null', enumOf(['A'])], ['null', enumOf(['A', 'B'])], ['MISSING_UNION_BRANCH /1']],
    ['a fixed of a branch', ['null', fixed(4)], ['null', fixed(8)], ['MISSING_UNION_BRANCH /1']],
    ['bytes read as a string of the union', ['null', 'string'], ['null', 'bytes'], []],
    ['a field that may be null now', holding(['null', 'int']), holding('int'), []],
    [
      'a field that may not be null any more',
      holding('int'),
      holding(['null', 'int']),
      ['TYPE_MISMATCH /fields/0/type'],
    ],
    [
      'a field whose union lacks a branch',
      holding(['null', 'int']),
      holding(['null', 'string']),
      ['MISSING_UNION_BRANCH /fields/0/type/1'],
    ],
    ['items of unions', array(['null', 'int']), array(['null', 'string']), ['MISSING_UNION_BRANCH /items/1']],
  ])('%s', (_name, reader, writer, expected) => {
    expect(told(reader, writer)).toEqual(expected);
  });
});

describe('recursive types', () => {
  const list = (more: readonly unknown[] = []) => record([{ name: 'next', type: ['null', 'R'] }, ...more]);

  it('agree with themselves', () => {
    expect(told(list(), list())).toEqual([]);
    expect(told(list([{ name: 'x', type: 'int', default: 0 }]), list())).toEqual([]);
  });

  it('are told once where they differ', () => {
    expect(told(list([{ name: 'x', type: 'int' }]), list())).toEqual(['READER_FIELD_MISSING_DEFAULT_VALUE /fields/1']);
  });

  it('are not taken for read because they were assumed to be while another was compared', () => {
    const inner = (name: string, fields: readonly unknown[], more = {}) => record(fields, { name, ...more });
    const writer = inner('W', [
      { name: 'a', type: ['null', inner('A', [{ name: 'c', type: inner('C', [{ name: 'a', type: 'A' }]) }])] },
      { name: 'c', type: 'C' },
    ]);
    const bad = { name: 'bad', type: 'int' };
    const reader = inner('W', [
      {
        name: 'a',
        type: [
          'null',
          inner('A', [{ name: 'c', type: inner('C', [{ name: 'a', type: 'A' }]) }, bad]),
          inner('Q', [], { aliases: ['A'] }),
        ],
      },
      { name: 'c', type: 'C' },
    ]);
    expect(told(reader, writer)).toEqual(['READER_FIELD_MISSING_DEFAULT_VALUE /fields/1/type/fields/0/type/fields/1']);
  });
});

describe('a difference', () => {
  it('says what it is about and how to mend it', () => {
    const [found] = differences(record([{ name: 'age', type: 'int' }]), record([]));
    expect(found).toEqual({
      errorType: 'READER_FIELD_MISSING_DEFAULT_VALUE',
      description: expect.stringContaining('"age"'),
      path: '/fields/0',
      additionalInfo: 'age',
      suggestion: expect.stringContaining('default'),
    });
    const symbols = differences(enumOf(['A']), enumOf(['A', 'B', 'C']))[0];
    expect([symbols?.additionalInfo, symbols?.suggestion]).toEqual(['[B, C]', expect.stringContaining('default')]);
    expect(differences('int', 'string')[0]?.additionalInfo).toBe(
      'reader type: int not compatible with writer type: string',
    );
    expect(differences(fixed(1), fixed(2))[0]?.additionalInfo).toBe('expected: 2, found: 1');
    expect(differences(record([], { name: 'S' }), record([]))[0]?.suggestion).toContain('aliases');
  });

  it('of a branch that is there says what differs inside', () => {
    const inside = (reader: unknown, writer: unknown) => differences(['null', reader], ['null', writer])[0]?.suggestion;
    expect(inside(record([{ name: 'age', type: 'int' }]), record([]))).toMatch(/has a branch R.*"age".*default/);
    expect(inside(enumOf(['A']), enumOf(['A', 'B']))).toMatch(/has a branch E.*lacks symbols of the writer: B/);
    expect(inside(array('int'), array('string'))).toMatch(/has a branch array; mend what differs inside/);
    expect(inside('int', 'string')).toBe('Keep string among the branches of the union.');
  });

  it('of a type that stands at many places is told at each pair of types once, and at most 100 are', () => {
    const fields = (type: string) => Array.from({ length: 300 }, (_, index) => ({ name: `f${index}`, type }));
    expect(told(record(fields('int')), record(fields('string')))).toHaveLength(100);
  });

  it('in members that objects inherit is none', () => {
    const names = ['constructor', 'toString', 'hasOwnProperty', 'valueOf'];
    const schema = record(names.map((name) => ({ name, type: 'string' })));
    expect(told(schema, schema)).toEqual([]);
    expect(told(schema, record([]))).toHaveLength(names.length);
  });
});
