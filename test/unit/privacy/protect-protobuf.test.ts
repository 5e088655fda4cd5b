import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyProtection, type Seal } from '../../../src/domain/privacy/apply-protection.ts';
import { protectProtobuf, protobufIdIn } from '../../../src/domain/privacy/protect-protobuf.ts';
import { parseProtobufSchema } from '../../../src/domain/registry/protobuf/protobuf-schema.ts';
import { errorOf, field, fieldsOf, planOf, policy } from './plan-builders.ts';

const seal: Seal = (value, { semanticType }) => `sealed(${semanticType}:${String(value)})`;

/** The schema of a message's fields, and the plan of what it tags under policies. */
function lane(fields: string, policies: Parameters<typeof planOf>[1] = [], syntax = 'syntax = "proto3";') {
  const text = `${syntax} package n; import "google/protobuf/wrappers.proto"; import "google/protobuf/struct.proto";
    import "google/protobuf/timestamp.proto"; import "google/protobuf/any.proto"; message R { ${fields} }`;
  const schema = parseProtobufSchema({ text, references: [] });
  const plan = planOf(fieldsOf(schema), policies);
  const type = schema.reading.message([0])!;
  const target = { reading: schema.reading, type };
  const encode = (value: unknown): Buffer => {
    const answer = schema.encode(JSON.parse(JSON.stringify(value)));
    if (!answer.ok) throw new Error(JSON.stringify(answer.faults));
    return Buffer.from(answer.payload);
  };
  const protect = (bytes: Uint8Array) => protectProtobuf(plan, target, bytes, seal);
  const decode = (bytes: Uint8Array) => schema.decode(bytes, [0]) as Record<string, unknown>;
  return { plan, target, encode, decode, protect, shown: (value: unknown) => decode(protect(encode(value)).bytes) };
}
const as = (type: string): string => `[(twilio_type) = "${type}"]`;

const fields = `
  string account = 1; string to = 2 ${as('phonenumber')}; optional string mail = 3 ${as('email')};
  optional string text = 4 ${as('customertext')}; int64 at = 5 ${as('datetime')};
  repeated string list = 6 ${as('phonenumber')}; map<string, string> map = 7 ${as('email')};
  Who who = 8; repeated Call calls = 9; Kind kind = 10; bytes raw = 11; oneof way { string sms = 12 ${as('phonenumber')}; int32 port = 13; }
  map<int32, Call> by_number = 14; repeated int32 numbers = 15; google.protobuf.StringValue boxed = 16 ${as('name')};
  message Who { optional string name = 1 ${as('name')}; int32 age = 2; }
  message Call { string from = 1 ${as('phonenumber')}; double ms = 2; }
  enum Kind { A = 0; B = 1; }`;
const value = {
  ...{ account: 'AC1', to: '+11234567890', mail: 'jdoe@x.com', text: 'hello', at: 1_528_106_400_000 },
  ...{ list: ['911', '12'], map: { 'a@x.com': 'b@x.com', 'ada@x.com': '' }, who: { name: 'Ada', age: 36 } },
  calls: [{ from: '+351234567890', ms: 1.5 }, { from: '911' }],
  ...{ kind: 'B', raw: 'AP8=', sms: '+11234567890', by_number: { 7: { from: '12' } }, numbers: [1, -1] },
  boxed: 'Ada',
};

