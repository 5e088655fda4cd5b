import avsc from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeAvro } from '../../../src/domain/registry/avro/avro-decoding.ts';
import { parseAvroSchema } from '../../../src/domain/registry/avro/avro-schema.ts';
import type { Data } from '../../testkit/app.ts';
import { avroOf, shapes } from './avro-shapes.ts';

const rootOf = (schema: unknown) => parseAvroSchema({ text: JSON.stringify(schema), references: [] }).root;
const decoded = (schema: unknown, hex: string) => decodeAvro(rootOf(schema), Buffer.from(hex, 'hex'));

/** A value of avsc as JSON messages carry it; unions are wrapped by the names of their branches. */
function plain(type: avsc.Type, value: Data): unknown {
  if (type.typeName === 'union:wrapped' || type.typeName === 'union:unwrapped') {
    if (value === null) return null;
    const [name] = Object.keys(value);
    const branch = (type as avsc.types.WrappedUnionType).types.find((one) => (one.name ?? one.typeName) === name);
    return plain(branch!, value[name!]);
  }
  if (type instanceof avsc.types.RecordType)
    return Object.fromEntries(type.fields.map((field) => [field.name, plain(field.type, value[field.name])]));
  if (type instanceof avsc.types.ArrayType) return value.map((item: unknown) => plain(type.itemsType, item));
  if (type instanceof avsc.types.MapType)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(type.valuesType, item)]));
  if (type.typeName === 'bytes') return value.toString('base64');
  if (type.typeName === 'fixed') {
    const isText = /^[ -~]*$/.test(value.toString('latin1'));
    return value.toString(isText ? 'latin1' : 'base64');
  }
  return value;
}

describe('Avro from its binary encoding', () => {
  it('is what avsc wrote, for schemas and values of any shape', () => {
    let compared = 0;
    fc.assert(
      fc.property(shapes, (shape) => {
        const schema = avroOf(shape);
        const type = avsc.Type.forSchema(schema as avsc.Schema, { wrapUnions: true });
        let value: unknown;
        try {
          value = type.random();
        } catch {
          return; // A record that must hold itself has no value.
        }
        compared += 1;
        expect(decodeAvro(rootOf(schema), type.toBuffer(value))).toEqual(
          plain(type, type.fromBuffer(type.toBuffer(value))),
        );
      }),
      { numRuns: 500 },
    );
    expect(compared).toBeGreaterThan(200);
  });

  it.each([
    ['long', '8280808080808020', 9_007_199_254_740_993n],
    ['long', 'ffffffffffffffffff01', -9_223_372_036_854_775_808n],
    [{ type: 'long', logicalType: 'timestamp-micros' }, '02', 1],
    [{ type: 'enum', name: 'E', symbols: ['A', 'B'] }, '02', 'B'],
    [{ type: 'string', logicalType: 'uuid' }, '026e', 'n'],
    [
      { type: 'fixed', name: 'U', size: 16, logicalType: 'uuid' },
      '0188C5A27C117D3A9E2B0123456789AB',
      '0188c5a2-7c11-7d3a-9e2b-0123456789ab',
    ],
    [{ type: 'fixed', name: 'F', size: 4 }, '41433031', 'AC01'],
    [{ type: 'fixed', name: 'F', size: 2 }, '41ff', 'Qf8='],
    ['double', '000000000000f07f', 'Infinity'],
    [['null', 'long'], '020e', 7],
  ])('%j %s is %s', (type, hex, value) => {
    expect(decoded({ type: 'record', name: 'R', fields: [{ name: 'a', type }] }, hex)).toEqual({ a: value });
  });

  it.each([
    ['bytes that go on', 'string', '02610'.padEnd(6, '0')],
    ['text that is no UTF-8', 'string', '02ff'],
    ['a symbol that there is not', { type: 'enum', name: 'E', symbols: ['A'] }, '02'],
    ['a branch that there is not', ['null', 'string'], '04'],
    // A thousand lists of two thousand nulls each, in three thousand bytes.
    [
      'more values than a message may make',
      { type: 'array', items: { type: 'array', items: 'null' } },
      `d00f${'a01f00'.repeat(1_000)}00`,
    ],
  ])('refuses %s', (_what, type, hex) => {
    expect(() => decoded(type, hex)).toThrow('not data of this Avro schema');
  });
});
