import descriptor from 'protobufjs/ext/descriptor.js';
import { describe, expect, it } from 'vitest';
import { parseProtobufSchema } from '../../../src/domain/registry/protobuf/protobuf-schema.ts';

const parse = (text: string, references: readonly { name: string; text: string }[] = []) =>
  parseProtobufSchema({ text, references });
const proto3 = (body: string) => parse(`syntax = "proto3"; ${body}`);
const times = (count: number, text: (index: number) => string): string =>
  Array.from({ length: count }, (_, i) => text(i)).join('\n');
/** Messages of which each leads to the next. */
const chain = (length: number, leaf: string) =>
  proto3(`${times(length, (i) => `message M${i} { M${i + 1} next = 1; ${leaf} leaf = 2; }`)} message M${length} {}`);
const serialized = (file: object): string =>
  Buffer.from(descriptor.FileDescriptorProto.encode(descriptor.FileDescriptorProto.fromObject(file)).finish()).toString(
    'base64',
  );
const refusal = (code: string) => expect.objectContaining({ code });

describe('a Protobuf schema of hostile size', () => {
  it('places its faults without reading its lines again for every field', () => {
    const lines = '\n'.repeat(2_000_000);
    const fields = times(1_000, (i) => `string f${i} = ${i + 1};`);
    expect(() => proto3(`${lines}message M { ${fields} X x = 5000; }`)).toThrow('schema 2001000:21');
  });

  it.each([
    ['at the beginning', '$', '1:1'],
    ['behind a line', 'syntax = "proto3";\n$', '2:1'],
    ['behind empty lines', '\n\n\n  $', '4:3'],
    ['behind lines of Windows', 'syntax = "proto3";\r\n\r\n $', '3:2'],
    ['behind a comment of several lines', '/*\n\n*/ $', '3:4'],
    ['at the end', 'message M {\n', '2:1'],
  ])('names the line and column %s', (_name, text, at) => {
    expect(() => parse(text)).toThrow(`schema ${at}:`);
  });

  it.each([
    ['10,000 nested messages', 'message A {'.repeat(10_000)],
    ['10,000 nested groups', `message A { ${'optional group G = 1 {'.repeat(10_000)}`],
    ['10,000 groups in oneofs', `message A { ${'oneof x { group G = 1 {'.repeat(10_000)}`],
    ['10,000 groups in extensions', `message A { ${'extend A { optional group G = 1 {'.repeat(10_000)}`],
    ['10,000 nested values', `option (a) = ${'{ a: '.repeat(10_000)}`],
    ['10,000 nested lists', `option (a) = ${'['.repeat(10_000)}`],
    ['text that is not closed', `option a = "${'x'.repeat(1_000_000)}`],
    ['a comment that is not closed', `/*${'*'.repeat(1_000_000)}`],
    ['text that is closed by an escape', 'option a = "\\"'],
  ])('is refused for %s', (_name, text) => {
    expect(() => parse(text)).toThrow(refusal('SCHEMA_INVALID'));
  });

  it.each([
    ['a name that is longer than names are', `message ${'N'.repeat(2_000)} {}`],
    ['names that grow by nesting', `${`message ${'N'.repeat(100)} {`.repeat(30)}${'}'.repeat(30)}`],
    ['a long package', `package ${'p.'.repeat(100_000)}q; service S {}`],
    ['10,001 types', times(10_001, (i) => `message M${i} {}`)],
    [
      '12,000 fields in several messages',
      times(3, (i) => `message M${i} { ${times(4_000, (j) => `string f${j} = ${j + 1};`)} }`),
    ],
  ])('is over a limit with %s', (_name, body) => {
    expect(() => proto3(body)).toThrow(refusal('LIMIT_EXCEEDED'));
  });

  it('does not look for a type with an endless name', () => {
    expect(() => proto3(`message M { ${'a.'.repeat(500_000)}b c = 1; }`)).toThrow(refusal('SCHEMA_INVALID'));
  });

  it('takes 10,000 fields', () => {
    expect(proto3(`message M { ${times(10_000, (i) => `string f${i} = ${i + 20_000};`)} }`).fields).toHaveLength(
      10_000,
    );
  });

  it('compares messages that lead to each other thousands of times', () => {
    const found = chain(4_900, 'int32').incompatibilitiesWith(chain(4_900, 'string'));
    expect(found).toHaveLength(4_900);
    expect(new Set(found.map((one) => one.errorType))).toEqual(new Set(['FIELD_SCALAR_KIND_CHANGED']));
    expect(chain(4_900, 'int32').incompatibilitiesWith(chain(4_900, 'int32'))).toEqual([]);
  });

  it.each([
    ['too deep', () => chain(200, 'string')],
    [
      'too many',
      () => proto3(`${times(40, (i) => `message M${i} { M${i + 1} a = 1; M${i + 1} b = 2; }`)} message M40 {}`),
    ],
    [
      'too long',
      () => proto3(`${times(30, (i) => `message M${i} { M${i + 1} ${'f'.repeat(100)} = 1; }`)} message M30 {}`),
    ],
  ])('has no fields when their paths are %s', (_name, schema) => {
    expect(() => schema().fields).toThrow(refusal('LIMIT_EXCEEDED'));
  });

  it('compares 1,000 fields with 1,000 others', () => {
    const file = (type: string) => proto3(`message M { ${times(1_000, (i) => `${type} f${i} = ${i + 1};`)} }`);
    expect(file('string').incompatibilitiesWith(file('bytes'))).toEqual([]);
    expect(file('string').incompatibilitiesWith(file('int32'))).toHaveLength(1_000);
  });

  it('holds names that objects of this language give a meaning', () => {
    const odd = proto3(
      'message __proto__ { string __proto__ = 1; string constructor = 2; map<string, __proto__> toString = 3; }',
    );
    expect(odd.fields.map((field) => field.path)).toEqual(['__proto__', 'constructor', 'toString']);
    expect(odd.messageFaults(JSON.parse('{ "__proto__": 1 }'))).toEqual([
      { path: '__proto__', message: 'must be a string' },
    ]);
    expect(odd.messageFaults({ valueOf: 1 })).toHaveLength(1);
    expect(odd.incompatibilitiesWith(odd)).toEqual([]);
  });

  it.each(['__proto__', 'constructor', 'toString'])('does not take %s for an import', (path) => {
    expect(() => parse(`import "${path}"; message M {}`)).toThrow(`the import "${path}" does not exist`);
  });

  it('tells at most 20 faults of a message, none of them too deep for a call', () => {
    const tree = proto3('message M { repeated M many = 1; M one = 2; }');
    expect(tree.messageFaults({ many: Array.from({ length: 100_000 }, () => 1) })).toHaveLength(20);
    let deep: object = {};
    for (let level = 0; level < 100_000; level += 1) deep = { one: deep };
    expect(tree.messageFaults(deep)).toEqual([expect.objectContaining({ message: 'is nested too deeply' })]);
  });
});

describe('a serialized descriptor is refused', () => {
  const field = { name: 'a', number: 1, label: 1, type: 9 };
  const message = (more: object) => serialized({ name: 'x', syntax: 'proto3', messageType: [{ name: 'M', ...more }] });

  it.each([
    ['a message whose name is source', message({ name: 'A { } message Evil' })],
    ['a message whose name prints as two messages', message({ name: 'A {\n}\n\nmessage Evil' })],
    ['a field whose name is source', message({ field: [{ ...field, name: 'a = 9; string b' }] })],
    ['a type whose name is source', message({ field: [{ ...field, type: 11, typeName: '.M a = 1; M' }] })],
    ['a default value that is source', message({ field: [{ ...field, type: 5, defaultValue: '1]; int32 b = 2 [c' }] })],
    ['a package that is source', serialized({ name: 'x', package: 'a; import "b"' })],
    ['a syntax that is source', serialized({ name: 'x', syntax: 'proto3"; message Evil {} //' })],
    ['an edition that does not exist', serialized({ name: 'x', syntax: 'editions', edition: 2_147_483_647 })],
    ['a number that stands twice', message({ field: [field, { ...field, name: 'b' }] })],
    ['a number that belongs to Protobuf', message({ field: [{ ...field, number: 19_500 }] })],
    ['a type that does not exist', message({ field: [{ ...field, type: 11, typeName: '.Missing' }] })],
    ['bytes that are no descriptor', Buffer.from('not a descriptor at all').toString('base64')],
    ['one word', 'message'],
  ])('for %s', (_name, text) => {
    expect(() => parse(text)).toThrow(refusal('SCHEMA_INVALID'));
  });

  it('for messages that are nested deeper than 64 levels', () => {
    let inner: object = { name: 'M' };
    for (let level = 0; level < 90; level += 1) inner = { name: 'M', nestedType: [inner] };
    expect(() => parse(serialized({ name: 'x', messageType: [inner] }))).toThrow(refusal('SCHEMA_INVALID'));
  });

  it('for 10,001 fields', () => {
    const fields = Array.from({ length: 10_001 }, (_, i) => ({ ...field, name: `f${i}`, number: i + 20_000 }));
    expect(() => parse(message({ field: fields }))).toThrow(refusal('LIMIT_EXCEEDED'));
  });
});
