import { describe, expect, it } from 'vitest';
import { parseProtobufSchema } from '../../../src/domain/registry/protobuf/protobuf-schema.ts';

type References = readonly { name: string; text: string }[];
const parse = (text: string, references: References = []) => parseProtobufSchema({ text, references });
const proto3 = (body: string) => parse(`syntax = "proto3"; ${body}`);

describe('a Protobuf schema is refused', () => {
  it.each([
    [
      'two oneofs of one name',
      'syntax = "proto3"; message M { oneof x { int32 a = 1; } oneof x { int32 b = 2; } }',
      /"x"/,
    ],
    [
      'a oneof with the name of a field',
      'syntax = "proto3"; message M { int32 x = 1; oneof x { int32 b = 2; } }',
      /"x"/,
    ],
    ['a oneof without fields', 'syntax = "proto3"; message M { oneof x {} }', /"x" has no field/],
    ['a default value of proto3', 'syntax = "proto3"; message M { int32 a = 1 [default = 5]; }', /no default/],
    [
      'a number within an extension range',
      'message M { extensions 5 to 9; optional int32 a = 7; }',
      /left to extensions/,
    ],
    ['an extension of no message', 'extend X { optional int32 a = 5; }', /the type "X" of an extension/],
    ['an extension of an enum', 'enum K { A = 0; } extend K { optional int32 a = 5; }', /the type "K" of an extension/],
    [
      'an extension outside of the range',
      'message M { extensions 5 to 9; } extend M { optional int32 a = 10; }',
      /number 10/,
    ],
    ['an extension of an unknown type', 'message M { extensions 5; } extend M { optional X a = 5; }', /the type "X"/],
    ['an extension in a message, of none', 'message M { extend X { optional int32 a = 5; } }', /the type "X"/],
    ['an unknown request', 'message M {} service S { rpc A (X) returns (M); }', /the type "X" of the method "A"/],
    ['an unknown response', 'message M {} service S { rpc A (M) returns (X); }', /the type "X" of the method "A"/],
    ['a request that is an enum', 'enum K { A = 0; } service S { rpc A (K) returns (K); }', /the type "K"/],
    ['two enums of a file with one value', 'enum K { A = 0; } enum L { A = 0; }', /has the value "A"/],
    ['two enums of a message with one value', 'message M { enum K { A = 0; } enum L { A = 0; } }', /has the value "A"/],
    ['an optional field of an edition', 'edition = "2023"; message M { optional int32 a = 1; }', /field_presence/],
    ['a required field of an edition', 'edition = "2023"; message M { required int32 a = 1; }', /field_presence/],
    ['a group of an edition', 'edition = "2023"; message M { repeated group G = 1 {} }', /message_encoding/],
    ['an edition of another year', 'edition = "2019"; message M {}', /"2023" or "2024"/],
    ['an enum with the name of a message', 'message M {} enum M { A = 0; }', /defined twice/],
    ['a map of maps', 'syntax = "proto3"; message M { map<string, map<string, int32>> a = 1; }', /expected ">"/],
    ['a number with a fraction', 'message M { optional int32 a = 1.5; }', /number of a field/],
    ['a value beyond 32 bits', 'enum K { A = 2147483648; }', /32-bit/],
  ])('for %s', (_name, text, message) => {
    expect(() => parse(text)).toThrow(message);
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'SCHEMA_INVALID' }));
  });
});

