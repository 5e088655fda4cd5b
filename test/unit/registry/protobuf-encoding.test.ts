import { createFileRegistry, fromBinary, fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf';
import * as wellKnown from '@bufbuild/protobuf/wkt';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { parseProtobufSchema } from '../../../src/domain/registry/protobuf/protobuf-schema.ts';
import { protobufCases } from './protobuf-shapes.ts';

const parse = (text: string) => parseProtobufSchema({ text, references: [] });

/** The bytes as hex, or the faults as text. */
function encoded(text: string, message: unknown): string {
  const answer = parse(text).encode(message);
  return answer.ok
    ? Buffer.from(answer.payload).toString('hex')
    : answer.faults.map(({ path, message: fault }) => `${path} ${fault}`).join('; ');
}

const imports: Record<string, wellKnown.FileDescriptorProto> = Object.fromEntries(
  [
    wellKnown.file_google_protobuf_timestamp,
    wellKnown.file_google_protobuf_duration,
    wellKnown.file_google_protobuf_struct,
    wellKnown.file_google_protobuf_wrappers,
    wellKnown.file_google_protobuf_field_mask,
    wellKnown.file_google_protobuf_empty,
  ].map((file) => [file.proto.name, file.proto]),
);

/** What the reference implementation writes. */
function theirs(text: string, message: unknown): string {
  const bytes = Buffer.from(parse(text).printed('serialized') ?? '', 'base64');
  const file = fromBinary(FileDescriptorProtoSchema, bytes);
  const registry = createFileRegistry(file, (name) => imports[name]);
  const root = registry.getMessage(parse(text).record?.namespace ? 'pkg.Root' : 'Root');
  if (root === undefined) throw new Error('no root');
  return Buffer.from(toBinary(root, fromJson(root, message as JsonValue))).toString('hex');
}

describe('Protobuf from its JSON mapping', () => {
  it('has the bytes that the reference implementation writes, for messages of any shape', () => {
    fc.assert(
      fc.property(protobufCases, ({ schema, message }) => {
        expect(encoded(schema, message), schema).toBe(theirs(schema, message));
      }),
      { numRuns: 500 },
    );
  });

  it('is read by protobufjs as what was meant', () => {
    fc.assert(
      fc.property(protobufCases, ({ schema, message }) => {
        if (schema.startsWith('edition')) return;
        const type = protobuf.parse(schema, { keepCase: false }).root.lookupType('pkg.Root');
        const options = { longs: String, enums: Number, bytes: String, defaults: false } as const;
        const shown = (bytes: string) => type.toObject(type.decode(Buffer.from(bytes, 'hex')), options);
        expect(shown(encoded(schema, message))).toEqual(shown(theirs(schema, message)));
      }),
      { numRuns: 200 },
    );
  });

  const withField = (file: string, type: string) =>
    `syntax = "proto3"; package pkg; import "google/protobuf/${file}.proto"; message Root { google.protobuf.${type} a = 1; }`;
  it.each([
    ['timestamp', 'Timestamp', '2018-06-04T10:00:00Z'],
    ['timestamp', 'Timestamp', '1969-12-31T23:59:59.123456789+05:30'],
    ['timestamp', 'Timestamp', '0001-01-01T00:00:00Z'],
    ['duration', 'Duration', '-3.000000001s'],
    ['duration', 'Duration', '0s'],
    ['wrappers', 'Int64Value', '-9'],
    ['wrappers', 'StringValue', ''],
    ['wrappers', 'BytesValue', 'AAE='],
    ['wrappers', 'BoolValue', true],
    ['wrappers', 'DoubleValue', 'NaN'],
    ['field_mask', 'FieldMask', 'fooBar.baz,qux'],
    ['empty', 'Empty', {}],
    ['struct', 'Struct', { a: [1, 'x', null, true, { b: -0.5 }] }],
    ['struct', 'Value', null],
    ['struct', 'Value', [[]]],
    ['struct', 'ListValue', []],
  ])('writes %s %s %j as the reference implementation does', (file, type, value) => {
    const schema = withField(file, type);
    expect(encoded(schema, { a: value })).toBe(theirs(schema, { a: value }));
  });

  it.each([
    [withField('timestamp', 'Timestamp'), '2018-02-30T10:00:00Z', 'a must be a time from year 1 to year 9999'],
    [withField('timestamp', 'Timestamp'), '0001-01-01T00:00:00+01:00', 'a must be a time from year 1 to year 9999'],
    [withField('duration', 'Duration'), '999999999999s', 'a must be of at most 10,000 years'],
    [
      withField('any', 'Any'),
      { '@type': 'type.googleapis.com/pkg.Root' },
      'a is of the type google.protobuf.Any, whose content the schema does not describe',
    ],
    ['syntax = "proto3"; message Root { float a = 1; }', 1e300, 'a must be a number in the range of float'],
    ['syntax = "proto3"; message Root { bytes a = 1; }', 'AAAAA', 'a must be base64 text'],
    ['syntax = "proto3"; message Root { string a = 1; }', '\ud800', 'a must be text of whole characters'],
    ['syntax = "proto3"; message Root { string a = 1; }', 7, 'a must be a string'],
    ['syntax = "proto3"; message Root { E a = 1; enum E { Z = 0; } }', 2 ** 40, 'a must be a value of its enum'],
  ])('%s refuses %j: %s', (schema, value, expected) => {
    expect(encoded(schema, { a: value })).toBe(expected);
  });

  it.each([
    ['option features.field_presence = IMPLICIT; message Root { int32 a = 1; }', { a: 0 }, ''],
    ['message Root { int32 a = 1 [features.field_presence = IMPLICIT]; }', { a: 0 }, ''],
    ['message Root { int32 a = 1 [features = { field_presence: IMPLICIT }]; }', { a: 0 }, ''],
    [
      'option features.field_presence = IMPLICIT; message Root { int32 a = 1 [features.field_presence = EXPLICIT]; }',
      { a: 0 },
      '0800',
    ],
    ['message Root { int32 a = 1; }', { a: 0 }, '0800'],
    ['message Root { repeated int32 a = 1; }', { a: [1, 2] }, '0a020102'],
    ['message Root { repeated int32 a = 1 [features.repeated_field_encoding = EXPANDED]; }', { a: [1, 2] }, '08010802'],
    [
      'message Root { Sub a = 1 [features.message_encoding = DELIMITED]; message Sub { int32 b = 1; } }',
      { a: { b: 1 } },
      '0b08010c',
    ],
  ])('goes by the features of an edition: %s', (schema, message, expected) => {
    expect(encoded(`edition = "2023"; ${schema}`, message)).toBe(expected);
  });

  it('writes groups between their tags', () => {
    const schema =
      'syntax = "proto2"; package pkg; message Root { optional group Inner = 1 { optional int32 a = 1; } }';
    expect(encoded(schema, { inner: { a: 1 } })).toBe('0b08010c');
    expect(encoded(schema, { inner: { a: 1 } })).toBe(theirs(schema, { inner: { a: 1 } }));
  });
});
