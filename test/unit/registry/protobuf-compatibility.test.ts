import { describe, expect, it } from 'vitest';
import { parseProtobufSchema } from '../../../src/domain/registry/protobuf/protobuf-schema.ts';

type References = readonly { name: string; text: string }[];
const parse = (body: string, references: References = [], head = 'syntax = "proto3"; package t;') =>
  parseProtobufSchema({ text: `${head} ${body}`, references });
/** What stops a reader with `update` from reading messages written with `original`. */
const reasons = (original: string, update: string): string[] =>
  parse(update)
    .incompatibilitiesWith(parse(original))
    .map((one) => `${one.errorType} ${one.path}`);

const groups = [
  ['int32', 'int64', 'uint32', 'uint64', 'bool', 'K'],
  ['sint32', 'sint64'],
  ['string', 'bytes'],
  ['fixed32', 'sfixed32'],
  ['fixed64', 'sfixed64'],
  ['float'],
  ['double'],
];
const scalars = groups.flat();
const pairs = scalars.flatMap((one) => scalars.map((other) => [one, other] as const));

describe('Protobuf: a field', () => {
  it.each(pairs)('of %s that becomes %s', (before, after) => {
    const file = (type: string) => `enum K { A = 0; } message M { ${type} a = 1; }`;
    const isSame = groups.some((group) => group.includes(before) && group.includes(after));
    expect(reasons(file(before), file(after))).toEqual(isSame ? [] : ['FIELD_SCALAR_KIND_CHANGED #/M/1']);
  });
});