describe('protecting Protobuf', () => {
  it('redacts what is tagged and copies the rest', () => {
    expect(lane(fields).shown(value)).toEqual({
      ...{ account: 'AC1', to: '+1123456XXXX', mail: 'j***@x.com', text: '', at: 1_528_106_400_000 },
      ...{ list: ['XXX', 'XX'], map: { 'a***@x.com': 'b***@x.com', 'a***@x.com#2': '***' } },
      who: { name: 'XXXX', age: 36 },
      calls: [
        { from: '+35123XXXX'.replace('XXXX', '456XXXX'), ms: 1.5 },
        { from: 'XXX', ms: 0 },
      ],
      ...{ kind: 'B', raw: 'AP8=', sms: '+1123456XXXX', by_number: { 7: { from: 'XX', ms: 0 } }, numbers: [1, -1] },
      boxed: 'XXXX',
    });
  });

  it('answers the bytes themselves where nothing changes', () => {
    const plain = lane('string a = 1; map<string, int64> b = 2; R c = 3; repeated int32 d = 4 [packed = false];');
    const bytes = plain.encode({ a: 'x', b: { y: 2 ** 40 }, d: [1, 2] });
    expect(plain.protect(bytes).bytes).toEqual(bytes);
    // A number that takes more bytes than it needs stays as it is, too.
    const wide = Buffer.from('0a0178208180808000', 'hex');
    expect(plain.protect(wide).bytes).toEqual(wide);
  });

  it('leaves out and counts fields that the schema does not have, at every depth, and those in another form', () => {
    const one = lane(`string a = 1; Sub s = 2; map<string, string> m = 3; google.protobuf.Timestamp t = 4;
      message Sub { string b = 1; }`);
    const canary = Buffer.from('canary').toString('hex');
    const unknown = `7a06${canary}`;
    const hex = `0a0161${unknown}120b0a0162${unknown}${`1a0e0a016b120176${unknown}`}220a0801${unknown}08011b${'1c'}`;
    const { bytes, unknownRemoved } = one.protect(Buffer.from(hex, 'hex'));
    expect(bytes.toString('latin1')).not.toContain('canary');
    expect(one.decode(bytes)).toEqual({ a: 'a', s: { b: 'b' }, m: { k: 'v' }, t: '1970-01-01T00:00:01Z' });
    expect(unknownRemoved).toBeGreaterThanOrEqual(5);
  });

  it('seals texts, also empty ones, and removes what may be absent', () => {
    const { shown } = lane(
      `string t = 1 ${as('pan')}; string e = 2 ${as('pan')}; optional int64 n = 3 ${as('name')};
      optional string o = 4 ${as('customertext')};`,
      [
        policy('GLOBAL', null, 'ENCRYPT', 'pan'),
        policy('GLOBAL', null, 'REMOVE', 'name'),
        policy('GLOBAL', null, 'REMOVE', 'customertext', { removalForm: 'NULL' }),
      ],
    );
    expect(shown({ t: '4111', n: 7, o: 'x' })).toEqual({ t: 'sealed(pan:4111)', e: 'sealed(pan:)' });
  });

  it('empties bytes under a tag, and drops entries of a map of which nothing may stay', () => {
    const { shown } = lane(`bytes b = 1 ${as('opaque')}; map<string, string> m = 2 ${as('name')};`, [
      policy('GLOBAL', null, 'REMOVE', 'name'),
      policy('GLOBAL', null, 'REMOVE', 'opaque'),
    ]);
    expect(shown({ b: 'AAAA', m: { Ada: 'x', Bob: 'y' } })).toEqual({ b: '', m: {} });
  });

  it.each([
    ['a number that becomes a text', `int64 n = 1 ${as('pan')};`, 4111111111111111],
    ['a number that may be absent and becomes a text', `optional int64 n = 1 ${as('pan')};`, 4111111111111111],
    ['numbers of a list', `repeated int32 n = 1 ${as('pan')};`, [1]],
    ['keys that are numbers', `map<int64, string> n = 1 ${as('pan')};`, { 4111111111111111: 'x' }],
    ['a time', `google.protobuf.Timestamp n = 1 ${as('date_of_birth')};`, '2018-06-04T10:00:00Z'],
    ['a boxed number', `google.protobuf.Int64Value n = 1 ${as('pan')};`, 4111111111111111],
    ['an enum', `K n = 1 ${as('name')}; enum K { A = 0; B = 1; }`, 'B'],
  ])('refuses %s and names the field', (_name, text, n) => {
    const { protect, encode } = lane(text);
    expect(errorOf(() => protect(encode({ n })))).toMatchObject({ code: 'VALUE_INVALID', field: ['n'] });
  });

  it('redacts whatever JSON a field holds', () => {
    const { shown } = lane(`google.protobuf.Struct s = 1 ${as('email')}; google.protobuf.Value v = 2 ${as('email')};`);
    expect(shown({ s: { 'jdoe@x.com': ['ada@x.com', true] }, v: 'jdoe@x.com' })).toEqual({
      s: { 'j***@x.com': ['a***@x.com', null] },
      v: 'j***@x.com',
    });
  });

  it('empties an Any under a tag, whose content nobody can read', () => {
    const { protect, decode } = lane(`google.protobuf.Any a = 1 ${as('name')};`);
    expect(decode(protect(Buffer.from('0a060a01781201ff', 'hex')).bytes)).toEqual({});
  });

  it('refuses a message inside itself that a plan without it does not know', () => {
    const { target, encode } = lane(`string phone = 1 ${as('phonenumber')}; R next = 2;`);
    const plan = planOf([field('phone', 'phonenumber'), field('next')]);
    const bytes = encode({ phone: '911', next: { phone: 'canary' } });
    const error = errorOf(() => protectProtobuf(plan, target, bytes, seal));
    expect(error).toMatchObject({ code: 'VALUE_INVALID', field: ['next.phone'] });
    expect(error.message).not.toContain('canary');
  });

  it('protects groups between their tags', () => {
    const { shown } = lane(
      `optional group Inner = 1 { optional string phone = 1 ${as('phonenumber')}; }`,
      [],
      'syntax = "proto2";',
    );
    expect(Object.values(shown({ inner: { phone: '911' } }))).toEqual([{ phone: 'XXX' }]);
  });

  it('protects each of the values of a field that stands twice', () => {
    const { protect } = lane(`string to = 1 ${as('phonenumber')};`);
    expect(protect(Buffer.from('0a033931310a03393131', 'hex')).bytes.toString('hex')).toBe('0a035858580a03585858');
  });

  it('finds the account in the bytes', () => {
    const { target, encode } = lane(fields);
    const bytes = encode({ ...value, at: '9007199254740993' });
    const idIn = (name: string | null) => protobufIdIn(name, target, bytes);
    expect([idIn('account'), idIn('who.age'), idIn('at')]).toEqual(['AC1', '36', '9007199254740993']);
    expect([idIn('nowhere'), idIn('list'), idIn(null)]).toEqual([null, null, null]);
  });

  it('answers random bytes with data or a refusal', () => {
    const { protect, decode } = lane(fields);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        let shown: Buffer;
        try {
          shown = protect(bytes).bytes;
        } catch (error) {
          expect(error).toMatchObject({ code: 'VALUE_INVALID' });
          return;
        }
        try {
          decode(bytes);
        } catch {
          return; // What passes is copied without being read.
        }
        expect(() => decode(shown)).not.toThrow();
      }),
      { numRuns: 2_000 },
    );
  });

  it('leaves what decoding, applying the plan to the record and encoding leaves', () => {
    const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.emailAddress(), fc.stringMatching(/^\+[0-9]{10}$/));
    const maybe = fc.option(text, { nil: undefined });
    const call = fc.record({ from: text, ms: fc.double({ noNaN: true, noDefaultInfinity: true }) });
    const records = fc.record({
      ...{ account: text, to: text, mail: maybe, text: maybe, list: fc.array(text) },
      at: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
      map: fc.dictionary(text, text),
      who: fc.option(fc.record({ name: maybe, age: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }) })),
      calls: fc.array(call),
      kind: fc.constantFrom('A', 'B'),
      raw: fc.base64String(),
      sms: maybe,
      by_number: fc.dictionary(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).map(String), call),
      numbers: fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
      boxed: maybe,
    });
    const lanes = [
      lane(fields),
      lane(fields, [
        policy('GLOBAL', null, 'ENCRYPT', 'phonenumber'),
        policy('GLOBAL', null, 'REMOVE', 'name', { removalForm: 'NULL' }),
      ]),
    ];
    fc.assert(
      fc.property(records, fc.nat({ max: 1 }), (given, which) => {
        const { plan, encode, decode, shown } = lanes[which] ?? lane(fields);
        const decoded = decode(encode(given));
        const { record } = applyProtection(plan, decoded, seal);
        const printable = JSON.parse(
          JSON.stringify(record, (_key, part: unknown) =>
            typeof part === 'bigint' ? String(part) : Object.is(part, -0) ? '-0' : part,
          ),
        );
        expect(shown(given)).toEqual(decode(encode(printable)));
      }),
      { numRuns: 500 },
    );
  });
});
