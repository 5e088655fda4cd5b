import avsc from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyProtection, type Seal } from '../../../src/domain/privacy/apply-protection.ts';
import { avroIdIn, protectAvro } from '../../../src/domain/privacy/protect-avro.ts';
import { parseAvroSchema } from '../../../src/domain/registry/avro/avro-schema.ts';
import type { AvroRecord } from '../../../src/domain/registry/avro/avro-type.ts';
import { errorOf, field, fieldsOf, planOf, policy } from './plan-builders.ts';

const seal: Seal = (value, { semanticType }) => `sealed(${semanticType}:${String(value)})`;
const record = (fields: readonly object[]) => ({ type: 'record', name: 'R', namespace: 'n', fields });
const of = (name: string, type: unknown, twilio_type?: string) => ({
  name,
  type,
  ...(twilio_type ? { twilio_type } : {}),
});
const nullable = (type: unknown) => ['null', type];

/** The schema for us and for avsc, and the plan of its fields under policies. */
function lane(fields: readonly object[], policies: Parameters<typeof planOf>[1] = []) {
  const text = JSON.stringify(record(fields));
  const schema = parseAvroSchema({ text, references: [] });
  const plan = planOf(fieldsOf(schema), policies);
  const type = avsc.Type.forSchema(JSON.parse(text), { wrapUnions: false });
  const root = schema.root as AvroRecord;
  const protect = (value: unknown) => protectAvro(plan, root, type.toBuffer(value), seal);
  return { plan, type, root, protect, shown: (value: unknown) => ({ ...type.fromBuffer(protect(value).bytes) }) };
}

const fields = [
  of('account', 'string'),
  of('to', 'string', 'phonenumber'),
  of('mail', nullable('string'), 'email'),
  of('text', nullable('string'), 'customertext'),
  of('at', 'long', 'datetime'),
  of('list', { type: 'array', items: 'string' }, 'phonenumber'),
  of('map', { type: 'map', values: nullable('string') }, 'email'),
  of(
    'who',
    nullable({
      type: 'record',
      name: 'Who',
      fields: [of('name', nullable('string'), 'name'), of('age', 'int', 'quantity')],
    }),
  ),
  of('calls', {
    type: 'array',
    items: { type: 'record', name: 'Call', fields: [of('from', 'string', 'phonenumber'), of('ms', 'double')] },
  }),
  of('kind', { type: 'enum', name: 'Kind', symbols: ['A', 'B'] }),
  of('raw', 'bytes'),
];
const value = {
  account: 'AC1',
  to: '+11234567890',
  mail: 'jdoe@x.com',
  text: 'hello',
  at: 1_528_106_400_000,
  list: ['911', '12'],
  map: { 'a@x.com': 'b@x.com', 'ada@x.com': null },
  who: { name: 'Ada', age: 36 },
  calls: [
    { from: '+351234567890', ms: 1.5 },
    { from: '911', ms: -0 },
  ],
  kind: 'B',
  raw: Buffer.from([0, 255]),
};

