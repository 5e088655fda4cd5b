import { describe, expect, it } from 'vitest';
import { protectProtobuf } from '../../../src/domain/privacy/protect-protobuf.ts';
import { as, avroField, avroLane, avroRecord, protobufLane } from './plan-lanes.ts';

const array = (items: unknown) => ({ type: 'array', items });
const map = (values: unknown) => ({ type: 'map', values });
const typed = (type: string, twilio_type: string) => ({ type, twilio_type });
const phone = avroField('phone', 'string', 'phonenumber');

describe('a typed value in Avro is protected', () => {
  it.each<[string, unknown, unknown, unknown]>([
    ['by the type of the field', typed('string', 'phonenumber'), '911', 'XXX'],
    ['by a tag of the type', { type: 'string', 'confluent:tags': ['phonenumber'] }, '911', 'XXX'],
    ['in items', array(typed('string', 'phonenumber')), ['911'], ['XXX']],
    ['in items of items', array(array(typed('string', 'phonenumber'))), [['911']], [['XXX']]],
    ['in values, whose keys go like them', map(typed('string', 'phonenumber')), { 12: '911' }, { XX: 'XXX' }],
    ['in a branch', ['null', 'int', typed('string', 'phonenumber')], '911', 'XXX'],
    ['in items of a branch', ['null', array(typed('string', 'phonenumber'))], ['911'], ['XXX']],
    ['in records of a map', map(avroRecord('P', phone)), { k: { phone: '911' } }, { k: { phone: 'XXX' } }],
    [
      'in records of lists of a map',
      map(array(avroRecord('P', phone))),
      { k: [{ phone: '911' }] },
      { k: [{ phone: 'XXX' }] },
    ],
    [
      'in a record that is typed itself',
      { ...avroRecord('P', avroField('id', 'string')), twilio_type: 'phonenumber' },
      { id: '911' },
      { id: 'XXX' },
    ],
    ['by an unregistered type, which removes it', typed('string', 'phonenumbr'), '911', ''],
  ])('%s', (_name, type, value, expected) => {
    const { shown, inBytes } = avroLane(avroRecord('R', avroField('a', type)));
    expect(shown({ a: value })).toEqual({ a: expected });
    expect(inBytes({ a: value })).toEqual({ a: expected });
  });

  const either = (one: unknown, other: unknown) =>
    avroLane(
      avroRecord(
        'R',
        avroField('a', [
          avroRecord('A', avroField('id', one)),
          avroRecord('B', avroField('id', other), avroField('x', 'int')),
        ]),
      ),
    );

  it.each<[string, unknown, unknown, string, string]>([
    ['where one record of a union says so', 'string', typed('string', 'phonenumber'), '911', 'XXX'],
    ['where the first record of a union says so', typed('string', 'phonenumber'), 'string', '911', 'XXX'],
    [
      'where two records say different things, which removes it',
      typed('string', 'email'),
      typed('string', 'phonenumber'),
      '911@x.com',
      '',
    ],
  ])('%s', (_name, one, other, id, expected) => {
    const { shown, inBytes, plan } = either(one, other);
    for (const value of [{ 'n.A': { id } }, { 'n.B': { id, x: 1 } }])
      expect(JSON.stringify(inBytes({ a: value }))).toBe(JSON.stringify({ a: value }).replace(id, expected));
    expect(shown({ a: { id, x: 1 } })).toEqual({ a: { id: expected, x: 1 } });
    const warned = plan.warnings.filter(({ path }) => path === 'a.id');
    expect(warned.length).toBe(expected === '' ? 1 : 0);
  });

  it('by the type of the record itself, but for what has one of its own', () => {
    const { shown, inBytes } = avroLane({
      ...avroRecord(
        'R',
        avroField('a', 'string'),
        avroField('mail', 'string', 'email'),
        avroField('next', ['null', 'R']),
      ),
      twilio_type: 'phonenumber',
    });
    const value = { a: '911', mail: 'ada@x.com', next: { a: '12', mail: 'ada@x.com', next: null } };
    const next = { a: 'XX', mail: 'a***@x.com', next: null };
    for (const protect of [shown, inBytes]) expect(protect(value)).toEqual({ a: 'XXX', mail: 'a***@x.com', next });
  });

  it('and left out under an alias, which no record is written with', () => {
    const { shown } = avroLane(avroRecord('R', { ...phone, aliases: ['tel'] }));
    expect(shown({ tel: '911', phone: '911' })).toEqual({ phone: 'XXX' });
  });

  it('and left out where JSON wraps a branch in its name', () => {
    const { shown } = avroLane(avroRecord('R', avroField('a', ['null', avroRecord('P', phone)])));
    expect(shown({ a: { 'n.P': { phone: '911' } } })).toEqual({ a: {} });
  });
});

