import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readSchemaDocument } from '../../../src/domain/registry/schema-document.ts';

const schemaOf = (fields: unknown) =>
  readSchemaDocument(
    { namespace: 'T', schema: { name: 'M', namespace: 'D', type: 'record', fields } },
    { names: [], find: () => null },
  ).schema;
const faults = (fields: unknown, message: unknown) => schemaOf(fields).messageFaults(message);
const faultOf = (type: unknown, value: unknown) =>
  faults([{ name: 'a', type }], { a: value }).map(({ path, message }) => `${path} ${message}`);

// A schema defines a name once.
let named = 0;
const freshName = (): string => {
  named += 1;
  return `N${named}`;
};

/** A type of the schema language with values that fit it and values that do not. */
interface Sample {
  readonly type: unknown;
  readonly fit: fc.Arbitrary<unknown>;
  readonly misfit: fc.Arbitrary<unknown>;
}

const canary = 'canary-4711';
const object = fc.constant({ [canary]: canary });
const text = fc.constant(canary);
const primitives: readonly Sample[] = [
  { type: 'string', fit: fc.string(), misfit: fc.oneof(object, fc.integer(), fc.constant(null)) },
  { type: 'bytes', fit: fc.string(), misfit: fc.oneof(object, fc.boolean()) },
  { type: 'boolean', fit: fc.boolean(), misfit: fc.oneof(text, fc.integer()) },
  { type: 'int', fit: fc.integer(), misfit: fc.oneof(text, fc.constant(2 ** 31), fc.constant(0.5)) },
  { type: 'long', fit: fc.maxSafeInteger(), misfit: fc.oneof(text, fc.constant(2 ** 53), fc.constant(-0.5)) },
  { type: 'double', fit: fc.double({ noNaN: true, noDefaultInfinity: true }), misfit: fc.oneof(text, object) },
];
const nameOf = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,6}$/);

const samples: fc.Arbitrary<Sample> = fc.letrec<{ sample: Sample; record: Sample }>((tie) => ({
  sample: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'schema' },
    fc.constantFrom(...primitives),
    tie('sample').map(({ type, fit, misfit }) => ({
      type: { type: 'array', items: type },
      fit: fc.array(fit, { maxLength: 3 }),
      misfit: fc.oneof(text, fc.tuple(fit, misfit)),
    })),
    tie('sample').map(({ type, fit, misfit }) => ({
      type: { type: 'map', values: type },
      fit: fc.dictionary(fc.string(), fit, { maxKeys: 3 }),
      misfit: fc.oneof(text, fc.record({ [canary]: misfit })),
    })),
    fc.constantFrom(...primitives).map(({ type, fit, misfit }) => ({
      type: ['null', type],
      fit: fc.option(fit),
      misfit: misfit.filter((value) => value !== null),
    })),
    fc.uniqueArray(nameOf, { minLength: 1, maxLength: 4 }).map((symbols) => ({
      type: { type: 'enum', name: freshName(), symbols },
      fit: fc.constantFrom(...symbols),
      misfit: fc.oneof(text, fc.integer()),
    })),
    tie('record'),
  ),
  record: fc
    .tuple(
      fc.uniqueArray(nameOf, { minLength: 1, maxLength: 4 }),
      fc.array(tie('sample'), { minLength: 4, maxLength: 4 }),
    )
    .map(([names, types]) => {
      const members = names.map((name, index) => ({ name, sample: types[index] ?? primitives[0] }));
      const fitting = fc.tuple(...members.map(({ sample }) => sample?.fit ?? fc.constant(null)));
      const build = (values: readonly unknown[]) =>
        Object.fromEntries(names.map((name, index) => [name, values[index]]));
      return {
        type: {
          type: 'record',
          name: freshName(),
          fields: members.map(({ name, sample }) => ({ name, type: sample?.type })),
        },
        fit: fitting.map(build),
        misfit: fc
          .tuple(fitting, members[0]?.sample?.misfit ?? text)
          .map(([values, wrong]) => build([wrong, ...values.slice(1)])),
      };
    }),
})).sample;

describe('a message', () => {
  test('that fits a generated schema has no faults', () => {
    const fitting = samples.chain(({ type, fit }) => fit.map((value) => ({ type, value })));
    fc.assert(
      fc.property(fitting, ({ type, value }) => {
        expect(faultOf(type, value)).toEqual([]);
      }),
    );
  });

  test('that was changed has faults, and none of them quotes it', () => {
    const wrong = samples.chain(({ type, misfit }) => misfit.map((value) => ({ type, value })));
    fc.assert(
      fc.property(wrong, ({ type, value }) => {
        const found = faultOf(type, value);
        expect(found.length).toBeGreaterThan(0);
        expect(found.join()).not.toContain(canary);
      }),
    );
  });

  test.each([
    ['a missing field', [{ name: 'a', type: 'string' }], {}, [['a', 'is missing']]],
    [
      'an unknown field',
      [{ name: 'a', type: 'string' }],
      { a: '', canary: 1 },
      [['(message)', 'holds 1 field(s) that the schema does not have']],
    ],
    ['no object', [{ name: 'a', type: 'string' }], ['canary'], [['(message)', 'must be an object']]],
    [
      'a null where none may be',
      [{ name: 'a', type: 'long' }],
      { a: null },
      [['a', 'must be an integer within ±2^53']],
    ],
    [
      'an item of a list',
      [{ name: 'a', type: { type: 'array', items: 'int' } }],
      { a: [1, 'x', 3] },
      [['a[1]', 'must be a 32-bit integer']],
    ],
    [
      'a value of a map',
      [{ name: 'a', type: { type: 'map', values: ['null', 'string'] } }],
      { a: { canary: 7 } },
      [['a{}', 'must be a string or null']],
    ],
    [
      'no branch of a union',
      [{ name: 'a', type: ['string', 'int'] }],
      { a: true },
      [['a', 'must be of one of the union’s types']],
    ],
    ['an inherited member', [{ name: 'toString', type: 'string' }], {}, [['toString', 'is missing']]],
  ])('with %s is told where and what is expected', (_name, fields, message, expected) => {
    expect(faults(fields, message)).toEqual(expected.map(([path, text]) => ({ path, message: text })));
  });

  test('may leave out what is nullable or has a default', () => {
    const fields = [
      { name: 'a', type: ['null', 'string'] },
      { name: 'b', type: 'int', default: 3 },
    ];
    expect(faults(fields, {})).toEqual([]);
    expect(faults(fields, { a: null, b: 1 })).toEqual([]);
  });

  test('with many faults is answered with 20 of them', () => {
    expect(faultOf({ type: 'array', items: 'int' }, Array(1_000).fill('x'))).toHaveLength(20);
  });
});
