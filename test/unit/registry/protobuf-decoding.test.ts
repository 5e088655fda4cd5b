import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseProtobufSchema } from '../../../src/domain/registry/protobuf/protobuf-schema.ts';
import { protobufCases } from './protobuf-shapes.ts';

const parse = (text: string) => parseProtobufSchema({ text, references: [] });
const decoded = (text: string, hex: string, indexes: readonly number[] = [0]) =>
  parse(text).decode(Buffer.from(hex, 'hex'), indexes);
const message = (fields: string, more = '') => `syntax = "proto3"; package pkg; message Root { ${fields} } ${more}`;

/** The bytes of a value; bigints are texts in the JSON mapping. */
function hexOf(text: string, value: unknown): string {
  const plain = JSON.parse(
    JSON.stringify(value, (_key, part: unknown) => {
      if (typeof part === 'bigint') return String(part);
      return Object.is(part, -0) ? '-0' : part;
    }),
  );
  const answer = parse(text).encode(plain);
  return answer.ok ? Buffer.from(answer.payload).toString('hex') : JSON.stringify(answer.faults);
}

describe('Protobuf from its binary form', () => {
  it('is what was written, for messages of any shape', () => {
    fc.assert(
      fc.property(protobufCases, ({ schema, message: given }) => {
        const hex = hexOf(schema, given);
        expect(hexOf(schema, decoded(schema, hex)), schema).toBe(hex);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['int64', '08ffffffffffffffff7f', 9_223_372_036_854_775_807n],
    ['int64', '08ffffffffffffffffff01', -1],
    ['uint64', '08ffffffffffffffffff01', 18_446_744_073_709_551_615n],
    ['uint64', '088180808080808010', 9_007_199_254_740_993n],
    ['sint64', '08ffffffffffffffffff01', -9_223_372_036_854_775_808n],
    ['fixed64', '090100000000002000', 9_007_199_254_740_993n],
    ['int32', '08ffffffffffffffffff01', -1],
    ['int64', '080f', 15],
    ['double', '09000000000000f87f', 'NaN'],
    ['bytes', '0a0200ff', 'AP8='],
  ])('a field of %s keeps every digit of %s', (type, hex, value) => {
    expect(decoded(message(`${type} a = 1;`), hex)).toEqual({ a: value });
  });

  it('fills in what is not written because it is the default, and leaves out what is absent', () => {
    const text = message(
      'string a = 1; int64 b = 2; K c = 3; repeated int32 d = 4; map<string, int32> e = 5; optional string f = 6; Root g = 7; oneof h { string i = 8; }',
      'enum K { ZERO = 0; }',
    );
    expect(decoded(text, '')).toEqual({ a: '', b: 0, c: 'ZERO', d: [], e: {} });
  });

  it('takes the last of a oneof and of a field that stands twice, and puts messages together', () => {
    const text = message(
      'oneof o { string a = 1; string b = 2; } Sub s = 3;',
      'message Sub { int32 x = 1; int32 y = 2; }',
    );
    expect(decoded(text, '0a0161 1201621a0208011a021002'.replaceAll(' ', ''))).toEqual({ b: 'b', s: { x: 1, y: 2 } });
  });

  it('reads numbers of a list packed and one by one, whatever the schema says', () => {
    expect(decoded(message('repeated int32 a = 1;'), '0a02010208030a0104')).toEqual({ a: [1, 2, 3, 4] });
  });

  it('names enums, by the number where the schema has no name', () => {
    const text = message('repeated K a = 1;', 'enum K { ZERO = 0; ONE = 1; }');
    expect(decoded(text, '0a03000107')).toEqual({ a: ['ZERO', 'ONE', '7'] });
  });

  it('reads the message that the indexes name', () => {
    const text = message('message In { string x = 1; }', 'message Other { string y = 1; }');
    expect(decoded(text, '0a0161', [1])).toEqual({ y: 'a' });
    expect(decoded(text, '0a0161', [0, 0])).toEqual({ x: 'a' });
    expect(() => decoded(text, '0a0161', [2])).toThrow('not data of this Protobuf schema');
  });

  const withImport = (file: string, type: string) =>
    `syntax = "proto3"; package pkg; import "google/protobuf/${file}.proto"; message Root { google.protobuf.${type} a = 1; }`;
  it.each([
    ['timestamp', 'Timestamp', '2018-06-04T10:00:00Z'],
    ['timestamp', 'Timestamp', '1969-12-31T18:29:59.123456789Z'],
    ['timestamp', 'Timestamp', '9999-12-31T23:59:59.120Z'],
    ['duration', 'Duration', '-3.000000001s'],
    ['duration', 'Duration', '0s'],
    ['wrappers', 'Int64Value', -9],
    ['wrappers', 'StringValue', ''],
    ['wrappers', 'BytesValue', 'AAE='],
    ['wrappers', 'BoolValue', true],
    ['field_mask', 'FieldMask', 'fooBar.baz,qux'],
    ['empty', 'Empty', {}],
    ['struct', 'Struct', { a: [1, 'x', null, true, { b: -0.5 }] }],
    ['struct', 'Value', [[]]],
    ['struct', 'ListValue', []],
  ])('a %s %s is %j', (file, type, value) => {
    const text = withImport(file, type);
    expect(decoded(text, hexOf(text, { a: value }))).toEqual({ a: value });
  });

  it('keeps the content of an Any, which nobody can read, as it is', () => {
    expect(decoded(withImport('any', 'Any'), '0a060a01781201ff')).toEqual({ a: { '@type': 'x', value: '/w==' } });
  });

  it.each([
    ['cut short', '0a05'],
    ['another form of a field', '0801'],
    ['text that is no UTF-8', '0a01ff'],
    ['the field 0', '020161'],
    ['an unknown wire type', '0f'],
    ['a group without its end', '1308'],
    ['a group with another end', '130801 1c'.replace(' ', '')],
    ['a number of more than ten bytes', '18ffffffffffffffffffffff'],
  ])('refuses %s', (_what, hex) => {
    expect(() => decoded(message('string a = 1;'), hex)).toThrow('not data of this Protobuf schema');
  });

  it('leaves out fields that the schema does not have', () => {
    expect(decoded(message('string a = 1;'), '0a016112016213080114')).toEqual({ a: 'a' });
  });

  it('never makes more of a message than it may', () => {
    const many = Array.from({ length: 300 }, (_, index) => `int32 f${index} = ${index + 2};`).join(' ');
    const bytes = '0a00'.repeat(5_000);
    expect(() => decoded(message('repeated Sub a = 1;', `message Sub { ${many} }`), bytes)).toThrow('not data');
    expect(() => decoded(message('Root a = 1;'), '')).not.toThrow();
  });

  it('answers random bytes with data or a refusal', () => {
    const text = message(
      'string a = 1; repeated sint64 b = 2; map<int32, Root> c = 3; fixed32 d = 4; oneof o { bytes e = 5; double f = 6; }',
    );
    const schema = parse(text);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          schema.decode(bytes, [0]);
        } catch (error) {
          expect(error).toMatchObject({ code: 'VALUE_INVALID' });
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
