import { describe, expect, it } from 'vitest';
import { parseAvroSchema } from '../../../src/domain/registry/avro/avro-schema.ts';

const record = (fields: readonly unknown[], more = {}) => ({ type: 'record', name: 'R', fields, ...more });
const faults = (schema: unknown, message: unknown) =>
  parseAvroSchema({ text: JSON.stringify(schema), references: [] })
    .messageFaults(message)
    .map(({ path, message: text }) => `${path} ${text}`);

const fixed = { type: 'fixed', name: 'F', size: 2 };
const cat = record([{ name: 'purrs', type: 'boolean' }], { name: 'Cat', namespace: 'zoo' });
const dog = record([{ name: 'barks', type: 'boolean' }], { name: 'Dog', namespace: 'zoo' });

describe('a message of an Avro schema', () => {
  it.each<readonly [string, unknown, unknown, readonly string[]]>([
    ['a fixed', fixed, 'ab', []],
    ['a fixed of another size', fixed, 'abc', ['(message) must be a string of 2 bytes']],
    [
      'a type by its name',
      record([
        { name: 'a', type: fixed },
        { name: 'b', type: 'F' },
      ]),
      { a: 'ab', b: 'a' },
      ['b must be a string of 2 bytes'],
    ],
    ['a branch of a union, bare', [cat, dog], { barks: true }, []],
    ['a branch of a union by its full name', [cat, dog], { 'zoo.Dog': { barks: true } }, []],
    [
      'a branch of a union by its short name',
      [cat, dog],
      { Dog: { barks: true } },
      ['(message) must be of one of the union’s types'],
    ],
    ['a primitive branch by its name', ['int', 'string'], { string: 'x' }, []],
    [
      'a branch by its name that holds another',
      ['int', 'string'],
      { int: 'x' },
      ['(message) must be of one of the union’s types'],
    ],
    ['an array branch by its kind', ['int', { type: 'array', items: 'int' }], { array: [1] }, []],
    [
      'two branches at once',
      ['int', 'string'],
      { int: 1, string: 'x' },
      ['(message) must be of one of the union’s types'],
    ],
    [
      'an inherited member as a branch',
      ['int', 'string'],
      { toString: 1 },
      ['(message) must be of one of the union’s types'],
    ],
    ['null for a union with null', ['null', 'int', 'string'], null, []],
    ['a nullable type, bare', ['null', 'int'], 3, []],
    ['a top-level primitive', 'long', 3, []],
    ['a recursive record', record([{ name: 'next', type: ['null', 'R'] }]), { next: { next: { next: null } } }, []],
    [
      'a fault inside a recursive record',
      record([
        { name: 'next', type: ['null', 'R'] },
        { name: 'x', type: 'int', default: 0 },
      ]),
      { next: { x: 'a' } },
      ['next.x must be a 32-bit integer'],
    ],
  ])('%s', (_name, schema, message, expected) => {
    expect(faults(schema, message)).toEqual(expected);
  });

  it('is told to be too deep instead of running out of stack', () => {
    let message: unknown = { next: null };
    for (let level = 0; level < 50_000; level += 1) message = { next: message };
    const [fault, ...others] = faults(record([{ name: 'next', type: ['null', 'R'] }]), message);
    expect(others).toEqual([]);
    expect(fault).toMatch(/must be nested at most 256 levels deep or null$/);
  });

  it('is checked once for each branch, however deep branches lie in branches', () => {
    const twins = record([{ name: 'n', type: ['A', record([{ name: 'n', type: ['A', 'B'] }], { name: 'B' })] }], {
      name: 'A',
    });
    let message: unknown = 5;
    for (let level = 0; level < 100; level += 1) message = { n: message };
    expect(faults(twins, message)).toEqual(['n must be of one of the union’s types']);
  });
});