describe('a Protobuf schema may have', () => {
  it.each([
    ['enums of two scopes with one value', 'syntax = "proto3"; enum K { A = 0; } message M { enum L { A = 0; } }'],
    ['extensions within the range', 'message M { extensions 5 to 9, 20 to max; } extend M { optional int32 a = 25; }'],
    [
      'an extension of options',
      'import "google/protobuf/descriptor.proto"; extend google.protobuf.FieldOptions { optional string a = 50000; }',
    ],
    [
      'methods of imported messages',
      'import "google/protobuf/empty.proto"; service S { rpc A (google.protobuf.Empty) returns (stream .google.protobuf.Empty); }',
    ],
    [
      'words of the language for names',
      'syntax = "proto3"; message message { string option = 1; string oneof = 2; string reserved = 3; oneof extend { string group = 4; } }',
    ],
    [
      'an edition with lists and features',
      'edition = "2023"; option features.field_presence = IMPLICIT; message M { repeated int32 a = 1 [features.repeated_field_encoding = EXPANDED]; }',
    ],
    ['numbers of other bases', 'syntax = "proto3"; enum K { A = 0x0; B = 010; C = 0x1F; }'],
    ['empty statements', ';; message M { ; } ; enum K { ; A = 0; }'],
  ])('%s', (_name, text) => {
    expect(parse(parse(text).text).text).toBe(parse(text).text);
  });

  it('imports that others pass on, in any order and in a circle', () => {
    const references = [
      { name: 'a.proto', text: 'syntax = "proto3"; package a; import "b.proto"; message A {}' },
      { name: 'b.proto', text: 'syntax = "proto3"; package b; import public "a.proto"; message B {}' },
    ];
    const schema = parse('syntax = "proto3"; import "b.proto"; message M { a.A a = 1; b.B b = 2; }', references);
    expect(schema.fields.map((field) => field.path)).toEqual(['a', 'b']);
  });

  it('texts whose escapes name bytes, which are not the characters of the same number', () => {
    const of = (literal: string) => parse(`message M { optional bytes a = 1 [default = ${literal}]; }`).text;
    expect(of('"\\xff"')).toContain('[default = "\\377"]');
    expect(of('"\\xff"')).toBe(of("'\\377'"));
    expect(of('"\\303\\277"')).toBe(of('"ÿ"'));
    expect(of('"\\303" "\\277"')).toBe(of('"\\u00ff"'));
    expect(of('"\\U0001F600"')).toBe(of('"😀"'));
    expect(of('"\\xff"')).not.toBe(of('"ÿ"'));
    for (const literal of ['"\\xff\\xfe😀"', '"\\xed\\xb3\\xbf"', '"\\001\\x7f\\t\\"\\\\"', '"\\xc2\\x80"'])
      expect(parse(of(literal)).text).toBe(of(literal));
  });

  it('tags with escapes', () => {
    const option = '(confluent.field_meta).tags = "a\\"b\\001"';
    expect(proto3(`import "confluent/meta.proto"; message M { string a = 1 [${option}]; }`).fields[0]?.tags).toEqual([
      'a"b\u0001',
    ]);
  });

  it('a semantic type whose value stands before its key', () => {
    const option = '(confluent.field_meta) = { params: { value: "email", key: "twilio_type" } }';
    const [field] = proto3(`import "confluent/meta.proto"; message M { string a = 1 [${option}]; }`).fields;
    expect(field?.semanticType).toBe('email');
  });
});

describe('the forms of a Protobuf schema', () => {
  it('normalize methods, extensions and the order of oneofs', () => {
    const body = (type: string, oneofs: string) =>
      parse(
        `syntax = "proto2"; package t; message M { extensions 9; ${oneofs} } extend ${type} { optional ${type} more = 9; } service S { rpc A (${type}) returns (${type}); }`,
      );
    const [x, y] = ['oneof x { string a = 1; }', 'oneof y { string b = 2; }'];
    expect(body('M', `${x} ${y}`).normalized()).toBe(body('.t.M', `${y} ${x}`).normalized());
    expect(body('M', x).normalized()).toContain('rpc A (.t.M) returns (.t.M);');
    expect(parse(body('M', `${y} ${x}`).normalized()).normalized()).toBe(body('M', `${y} ${x}`).normalized());
  });

  it('leave custom options of services, and groups of extensions, out with the extensions', () => {
    const plain = parse(
      'message M { extensions 9; } extend M { optional group G = 9 { } } service S { option (a) = 1; option deprecated = true; rpc A (M) returns (M) { option (b) = "x"; } }',
    ).printed('ignore_extensions');
    expect(plain).not.toMatch(/\(a\)|\(b\)|group|message G/);
    expect(plain).toContain('option deprecated = true;');
    expect(() => parse(plain ?? '')).not.toThrow();
  });
});

