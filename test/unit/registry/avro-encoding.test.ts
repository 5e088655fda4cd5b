import avsc from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AvroCursor } from '../../../src/domain/registry/avro/avro-cursor.ts';
import { parseAvroSchema } from '../../../src/domain/registry/avro/avro-schema.ts';
import { avroOf, shapes } from './avro-shapes.ts';

const parse = (schema: unknown) => parseAvroSchema({ text: JSON.stringify(schema), references: [] });
const record = (...types: readonly unknown[]) => ({
  type: 'record',
  name: 'R',
  namespace: 'demo',
  fields: types.map((type, index) => ({ name: 'abcdef'[index], type })),
});

/** The bytes as hex, or the faults as text. */
function encoded(schema: unknown, message: unknown): string {
  const answer = parse(schema).encode(message);
  return answer.ok
    ? Buffer.from(answer.payload).toString('hex')
    : answer.faults.map(({ path, message: text }) => `${path} ${text}`).join('; ');
}
const theirs = (schema: unknown, message: unknown): string => {
  const type = avsc.Type.forSchema(schema as avsc.Schema, { wrapUnions: true });
  return type.toBuffer(type.fromString(JSON.stringify(message))).toString('hex');
};

describe('Avro from its JSON encoding', () => {
  it('has the bytes that avsc writes, for schemas and values of any shape', () => {
    let compared = 0;
    fc.assert(
      fc.property(shapes, fc.nat(), (shape, seed) => {
        const schema = avroOf(shape);
        const type = avsc.Type.forSchema(schema as avsc.Schema, { wrapUnions: true });
        let value: unknown;
        try {
          value = JSON.parse(type.toString(type.random()));
        } catch {
          return; // A record that must hold itself has no value.
        }
        compared += 1;
        expect(encoded(schema, value), JSON.stringify({ schema, value, seed })).toBe(theirs(schema, value));
      }),
      { numRuns: 1_000 },
    );
    expect(compared).toBeGreaterThan(500);
  });

  it('writes whole numbers of all sizes', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.maxSafeInteger(), (big, safe) => {
        expect(new AvroCursor(Buffer.from(encoded('long', big), 'hex')).bigLong()).toBe(big);
        expect(new AvroCursor(Buffer.from(encoded('long', safe), 'hex')).bigLong()).toBe(BigInt(safe));
      }),
    );
    // avsc computes in doubles, and beyond that it writes other numbers.
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 51), max: 2 ** 51 }), (value) => {
        expect(encoded('long', value)).toBe(avsc.Type.forSchema('long').toBuffer(value).toString('hex'));
      }),
    );
  });

  it('writes whole numbers beyond 2^53 that were read exactly', () => {
    const found = [2n ** 63n - 1n, -(2n ** 63n), 2n ** 63n].map((value) => encoded('long', value));
    expect(found).toEqual(['feffffffffffffffff01', 'ffffffffffffffffff01', '(message) must be a 64-bit integer']);
  });

  it.each([
    ['long', 2 ** 53, '(message) must be a 64-bit integer'],
    ['int', 2 ** 31, '(message) must be a 32-bit integer'],
    ['int', 1.5, '(message) must be a 32-bit integer'],
    ['double', 'NaN', '000000000000f87f'],
    ['float', '-Infinity', '000080ff'],
    ['float', 1e300, '(message) must be a number in the range of float'],
    ['bytes', '\u0000ÿ', '0400ff'],
    ['bytes', '€', '(message) must be bytes as text of the characters U+0000 to U+00FF'],
    ['string', '€', '06e282ac'],
    ['string', '\ud800', '(message) must be a string'],
    [{ type: 'fixed', name: 'F', size: 2 }, 'ab', '6162'],
    [
      { type: 'fixed', name: 'F', size: 2 },
      'abc',
      '(message) must be 2 bytes as text of the characters U+0000 to U+00FF',
    ],
    [{ type: 'enum', name: 'E', symbols: ['A', 'B'] }, 'B', '02'],
    [{ type: 'enum', name: 'E', symbols: ['A', 'B'] }, 'C', '(message) must be one of A, B'],
    [{ type: 'map', values: 'int' }, { '\ud800': 1 }, '{} must have keys of whole characters'],
  ])('%j takes %j as %s', (schema, value, expected) => {
    expect(encoded(schema, value)).toBe(expected);
  });

  const inner = { type: 'record', name: 'I', fields: [{ name: 'x', type: 'int' }] };
  it.each([
    [['null', 'string'], null, '00'],
    [['null', 'string'], { string: 'x' }, '020278'],
    [['null', 'string'], 'x', '020278'],
    [['int', 'string'], { int: 1 }, '0002'],
    [['null', 'demo.R'], { 'demo.R': { a: null } }, '0200'],
    [['null', 'demo.R'], { a: null }, '0200'],
    [['null', inner], { x: 'y' }, 'a.x must be a 32-bit integer'],
    [['null', inner], { 'demo.I': { x: 'y' } }, 'a.x must be a 32-bit integer'],
    [['int', 'long'], { long: 1 }, '0202'],
    [['int', 'long'], 1, 'a must be of one of the union’s types alone; name the type, as {"long": …}'],
    [['int', 'long'], 2 ** 40, '02808080808040'],
    [['null', 'int'], 'x', 'a must be one of the union’s types: null, int'],
    [[{ type: 'map', values: 'int' }, 'string'], { string: 'x' }, '020278'],
    [[{ type: 'map', values: 'int' }, 'string'], { string: 1 }, '00020c737472696e670200'],
    [[inner, { type: 'record', name: 'J', fields: [{ name: 'y', type: 'int' }] }], { y: 1 }, '0202'],
  ])('the union %j takes %j as %s', (union, value, expected) => {
    expect(encoded(record(union), { a: value })).toBe(expected);
  });

  it('fills in defaults, of any branch and of nested records, and null', () => {
    const schema = {
      type: 'record',
      name: 'R',
      fields: [
        { name: 'a', type: ['null', 'int'], default: 5 },
        {
          name: 'b',
          type: { type: 'record', name: 'S', fields: [{ name: 'c', type: 'long', default: 2 ** 53 }] },
          default: {},
        },
        { name: 'd', type: ['string', 'null'] },
        { name: 'e', type: 'double', default: 1e3 },
      ],
    };
    const text = JSON.stringify(schema).replace('9007199254740992', '9007199254740993');
    const answer = parseAvroSchema({ text, references: [] }).encode({});
    expect(answer.ok && Buffer.from(answer.payload).toString('hex')).toBe('020a8280808080808020020000000000408f40');
  });

  it('refuses a default without end, and defaults that double at every level', () => {
    const loop = { type: 'record', name: 'R', fields: [{ name: 'r', type: 'R', default: {} }] };
    expect(encoded(loop, {})).toBe('r is missing, and its default has no end or is too large');
    let type: unknown = 'int';
    for (let level = 0; level < 60; level += 1)
      type = {
        type: 'record',
        name: `L${level}`,
        fields: [
          { name: 'x', type, default: level === 0 ? 1 : {} },
          { name: 'y', type: level === 0 ? 'int' : `L${level - 1}`, default: level === 0 ? 1 : {} },
        ],
      };
    expect(encoded(type, {})).toMatch(/^x is missing, and its default has no end or is too large; y /);
  });

  it('takes unions within unions in time that does not double at every level', () => {
    const node = (name: string) => ({
      type: 'record',
      name,
      fields: [{ name: 'next', type: ['null', 'A', ...(name === 'B' ? ['B'] : [])] }],
    });
    const schema = { type: 'record', name: 'Root', fields: [{ name: 'n', type: ['null', node('A'), node('B')] }] };
    let value: unknown = null;
    for (let level = 0; level < 200; level += 1) value = { next: value };
    const began = performance.now();
    expect(encoded(schema, { n: value })).toContain('n must be of one of the union’s types alone');
    expect(performance.now() - began).toBeLessThan(1_000);
  });

  it('ends at depths and never says what it found', () => {
    const schema = { type: 'record', name: 'N', fields: [{ name: 'n', type: ['null', 'N'], default: null }] };
    let value: unknown = {};
    for (let level = 0; level < 10_000; level += 1) value = { n: value };
    expect(encoded(schema, value)).toContain('must be nested at most 256 levels deep');
    expect(encoded(record('int', 'bytes'), { a: 'canary', b: 'canary€', canary: 1 })).not.toContain('canary');
  });
});