describe('protecting Avro', () => {
  it('redacts what is tagged and copies the rest', () => {
    expect(lane(fields).shown(value)).toEqual({
      ...value,
      to: '+1123456XXXX',
      mail: 'j***@x.com',
      text: '',
      list: ['XXX', 'XX'],
      map: { 'a***@x.com': 'b***@x.com', 'a***@x.com#2': null },
      who: { name: 'XXXX', age: 36 },
      calls: [
        { from: '+35123456XXXX', ms: 1.5 },
        { from: 'XXX', ms: -0 },
      ],
    });
  });

  it('answers the bytes themselves where nothing is tagged', () => {
    const plain = lane([of('a', 'string'), of('b', { type: 'map', values: 'long' })]);
    const bytes = plain.type.toBuffer({ a: 'x', b: { y: 2 ** 40 } });
    expect(protectAvro(plain.plan, plain.root, bytes, seal).bytes).toEqual(bytes);
  });

  it('seals into the branch for texts, and removes into the branch for null', () => {
    const types = [of('n', ['null', 'long', 'string'], 'pan'), of('t', nullable('string'), 'customertext')];
    const { shown } = lane(types, [
      policy('GLOBAL', null, 'ENCRYPT', 'pan'),
      policy('GLOBAL', null, 'REMOVE', 'customertext', { removalForm: 'NULL' }),
    ]);
    expect(shown({ n: 4111111111111111, t: 'x' })).toEqual({ n: 'sealed(pan:4111111111111111)', t: null });
    expect(shown({ n: null, t: null })).toEqual({ n: null, t: null });
  });

  it('empties bytes under a tag, and drops entries of a map of which nothing may stay', () => {
    const { shown } = lane(
      [of('b', 'bytes', 'opaque'), of('m', { type: 'map', values: 'string' }, 'name')],
      [policy('GLOBAL', null, 'REMOVE', 'name'), policy('GLOBAL', null, 'REMOVE', 'opaque')],
    );
    expect(shown({ b: Buffer.from('abc'), m: { Ada: 'x', Bob: 'y' } })).toEqual({ b: Buffer.alloc(0), m: {} });
  });

  it.each([
    ['a number that becomes a text', of('n', 'long', 'pan')],
    ['a union without a branch for texts', of('n', ['null', 'long'], 'pan')],
    ['a fixed', of('n', { type: 'fixed', name: 'F', size: 2 }, 'ssn')],
  ])('refuses %s and names the field', (_name, one) => {
    const { protect } = lane([one]);
    const given = {
      n: one.name === 'n' && JSON.stringify(one).includes('fixed') ? Buffer.from('ab') : 4111111111111111,
    };
    expect(errorOf(() => protect(given))).toMatchObject({ code: 'VALUE_INVALID', field: ['n'] });
  });

  it('refuses a field that the plan does not know', () => {
    const { root, type } = lane([of('a', 'string'), of('b', 'string')]);
    const plan = planOf([field('a')]);
    const bytes = type.toBuffer({ a: 'x', b: 'canary' });
    const error = errorOf(() => protectAvro(plan, root, bytes, seal));
    expect(error).toMatchObject({ code: 'VALUE_INVALID', field: ['b'] });
    expect(error.message).not.toContain('canary');
  });

  it('finds the account in the bytes', () => {
    const { root, type } = lane(fields);
    const bytes = type.toBuffer(value);
    expect(avroIdIn('account', root, bytes)).toBe('AC1');
    expect(avroIdIn('who.age', root, bytes)).toBe('36');
    expect(avroIdIn('at', root, bytes)).toBe('1528106400000');
    expect([avroIdIn('nowhere', root, bytes), avroIdIn('list', root, bytes), avroIdIn(null, root, bytes)]).toEqual([
      null,
      null,
      null,
    ]);
  });

  it('refuses bytes that are cut short or go on, at every length', () => {
    const { root, type, plan } = lane(fields);
    const bytes = type.toBuffer(value);
    for (let length = 0; length < bytes.length; length += 1)
      expect(errorOf(() => protectAvro(plan, root, bytes.subarray(0, length), seal)).code).toBe('VALUE_INVALID');
    expect(errorOf(() => protectAvro(plan, root, Buffer.concat([bytes, Buffer.of(0)]), seal)).code).toBe(
      'VALUE_INVALID',
    );
  });

  it('answers random bytes with data or a refusal, and never hangs', () => {
    const { root, plan, type } = lane(fields);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        let shown: Buffer;
        try {
          shown = protectAvro(plan, root, bytes, seal).bytes;
        } catch (error) {
          expect(error).toMatchObject({ code: 'VALUE_INVALID' });
          return;
        }
        expect(() => type.fromBuffer(shown)).not.toThrow();
      }),
      { numRuns: 2_000 },
    );
  });

  it('leaves what applying the plan to the record leaves', () => {
    const text = fc.oneof(fc.string(), fc.emailAddress(), fc.stringMatching(/^\+[0-9]{10}$/));
    const maybe = fc.option(text);
    const records = fc.record({
      account: text,
      to: text,
      mail: maybe,
      text: maybe,
      at: fc.integer({ min: -(2 ** 50), max: 2 ** 50 }),
      list: fc.array(text),
      // avsc reads maps into plain objects, in which this key is no key.
      map: fc.dictionary(
        text.filter((key) => key !== '__proto__'),
        maybe,
      ),
      who: fc.option(fc.record({ name: maybe, age: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }) })),
      calls: fc.array(fc.record({ from: text, ms: fc.double({ noNaN: true }) })),
      kind: fc.constantFrom('A', 'B'),
      raw: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    });
    const lanes = [
      lane(fields),
      lane(
        fields,
        [policy('GLOBAL', null, 'ENCRYPT', 'phonenumber'), policy('GLOBAL', null, 'TOKENIZE', 'ip')].slice(0, 1),
      ),
    ];
    fc.assert(
      fc.property(records, fc.nat({ max: 1 }), (given, which) => {
        const { plan, type, shown } = lanes[which] ?? lane(fields);
        const decoded = type.fromBuffer(type.toBuffer(given));
        const plain = JSON.parse(JSON.stringify({ ...decoded, raw: null }));
        const expected = applyProtection(plan, plain, seal).record;
        expect(JSON.parse(JSON.stringify({ ...shown(given), raw: null }))).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });
});
