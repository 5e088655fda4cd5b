import { describe, expect, it } from 'vitest';
import { parseJsonSchema } from '../../../src/domain/registry/json-schema/json-schema.ts';

const parse = (schema: unknown) => parseJsonSchema({ text: JSON.stringify(schema), references: [] });
const list = <T>(length: number, item: (index: number) => T): readonly T[] =>
  Array.from({ length }, (_, index) => item(index));

describe('a JSON Schema of hostile size', () => {
  it('is read with 200,000 values, which are never compared with each other', () => {
    const values = list(200_000, (index) => ({ v: [index] }));
    expect(parse({ enum: values }).messageFaults({ v: [7] })).toEqual([]);
    expect(() => parse({ enum: [...values, { v: [7] }] })).toThrow(
      expect.objectContaining({ code: 'SCHEMA_INVALID', field: ['enum'] }),
    );
  }, 20_000);

  it('checks that 100,000 items of a message are unique without comparing all pairs', () => {
    const items = list(100_000, (index) => ({ v: [index] }));
    const unique = parse({ type: 'array', uniqueItems: true });
    expect(unique.messageFaults(items)).toEqual([]);
    expect(unique.messageFaults([...items, { v: [7] }])).toHaveLength(1);
  }, 20_000);

  it('is not compared when the members of its sums make too many pairs', () => {
    const sum = (first: number) => ({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      oneOf: list(20_000, (index) => ({ const: first + index })),
    });
    expect(() => parse(sum(1)).incompatibilitiesWith(parse(sum(0)), 'STRICT')).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED' }),
    );
  }, 20_000);

  it('is not compared when the members of its sums make too many pairs of objects', () => {
    const sum = (first: number) => ({
      oneOf: list(1_500, (index) => ({
        properties: { kind: { const: first + index }, [`p${index}`]: { type: 'string' } },
      })),
    });
    expect(() => parse(sum(1)).incompatibilitiesWith(parse(sum(0)), 'STRICT')).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED' }),
    );
  }, 20_000);

  it('that refers to itself calls a message too deep that it cannot follow', () => {
    let deep: object = {};
    for (let level = 0; level < 100_000; level += 1) deep = { child: deep };
    expect(parse({ properties: { child: { $ref: '#' } } }).messageFaults(deep)).toEqual([
      { path: '(message)', message: 'is nested too deeply' },
    ]);
  });
});

describe('unique items are', () => {
  it.each([
    ['different by kind', [1, '1', true, 'true', null, 'null', [], '[]', {}, '{}'], 0],
    ['different as a list and as an object', [[['a', 1]], { a: 1 }, { members: [['a', 1]] }], 0],
    [
      'different by the order of a list',
      [
        [1, 2],
        [2, 1],
      ],
      0,
    ],
    [
      'the same in any order of keys',
      [
        { a: 1, b: { c: 2, d: 3 } },
        { b: { d: 3, c: 2 }, a: 1 },
      ],
      1,
    ],
    ['the same for equal numbers', JSON.parse('[1, 1.0]'), 1],
    ['the same with a key called __proto__', JSON.parse('[{"__proto__":1,"a":2},{"a":2,"__proto__":1}]'), 1],
  ])('%s', (_name, message, faults) => {
    expect(parse({ uniqueItems: true }).messageFaults(message)).toHaveLength(faults);
    expect(parse({ uniqueItems: false }).messageFaults(message)).toEqual([]);
  });
});
