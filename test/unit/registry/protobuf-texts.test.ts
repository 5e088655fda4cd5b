import { describe, expect, it } from 'vitest';
import { parseProtobufSchema } from '../../../src/domain/registry/protobuf/protobuf-schema.ts';
import { replaceProtobufTexts } from '../../../src/domain/registry/protobuf/protobuf-texts.ts';

const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const schemaOf = (text: string) => parseProtobufSchema({ text, references: [] });
/** Replaces `old` by a longer text, and nothing else. */
const longer = (content: Buffer): Buffer | null => (String(content) === 'old' ? Buffer.from('newer') : null);

function replaced(text: string, bytes: Uint8Array, replace = longer): Buffer {
  const { reading } = schemaOf(text);
  const type = reading.message([0]);
  if (type === null) throw new Error('no message');
  return replaceProtobufTexts({ reading, type }, bytes, replace);
}

const encoded = (text: string, message: unknown): Buffer => {
  const answer = schemaOf(text).encode(message);
  if (!answer.ok) throw new Error(JSON.stringify(answer.faults));
  return Buffer.from(answer.payload);
};

const everywhere = `syntax = "proto3"; import "google/protobuf/struct.proto"; import "google/protobuf/wrappers.proto";
  message R { int64 before = 1; string text = 2; bytes raw = 3; repeated string list = 4; map<string, string> names = 5;
    map<int32, R> records = 6; oneof pick { string one = 7; R other = 8; } google.protobuf.Struct any = 9;
    google.protobuf.StringValue wrapped = 10; google.protobuf.BytesValue bytes = 11; google.protobuf.ListValue values = 12;
    repeated int32 numbers = 13; }`;
const inner = (text: string) => ({
  text,
  raw: Buffer.from(text).toString('base64'),
  list: [text, 'kept', ''],
  one: text,
});
const outer = (text: string) => ({
  ...inner(text),
  before: '-3',
  names: { a: text, [text]: 'b' },
  records: { 7: { other: inner(text) } },
  any: { a: text, b: { c: [text, 1, null, { [text]: true }] } },
  wrapped: text,
  bytes: Buffer.from(text).toString('base64'),
  values: [text, [text]],
  numbers: [1, 2],
});

describe('putting other texts into Protobuf', () => {
  it('reaches texts and bytes wherever they stand, and writes what an encoder would', () => {
    const given = encoded(everywhere, outer('old'));
    expect(replaced(everywhere, given)).toEqual(encoded(everywhere, outer('newer')));
    expect(replaced(everywhere, given, () => null)).toEqual(given);
  });

  it('keeps the order of fields, fields that the schema does not have, and a text that stands twice', () => {
    const text = 'syntax = "proto3"; message R { string a = 1; R in = 2; }';
    const given = bytesOf('7a 03 6f6c64  12 05 0a 03 6f6c64  0a 03 6f6c64  0a 01 78  0a 03 6f6c64');
    const expected = bytesOf('7a 03 6f6c64  12 07 0a 05 6e65776572  0a 05 6e65776572  0a 01 78  0a 05 6e65776572');
    expect(replaced(text, given)).toEqual(expected);
  });

  it('follows groups', () => {
    const text = 'syntax = "proto2"; message R { optional group In = 1 { optional string a = 1; } }';
    expect(replaced(text, bytesOf('0b 0a 03 6f6c64 0c'))).toEqual(bytesOf('0b 0a 05 6e65776572 0c'));
  });

  it('does not look into what an Any packs', () => {
    const text = 'syntax = "proto3"; import "google/protobuf/any.proto"; message R { google.protobuf.Any a = 1; }';
    const given = bytesOf('0a 07 12 05 0a 03 6f6c64');
    expect(replaced(text, given)).toEqual(given);
  });

  it('refuses bytes that are no message, also where decoding does not look', () => {
    const text = 'syntax = "proto3"; message R { oneof pick { R in = 1; string a = 2; } }';
    const given = bytesOf('0a 01 ff  12 03 6f6c64');
    expect(schemaOf(text).decode(given, [0])).toEqual({ a: 'old' });
    expect(() => replaced(text, given)).toThrow(expect.objectContaining({ code: 'VALUE_INVALID' }));
  });

  it('refuses what is nested deeper than data may be', () => {
    const text = 'syntax = "proto3"; message R { R in = 1; }';
    const nested = (depth: number): Buffer => {
      let bytes: Buffer = Buffer.alloc(0);
      for (let level = 0; level < depth; level += 1) bytes = encodedField(bytes);
      return bytes;
    };
    expect(replaced(text, nested(90))).toEqual(nested(90));
    expect(() => replaced(text, nested(300))).toThrow(expect.objectContaining({ code: 'VALUE_INVALID' }));
  });
});

function encodedField(content: Buffer): Buffer {
  const length = content.length < 0x80 ? [content.length] : [(content.length % 0x80) + 0x80, content.length >> 7];
  return Buffer.concat([Buffer.of(0x0a, ...length), content]);
}