describe('Protobuf: files that change', () => {
  it.each([
    ['nothing changes', 'message M { string a = 1; }', 'message M { string a = 1; }', []],
    ['a message is added', 'message M {}', 'message M {} message N {}', []],
    ['a message is removed', 'message M {} message N {}', 'message M {}', ['MESSAGE_REMOVED #/N']],
    ['a message is renamed', 'message M {}', 'message N {}', ['MESSAGE_REMOVED #/M']],
    [
      'messages change places',
      'message M { string a = 1; } message N {}',
      'message N {} message M { string a = 1; }',
      [],
    ],
    ['a nested message is removed', 'message M { message N {} }', 'message M {}', ['MESSAGE_REMOVED #/M/N']],
    [
      'a nested message changes',
      'message M { message N { string a = 1; } }',
      'message M { message N { int32 a = 1; } }',
      ['FIELD_SCALAR_KIND_CHANGED #/M/N/1'],
    ],
    ['an enum is added', 'message M {}', 'message M {} enum K { A = 0; }', []],
    ['an enum is removed', 'message M {} enum K { A = 0; }', 'message M {}', []],
    ['a value is added', 'enum K { A = 0; }', 'enum K { A = 0; B = 1; }', []],
    ['a value is removed', 'enum K { A = 0; B = 1; }', 'enum K { A = 0; }', []],
    ['a value is renamed', 'enum K { A = 0; }', 'enum K { Z = 0; }', []],
    ['a message becomes an enum', 'message M {}', 'enum M { A = 0; }', ['MESSAGE_REMOVED #/M']],
    ['a field is added', 'message M {}', 'message M { string a = 1; }', []],
    ['a field is removed', 'message M { string a = 1; }', 'message M {}', []],
    ['a field is renamed', 'message M { string a = 1; }', 'message M { string b = 1; }', []],
    ['a field changes its number', 'message M { string a = 1; }', 'message M { string a = 2; }', []],
    [
      'two fields exchange their numbers',
      'message M { string a = 1; int32 b = 2; }',
      'message M { string a = 2; int32 b = 1; }',
      ['FIELD_SCALAR_KIND_CHANGED #/M/1', 'FIELD_SCALAR_KIND_CHANGED #/M/2'],
    ],
    [
      'a scalar becomes a message',
      'message N {} message M { string a = 1; }',
      'message N {} message M { N a = 1; }',
      ['FIELD_KIND_CHANGED #/M/1'],
    ],
    [
      'a message becomes a scalar',
      'message N {} message M { N a = 1; }',
      'message N {} message M { string a = 1; }',
      ['FIELD_KIND_CHANGED #/M/1'],
    ],
    [
      'a scalar becomes a map',
      'message M { string a = 1; }',
      'message M { map<string, string> a = 1; }',
      ['FIELD_KIND_CHANGED #/M/1'],
    ],
    [
      'a message becomes a map',
      'message N {} message M { N a = 1; }',
      'message N {} message M { map<string, N> a = 1; }',
      ['FIELD_KIND_CHANGED #/M/1'],
    ],
    [
      'an enum becomes a number',
      'enum K { A = 0; } message M { K a = 1; }',
      'enum K { A = 0; } message M { int32 a = 1; }',
      [],
    ],
    [
      'an enum becomes another',
      'enum K { A = 0; } enum L { B = 0; } message M { K a = 1; }',
      'enum K { A = 0; } enum L { B = 0; } message M { L a = 1; }',
      [],
    ],
    [
      'an enum becomes text',
      'enum K { A = 0; } message M { K a = 1; }',
      'enum K { A = 0; } message M { string a = 1; }',
      ['FIELD_SCALAR_KIND_CHANGED #/M/1'],
    ],
    [
      'a message becomes another',
      'message N {} message O {} message M { N a = 1; }',
      'message N {} message O {} message M { O a = 1; }',
      ['FIELD_NAMED_TYPE_CHANGED #/M/1'],
    ],
    ['a name is written in full', 'message N {} message M { N a = 1; }', 'message N {} message M { .t.N a = 1; }', []],
    ['a key of a map widens', 'message M { map<int32, string> a = 1; }', 'message M { map<int64, string> a = 1; }', []],
    [
      'a key of a map changes',
      'message M { map<int32, string> a = 1; }',
      'message M { map<string, string> a = 1; }',
      ['FIELD_SCALAR_KIND_CHANGED #/M/1'],
    ],
    [
      'a value of a map changes',
      'message M { map<string, int32> a = 1; }',
      'message M { map<string, float> a = 1; }',
      ['FIELD_SCALAR_KIND_CHANGED #/M/1'],
    ],
    [
      'a value of a map becomes a message',
      'message N {} message M { map<string, int32> a = 1; }',
      'message N {} message M { map<string, N> a = 1; }',
      ['FIELD_KIND_CHANGED #/M/1'],
    ],
    ['a string becomes repeated', 'message M { string a = 1; }', 'message M { repeated string a = 1; }', []],
    ['a repeated string becomes single', 'message M { repeated string a = 1; }', 'message M { string a = 1; }', []],
    [
      'a message becomes repeated',
      'message N {} message M { N a = 1; }',
      'message N {} message M { repeated N a = 1; }',
      [],
    ],
    [
      'a number becomes repeated',
      'message M { int32 a = 1; }',
      'message M { repeated int32 a = 1; }',
      ['FIELD_NUMERIC_LABEL_CHANGED #/M/1'],
    ],
    [
      'a repeated number becomes single',
      'message M { repeated double a = 1; }',
      'message M { double a = 1; }',
      ['FIELD_NUMERIC_LABEL_CHANGED #/M/1'],
    ],
    [
      'an enum becomes repeated',
      'enum K { A = 0; } message M { K a = 1; }',
      'enum K { A = 0; } message M { repeated K a = 1; }',
      ['FIELD_NUMERIC_LABEL_CHANGED #/M/1'],
    ],
    ['a field becomes optional', 'message M { int32 a = 1; }', 'message M { optional int32 a = 1; }', []],
    ['a oneof is added', 'message M {}', 'message M { oneof x { string a = 1; } }', []],
    ['a oneof is removed', 'message M { oneof x { string a = 1; } }', 'message M {}', []],
    [
      'a field joins a oneof',
      'message M { oneof x { string a = 1; } }',
      'message M { oneof x { string a = 1; string b = 2; } }',
      [],
    ],
    [
      'a field leaves a oneof',
      'message M { oneof x { string a = 1; string b = 2; } }',
      'message M { oneof x { string a = 1; } }',
      ['ONEOF_FIELD_REMOVED #/M/x/2'],
    ],
    [
      'a field moves out of a oneof',
      'message M { oneof x { string a = 1; string b = 2; } }',
      'message M { oneof x { string a = 1; } string b = 2; }',
      [],
    ],
    [
      'a field moves into a new oneof',
      'message M { string a = 1; }',
      'message M { oneof x { string a = 1; string b = 2; } }',
      [],
    ],
    [
      'two fields move into a oneof',
      'message M { string a = 1; string b = 2; }',
      'message M { oneof x { string a = 1; string b = 2; } }',
      ['MULTIPLE_FIELDS_MOVED_TO_ONEOF #/M/x'],
    ],
    [
      'a field moves into a oneof that was there',
      'message M { oneof x { string a = 1; } string b = 2; }',
      'message M { oneof x { string a = 1; string b = 2; } }',
      ['FIELD_MOVED_TO_EXISTING_ONEOF #/M/x'],
    ],
    ['a oneof is renamed', 'message M { oneof x { string a = 1; } }', 'message M { oneof y { string a = 1; } }', []],
    [
      'a field of a oneof changes its type',
      'message M { oneof x { string a = 1; } }',
      'message M { oneof x { int32 a = 1; } }',
      ['FIELD_SCALAR_KIND_CHANGED #/M/1'],
    ],
    [
      'options and comments change',
      'message M { string a = 1; }',
      'option java_package = "x"; message M { string a = 1 [deprecated = true]; } // x',
      [],
    ],
    ['a service changes', 'message M {} service S { rpc A (M) returns (M); }', 'message M {}', []],
    ['fields are reserved', 'message M { string a = 1; }', 'message M { reserved 1; reserved "a"; }', []],
  ])('%s', (_name, original, update, expected) => {
    expect(reasons(original, update)).toEqual(expected);
  });

  it.each([
    ['is removed', 'message M { required string a = 1; }', 'message M {}', ['REQUIRED_FIELD_REMOVED #/M/1']],
    ['is added', 'message M {}', 'message M { required string a = 1; }', ['REQUIRED_FIELD_ADDED #/M/1']],
    ['stays', 'message M { required string a = 1; }', 'message M { required string a = 1; }', []],
    ['becomes optional', 'message M { required string a = 1; }', 'message M { optional string a = 1; }', []],
    [
      'is in a group that changes',
      'message M { optional group G = 1 { optional string a = 1; } }',
      'message M { optional group G = 1 { optional int32 a = 1; } }',
      ['FIELD_SCALAR_KIND_CHANGED #/M/G/1'],
    ],
  ])('a required field of proto2 %s', (_name, original, update, expected) => {
    const proto2 = (body: string) => parse(body, [], 'syntax = "proto2"; package t;');
    expect(
      proto2(update)
        .incompatibilitiesWith(proto2(original))
        .map((one) => `${one.errorType} ${one.path}`),
    ).toEqual(expected);
  });

  it('refuses another package', () => {
    const other = parse('message M {}', [], 'syntax = "proto3"; package other;');
    expect(other.incompatibilitiesWith(parse('message M {}')).map((one) => one.errorType)).toEqual(['PACKAGE_CHANGED']);
  });

  it('follows recursive messages once', () => {
    const tree = (leaf: string) =>
      `message Node { ${leaf} v = 1; repeated Node children = 2; map<string, Node> named = 3; }`;
    expect(reasons(tree('int32'), tree('int32'))).toEqual([]);
    expect(reasons(tree('int32'), tree('float'))).toEqual(['FIELD_SCALAR_KIND_CHANGED #/Node/1']);
  });

  it('compares imported messages, and takes a message that moved into an import for the same', () => {
    const imported = (type: string): References => [
      { name: 'n.proto', text: `syntax = "proto3"; package t; message N { ${type} a = 1; }` },
    ];
    const body = 'import "n.proto"; message M { N n = 1; }';
    const local = parse('message M { N n = 1; } message N { string a = 1; }');
    const [one, other] = [parse(body, imported('string')), parse(body, imported('int32'))];
    expect(one.incompatibilitiesWith(one)).toEqual([]);
    expect(other.incompatibilitiesWith(one).map((found) => found.errorType)).toContain('FIELD_SCALAR_KIND_CHANGED');
    expect(local.incompatibilitiesWith(one)).toEqual([]);
  });
});
