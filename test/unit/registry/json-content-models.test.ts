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
const partly = (properties: object, extra: unknown, more: object = {}) =>
  object(properties, { additionalProperties: extra, ...more });

/** Keywords whose upper or lower bound is a number, and the rule that each change breaks. */
const bounds = [
  ['maxLength', text, 'MAX_LENGTH', true],
  ['minLength', text, 'MIN_LENGTH', false],
  ['maximum', number, 'MAXIMUM', true],
  ['minimum', number, 'MINIMUM', false],
  ['exclusiveMaximum', number, 'EXCLUSIVE_MAXIMUM', true],
  ['exclusiveMinimum', number, 'EXCLUSIVE_MINIMUM', false],
  ['maxProperties', object({}), 'MAX_PROPERTIES', true],
  ['minProperties', object({}), 'MIN_PROPERTIES', false],
  ['maxItems', { type: 'array' }, 'MAX_ITEMS', true],
  ['minItems', { type: 'array' }, 'MIN_ITEMS', false],
] as const;

describe('JSON Schema: a bound', () => {
  it.each(bounds)(
    '%s is compatible when it is loosened or removed, and not when it is added or tightened',
    (key, base, word, isUpper) => {
      const at = (value: number) => ({ ...base, [key]: value });
      expect(reasons(at(5), base)).toEqual([]);
      expect(reasons(at(5), at(5))).toEqual([]);
      expect(reasons(at(5), at(isUpper ? 6 : 4))).toEqual([]);
      expect(reasons(base, at(5))).toEqual([`${word}_ADDED #/${key}`]);
      expect(reasons(at(5), at(isUpper ? 4 : 6))).toEqual([`${word}_${isUpper ? 'DECREASED' : 'INCREASED'} #/${key}`]);
    },
  );
});

describe('JSON Schema: a pattern that cannot be run in linear time', () => {
  const ahead = { patternProperties: { '(?=a)a': number } };

  it('counts as a match where the rest is open, and as none where it is closed', () => {
    expect(reasons(object({}, ahead), object({ a: text }, ahead))).toEqual([
      'TYPE_CHANGED #/properties/a',
      'PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/properties/a',
    ]);
    expect(reasons(closed({ a: number }, ahead), closed({}, ahead))).toEqual([
      'PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL #/properties/a',
    ]);
  });
});

describe('JSON Schema: content models', () => {
  it.each([
    [
      'an optional property joins an open model',
      object({ a: text }),
      object({ a: text, b: text }),
      ['OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL #/properties/b'],
      [],
    ],
    ['a property that allows all joins an open model', object({}), object({ b: {} }), [], []],
    ['a property that is true joins an open model', object({}), object({ b: true }), [], []],
    [
      'a required property joins an open model',
      object({}),
      object({ b: text }, { required: ['b'] }),
      ['REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL #/properties/b'],
      ['REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL #/properties/b'],
    ],
    [
      'a required property with a default joins an open model',
      object({}),
      object({ b: { ...text, default: '' } }, { required: ['b'] }),
      ['REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL #/properties/b'],
      [],
    ],
    ['an optional property joins a closed model', closed({ a: text }), closed({ a: text, b: text }), [], []],
    [
      'a required property joins a closed model',
      closed({}),
      closed({ b: text }, { required: ['b'] }),
      ['REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL #/properties/b'],
      ['REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL #/properties/b'],
    ],
    [
      'a required property with a default joins a closed model',
      closed({}),
      closed({ b: { ...text, default: '' } }, { required: ['b'] }),
      [],
      [],
    ],
    ['a property joins a partly open model that covers it', partly({}, text), partly({ b: text }, text), [], []],
    ['a wider property joins a partly open model', partly({}, integer), partly({ b: number }, integer), [], []],
    [
      'another property joins a partly open model',
      partly({}, text),
      partly({ b: integer }, text),
      ['TYPE_CHANGED #/properties/b', 'PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/properties/b'],
      [],
    ],
    [
      'a property joins a model whose pattern covers it',
      object({}, { patternProperties: { '^b': text }, additionalProperties: false }),
      object({ b1: text }, { patternProperties: { '^b': text }, additionalProperties: false }),
      [],
      [],
    ],
    ['a property leaves an open model', object({ a: text, b: text }), object({ a: text }), [], []],
    [
      'a property leaves a closed model',
      closed({ a: text, b: text }),
      closed({ a: text }),
      ['PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL #/properties/b'],
      ['PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL #/properties/b'],
    ],
    ['a property that is false leaves a closed model', closed({ b: false }), closed({}), [], []],
    ['a property leaves a partly open model that covers it', partly({ b: text }, text), partly({}, text), [], []],
    [
      'a property leaves a partly open model that does not',
      partly({ b: integer }, text),
      partly({}, text),
      ['TYPE_CHANGED #/properties/b', 'PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/properties/b'],
      [],
    ],
    [
      'a property leaves a model whose pattern covers it',
      object({ b1: text }, { additionalProperties: false, patternProperties: { '^b': text } }),
      object({}, { additionalProperties: false, patternProperties: { '^b': text } }),
      [],
      [],
    ],
    ['a closed model opens', closed({}), object({}), [], []],
    ['a closed model opens partly', closed({}), partly({}, text), [], []],
    ['a partly open model opens', partly({}, text), object({}), [], []],
    ['an open model closes', object({}), closed({}), ['ADDITIONAL_PROPERTIES_REMOVED #/additionalProperties'], []],
    [
      'an open model closes partly',
      object({}),
      partly({}, text),
      ['ADDITIONAL_PROPERTIES_NARROWED #/additionalProperties'],
      [],
    ],
    ['a partly open model widens', partly({}, integer), partly({}, number), [], []],
    [
      'a partly open model narrows',
      partly({}, number),
      partly({}, integer),
      ['TYPE_NARROWED #/additionalProperties'],
      ['TYPE_NARROWED #/additionalProperties'],
    ],
    [
      'a partly open model closes',
      partly({}, text),
      closed({}),
      ['ADDITIONAL_PROPERTIES_REMOVED #/additionalProperties'],
      [],
    ],
    ['an open model is given an empty schema', object({}), partly({}, {}), [], []],
    [
      'unevaluated properties are forbidden',
      { $schema: 'https://json-schema.org/draft/2020-12/schema', ...object({}) },
      { $schema: 'https://json-schema.org/draft/2020-12/schema', ...object({}, { unevaluatedProperties: false }) },
      ['UNEVALUATED_PROPERTIES_REMOVED #/unevaluatedProperties'],
      ['UNEVALUATED_PROPERTIES_REMOVED #/unevaluatedProperties'],
    ],
  ])('%s', (_name, original, update, strict, lenient) => {
    expect(reasons(original, update)).toEqual(strict);
    expect(reasons(original, update, 'LENIENT')).toEqual(lenient);
  });
});
