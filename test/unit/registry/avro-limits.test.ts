import { describe, expect, it } from 'vitest';
import { parseAvroSchema } from '../../../src/domain/registry/avro/avro-schema.ts';
import { readSchemaDocument } from '../../../src/domain/registry/schema-document.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';

const parse = (schema: unknown, references: readonly unknown[] = []) =>
  parseAvroSchema({
    text: typeof schema === 'string' ? schema : JSON.stringify(schema),
    references: references.map((reference, index) => ({ name: `ref${index}`, text: JSON.stringify(reference) })),
  });
const record = (name: string, fields: readonly unknown[], more = {}) => ({ type: 'record', name, fields, ...more });
const times = <T>(count: number, make: (index: number) => T): readonly T[] =>
  Array.from({ length: count }, (_, index) => make(index));

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof LinewardError) return error.code;
    throw error;
  }
  return 'none';
}

/** Records of which each refers to the one before by its name. */
const chain = (length: number) =>
  times(length, (index) => record(`A${index}`, index === 0 ? [] : [{ name: 'f', type: `A${index - 1}` }]));
/** A record that holds itself through others, `length` in all. */
function circle(length: number): unknown {
  let type: unknown = 'C0';
  for (let index = length - 1; index >= 0; index -= 1) type = record(`C${index}`, [{ name: 'f', type }]);
  return type;
}