describe('Protobuf: a change', () => {
  const reasons = (original: string, update: string, before: References = [], after: References = []) =>
    parse(update, after)
      .incompatibilitiesWith(parse(original, before))
      .map((one) => `${one.errorType} ${one.path}`);
  const file = (label: string, type = 'int32') => `message M { ${label} ${type} a = 1; }`;

  it.each([
    ['optional', 'required', ['FIELD_NUMERIC_LABEL_CHANGED #/M/1']],
    ['required', 'optional', ['FIELD_NUMERIC_LABEL_CHANGED #/M/1']],
    ['optional', 'repeated', ['FIELD_NUMERIC_LABEL_CHANGED #/M/1']],
    ['repeated', 'required', ['FIELD_NUMERIC_LABEL_CHANGED #/M/1']],
    ['optional', 'optional', []],
  ])('of a number from %s to %s counts, and of text it does not', (before, after, expected) => {
    expect(reasons(file(before), file(after))).toEqual(expected);
    expect(reasons(file(before, 'string'), file(after, 'bytes'))).toEqual([]);
  });

  it('from a member of a oneof to a required field is one of the required ones', () => {
    expect(reasons('message M { oneof x { string a = 1; } }', file('required', 'string'))).toEqual([
      'REQUIRED_FIELD_ADDED #/M/1',
    ]);
  });

  it.each(['t', 'other'])('of an imported message of the package %s is told of it and of the field', (name) => {
    const imported = (type: string) => [
      { name: 'n.proto', text: `syntax = "proto3"; package ${name}; message N { ${type} a = 1; }` },
    ];
    const text = `syntax = "proto3"; package t; import "n.proto"; message M { .${name}.N n = 1; }`;
    expect(reasons(text, text, imported('string'), imported('int32'))).toEqual([
      'FIELD_SCALAR_KIND_CHANGED #/N/1',
      'FIELD_NAMED_TYPE_CHANGED #/M/1',
    ]);
    expect(reasons(text, text, imported('string'), imported('bytes'))).toEqual([]);
  });

  it('deep within imports is told of every imported field that leads there', () => {
    const imported = (type: string) => [
      { name: 'b.proto', text: `syntax = "proto3"; package b; message B { ${type} a = 1; B self = 2; }` },
      { name: 'a.proto', text: 'syntax = "proto3"; package a; import "b.proto"; message A { b.B b = 1; A self = 2; }' },
    ];
    const text = 'syntax = "proto3"; import "a.proto"; message M { a.A a = 1; M self = 2; }';
    expect(reasons(text, text, imported('string'), imported('int32')).toSorted()).toEqual([
      'FIELD_NAMED_TYPE_CHANGED #/A/1',
      'FIELD_NAMED_TYPE_CHANGED #/A/2',
      'FIELD_NAMED_TYPE_CHANGED #/B/2',
      'FIELD_NAMED_TYPE_CHANGED #/M/1',
      'FIELD_SCALAR_KIND_CHANGED #/B/1',
    ]);
  });

  it('to another package of an import is none', () => {
    const imported = (name: string) => [
      { name: 'n.proto', text: `syntax = "proto3"; package ${name}; message N { message O {} }` },
    ];
    const text = (name: string) => `syntax = "proto3"; import "n.proto"; message M { .${name}.N.O n = 1; }`;
    expect(reasons(text('a.b'), text('c'), imported('a.b'), imported('c'))).toEqual([]);
  });

  it('that cannot be read comes with a description and a way to mend it', () => {
    const [one] = parse(file('optional', 'string')).incompatibilitiesWith(parse(file('optional')));
    expect(one).toMatchObject({ errorType: 'FIELD_SCALAR_KIND_CHANGED', additionalInfo: '1' });
    expect(one?.description).toContain('"a"');
    expect(one?.suggestion).not.toBe('');
  });
});

describe('the JSON form of a well-known type', () => {
  const schema = proto3(
    `import "google/protobuf/any.proto"; import "google/protobuf/duration.proto"; import "google/protobuf/empty.proto";
    import "google/protobuf/field_mask.proto"; import "google/protobuf/struct.proto"; import "google/protobuf/timestamp.proto";
    import "google/protobuf/wrappers.proto";
    message M { google.protobuf.Timestamp at = 1; google.protobuf.Duration took = 2; google.protobuf.FieldMask mask = 3;
      google.protobuf.Struct struct = 4; google.protobuf.Value value = 5; google.protobuf.ListValue list = 6;
      google.protobuf.Empty empty = 7; google.protobuf.Any any = 8; google.protobuf.UInt64Value count = 9;
      map<int32, string> by_id = 10; map<bool, string> by_flag = 11; string odd_name = 12 [json_name = "odd"]; }`,
  );

  it.each([
    [{ at: '2024-02-29T23:59:59.123456789Z', took: '-1.5s', mask: 'a.b,cD' }],
    [{ at: '1970-01-01T00:00:00+01:00', took: '0s', mask: '' }],
    [{ struct: {}, value: [1, 'a', null], list: [{}], empty: {}, any: { '@type': 'x/y', a: 1 } }],
    [{ value: null, count: '5', by_id: { '-5': 'a' }, byFlag: { true: 'a' }, odd: 'x' }],
  ])('fits: %j', (message) => {
    expect(schema.messageFaults(message)).toEqual([]);
  });

  it.each([
    [{ at: 'canary' }, 'at', 'must be a time of RFC 3339 with its offset'],
    [{ at: '2024-13-01T00:00:00Z' }, 'at', 'must be a time of RFC 3339 with its offset'],
    [{ at: 5 }, 'at', 'must be a string'],
    [{ took: '5 seconds' }, 'took', 'must be seconds with the suffix "s"'],
    [{ mask: 'a b' }, 'mask', 'must be paths joined by commas'],
    [{ struct: [] }, 'struct', 'must be an object'],
    [{ list: {} }, 'list', 'must be a list'],
    [{ empty: { canary: 1 } }, 'empty', 'must be an empty object'],
    [{ any: { canary: 1 } }, 'any', 'must be an object with "@type"'],
    [{ count: -1 }, 'count', 'must be an unsigned 64-bit integer, as text beyond 2^53'],
    [{ by_id: { canary: 'x' } }, 'by_id{}', 'must have keys of the type int32'],
    [{ by_flag: { canary: 'x' } }, 'by_flag{}', 'must have keys of the type bool'],
    [{ by_id: {}, byId: {} }, 'by_id', 'stands twice, by both of its names'],
    [{ oddName: 'x' }, '(message)', 'holds 1 field(s) that the schema does not have'],
  ])('does not fit: %j', (message, path, fault) => {
    expect(schema.messageFaults(message)).toEqual([{ path, message: fault }]);
  });
});