describe('a typed value in Protobuf is protected', () => {
  const imports = 'import "google/protobuf/any.proto"; import "google/protobuf/struct.proto";';

  it.each<[string, string, unknown, unknown]>([
    ['in a oneof', `oneof a { string p = 1 ${as('phonenumber')}; int32 i = 2; }`, { p: '911' }, { p: 'XXX' }],
    ['in a message of a oneof', 'oneof a { P m = 1; int32 i = 2; }', { m: { phone: '911' } }, { m: { phone: 'XXX' } }],
    [
      'in values of a map, whose keys go like them',
      `map<string, string> m = 1 ${as('phonenumber')};`,
      { m: { 12: '911' } },
      { m: { XX: 'XXX' } },
    ],
    ['in messages of a map', 'map<int32, P> m = 1;', { m: { 7: { phone: '911' } } }, { m: { 7: { phone: 'XXX' } } }],
    [
      'in a Struct',
      `google.protobuf.Struct s = 1 ${as('phonenumber')};`,
      { s: { 12: ['911'] } },
      { s: { XX: ['XXX'] } },
    ],
    ['by an unregistered type, which removes it', `optional string p = 1 ${as('phonenumbr')};`, { p: '911' }, {}],
  ])('%s', (_name, fields, value, expected) => {
    const { shown, inBytes } = protobufLane(
      `${imports} message R { ${fields} } message P { string phone = 1 ${as('phonenumber')}; }`,
    );
    expect(inBytes(value)).toEqual(expected);
    if (Object.keys(expected as object).length > 0) expect(shown(value)).toEqual(expected);
  });

  it('by what is said of messages', () => {
    const meta = 'option (confluent.message_meta).tags = "phonenumber";';
    const { shown, inBytes } = protobufLane(
      `import "confluent/meta.proto"; message R { P a = 1; Q b = 2; } message P { string id = 1; ${meta} }
       message Q { string id = 1; option (acme.twilio_type) = "email"; }`,
    );
    const value = { a: { id: '911' }, b: { id: 'ada@x.com' } };
    for (const protect of [shown, inBytes])
      expect(protect(value)).toEqual({ a: { id: 'XXX' }, b: { id: 'a***@x.com' } });
    const { shown: ofRecord } = protobufLane(`import "confluent/meta.proto"; message R { string id = 1; ${meta} }`);
    expect(ofRecord({ id: '911' })).toEqual({ id: 'XXX' });
  });

  it('in groups, within each other', () => {
    const { inBytes, shown } = protobufLane(
      `message R { optional group G = 1 { optional string phone = 1 ${as('phonenumber')}; optional R inner = 2; } }`,
      [],
      'proto2',
    );
    const value = { g: { phone: '911', inner: { g: { phone: '12' } } } };
    for (const protect of [inBytes, shown])
      expect(protect(value)).toEqual({ g: { phone: 'XXX', inner: { g: { phone: 'XX' } } } });
  });

  it('in an Any that says nothing, alone and in a list: it goes', () => {
    const { plan, target, seal, shown } = protobufLane(
      `${imports} message R { google.protobuf.Any one = 1; repeated google.protobuf.Any all = 2; }`,
    );
    // Two of them that name a type and hold the bytes of "911".
    const any = Buffer.from('0a05782e782f501205 0a03393131'.replace(' ', ''), 'hex');
    const bytes = Buffer.concat([Buffer.from([0x0a, any.length]), any, Buffer.from([0x12, any.length]), any]);
    expect(protectProtobuf(plan, target, bytes, seal).bytes.toString('hex')).toBe('1200');
    expect(JSON.stringify(shown({ one: { '@type': 'x.x/P', phone: '911' } }))).not.toContain('911');
    expect(plan.warnings.map(({ path }) => path)).toEqual(expect.arrayContaining(['one', 'all']));
    expect(plan.gaps).toEqual([]);
  });

  it('in an Any that is declared harmless it passes', () => {
    const { plan } = protobufLane(`${imports} message R { google.protobuf.Any one = 1 ${as('quantity')}; }`);
    expect(plan.steps).toMatchObject([{ path: 'one', action: 'NONE' }]);
  });

  it('and left out in an extension, which is no field of the catalog', () => {
    const { plan, target, seal } = protobufLane(
      `message R { extensions 100 to 199; optional string a = 1; } extend R { optional string phone = 100 ${as('phonenumber')}; }`,
      [],
      'proto2',
    );
    const bytes = Buffer.from('0a0178a20603393131', 'hex');
    expect(protectProtobuf(plan, target, bytes, seal)).toMatchObject({
      bytes: Buffer.from('0a0178', 'hex'),
      unknownRemoved: 1,
    });
  });
});