describe('hostile Avro schemas', () => {
  it.each([
    ['arrays in arrays', `${'{"type":"array","items":'.repeat(10_000)}"int"${'}'.repeat(10_000)}`, ['schema']],
    ['lists in lists', `${'['.repeat(10_000)}${']'.repeat(10_000)}`, ['schema']],
    ['types in types', `${'{"type":'.repeat(300)}"int"${'}'.repeat(300)}`, times(129, () => 'type')],
  ])('nested 10,000 or 300 levels deep are refused: %s', (_name, text, path) => {
    expect(() => parse(text)).toThrow(
      expect.objectContaining({
        code: 'SCHEMA_INVALID',
        field: path,
        message: expect.stringMatching(/nested deeper than/),
      }),
    );
  });

  it('of 128 levels are read', () => {
    expect(parse(`${'{"type":"array","items":'.repeat(128)}"int"${'}'.repeat(128)}`).text).toContain('"int"');
  });

  it('of more than 10,000 fields are refused, in one record or over references', () => {
    const fields = times(6_000, (index) => ({ name: `f${index}`, type: 'int' }));
    expect(
      codeOf(() => parse(record('R', [...fields, ...times(4_001, (index) => ({ name: `g${index}`, type: 'int' }))]))),
    ).toBe('LIMIT_EXCEEDED');
    expect(codeOf(() => parse(record('R', fields), [record('S', fields)]))).toBe('LIMIT_EXCEEDED');
  });

  it('whose shared types make more than 10,000 paths are refused when paths are asked for', () => {
    let type: unknown = 'int';
    for (let level = 0; level < 15; level += 1)
      type = record(`L${level}`, [
        { name: 'a', type },
        { name: 'b', type: level === 0 ? 'int' : `L${level - 1}` },
      ]);
    expect(codeOf(() => parse(type).fields)).toBe('LIMIT_EXCEEDED');
  });

  it('whose branches share their paths have each path once', () => {
    let type: unknown = 'int';
    for (let level = 0; level < 40; level += 1) {
      const again = level === 0 ? 'int' : [`V${level - 1}`, `W${level - 1}`];
      type = [record(`V${level}`, [{ name: 'a', type }]), record(`W${level}`, [{ name: 'a', type: again }])];
    }
    expect(parse(record('R', [{ name: 'a', type }])).fields).toHaveLength(41);
  });

  it('of thousands of references by name are compared, and not written out or walked to the end', () => {
    const top = record('R', [{ name: 'f', type: 'A899' }]);
    const schema = parse(top, chain(900));
    expect(schema.text).toBe(JSON.stringify(top));
    expect(codeOf(() => schema.printed('resolved'))).toBe('LIMIT_EXCEEDED');
    expect(codeOf(() => schema.fields)).toBe('LIMIT_EXCEEDED');
    expect(parse(chain(9_000)).incompatibilitiesWith(parse(chain(9_000)))).toEqual([]);
    const other = chain(9_000).with(0, record('A0', [{ name: 'new', type: 'int' }]));
    expect(parse(['null', ...other]).incompatibilitiesWith(parse(chain(9_000)))).toHaveLength(100);
  });

  it('with circles of different lengths agree', () => {
    const [one, other] = [circle(31), circle(30)].map((type) => parse([type, 'null']));
    expect(one?.incompatibilitiesWith(other ?? parse('"int"'))[0]?.errorType).toBe('MISSING_UNION_BRANCH');
    expect(one?.incompatibilitiesWith(one)).toEqual([]);
  });

  it('of unions of thousands are compared by name', () => {
    const wide = (prefix: string) => times(5_000, (index) => ({ type: 'fixed', name: `${prefix}${index}`, size: 1 }));
    expect(parse(wide('F')).incompatibilitiesWith(parse(wide('F')))).toEqual([]);
    expect(parse(wide('F')).incompatibilitiesWith(parse(wide('G')))).toHaveLength(100);
  });

  it('with more pairs to compare than any schema needs are refused', () => {
    const same = (size: number) =>
      times(1_000, (index) => ({ type: 'fixed', name: 'F', namespace: `n${index}`, size }));
    expect(codeOf(() => parse(same(1)).incompatibilitiesWith(parse(same(2))))).toBe('LIMIT_EXCEEDED');
  });

  it('with defaults of unions in unions are checked in their size', () => {
    let value: unknown = 5;
    for (let level = 0; level < 200; level += 1) value = { n: value };
    const both = record('A', [{ name: 'n', type: ['A', record('B', [{ name: 'n', type: ['A', 'B'] }])] }]);
    expect(
      codeOf(() =>
        parse(
          record('R', [
            { name: 'a', type: both },
            { name: 'b', type: 'A', default: value },
          ]),
        ),
      ),
    ).toBe('SCHEMA_INVALID');
  });

  it('as documents with anything nested too deep are refused', () => {
    let note: unknown = 1;
    for (let level = 0; level < 20_000; level += 1) note = [note];
    const schema = { ...record('R', [{ name: 'a', type: 'int', note }]), namespace: 'n' };
    expect(() => readSchemaDocument({ namespace: 'T', schema }, { names: [], find: () => null }, ['document'])).toThrow(
      expect.objectContaining({ code: 'SCHEMA_INVALID', field: ['document'] }),
    );
  });
});

describe('large Avro schemas', () => {
  const wide = (extra: readonly unknown[]) =>
    parse(
      record('R', [
        ...times(1_000, (index) => ({ name: `f${index}`, type: ['null', 'string'], default: null })),
        ...extra,
      ]),
    );

  it('of 1,000 fields are compared field by field', () => {
    expect(wide([{ name: 'x', type: 'int', default: 0 }]).incompatibilitiesWith(wide([]))).toEqual([]);
    expect(
      wide([{ name: 'x', type: 'int' }])
        .incompatibilitiesWith(wide([]))
        .map(({ path }) => path),
    ).toEqual(['/fields/1000']);
  });

  it('of 10,000 fields of five branches each stay within the steps of a comparison', () => {
    const branches = [
      'null',
      'string',
      { type: 'array', items: 'string' },
      { type: 'map', values: 'string' },
      'boolean',
    ];
    const schema = () =>
      parse(
        record(
          'R',
          times(10_000, (index) => ({ name: `f${index}`, type: branches })),
        ),
      );
    expect(schema().incompatibilitiesWith(schema())).toEqual([]);
  });
});
