import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAvroSchema } from '../../../src/domain/registry/avro/avro-schema.ts';
import { avroOf, shapes } from './avro-shapes.ts';

const read = (text: string, references: readonly string[] = []) =>
  parseAvroSchema({
    text,
    references: references.map((reference, index) => ({ name: `ref${index}`, text: reference })),
  });
const textOf = (schema: unknown) => read(JSON.stringify(schema)).text;

/** The same schema with the keys of every object in another order. */
function shuffled(value: unknown, turn: number): unknown {
  if (Array.isArray(value)) return value.map((item) => shuffled(item, turn));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, key === 'default' ? inner : shuffled(inner, turn)]);
  const cut = turn % Math.max(1, entries.length);
  return Object.fromEntries([...entries.slice(cut), ...entries.slice(0, cut)]);
}

describe('the text of an Avro schema', () => {
  it.each<readonly [string, unknown, unknown]>([
    ['a primitive as an object is its name', { type: 'string' }, 'string'],
    ['a type within a type is that type', { type: { type: 'int' } }, 'int'],
    [
      'attributes of a primitive stay',
      { logicalType: 'date', type: 'int', x: [1] },
      { type: 'int', logicalType: 'date', x: [1] },
    ],
    ['attributes of named types are none of a primitive', { type: 'string', doc: 'x', name: 'y' }, 'string'],
    [
      'a record has its attributes in their order',
      { fields: [], 'confluent:tags': ['PII'], aliases: ['S'], doc: 'd', namespace: 'n', name: 'R', type: 'record' },
      { type: 'record', name: 'R', namespace: 'n', doc: 'd', fields: [], 'confluent:tags': ['PII'], aliases: ['S'] },
    ],
    [
      'a field has its attributes in their order',
      {
        type: 'record',
        name: 'R',
        fields: [{ x: 1, aliases: ['b'], order: 'ignore', default: 1, doc: 'd', type: 'int', name: 'a' }],
      },
      {
        type: 'record',
        name: 'R',
        fields: [{ name: 'a', type: 'int', doc: 'd', default: 1, order: 'ignore', aliases: ['b'], x: 1 }],
      },
    ],
    [
      'an enum has its attributes in their order',
      { aliases: ['F'], x: 1, default: 'A', symbols: ['A'], doc: '', name: 'E', type: 'enum' },
      { type: 'enum', name: 'E', doc: '', symbols: ['A'], default: 'A', x: 1, aliases: ['F'] },
    ],
    [
      'a fixed has its attributes in their order',
      { x: 1, size: 2, name: 'n.F', type: 'fixed' },
      { type: 'fixed', name: 'F', namespace: 'n', size: 2, x: 1 },
    ],
    [
      'an array has its attributes in their order',
      { x: 1, items: { type: 'int' }, type: 'array' },
      { type: 'array', items: 'int', x: 1 },
    ],
    [
      'a default order is left out',
      { type: 'record', name: 'R', fields: [{ name: 'a', type: 'int', order: 'Ascending' }] },
      { type: 'record', name: 'R', fields: [{ name: 'a', type: 'int' }] },
    ],
    [
      'repeated aliases stand once',
      { type: 'fixed', name: 'F', size: 1, aliases: ['G', 'G'] },
      { type: 'fixed', name: 'F', size: 1, aliases: ['G'] },
    ],
    [
      'an inherited namespace is left out',
      {
        type: 'record',
        name: 'R',
        namespace: 'n',
        fields: [
          { name: 'a', type: { type: 'fixed', name: 'F', namespace: 'n', size: 1, aliases: ['n.G', 'm.G'] } },
          { name: 'b', type: 'n.F' },
        ],
      },
      {
        type: 'record',
        name: 'R',
        namespace: 'n',
        fields: [
          { name: 'a', type: { type: 'fixed', name: 'F', size: 1, aliases: ['G', 'm.G'] } },
          { name: 'b', type: 'F' },
        ],
      },
    ],
    [
      'the absence of a namespace inside of one is written',
      {
        type: 'record',
        name: 'R',
        namespace: 'n',
        fields: [{ name: 'a', type: { type: 'fixed', name: 'F', namespace: '', size: 1 } }],
      },
      {
        type: 'record',
        name: 'R',
        namespace: 'n',
        fields: [{ name: 'a', type: { type: 'fixed', name: 'F', namespace: '', size: 1 } }],
      },
    ],
    [
      'a reference is full where its name is that of a kind of type',
      {
        type: 'record',
        name: 'R',
        namespace: 'n',
        fields: [
          { name: 'a', type: { type: 'fixed', name: 'string', size: 1 } },
          { name: 'b', type: 'n.string' },
        ],
      },
      {
        type: 'record',
        name: 'R',
        namespace: 'n',
        fields: [
          { name: 'a', type: { type: 'fixed', name: 'string', size: 1 } },
          { name: 'b', type: 'n.string' },
        ],
      },
    ],
    [
      'a null default stays',
      { type: 'record', name: 'R', fields: [{ name: 'a', type: ['null', 'int'], default: null }] },
      { type: 'record', name: 'R', fields: [{ name: 'a', type: ['null', 'int'], default: null }] },
    ],
  ])('%s', (_name, given, expected) => {
    expect(textOf(given)).toBe(JSON.stringify(expected));
  });

  it.each(['9007199254740993', '-9223372036854775808', '1.0', '1e3', '1E-7', '-0', '0.10'])(
    'keeps the number %s as it is spelt',
    (spelling) => {
      const type = /^-?\d+$/.test(spelling) ? 'long' : 'double';
      const text = `{"type":"record","name":"R","fields":[{"name":"a","type":"${type}","default":${spelling},"x":{"y":[${spelling}]}}]}`;
      expect(read(text).text).toBe(text);
      expect(read(text).normalized()).toBe(text);
    },
  );

  it('keeps members like __proto__ of attributes it does not know', () => {
    const text = '{"type":"string","__proto__":{"constructor":1},"toString":"x"}';
    expect(read(text).text).toBe(text);
  });

  it('is the same for every order of keys and all white space, and is its own text', () => {
    fc.assert(
      fc.property(shapes, fc.nat({ max: 6 }), fc.nat({ max: 4 }), (shape, turn, indent) => {
        const schema = avroOf(shape);
        const { text } = read(JSON.stringify(schema));
        expect(read(text).text).toBe(text);
        expect(read(JSON.stringify(shuffled(schema, turn), null, indent)).text).toBe(text);
        expect(read(text).incompatibilitiesWith(read(JSON.stringify(schema)))).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('the normalized text', () => {
  it('sorts what has no order and leaves out an empty description of a type', () => {
    const schema = read(
      '{"type":"record","name":"R","z":1,"doc":"","aliases":["T","S"],"a":{"d":1,"c":[{"f":1,"e":2}]},"fields":[{"name":"m","type":{"type":"map","values":"int"},"y":1,"doc":"","default":{"b":1,"a":2},"x":2}]}',
    );
    expect(schema.normalized()).toBe(
      '{"type":"record","name":"R","fields":[{"name":"m","type":{"type":"map","values":"int"},"doc":"","default":{"a":2,"b":1},"x":2,"y":1}],"a":{"c":[{"e":2,"f":1}],"d":1},"z":1,"aliases":["S","T"]}',
    );
  });

  it('is the same for attributes in another order, whose texts differ', () => {
    const [one, other] = ['{"type":"int","a":1,"b":2}', '{"type":"int","b":2,"a":1}'].map((text) => read(text));
    expect(one?.text).not.toBe(other?.text);
    expect(one?.normalized()).toBe(other?.normalized());
  });

  it('is its own normalized text and of a schema that reads the same', () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const schema = read(JSON.stringify(avroOf(shape)));
        const normalized = read(schema.normalized());
        expect(normalized.normalized()).toBe(schema.normalized());
        expect(normalized.incompatibilitiesWith(schema)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});

describe('types of references', () => {
  const address =
    '{"type":"record","name":"Address","namespace":"a","fields":[{"name":"zip","type":{"type":"fixed","name":"Zip","size":5}}]}';
  const order =
    '{"type":"record","name":"Order","fields":[{"name":"from","type":"a.Address"},{"name":"to","type":"a.Address"},{"name":"zip","type":"a.Zip"}]}';

  it('stand by name in the text', () => {
    expect(read(order, [address]).text).toBe(order);
    expect(read(order, [address]).normalized()).toBe(order);
  });

  it('are written out at their first place when the text is asked for resolved', () => {
    const resolved = read(order, [address]).printed('resolved');
    expect(resolved).toBe(order.replace('"a.Address"', address));
    expect(read(resolved ?? '').fields).toEqual(read(order, [address]).fields);
  });

  it('have no other variants', () => {
    expect(['', 'default', 'serialized', 'toString'].map((variant) => read('"int"').printed(variant))).toEqual([
      null,
      null,
      null,
      null,
    ]);
  });
});
