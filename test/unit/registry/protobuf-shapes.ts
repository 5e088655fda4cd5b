import fc from 'fast-check';

const integers = (min: bigint, max: bigint) =>
  fc.oneof(fc.bigInt({ min, max }).map(String), fc.integer({ min: min < 0n ? -9 : 0, max: 9 }));
const signed32 = integers(-(2n ** 31n), 2n ** 31n - 1n);
const signed64 = integers(-(2n ** 63n), 2n ** 63n - 1n);
const unsigned32 = integers(0n, 2n ** 32n - 1n);
const unsigned64 = integers(0n, 2n ** 64n - 1n);
const double = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(0, -0, 'NaN', '-Infinity'),
);
const float = fc.oneof(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(0, -0, 'Infinity'));
const text = fc.string({ unit: 'grapheme' });
const scalars: Record<string, fc.Arbitrary<unknown>> = {
  ...{ int32: signed32, sint32: signed32, sfixed32: signed32, uint32: unsigned32, fixed32: unsigned32 },
  ...{ int64: signed64, sint64: signed64, sfixed64: signed64, uint64: unsigned64, fixed64: unsigned64 },
  ...{ double, float, bool: fc.boolean(), string: text },
  bytes: fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64')),
  Kind: fc.constantFrom('K_ZERO', 'K_LESS', 0, -5, 1),
  Sub: fc.constantFrom({}, { a: 0 }, { a: 7 }),
};
const mapKeys: Record<string, fc.Arbitrary<string>> = {
  string: text.filter((key) => key !== '__proto__'),
  int32: signed32.map((value) => String(BigInt(value))),
  sint64: signed64.map((value) => String(BigInt(value))),
  fixed32: unsigned32.map((value) => String(BigInt(value))),
  bool: fc.constantFrom('true', 'false'),
};

interface Member {
  readonly label: 'plain' | 'optional' | 'repeated' | 'expanded' | 'map' | 'oneof';
  readonly type: string;
  readonly key: string;
  readonly value: unknown;
}
const member: fc.Arbitrary<Member> = fc
  .record({
    label: fc.constantFrom<Member['label']>('plain', 'optional', 'repeated', 'expanded', 'map', 'oneof'),
    type: fc.constantFrom(...Object.keys(scalars)),
    key: fc.constantFrom(...Object.keys(mapKeys)),
  })
  .chain((one) => {
    const value = scalars[one.type]!;
    const values =
      one.label === 'map'
        ? fc.array(fc.tuple(mapKeys[one.key]!, value), { maxLength: 3 }).map((entries) => Object.fromEntries(entries))
        : one.label === 'repeated' || one.label === 'expanded'
          ? fc.array(value, { maxLength: 4 })
          : value;
    return fc
      .oneof({ weight: 5, arbitrary: values }, fc.constantFrom(undefined, null))
      .map((given) => ({ ...one, value: given }));
  });

const syntaxes = ['proto2', 'proto3', '2023'] as const;

function fieldText({ label, type, key }: Member, syntax: string, number: number): string {
  const tail = `f_${number} = ${number * 3}`;
  const isEdition = syntax === '2023';
  const packable = !['string', 'bytes', 'Sub'].includes(type);
  if (label === 'map') return `map<${key}, ${type}> ${tail};`;
  if (label === 'oneof') return `oneof o${number} { ${type} ${tail}; int32 other_${number} = ${number * 3 + 1}; }`;
  if (label === 'repeated') return `repeated ${type} ${tail};`;
  if (label === 'expanded' && packable && !isEdition)
    return `repeated ${type} ${tail} [packed = ${syntax === 'proto2'}];`;
  if (label === 'expanded') return `repeated ${type} ${tail};`;
  if (isEdition) return `${type} ${tail};`;
  return `${syntax === 'proto2' || label === 'optional' ? 'optional ' : ''}${type} ${tail};`;
}

/** Schemas of any shape, each with a message in the JSON mapping. */
export const protobufCases = fc
  .record({ syntax: fc.constantFrom(...syntaxes), members: fc.array(member, { maxLength: 8 }) })
  .map(({ syntax, members }) => {
    const head = `${syntax === '2023' ? 'edition' : 'syntax'} = "${syntax}"; package pkg;`;
    const optional = syntax === 'proto2' ? 'optional ' : '';
    const schema = `${head} message Root { ${members.map((one, index) => fieldText(one, syntax, index + 1)).join(' ')}
      message Sub { ${optional}int32 a = 1; } } enum Kind { K_ZERO = 0; K_LESS = -5; K_ONE = 1; }`;
    const message = Object.fromEntries(
      members.flatMap(({ value }, index) => (value === undefined ? [] : [[`f${index + 1}`, value]])),
    );
    return { schema, message };
  });
