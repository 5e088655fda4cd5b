import { toBinary } from '@bufbuild/protobuf';
import * as wellKnown from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { parseProtobufSchema } from '../../../src/domain/registry/protobuf/protobuf-schema.ts';

const parse = (text: string) => parseProtobufSchema({ text, references: [] });
const withField = (file: string, type: string) =>
  parse(`syntax = "proto3"; import "${file}"; message M { .${type} a = 1; }`);

describe('a file that every registry has', () => {
  it.each([
    ['google/type/calendar_period.proto', 'google.type.CalendarPeriod', ['a:enum']],
    [
      'google/type/color.proto',
      'google.type.Color',
      ['a:record', 'a.red:float', 'a.green:float', 'a.blue:float', 'a.alpha:float'],
    ],
    ['google/type/date.proto', 'google.type.Date', ['a:record', 'a.year:int', 'a.month:int', 'a.day:int']],
    ['google/type/dayofweek.proto', 'google.type.DayOfWeek', ['a:enum']],
    ['google/type/decimal.proto', 'google.type.Decimal', ['a:record', 'a.value:string']],
    ['google/type/fraction.proto', 'google.type.Fraction', ['a:record', 'a.numerator:long', 'a.denominator:long']],
    ['google/type/interval.proto', 'google.type.Interval', ['a:record', 'a.start_time:string', 'a.end_time:string']],
    ['google/type/latlng.proto', 'google.type.LatLng', ['a:record', 'a.latitude:double', 'a.longitude:double']],
    [
      'google/type/localized_text.proto',
      'google.type.LocalizedText',
      ['a:record', 'a.text:string', 'a.language_code:string'],
    ],
    [
      'google/type/money.proto',
      'google.type.Money',
      ['a:record', 'a.currency_code:string', 'a.units:long', 'a.nanos:int'],
    ],
    ['google/type/month.proto', 'google.type.Month', ['a:enum']],
    [
      'google/type/timeofday.proto',
      'google.type.TimeOfDay',
      ['a:record', 'a.hours:int', 'a.minutes:int', 'a.seconds:int', 'a.nanos:int'],
    ],
    ['confluent/meta.proto', 'confluent.Meta', ['a:record', 'a.doc:string', 'a.params:map', 'a.tags:array']],
    [
      'confluent/type/decimal.proto',
      'confluent.type.Decimal',
      ['a:record', 'a.value:bytes', 'a.precision:long', 'a.scale:int'],
    ],
    ['google/protobuf/struct.proto', 'google.protobuf.NullValue', ['a:enum']],
    ['google/protobuf/descriptor.proto', 'google.protobuf.FieldDescriptorProto.Type', ['a:enum']],
  ])('%s is imported without a reference', (file, type, expected) => {
    expect(withField(file, type).fields.map((field) => `${field.path}:${field.type}`)).toEqual(expected);
  });

  it.each([
    ['google/type/datetime.proto', 'google.type.DateTime', 12],
    ['google/type/expr.proto', 'google.type.Expr', 5],
    ['google/type/phone_number.proto', 'google.type.PhoneNumber', 6],
    ['google/type/postal_address.proto', 'google.type.PostalAddress', 12],
    ['google/type/quaternion.proto', 'google.type.Quaternion', 5],
  ])('%s has all of its fields', (file, type, count) => {
    expect(withField(file, type).fields).toHaveLength(count);
  });

  it('is checked within JSON messages', () => {
    const money = withField('google/type/money.proto', 'google.type.Money');
    expect(money.messageFaults({ a: { currencyCode: 'EUR', units: '5' } })).toEqual([]);
    expect(money.messageFaults({ a: { units: 'canary' } })).toHaveLength(1);
  });

  it('gives way to a reference of the same path', () => {
    const own = parseProtobufSchema({
      text: 'syntax = "proto3"; import "google/type/date.proto"; message M { google.type.Date a = 1; }',
      references: [
        {
          name: 'google/type/date.proto',
          text: 'syntax = "proto3"; package google.type; message Date { string day = 1; }',
        },
      ],
    });
    expect(own.fields.map((field) => field.path)).toEqual(['a', 'a.day']);
  });
});

describe('a descriptor of another implementation', () => {
  const files = Object.entries(wellKnown).flatMap(([name, value]) =>
    name.startsWith('file_') && 'kind' in value && value.kind === 'file' ? [[value.name, value.proto] as const] : [],
  );

  it.each(files)('%s is read, and its text means the same', (_name, proto) => {
    const serialized = Buffer.from(toBinary(wellKnown.FileDescriptorProtoSchema, proto)).toString('base64');
    const schema = parse(serialized);
    expect(parse(schema.text).printed('serialized')).toBe(schema.printed('serialized'));
    expect(schema.incompatibilitiesWith(parse(schema.normalized()))).toEqual([]);
  });
});
