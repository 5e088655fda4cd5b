import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyProtection, type Seal } from '../../../src/domain/privacy/apply-protection.ts';
import { protectJson } from '../../../src/domain/privacy/protect-json.ts';
import { errorOf, field, planOf, policy } from './plan-builders.ts';

// JSON and not String(): a record may hold an object whose key `toString` makes String() throw. Envelopes need no escapes.
const written = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? String(part) : part)).replaceAll(
    /["\\]/g,
    '',
  );
const seal: Seal = (value, { semanticType }) => `sealed(${semanticType}:${typeof value}:${written(value)})`;
const fields = [
  field('account'),
  field('to', 'phonenumber'),
  field('mail', 'email', true),
  field('text', 'customertext'),
  field('at', 'datetime'),
  field('list[]', 'phonenumber'),
  field('map{}', 'email'),
  field('who.name', 'name', true),
  field('who.age', 'quantity'),
  field('calls[].from', 'phonenumber'),
  field('calls[].note'),
];
const plan = planOf(fields);
const encrypting = planOf(fields, [policy('GLOBAL', null, 'ENCRYPT'), policy('GLOBAL', null, 'REMOVE', 'name')]);
const shown = (text: string, by = plan) => protectJson(by, text, seal).text;

describe('protecting JSON text', () => {
  it.each([
    ['what passes stays as it stands', '{ "account" : "AC1" , "at":1.0e3 }', '{ "account" : "AC1" , "at":1.0e3 }'],
    ['numbers keep every digit', '{"account":12345678901234567890}', '{"account":12345678901234567890}'],
    ['a text is redacted', '{"to":"+11234567890"}', '{"to":"+1123456XXXX"}'],
    ['a number is redacted with every digit', '{"to":14155552671999999999}', '{"to":"1415555267199999XXXX"}'],
    ['escapes are read', '{"to":"\\u0039\\u0031\\u0031"}', '{"to":"XXX"}'],
    ['keys with escapes are read', '{"t\\u006f":"911"}', '{"t\\u006f":"XXX"}'],
    ['output is escaped', '{"mail":"\\"\\\\\\"\\"@x.com"}', '{"mail":"***@x.com"}'],
    ['the only member goes', '{"x":1}', '{}'],
    ['the first member goes', '{ "x" : 1 , "account":"a"}', '{"account":"a"}'],
    ['the last member goes', '{"account":"a", "x":1 }', '{"account":"a" }'],
    ['members in the middle go', '{"account":"a","x":1,"y":[{}],"at":"t"}', '{"account":"a","at":"t"}'],
    ['a repeated key is protected twice', '{"to":"911","to":"12"}', '{"to":"XXX","to":"XX"}'],
    ['elements are redacted', '{"list":["911",null,"12"]}', '{"list":["XXX",null,"XX"]}'],
    ['an element that cannot stay is null', '{"list":[true,"911"]}', '{"list":[null,"XXX"]}'],
    ['records within are walked', '{"who":{"x":1,"name":"Ada","age":3}}', '{"who":{"name":"XXXX","age":3}}'],
    ['records in lists are walked', '{"calls":[{"from":"911","note":1},{}]}', '{"calls":[{"from":"XXX","note":1},{}]}'],
    ['another shape than the schema says goes', '{"who":"Ada","account":"a"}', '{"account":"a"}'],
    ['prototypes are keys like any other', '{"__proto__":{"to":"911"},"constructor":1}', '{}'],
  ])('%s', (_name, text, expected) => {
    expect(shown(text)).toBe(expected);
  });

  it('seals what is to be encrypted, whole numbers with every digit', () => {
    expect(shown('{"to":"911","list":["12"],"who":{"name":"Ada"}}', encrypting)).toBe(
      '{"to":"sealed(phonenumber:string:911)","list":["sealed(phonenumber:string:12)"],"who":{"name":null}}',
    );
    expect(shown('{"to":14155552671999999999}', encrypting)).toBe(
      '{"to":"sealed(phonenumber:bigint:14155552671999999999)"}',
    );
  });

  it.each([
    '',
    ' ',
    '[]',
    '"a"',
    'null',
    '{',
    '{}x',
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '{,}',
    '{"a" 1}',
    "{'a':1}",
    '{"to":"a',
    '{"to":"\\x"}',
    '{"at":01}',
    '{"at":1.}',
    '{"at":+1}',
    '{"at":.5}',
    '{"at":1e}',
    '{"at":tru}',
    '{"at":NaN}',
    '{"at":"\n"}',
    '{"at":"\\u12g4"}',
    '{"list":["911",]}',
    '{"list":[,]}',
    '{"list":["911"',
    '{"account":[1}',
    '{"x":{"y":}}',
  ])('refuses %j as JSON.parse does, without quoting it', (text) => {
    expect(() => JSON.parse(text).x.y.z).toThrow();
    expect(errorOf(() => shown(text))).toMatchObject({
      code: 'VALUE_INVALID',
      message: 'The message is not valid JSON.',
    });
  });

  it('refuses 100,000 brackets without running out of stack', () => {
    for (const open of ['{"account":', '['])
      expect(errorOf(() => shown(`{"account":${open.repeat(100_000)}`)).code).toBe('VALUE_INVALID');
  });

  // A whole number beyond 2^53 is protected with all its digits.
  const exact = (text: string): unknown =>
    JSON.parse(text, (_key, value: unknown, context?: { source?: string }) =>
      typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '')
        ? BigInt(context?.source ?? 0)
        : value,
    );
  const rounded = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? Number(part) : part)));
  const anyJson = fc.jsonValue({ maxDepth: 3 });
  const record = fc.record(
    {
      account: fc.string(),
      to: fc.oneof(fc.string(), fc.stringMatching(/^\+[0-9]{10}$/), anyJson),
      mail: fc.oneof(fc.emailAddress(), anyJson),
      text: anyJson,
      at: anyJson,
      list: fc.oneof(fc.array(fc.oneof(fc.string(), anyJson)), anyJson),
      map: fc.oneof(fc.dictionary(fc.string(), fc.string()), anyJson),
      who: fc.oneof(fc.record({ name: fc.string(), age: fc.integer(), x: anyJson }, { requiredKeys: [] }), anyJson),
      calls: fc.oneof(fc.array(fc.record({ from: fc.string(), note: anyJson }, { requiredKeys: [] })), anyJson),
      unknown: anyJson,
    },
    { requiredKeys: [] },
  );

  it('leaves what applying the plan to the record leaves, whatever the white space', () => {
    fc.assert(
      fc.property(record, fc.constantFrom(0, 2), fc.boolean(), (given, indent, isEncrypting) => {
        const by = isEncrypting ? encrypting : plan;
        const text = JSON.stringify(given, null, indent);
        const { record: expected, ...counts } = applyProtection(by, exact(text), seal);
        const { text: protectedText, ...seen } = protectJson(by, text, seal);
        expect(JSON.parse(protectedText)).toEqual(rounded(expected));
        expect(seen).toEqual(counts);
      }),
      { numRuns: 1_000 },
    );
  });

  it('takes exactly the texts that JSON.parse takes for an object', () => {
    const mutated = fc.tuple(
      record,
      fc.nat(),
      fc.constantFrom('', '"', '{', '}', '[', ',', ':', '\\', '1', ' ', '\n', 'e'),
    );
    fc.assert(
      fc.property(mutated, ([given, at, char]) => {
        const text = JSON.stringify(given);
        const place = at % (text.length + 1);
        const broken = text.slice(0, place) + char + text.slice(place + 1);
        let isObject = false;
        try {
          const value: unknown = JSON.parse(broken);
          isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
        } catch {}
        let isTaken = true;
        try {
          JSON.parse(protectJson(plan, broken, seal).text);
        } catch {
          isTaken = false;
        }
        expect(isTaken).toBe(isObject);
      }),
      { numRuns: 2_000 },
    );
  });
});
