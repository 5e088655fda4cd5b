import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseProtobufSchema } from '../../../src/domain/registry/protobuf/protobuf-schema.ts';

const parse = (text: string) => parseProtobufSchema({ text, references: [] });
const serializedOf = (text: string): string => parse(text).printed('serialized') ?? '';

const syntaxes = ['proto2', 'proto3', '2023'] as const;
type Syntax = (typeof syntaxes)[number];

const scalars = ['double', 'float', 'int32', 'uint64', 'sint32', 'fixed64', 'sfixed32', 'bool', 'string', 'bytes'];
const literal = fc
  .array(
    fc.constantFrom('a', ' ', 'é', '😀', "'", '/*', '//', ';', '}', '\\n', '\\"', '\\\\', '\\001', '\\xff', '\\303'),
  )
  .map((parts) => `"${parts.join('')}"`);

/** What is written in place of a field: its kind decides its label and type. */
interface Member {
  readonly kind: 'plain' | 'labelled' | 'repeated' | 'map' | 'oneof' | 'group';
  readonly type: string;
  readonly option: 'none' | 'deprecated' | 'json_name' | 'default' | 'packed';
  readonly text: string;
}
const member: fc.Arbitrary<Member> = fc.record({
  kind: fc.constantFrom('plain', 'labelled', 'repeated', 'map', 'oneof', 'group'),
  type: fc.constantFrom(...scalars, 'Sub', 'pkg.Kind', '.pkg.Other'),
  option: fc.constantFrom('none', 'deprecated', 'json_name', 'default', 'packed'),
  text: literal,
});

function optionsOf({ option, type, kind, text }: Member, syntax: Syntax, number: number): string {
  if (option === 'deprecated') return ' [deprecated = true]';
  if (option === 'json_name') return ` [json_name = "j${number}"]`;
  const takesDefault = syntax === 'proto2' && (kind === 'plain' || kind === 'labelled');
  if (option === 'default' && takesDefault && type === 'bytes') return ` [default = ${text}]`;
  if (option === 'default' && takesDefault && type === 'sint32') return ' [default = -0x10, deprecated = false]';
  if (option === 'packed' && kind === 'repeated' && type === 'int32' && syntax === 'proto2') return ' [packed = true]';
  return '';
}

function memberText(one: Member, syntax: Syntax, number: number): string {
  const tail = `f_${number} = ${number}${optionsOf(one, syntax, number)};`;
  const optional = syntax === '2023' ? '' : 'optional ';
  switch (one.kind) {
    case 'map':
      return `map<string, ${one.type}> ${tail}`;
    case 'repeated':
      return `repeated ${one.type} ${tail}`;
    case 'oneof':
      return `oneof o${number} { ${one.type} ${tail} Sub g_${number} = ${number + 100}; }`;
    case 'group':
      if (syntax !== 'proto2') return `${one.type} ${tail}`;
      return `optional group G${number} = ${number} { optional int32 a = 1; oneof x { group H${number} = 2 { } } }`;
    case 'labelled':
      return `${optional}${one.type} ${tail}`;
    default:
      return `${syntax === 'proto2' ? optional : ''}${one.type} ${tail}`;
  }
}

const file = fc
  .record({ syntax: fc.constantFrom(...syntaxes), members: fc.array(member, { maxLength: 12 }), javaName: literal })
  .map(({ syntax, members, javaName }) => {
    const fields = members.map((one, index) => memberText(one, syntax, index + 1));
    const head = syntax === '2023' ? 'edition = "2023";' : `syntax = "${syntax}";`;
    const optional = syntax === 'proto2' ? 'optional ' : '';
    const text = [
      `${head} package pkg; option java_package = ${javaName.replaceAll(/\\xff|\\303/g, '')};`,
      'message Root { reserved 500, 600 to max; reserved ',
      syntax === '2023' ? 'gone' : '"gone"',
      `; ${fields.join('\n')} message Sub { ${optional}int32 a = 1; } enum Inner { ZERO = 0; } }`,
      `message Other { ${optional}Root.Inner a = 1; }`,
      'enum Kind { option allow_alias = true; K_ZERO = 0; K_NONE = 0; K_LESS = -5 [deprecated = true]; reserved 7 to max; }',
      'service Service { rpc Get (Root) returns (stream Other); rpc Put (stream .pkg.Root) returns (Other) { option deprecated = true; } }',
    ].join(' ');
    return text;
  });

