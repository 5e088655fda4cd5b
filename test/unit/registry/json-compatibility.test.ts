import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJsonSchema } from '../../../src/domain/registry/json-schema/json-schema.ts';
import type { CompatibilityPolicy } from '../../../src/domain/registry/schema-format.ts';

const parse = (schema: unknown) => parseJsonSchema({ text: JSON.stringify(schema), references: [] });
/** What stops a reader with `update` from taking data that was valid under `original`. */
const reasons = (original: unknown, update: unknown, policy: CompatibilityPolicy = 'STRICT'): string[] =>
  parse(update)
    .incompatibilitiesWith(parse(original), policy)
    .map((one) => `${one.errorType} ${one.path}`);

const text = { type: 'string' };
const number = { type: 'number' };
const integer = { type: 'integer' };
const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more });
const closed = (properties: object, more: object = {}) => object(properties, { additionalProperties: false, ...more });

describe('JSON Schema: schemas that change', () => {
  const both = (one: unknown, other: unknown) => ({ one, other });
  it.each([
    ['nothing changes', both(object({ a: text }), object({ a: text })), []],
    [
      'title, description, default and id change',
      both({ ...text, title: 'a', description: 'b', default: 'c' }, { ...text, title: 'x', $id: 'y' }),
      [],
    ],
    ['integer becomes number', both(integer, number), []],
    ['number becomes integer', both(number, integer), ['TYPE_NARROWED #/']],
    ['string becomes number', both(text, number), ['TYPE_CHANGED #/']],
    ['boolean becomes null', both({ type: 'boolean' }, { type: 'null' }), ['TYPE_CHANGED #/']],
    ['anything becomes a string', both({}, text), ['TYPE_CHANGED #/']],
    ['a string becomes anything', both(text, {}), []],
    ['a string becomes true', both(text, true), []],
    ['nothing becomes a string', both(false, text), []],
    ['anything becomes nothing', both(true, false), ['TYPE_CHANGED #/']],
    ['a type joins a list', both({ type: ['string'] }, { type: ['string', 'null'] }), []],
    ['a single type becomes a list', both(text, { type: ['string', 'null'] }), []],
    ['a type leaves a list', both({ type: ['string', 'null'] }, { type: ['string'] }), ['SUM_TYPE_NARROWED #/']],
    ['types of a list change places', both({ type: ['null', 'string'] }, { type: ['string', 'null'] }), []],
    [
      'a list of types changes',
      both({ type: ['string', 'null'] }, { type: ['string', 'boolean'] }),
      ['COMBINED_TYPE_SUBSCHEMAS_CHANGED #/'],
    ],
    ['a pattern is removed', both({ ...text, pattern: 'a' }, text), []],
    ['a pattern is added', both(text, { ...text, pattern: 'a' }), ['PATTERN_ADDED #/pattern']],
    ['a pattern changes', both({ ...text, pattern: 'a' }, { ...text, pattern: 'b' }), ['PATTERN_CHANGED #/pattern']],
    ['a multiple is added', both(number, { ...number, multipleOf: 2 }), ['MULTIPLE_OF_ADDED #/multipleOf']],
    ['a multiple is removed', both({ ...number, multipleOf: 2 }, number), []],
    ['a multiple is reduced', both({ ...number, multipleOf: 4 }, { ...number, multipleOf: 2 }), []],
    ['a multiple is divided by ten', both({ ...number, multipleOf: 0.3 }, { ...number, multipleOf: 0.1 }), []],
    [
      'a required property brings its default beside a reference',
      both(closed({}), closed({ a: { $ref: '#/d/t', default: '' } }, { required: ['a'], d: { t: text } })),
      [],
    ],
    [
      'a multiple is expanded',
      both({ ...number, multipleOf: 2 }, { ...number, multipleOf: 4 }),
      ['MULTIPLE_OF_EXPANDED #/multipleOf'],
    ],
    [
      'a multiple changes',
      both({ ...number, multipleOf: 2 }, { ...number, multipleOf: 3 }),
      ['MULTIPLE_OF_CHANGED #/multipleOf'],
    ],
    [
      'a draft-04 bound becomes exclusive',
      both(
        { $schema: 'http://json-schema.org/draft-04/schema#', ...number, maximum: 5 },
        { $schema: 'http://json-schema.org/draft-04/schema#', ...number, maximum: 5, exclusiveMaximum: true },
      ),
      ['EXCLUSIVE_MAXIMUM_ADDED #/exclusiveMaximum'],
    ],
    [
      'a property becomes required',
      both(object({ a: text }), object({ a: text }, { required: ['a'] })),
      ['REQUIRED_ATTRIBUTE_ADDED #/required/a'],
    ],
    [
      'a property with a default becomes required',
      both(object({ a: text }), object({ a: { ...text, default: '' } }, { required: ['a'] })),
      [],
    ],
    ['a property stops being required', both(object({ a: text }, { required: ['a'] }), object({ a: text })), []],
    ['a property narrows', both(object({ a: number }), object({ a: integer })), ['TYPE_NARROWED #/properties/a']],
    [
      'a nested property narrows',
      both(object({ a: object({ b: number }) }), object({ a: object({ b: integer }) })),
      ['TYPE_NARROWED #/properties/a/properties/b'],
    ],
    ['an enum grows', both({ enum: ['a'] }, { enum: ['a', 'b'] }), []],
    ['an enum shrinks', both({ enum: ['a', 'b'] }, { enum: ['a'] }), ['ENUM_ARRAY_NARROWED #/enum']],
    ['an enum changes', both({ enum: ['a', 'b'] }, { enum: ['a', 'c'] }), ['ENUM_ARRAY_CHANGED #/enum']],
    ['an enum changes places', both({ enum: ['a', 'b'] }, { enum: ['b', 'a'] }), []],
    [
      'values of an enum are objects whose keys change places',
      both({ enum: [{ a: 1, b: 2 }] }, { enum: [{ b: 2, a: 1 }] }),
      [],
    ],
    ['a constant joins an enum', both({ const: 'a' }, { enum: ['a', 'b'] }), []],
    ['a constant changes', both({ const: 'a' }, { const: 'b' }), ['ENUM_ARRAY_CHANGED #/enum']],
    ['a typed enum grows', both({ ...text, enum: ['a'] }, { ...text, enum: ['a', 'b'] }), []],
    [
      'a typed enum shrinks',
      both({ ...text, enum: ['a', 'b'] }, { ...text, enum: ['a'] }),
      ['COMBINED_TYPE_SUBSCHEMAS_CHANGED #/'],
    ],
    ['not excludes less', both({ not: number }, { not: integer }), []],
    ['not excludes more', both({ not: integer }, { not: number }), ['NOT_TYPE_EXTENDED #/not']],
    ['not stays', both({ not: text }, { not: text }), []],
    [
      'unique items are demanded',
      both({ type: 'array' }, { type: 'array', uniqueItems: true }),
      ['UNIQUE_ITEMS_ADDED #/uniqueItems'],
    ],
    ['unique items are no longer demanded', both({ type: 'array', uniqueItems: true }, { type: 'array' }), []],
    [
      'items narrow',
      both({ type: 'array', items: number }, { type: 'array', items: integer }),
      ['TYPE_NARROWED #/items'],
    ],
    ['items widen', both({ type: 'array', items: integer }, { type: 'array', items: number }), []],
    ['items are described', both({ type: 'array' }, { type: 'array', items: text }), ['SCHEMA_ADDED #/items']],
    ['items are no longer described', both({ type: 'array', items: text }, { type: 'array' }), []],
    [
      'an item joins an open tuple',
      both({ type: 'array', items: [text] }, { type: 'array', items: [text, text] }),
      ['ITEM_ADDED_TO_OPEN_CONTENT_MODEL #/items/1'],
    ],
    [
      'an item that allows all joins an open tuple',
      both({ type: 'array', items: [text] }, { type: 'array', items: [text, {}] }),
      [],
    ],
    [
      'an item joins a closed tuple',
      both(
        { type: 'array', items: [text], additionalItems: false },
        { type: 'array', items: [text, text], additionalItems: false },
      ),
      [],
    ],
    [
      'an item leaves an open tuple',
      both({ type: 'array', items: [text, text] }, { type: 'array', items: [text] }),
      [],
    ],
    [
      'an item leaves a closed tuple',
      both(
        { type: 'array', items: [text, text], additionalItems: false },
        { type: 'array', items: [text], additionalItems: false },
      ),
      ['ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL #/items/1'],
    ],
    [
      'an item that is false leaves a closed tuple',
      both(
        { type: 'array', items: [text, false], additionalItems: false },
        { type: 'array', items: [text], additionalItems: false },
      ),
      [],
    ],
    [
      'an item joins a partly open tuple that covers it',
      both(
        { type: 'array', items: [text], additionalItems: integer },
        { type: 'array', items: [text, number], additionalItems: integer },
      ),
      [],
    ],
    [
      'an item joins a partly open tuple that does not',
      both(
        { type: 'array', items: [text], additionalItems: integer },
        { type: 'array', items: [text, text], additionalItems: integer },
      ),
      ['TYPE_CHANGED #/items/1', 'ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/items/1'],
    ],
    [
      'an item leaves a partly open tuple that does not cover it',
      both(
        { type: 'array', items: [text, text], additionalItems: integer },
        { type: 'array', items: [text], additionalItems: integer },
      ),
      ['TYPE_CHANGED #/items/1', 'ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/items/1'],
    ],
    [
      'an item of a tuple narrows',
      both({ type: 'array', items: [number] }, { type: 'array', items: [integer] }),
      ['TYPE_NARROWED #/items/0'],
    ],
    [
      'a tuple closes',
      both({ type: 'array', items: [text] }, { type: 'array', items: [text], additionalItems: false }),
      ['ADDITIONAL_ITEMS_REMOVED #/additionalItems'],
    ],
    [
      'a tuple opens',
      both({ type: 'array', items: [text], additionalItems: false }, { type: 'array', items: [text] }),
      [],
    ],
    [
      'a tuple closes partly',
      both({ type: 'array', items: [text] }, { type: 'array', items: [text], additionalItems: text }),
      ['ADDITIONAL_ITEMS_NARROWED #/additionalItems'],
    ],
    [
      'a 2020-12 tuple closes',
      both(
        { $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'array', prefixItems: [text] },
        { $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'array', prefixItems: [text], items: false },
      ),
      ['ADDITIONAL_ITEMS_REMOVED #/additionalItems'],
    ],
    [
      'unevaluated items are forbidden',
      both(
        { $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'array' },
        { $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'array', unevaluatedItems: false },
      ),
      ['UNEVALUATED_ITEMS_REMOVED #/unevaluatedItems'],
    ],
    [
      'a minimum of contained items is added',
      both(
        { $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'array', contains: text },
        { $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'array', contains: text, minContains: 2 },
      ),
      ['MIN_CONTAINS_ADDED #/minContains'],
    ],
    [
      'a dependency is added',
      both(object({}), object({}, { dependencies: { a: ['b'] } })),
      ['DEPENDENCY_ARRAY_ADDED #/dependencies/a'],
    ],
    ['a dependency is removed', both(object({}, { dependencies: { a: ['b'] } }), object({})), []],
    [
      'a dependency grows',
      both(object({}, { dependencies: { a: ['b'] } }), object({}, { dependencies: { a: ['b', 'c'] } })),
      ['DEPENDENCY_ARRAY_EXTENDED #/dependencies/a'],
    ],
    [
      'a dependency shrinks',
      both(object({}, { dependencies: { a: ['b', 'c'] } }), object({}, { dependencies: { a: ['b'] } })),
      [],
    ],
    [
      'a dependency changes',
      both(object({}, { dependencies: { a: ['b'] } }), object({}, { dependencies: { a: ['c'] } })),
      ['DEPENDENCY_ARRAY_CHANGED #/dependencies/a'],
    ],
    [
      'a dependent schema is added',
      both(object({}), object({}, { dependencies: { a: text } })),
      ['DEPENDENCY_SCHEMA_ADDED #/dependencies/a'],
    ],
    ['a dependent schema is removed', both(object({}, { dependencies: { a: text } }), object({})), []],
    [
      'a dependent schema narrows',
      both(object({}, { dependencies: { a: number } }), object({}, { dependencies: { a: integer } })),
      ['TYPE_NARROWED #/dependencies/a'],
    ],
    [
      'dependentRequired is a dependency',
      both(
        { $schema: 'https://json-schema.org/draft/2019-09/schema', ...object({}) },
        { $schema: 'https://json-schema.org/draft/2019-09/schema', ...object({}, { dependentRequired: { a: ['b'] } }) },
      ),
      ['DEPENDENCY_ARRAY_ADDED #/dependencies/a'],
    ],
    ['a member joins a sum', both({ oneOf: [text] }, { oneOf: [text, number] }), []],
    ['a member leaves a sum', both({ oneOf: [text, number] }, { oneOf: [text] }), ['SUM_TYPE_NARROWED #/']],
    ['members of a sum change places', both({ oneOf: [text, number] }, { oneOf: [number, text] }), []],
    ['a member of a sum widens', both({ anyOf: [text, integer] }, { anyOf: [text, number] }), []],
    [
      'a member of a sum narrows',
      both({ anyOf: [text, number] }, { anyOf: [text, integer] }),
      ['COMBINED_TYPE_SUBSCHEMAS_CHANGED #/'],
    ],
    [
      'a member joins a product',
      both({ allOf: [object({ a: text })] }, { allOf: [object({ a: text }), object({ b: text })] }),
      ['PRODUCT_TYPE_EXTENDED #/'],
    ],
    [
      'a member leaves a product',
      both({ allOf: [object({ a: text }), object({ b: text })] }, { allOf: [object({ a: text })] }),
      [],
    ],
    ['oneOf becomes anyOf', both({ oneOf: [text, number] }, { anyOf: [text, number] }), []],
    ['allOf becomes anyOf', both({ allOf: [text, text] }, { anyOf: [text, text] }), []],
    ['anyOf becomes oneOf', both({ anyOf: [text, number] }, { oneOf: [text, number] }), ['COMBINED_TYPE_CHANGED #/']],
    ['a single anyOf becomes oneOf', both({ anyOf: [text] }, { oneOf: [text, number] }), []],
    ['anyOf becomes allOf', both({ anyOf: [text, number] }, { allOf: [text, number] }), ['COMBINED_TYPE_CHANGED #/']],
    ['a schema joins a sum', both(text, { oneOf: [number, text] }), []],
    ['a schema joins a sum without it', both(text, { oneOf: [number, { type: 'null' }] }), ['TYPE_CHANGED #/']],
    ['a sum of one becomes its member', both({ oneOf: [text] }, text), []],
    ['a sum becomes one of its members', both({ oneOf: [text, number] }, text), ['TYPE_CHANGED #/']],
    [
      'a definition narrows behind a reference',
      both(
        { definitions: { n: number }, ...object({ a: { $ref: '#/definitions/n' } }) },
        { definitions: { n: integer }, ...object({ a: { $ref: '#/definitions/n' } }) },
      ),
      ['TYPE_NARROWED #/properties/a'],
    ],
    [
      'a schema moves behind a reference',
      both(object({ a: text }), { definitions: { t: text }, ...object({ a: { $ref: '#/definitions/t' } }) }),
      [],
    ],
    [
      'properties without a type change',
      both({ properties: { a: number } }, { properties: { a: integer } }),
      ['TYPE_NARROWED #/properties/a'],
    ],
    [
      'names like those of prototypes are names',
      both(object({ constructor: number, toString: text }), object({ constructor: integer, toString: text })),
      ['TYPE_NARROWED #/properties/constructor'],
    ],
  ])('%s', (_name, { one, other }, expected) => {
    expect(reasons(one, other)).toEqual(expected);
  });

  const tree = (leaf: unknown) => ({
    definitions: { node: object({ leaf, children: { type: 'array', items: { $ref: '#/definitions/node' } } }) },
    $ref: '#/definitions/node',
  });
  it.each([
    ['is compatible with itself', tree(number), tree(number), []],
    ['tells what narrowed in it', tree(number), tree(integer), ['TYPE_NARROWED #/properties/leaf']],
  ])('a recursive schema %s', (_name, original, update, expected) => {
    expect(reasons(original, update)).toEqual(expected);
  });

  it('ends for sums of sums that refer to each other', () => {
    const knot = (leaf: unknown) => ({
      definitions: Object.fromEntries(
        Array.from({ length: 12 }, (_, index) => [
          `n${index}`,
          {
            oneOf: [
              leaf,
              ...Array.from({ length: 12 }, (__, other) =>
                object({ [`p${other}`]: { $ref: `#/definitions/n${other}` } }),
              ),
            ],
          },
        ]),
      ),
      $ref: '#/definitions/n0',
    });
    expect(reasons(knot(text), knot(text))).toEqual([]);
    expect(reasons(knot(text), knot(number)).length).toBeGreaterThan(0);
  });

  it('holds for every schema with itself, and opening a closed model is always compatible', () => {
    const leaf = fc.constantFrom<object>(
      text,
      number,
      integer,
      { type: 'boolean' },
      { enum: ['a', 'b'] },
      { ...text, maxLength: 3 },
    );
    const schema = fc.letrec<{ node: object }>((tie) => ({
      node: fc.oneof(
        { maxDepth: 3 },
        leaf,
        fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('node')).map((properties) => closed(properties)),
        tie('node').map((items) => ({ type: 'array', items })),
        fc.array(tie('node'), { minLength: 1, maxLength: 3 }).map((oneOf) => ({ oneOf })),
      ),
    })).node;
    fc.assert(
      fc.property(schema, fc.dictionary(fc.constantFrom('a', 'b'), schema), (one, properties) => {
        expect(reasons(one, one)).toEqual([]);
        expect(reasons(closed(properties), object(properties))).toEqual([]);
      }),
    );
  });

  it('explains the content model and what to do about it', () => {
    const [one] = parse(object({ b: text })).incompatibilitiesWith(parse(object({})), 'STRICT');
    expect(one).toMatchObject({
      description: expect.stringContaining('open content model'),
      suggestion: expect.stringContaining('LENIENT'),
      additionalInfo: 'b',
    });
  });
});
