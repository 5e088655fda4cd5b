import { describe, expect, it } from 'vitest';
import { parseProtobufSchema } from '../../../src/domain/registry/protobuf/protobuf-schema.ts';

const parse = (text: string, references: readonly { name: string; text: string }[] = []) =>
  parseProtobufSchema({ text, references });
const proto3 = (body: string) => parse(`syntax = "proto3"; ${body}`);

const whole = `syntax = "proto3";
package acme.c;

import public "other.proto";
import "confluent/meta.proto";
import "google/protobuf/timestamp.proto";

option java_package = "x.y";
option java_multiple_files = true;

message User {
  reserved 20, 30 to 39, 100 to max;
  reserved "old";
  option deprecated = true;
  string name = 1 [deprecated = true, (confluent.field_meta).tags = "PII"];
  repeated int64 ids = 2;
  map<string, User.Addr> places = 3;
  optional int32 age = 4;
  google.protobuf.Timestamp born = 7 [json_name = "BORN"];
  User.Kind kind = 8;
  User parent = 9;
  oth.Thing thing = 10;
  oneof contact {
    string mail = 5;
    bytes raw = 6;
  }
  message Addr {
    string city = 1;
  }
  enum Kind {
    option allow_alias = true;
    A = 0;
    B = -1;
    C = -1 [deprecated = true];
  }
}

service Users {
  rpc Get (User) returns (stream User.Addr);
  rpc Put (stream User) returns (User) {
    option deprecated = true;
  }
}
`;
const references = [{ name: 'other.proto', text: 'syntax = "proto3"; package oth; message Thing { int32 x = 1; }' }];
const legacy = `syntax = "proto2";
package old;

message M {
  required string a = 1 [default = "x\\"y"];
  optional group G = 2 {
    optional int32 b = 3;
  }
  extensions 100 to 199;
}

extend M {
  optional string more = 100;
}
`;

describe('the text of a Protobuf schema', () => {
  it.each([
    ['of proto3', whole, references],
    ['of proto2', legacy, []],
    ['of an edition', 'edition = "2023";\n\nmessage M {\n  string a = 1;\n}\n', []],
    ['without a package', 'syntax = "proto3";\n\nmessage M {\n  string a = 1;\n}\n', []],
  ])('%s is a fixed point', (_name, text, imports) => {
    expect(parse(text, imports).text).toBe(text);
  });

  it.each([
    ['of proto3', whole, references],
    ['of proto2', legacy, []],
    ['of an edition', 'edition = "2023";\n\nmessage M {\n  string a = 1;\n}\n', []],
  ])('%s comes back from its descriptor', (_name, text, imports) => {
    const serialized = parse(text, imports).printed('serialized') ?? '';
    const back = parse(serialized, imports);
    expect(back.text).toBe(text);
    expect(back.printed('serialized')).toBe(serialized);
  });

  it('does not change with white space and comments', () => {
    const noisy = whole.replaceAll('\n', ' // comment\n\n').replaceAll(';', ' /* ; */ ;').replaceAll('{', ' {\t');
    expect(parse(noisy, references).text).toBe(whole);
  });

  it('writes proto2 where the file says nothing', () => {
    expect(parse('message M { optional string a = 1; }').text).toContain('syntax = "proto2";');
  });

  it('is the same for files that mean the same, when it is normalized', () => {
    const one = proto3(
      'package t; import "google/protobuf/empty.proto"; import "google/protobuf/any.proto"; message M { N b = 2; string a = 1 [deprecated = true, json_name = "x"]; } message N {}',
    );
    const other = proto3(
      'package t; import "google/protobuf/any.proto"; import "google/protobuf/empty.proto"; message M { string a = 1 [json_name = "x", deprecated = true]; t.N b = 2; } message N {}',
    );
    expect(one.text).not.toBe(other.text);
    expect(one.normalized()).toBe(other.normalized());
    expect(one.normalized()).toContain('.t.N b = 2;');
  });

  it('leaves extensions out where that is asked, and knows no other variants', () => {
    const one = parse(whole, references);
    expect(one.printed('ignore_extensions')).not.toContain('field_meta');
    expect(parse(legacy).printed('ignore_extensions')).not.toContain('extend');
    expect(one.printed('resolved')).toBeNull();
  });

  it('keeps options with values of every kind', () => {
    const text = proto3(
      'import "google/protobuf/descriptor.proto"; option (my.opt) = { a: 1 b: "x" c { d: [1, 2] } e: -1.5e3 }; extend google.protobuf.FileOptions { string s = 50000; } message M {}',
    ).text;
    expect(text).toContain('option (my.opt) = { a: 1, b: "x", c: { d: [1, 2] }, e: -1.5e3 };');
    expect(parse(text).text).toBe(text);
  });
});