describe('a Protobuf schema of any shape', () => {
  it('has a text that is a fixed point', () => {
    fc.assert(
      fc.property(file, (source) => {
        const { text } = parse(source);
        expect(parse(text).text).toBe(text);
        expect(parse(text).fields).toEqual(parse(source).fields);
      }),
    );
  });

  it('has a normal form that is a fixed point and compatible with it both ways', () => {
    fc.assert(
      fc.property(file, (source) => {
        const [one, normal] = [parse(source), parse(parse(source).normalized())];
        expect(normal.normalized()).toBe(one.normalized());
        expect(one.incompatibilitiesWith(normal)).toEqual([]);
        expect(normal.incompatibilitiesWith(one)).toEqual([]);
      }),
    );
  });

  it('comes back from its descriptor with the same messages', () => {
    fc.assert(
      fc.property(file, (source) => {
        const serialized = serializedOf(source);
        const back = parse(serialized);
        expect(serializedOf(back.text)).toBe(serializedOf(parse(serialized).text));
        expect(back.fields.toSorted(byPath)).toEqual(parse(source).fields.toSorted(byPath));
        expect(back.record).toEqual(parse(source).record);
        expect(back.incompatibilitiesWith(parse(source))).toEqual([]);
        expect(parse(source).incompatibilitiesWith(back)).toEqual([]);
      }),
    );
  });

  it('has a descriptor that another implementation reads, with the same messages and fields', () => {
    fc.assert(
      fc.property(file, (source) => {
        const descriptor = fromBinary(FileDescriptorProtoSchema, Buffer.from(serializedOf(source), 'base64'));
        const root = createFileRegistry(descriptor, () => undefined).getMessage('pkg.Root');
        const paths = parse(source)
          .fields.map(({ path }) => path)
          .filter((path) => /^f_\d+$|^g_\d+$|^g\d+$/.test(path));
        expect(root?.fields.map(({ name }) => name).toSorted()).toEqual(paths.toSorted());
      }),
    );
  });

  it('does not change with comments and white space between its tokens', () => {
    const gap = fc.constantFrom(' ', '\n', '\t', '\r\n', ' /* ; } " */ ', ' // } "\n', '/**/');
    fc.assert(
      fc.property(file, fc.array(gap, { minLength: 1, maxLength: 9 }), (source, gaps) => {
        const { text } = parse(source);
        let count = 0;
        const spaced = text.replace(/"(?:[^"\\]|\\.)*"|[;{}=[\],()]/gsu, (token) => {
          if (token.startsWith('"')) return token;
          count += 1;
          return `${gaps[count % gaps.length]}${token}${gaps[(count + 1) % gaps.length]}`;
        });
        expect(parse(spaced).text).toBe(text);
      }),
    );
  });
});

describe('any text', () => {
  it('is a Protobuf schema or is refused with a code', () => {
    const words = fc.constantFrom(
      ...['message', 'enum', 'oneof', 'option', 'extend', 'group', 'reserved', 'extensions', 'map', 'rpc', 'syntax'],
      ...[
        '{',
        '}',
        '(',
        ')',
        '[',
        ']',
        '<',
        '>',
        '=',
        ';',
        ',',
        '.',
        '-',
        '1',
        '0x',
        '"a"',
        "'",
        '"',
        '/*',
        '//',
        '\n',
      ],
      ...['A', 'string', 'to', 'max', 'import', 'package', '\u0000', '\ud800', 'é'],
    );
    fc.assert(
      fc.property(fc.array(words, { minLength: 1, maxLength: 40 }), (parts) => {
        const text = parts.join(' ');
        let thrown: unknown = null;
        try {
          expect(parse(parse(text).text).text).toBe(parse(text).text);
        } catch (error) {
          thrown = error;
        }
        if (thrown !== null)
          expect(thrown).toMatchObject({ code: expect.stringMatching(/^(SCHEMA_INVALID|LIMIT_EXCEEDED)$/) });
      }),
      { numRuns: 500 },
    );
  });
});

function byPath(a: { readonly path: string }, b: { readonly path: string }): number {
  return a.path < b.path ? -1 : 1;
}
