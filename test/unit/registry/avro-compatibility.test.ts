import { describe, expect, it } from 'vitest';
import { parseAvroSchema } from '../../../src/domain/registry/avro/avro-schema.ts';

const parse = (schema: unknown) => parseAvroSchema({ text: JSON.stringify(schema), references: [] });
const reasons = (reader: unknown, writer: unknown): string[] =>
  parse(reader)
    .incompatibilitiesWith(parse(writer))
    .map((one) => `${one.errorType} ${one.path}`);

const record = (fields: readonly object[], more: object = {}) => ({ type: 'record', name: 'R', fields, ...more });
const f = (name: string, type: unknown, more: object = {}) => ({ name, type, ...more });
const enumOf = (symbols: readonly string[], more: object = {}) => ({ type: 'enum', name: 'E', symbols, ...more });
const fixed = (size: number, more: object = {}) => ({ type: 'fixed', name: 'F', size, ...more });
const array = (items: unknown) => ({ type: 'array', items });
const map = (values: unknown) => ({ type: 'map', values });

const primitives = ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'] as const;
const readable: Readonly<Record<string, readonly string[]>> = {
  long: ['int'],
  float: ['int', 'long'],
  double: ['int', 'long', 'float'],
  bytes: ['string'],
  string: ['bytes'],
};
const pairs = primitives.flatMap((reader) => primitives.map((writer) => [reader, writer] as const));

describe('Avro: a reader of one primitive', () => {
  it.each(pairs)('%s meets data of %s', (reader, writer) => {
    const isRead = reader === writer || (readable[reader] ?? []).includes(writer);
    expect(reasons(reader, writer)).toEqual(isRead ? [] : ['TYPE_MISMATCH /']);
  });
});

