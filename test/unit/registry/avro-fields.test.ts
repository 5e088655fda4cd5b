import { describe, expect, it } from 'vitest';
import { parseAvroSchema } from '../../../src/domain/registry/avro/avro-schema.ts';

const parse = (schema: unknown) => parseAvroSchema({ text: JSON.stringify(schema), references: [] });
const record = (fields: readonly unknown[], name = 'R') => ({ type: 'record', name, fields });
const pathsOf = (schema: unknown) => parse(schema).fields.map(({ path, type }) => `${path}: ${type}`);
const array = (items: unknown) => ({ type: 'array', items });
const map = (values: unknown) => ({ type: 'map', values });

describe('the fields of an Avro schema', () => {
  it('are all paths in document order, through arrays, maps and unions', () => {
    const leaf = record([{ name: 'x', type: 'int' }], 'Leaf');
    expect(
      pathsOf(
        record([
          { name: 'a', type: leaf },
          { name: 'b', type: array(map('Leaf')) },
          { name: 'c', type: ['null', 'Leaf', array('Leaf'), 'string'] },
          { name: 'd', type: { type: 'fixed', name: 'F', size: 1 } },
        ]),
      ),
    ).toEqual(['a: record', 'a.x: int', 'b: array', 'b[]{}.x: int', 'c: union', 'c.x: int', 'c[].x: int', 'd: fixed']);
  });

  it('show a record inside itself and do not enter it again', () => {
    const tree = record([
      { name: 'value', type: 'string' },
      { name: 'left', type: ['null', 'R'] },
      { name: 'all', type: map(array('R')) },
    ]);
    expect(pathsOf(tree)).toEqual(['value: string', 'left: record', 'all: map']);
  });

  it('enter a record again beside itself', () => {
    const pair = record([
      { name: 'a', type: record([{ name: 'x', type: 'int' }], 'P') },
      { name: 'b', type: 'P' },
    ]);
    expect(pathsOf(pair)).toEqual(['a: record', 'a.x: int', 'b: record', 'b.x: int']);
  });

  it('say whether they may be null, must be there, and what they mean', () => {
    const { fields } = parse(
      record([
        { name: 'a', type: 'int', doc: 'first', twilio_type: 'email', 'confluent:tags': ['PII', 'PII', 7] },
        { name: 'b', type: ['null', 'int'] },
        { name: 'c', type: 'int', default: 1, 'confluent:tags': 'PII' },
        { name: 'd', type: { type: 'string', 'confluent:tags': ['X'] }, 'confluent:tags': ['Y'] },
        { name: 'e', type: ['null', { type: 'string', 'confluent:tags': ['Z'] }] },
      ]),
    );
    expect(
      fields.map(({ nullable, required, semanticType, tags, doc }) => [nullable, required, semanticType, tags, doc]),
    ).toEqual([
      [false, true, 'email', ['PII'], 'first'],
      [true, false, null, [], null],
      [false, false, null, [], null],
      [false, true, null, ['Y', 'X'], null],
      [true, false, null, ['Z'], null],
    ]);
  });

  it.each<readonly [string, unknown]>([
    ['a primitive', 'string'],
    ['a union', ['null', record([{ name: 'a', type: 'int' }])]],
    ['an array', array(record([{ name: 'a', type: 'int' }]))],
    ['an enum', { type: 'enum', name: 'E', symbols: ['A'] }],
  ])('and the record are none for %s', (_name, schema) => {
    expect([parse(schema).record, parse(schema).fields]).toEqual([null, []]);
  });

  it.each([
    [{ name: 'R' }, '', 'R'],
    [{ name: 'R', namespace: 'a.b' }, 'a.b', 'R'],
    [{ name: 'x.y.R', namespace: 'a.b' }, 'x.y', 'R'],
  ])('belong to the record %j', (head, namespace, name) => {
    expect(parse({ type: 'record', fields: [], ...head }).record).toEqual({ namespace, name });
  });
});