describe('a Protobuf schema is refused', () => {
  it.each([
    [
      'a number that stands twice',
      'message M { string a = 1; string b = 1; }',
      /1:\d+: the number 1 is taken by the field "a"/,
    ],
    ['a name that stands twice', 'message M { string a = 1; string a = 2; }', /another field "a"/],
    ['a number that is taken within a oneof', 'message M { string a = 1; oneof x { string b = 1; } }', /is taken/],
    ['a message that stands twice', 'message M {} message M {}', /"M" is defined twice/],
    ['an unknown type', 'message M { X a = 1; }', /the type "X" of the field "a" does not exist/],
    ['an unknown type in a map', 'message M { map<string, X> a = 1; }', /the type "X"/],
    ['an unknown import', 'import "no/such.proto"; message M {}', /the import "no\/such.proto" does not exist/],
    ['a number of zero', 'message M { string a = 0; }', /from 1 to 536870911/],
    ['a number that is too large', 'message M { string a = 536870912; }', /from 1 to 536870911/],
    ['a number of Protobuf itself', 'message M { string a = 19000; }', /belong to Protobuf/],
    ['a reserved number', 'message M { reserved 2 to 4; string a = 3; }', /number 3 is reserved/],
    ['a reserved name', 'message M { reserved "a"; string a = 3; }', /"a" is reserved/],
    ['a required field of proto3', 'message M { required string a = 1; }', /no required/],
    ['a group of proto3', 'message M { optional group G = 1 {} }', /no groups/],
    ['a map with a label', 'message M { repeated map<string, string> a = 1; }', /no label/],
    ['a map with a key of floats', 'message M { map<float, string> a = 1; }', /key of a map/],
    ['a map in a oneof', 'message M { oneof x { map<string, string> a = 1; } }', /is no map/],
    ['a label in a oneof', 'message M { oneof x { repeated string a = 1; } }', /no label/],
    ['an enum without values', 'enum K {}', /at least one value/],
    ['an enum of proto3 that begins with one', 'enum K { A = 1; }', /first value/],
    ['a value that stands twice', 'enum K { A = 0; A = 1; }', /another value "A"/],
    ['an alias that is not allowed', 'enum K { A = 0; B = 0; }', /allow_alias/],
    ['a reserved value', 'enum K { A = 0; B = 5; reserved 5; }', /"B" is reserved/],
    ['a range that ends before it begins', 'message M { reserved 5 to 3; }', /ends before/],
    ['two packages', 'package a; package b;', /one package/],
    ['a missing semicolon', 'message M { string a = 1 }', /expected ";"/],
    ['a missing brace', 'message M { string a = 1;', /found the end of the file/],
    ['a comment that is not closed', '/* message M {}', /comment may not be closed|expected/],
    ['text that is not closed', 'import "x', /may not be closed/],
    ['a stray character', 'message M { string a = 1; } $', /this is no token/],
    ['a word that begins nothing', 'massage M {}', /expected "message"/],
    ['10,000 nested messages', 'message A {'.repeat(10_000), /deeper than 64/],
    ['an option nested too deeply', `option (a) = ${'{ a: '.repeat(100)}1${'}'.repeat(100)};`, /deeper than 32/],
    [
      '10,001 fields',
      `message M { ${Array.from({ length: 10_001 }, (_, index) => `string f${index} = ${index + 20_000};`).join(' ')} }`,
      /more than 10000 fields/,
    ],
  ])('for %s', (_name, body, message) => {
    expect(() => proto3(body)).toThrow(message);
  });

  it.each(['syntax = "proto4";', 'syntax = 3;', 'edition = "new";'])('for %s', (head) => {
    expect(() => parse(`${head} message M {}`)).toThrow(expect.objectContaining({ code: 'SCHEMA_INVALID' }));
  });

  it('not for a comment of a megabyte', () => {
    expect(proto3(`/*${' *'.repeat(500_000)}*/ message M {}`).record).toEqual({ namespace: '', name: 'M' });
  });
});