describe('Avro: schemas that change', () => {
  it.each([
    [
      'a field with a default is added',
      record([f('a', 'int'), f('b', 'int', { default: 1 })]),
      record([f('a', 'int')]),
      [],
    ],
    [
      'a nullable field with the default null is added',
      record([f('b', ['null', 'int'], { default: null })]),
      record([]),
      [],
    ],
    [
      'a field without a default is added',
      record([f('a', 'int'), f('b', 'int')]),
      record([f('a', 'int')]),
      ['READER_FIELD_MISSING_DEFAULT_VALUE /fields/1'],
    ],
    [
      'a nullable field without a default is added',
      record([f('b', ['null', 'int'])]),
      record([]),
      ['READER_FIELD_MISSING_DEFAULT_VALUE /fields/0'],
    ],
    [
      'two fields without a default are added',
      record([f('b', 'int'), f('c', 'int')]),
      record([]),
      ['READER_FIELD_MISSING_DEFAULT_VALUE /fields/0', 'READER_FIELD_MISSING_DEFAULT_VALUE /fields/1'],
    ],
    ['a field is removed', record([]), record([f('a', 'int')]), []],
    ['fields change places', record([f('a', 'int'), f('b', 'string')]), record([f('b', 'string'), f('a', 'int')]), []],
    ['a field widens', record([f('a', 'long')]), record([f('a', 'int')]), []],
    ['a field narrows', record([f('a', 'int')]), record([f('a', 'long')]), ['TYPE_MISMATCH /fields/0/type']],
    ['a field becomes nullable', record([f('a', ['null', 'int'])]), record([f('a', 'int')]), []],
    [
      'a field stops being nullable',
      record([f('a', 'int')]),
      record([f('a', ['null', 'int'])]),
      ['TYPE_MISMATCH /fields/0/type'],
    ],
    [
      'a field is renamed',
      record([f('b', 'int')]),
      record([f('a', 'int')]),
      ['READER_FIELD_MISSING_DEFAULT_VALUE /fields/0'],
    ],
    ['a field is renamed with an alias', record([f('b', 'int', { aliases: ['a'] })]), record([f('a', 'int')]), []],
    [
      'a renamed field also changes its type',
      record([f('b', 'int', { aliases: ['a'] })]),
      record([f('a', 'string')]),
      ['TYPE_MISMATCH /fields/0/type'],
    ],
    ['the record is renamed', record([], { name: 'S' }), record([]), ['NAME_MISMATCH /name']],
    ['the record is renamed with an alias', record([], { name: 'S', aliases: ['R'] }), record([]), []],
    ['the namespace changes', record([], { namespace: 'x' }), record([], { namespace: 'y' }), []],
    [
      'an alias of another namespace covers nothing',
      record([], { name: 'S', namespace: 'x', aliases: ['R'] }),
      record([], { namespace: 'y' }),
      ['NAME_MISMATCH /name'],
    ],
    [
      'a full alias covers',
      record([], { name: 'S', namespace: 'x', aliases: ['y.R'] }),
      record([], { namespace: 'y' }),
      [],
    ],
    [
      'doc, order and properties change',
      record([f('a', 'int', { doc: 'x', order: 'ignore', z: 1 })], { doc: 'y' }),
      record([f('a', 'int')]),
      [],
    ],
    ['a default changes', record([f('a', 'int', { default: 1 })]), record([f('a', 'int', { default: 2 })]), []],
    ['a default is removed', record([f('a', 'int')]), record([f('a', 'int', { default: 2 })]), []],
    [
      'a logical type changes',
      record([f('a', { type: 'long', logicalType: 'timestamp-micros' })]),
      record([f('a', { type: 'long', logicalType: 'timestamp-millis' })]),
      [],
    ],
    ['a symbol is added', enumOf(['A', 'B']), enumOf(['A']), []],
    ['a symbol is removed', enumOf(['A']), enumOf(['A', 'B']), ['MISSING_ENUM_SYMBOLS /symbols']],
    ['a symbol is removed from an enum with a default', enumOf(['A'], { default: 'A' }), enumOf(['A', 'B']), []],
    ['symbols change places', enumOf(['B', 'A']), enumOf(['A', 'B']), []],
    ['an enum is renamed', enumOf(['A'], { name: 'X' }), enumOf(['A']), ['NAME_MISMATCH /name']],
    [
      'an enum is renamed and loses a symbol',
      enumOf(['A'], { name: 'X' }),
      enumOf(['A', 'B']),
      ['NAME_MISMATCH /name', 'MISSING_ENUM_SYMBOLS /symbols'],
    ],
    ['an enum becomes a string', 'string', enumOf(['A']), ['TYPE_MISMATCH /']],
    ['a string becomes an enum', enumOf(['A']), 'string', ['TYPE_MISMATCH /']],
    ['a fixed stays', fixed(4), fixed(4), []],
    ['a fixed grows', fixed(8), fixed(4), ['FIXED_SIZE_MISMATCH /size']],
    ['a fixed is renamed', fixed(4, { name: 'G' }), fixed(4), ['NAME_MISMATCH /name']],
    ['a fixed is renamed with an alias', fixed(4, { name: 'G', aliases: ['F'] }), fixed(4), []],
    [
      'a fixed is renamed and grows',
      fixed(8, { name: 'G' }),
      fixed(4),
      ['NAME_MISMATCH /name', 'FIXED_SIZE_MISMATCH /size'],
    ],
    ['a fixed becomes bytes', 'bytes', fixed(4), ['TYPE_MISMATCH /']],
    ['bytes become fixed', fixed(4), 'bytes', ['TYPE_MISMATCH /']],
    ['items widen', array('long'), array('int'), []],
    ['items narrow', array('int'), array('long'), ['TYPE_MISMATCH /items']],
    ['values widen', map('double'), map('float'), []],
    ['values narrow', map('float'), map('double'), ['TYPE_MISMATCH /values']],
    ['an array becomes a map', map('int'), array('int'), ['TYPE_MISMATCH /']],
    ['a map becomes an array', array('int'), map('int'), ['TYPE_MISMATCH /']],
    ['an array of arrays narrows', array(array('int')), array(array('long')), ['TYPE_MISMATCH /items/items']],
    [
      'a record in an array changes',
      array(record([f('b', 'int')])),
      array(record([])),
      ['READER_FIELD_MISSING_DEFAULT_VALUE /items/fields/0'],
    ],
    [
      'a record in a map changes',
      map(record([f('b', 'int')])),
      map(record([])),
      ['READER_FIELD_MISSING_DEFAULT_VALUE /values/fields/0'],
    ],
    ['a record becomes a map', map('int'), record([f('a', 'int')]), ['TYPE_MISMATCH /']],
    ['a branch is added', ['int', 'string'], ['int'], []],
    ['a branch is removed', ['int'], ['int', 'string'], ['MISSING_UNION_BRANCH /1']],
    ['branches change places', ['string', 'int'], ['int', 'string'], []],
    ['a single type becomes a union', ['null', 'int'], 'int', []],
    ['a single type becomes a union that widens it', ['null', 'long'], 'int', []],
    ['a single type becomes a union without it', ['null', 'string'], 'int', ['MISSING_UNION_BRANCH /']],
    ['a union becomes one of its types', 'int', ['int', 'string'], ['TYPE_MISMATCH /']],
    ['a union becomes a type that reads all branches', 'double', ['int', 'long', 'float'], []],
    [
      'two branches are removed',
      ['null'],
      ['null', 'int', 'string'],
      ['MISSING_UNION_BRANCH /1', 'MISSING_UNION_BRANCH /2'],
    ],
    [
      'a record within a union changes compatibly',
      ['null', record([f('a', 'long')])],
      ['null', record([f('a', 'int')])],
      [],
    ],
    [
      'a record within a union changes incompatibly',
      ['null', record([f('b', 'int')])],
      ['null', record([])],
      ['MISSING_UNION_BRANCH /1'],
    ],
    [
      'a record within a union is renamed',
      ['null', record([], { name: 'S' })],
      ['null', record([])],
      ['MISSING_UNION_BRANCH /1'],
    ],
    ['an enum within a union loses a symbol', [enumOf(['A'])], [enumOf(['A', 'B'])], ['MISSING_UNION_BRANCH /0']],
    [
      'a nested record changes',
      record([f('x', record([f('b', 'int')], { name: 'I' }))]),
      record([f('x', record([], { name: 'I' }))]),
      ['READER_FIELD_MISSING_DEFAULT_VALUE /fields/0/type/fields/0'],
    ],
    [
      'a nested record is renamed',
      record([f('x', record([], { name: 'J' }))]),
      record([f('x', record([], { name: 'I' }))]),
      ['NAME_MISMATCH /fields/0/type/name'],
    ],
    ['an error record stays one', { ...record([]), type: 'error' }, { ...record([]), type: 'error' }, []],
  ])('%s', (_name, reader, writer, expected) => {
    expect(reasons(reader, writer)).toEqual(expected);
  });

  const list = (more: readonly object[] = []) => record([f('next', ['null', 'R']), ...more]);
  it.each([
    ['is compatible with itself', list(), list(), []],
    ['may gain a field with a default', list([f('v', 'int', { default: 0 })]), list(), []],
    [
      'tells a missing default once and as the branch it spoils',
      list([f('v', 'int')]),
      list(),
      ['READER_FIELD_MISSING_DEFAULT_VALUE /fields/1'],
    ],
    ['tells a narrowed field', list([f('v', 'int')]), list([f('v', 'long')]), ['TYPE_MISMATCH /fields/1/type']],
  ])('a recursive record %s', (_name, reader, writer, expected) => {
    expect(reasons(reader, writer)).toEqual(expected);
  });

  it('answers at once for types that are used in each other again and again', () => {
    const doubling = (base: string) => {
      let type: unknown = base;
      for (let level = 0; level < 40; level += 1)
        type = {
          type: 'record',
          name: `L${level}`,
          fields: [f('a', type), f('b', level === 0 ? base : `L${level - 1}`)],
        };
      return type;
    };
    expect(reasons(doubling('int'), doubling('int'))).toEqual([]);
    expect(reasons(doubling('int'), doubling('string')).length).toBeLessThanOrEqual(100);
    expect(reasons(doubling('int'), doubling('string')).length).toBeGreaterThan(0);
  });

  it('says what to do', () => {
    const [one] = parse(record([f('b', 'int')])).incompatibilitiesWith(parse(record([])));
    expect(one).toMatchObject({ additionalInfo: 'b', suggestion: expect.stringContaining('default') });
  });
});