describe('the fields of a Protobuf schema', () => {
  const paths = (body: string) =>
    proto3(body).fields.map((field) => `${field.path}:${field.type}${field.nullable ? '?' : ''}`);

  it.each([
    [
      'scalars',
      'message M { int32 a = 1; uint32 b = 2; sint64 c = 3; bool d = 4; float e = 5; double f = 6; string g = 7; bytes h = 8; }',
      ['a:int', 'b:long', 'c:long', 'd:boolean', 'e:float', 'f:double', 'g:string', 'h:bytes'],
    ],
    ['optional ones', 'message M { optional string a = 1; oneof x { string b = 2; } }', ['a:string?', 'b:string?']],
    ['members', 'message M { N n = 1; } message N { string a = 1; }', ['n:record?', 'n.a:string']],
    [
      'elements',
      'message M { repeated N n = 1; repeated string s = 2; } message N { string a = 1; }',
      ['n:array', 'n[].a:string', 's:array'],
    ],
    ['values', 'message M { map<string, N> n = 1; } message N { string a = 1; }', ['n:map', 'n{}.a:string']],
    ['enums', 'enum K { A = 0; } message M { K k = 1; }', ['k:enum']],
    [
      'well-known types',
      'import "google/protobuf/timestamp.proto"; import "google/protobuf/wrappers.proto"; import "google/protobuf/struct.proto"; message M { google.protobuf.Timestamp t = 1; google.protobuf.Int32Value i = 2; google.protobuf.Struct s = 3; }',
      ['t:string?', 'i:int?', 's:record?'],
    ],
    ['a message inside itself once', 'message M { M next = 1; string v = 2; }', ['next:record?', 'v:string']],
    ['those of the first message', 'message M { string a = 1; } message N { string b = 1; }', ['a:string']],
    ['none without a message', 'enum K { A = 0; }', []],
  ])('are %s', (_name, body, expected) => {
    expect(paths(body)).toEqual(expected);
  });

  it.each([
    ['one tag', '(confluent.field_meta).tags = "PII"', { tags: ['PII'] }],
    ['several tags', '(confluent.field_meta).tags = ["PII", "b"]', { tags: ['PII', 'b'] }],
    [
      'an aggregate',
      '(confluent.field_meta) = { tags: "PII", doc: "d", params: [{ key: "twilio_type", value: "email" }] }',
      { tags: ['PII'], doc: 'd', semanticType: 'email' },
    ],
    [
      "a semantic type of one's own option",
      '(acme.twilio_type) = "phonenumber"',
      { tags: [], semanticType: 'phonenumber' },
    ],
  ])('carry %s', (_name, option, expected) => {
    const [field] = proto3(`import "confluent/meta.proto"; message M { string a = 1 [${option}]; }`).fields;
    expect(field).toMatchObject(expected);
  });
});

describe('a JSON message of a Protobuf schema', () => {
  const one = parse(
    'syntax = "proto3"; import "google/protobuf/timestamp.proto"; enum K { A = 0; B = 1; } message M { string some_name = 1; int32 i = 2; uint64 u = 3; bytes b = 4; repeated string r = 5; map<string, int32> m = 6; K k = 7; N n = 8; oneof x { string p = 9; string q = 10; } google.protobuf.Timestamp t = 11; double d = 12; } message N { bool z = 1; }',
  );
  const faults = (message: unknown) => one.messageFaults(message).map(({ path, message: text }) => `${path} ${text}`);

  it.each([
    [{}],
    [
      {
        some_name: 'a',
        i: 1,
        u: '18446744073709551615',
        b: 'AAA=',
        r: ['x'],
        m: { k: 1 },
        k: 'B',
        n: { z: true },
        p: 'x',
        t: '2020-01-01T00:00:00Z',
        d: 'NaN',
      },
    ],
    [{ someName: 'a', i: '-5', k: 1, d: 1.5, n: null }],
  ])('fits: %j', (message) => {
    expect(faults(message)).toEqual([]);
  });

  it.each([
    ['text', '(message) must be an object'],
    [{ canary: 1 }, '(message) holds 1 field(s) that the schema does not have'],
    [{ some_name: 1 }, 'some_name must be a string'],
    [{ i: 2 ** 31 }, 'i must be a 32-bit integer'],
    [{ i: 1.5 }, 'i must be a 32-bit integer'],
    [{ u: -1 }, 'u must be an unsigned 64-bit integer, as text beyond 2^53'],
    [{ u: '18446744073709551616' }, 'u must be an unsigned 64-bit integer, as text beyond 2^53'],
    [{ b: '€' }, 'b must be base64 text'],
    [{ r: 'x' }, 'r must be a list'],
    [{ r: [1] }, 'r[0] must be a string'],
    [{ m: [] }, 'm must be an object'],
    [{ m: { canary: 'x' } }, 'm{} must be a 32-bit integer'],
    [{ k: 'Z' }, 'k must be one of A, B'],
    [{ n: { z: 1 } }, 'n.z must be a boolean'],
    [{ p: 'a', q: 'b' }, 'x must hold at most one field of the oneof'],
    [{ t: 5 }, 't must be a string'],
    [{ d: 'x' }, 'd must be a number'],
  ])('does not fit: %j', (message, fault) => {
    expect(faults(message)).toEqual([fault]);
    expect(faults(message).join()).not.toContain('canary');
  });
});
