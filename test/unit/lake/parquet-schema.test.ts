import { describe, expect, it } from 'vitest';
import {
  caseCollisions,
  type SchemaElement,
  schemaDifferences,
  schemaNodes,
} from '../../../src/adapters/lake/duckdb/parquet-schema.ts';
import { rewriteFaults } from '../../../src/adapters/lake/duckdb/rewrite-check.ts';

const leaf = (name: string, more: Partial<SchemaElement> = {}): SchemaElement => ({
  name,
  type: 'INT32',
  repetition: 'OPTIONAL',
  children: 0,
  convertedType: null,
  logicalType: null,
  fieldId: null,
  duckdbType: 'INTEGER',
  ...more,
});
const root = (children: number): SchemaElement => leaf('schema', { type: null, duckdbType: null, children });
const group = (name: string, children: number): SchemaElement => leaf(name, { type: null, duckdbType: null, children });

describe('parquet schema', () => {
  it('gives nested columns their paths', () => {
    const nodes = schemaNodes([root(2), group('a', 1), group('list', 1), leaf('element'), leaf('b')]);
    expect(nodes.map(({ path, depth }) => `${depth} ${path}`)).toEqual(['0 a', '1 a.list', '2 a.list.element', '0 b']);
  });
  it('finds names that differ only by case, within one parent', () => {
    expect(caseCollisions(schemaNodes([root(2), leaf('ID'), leaf('id')]))).toEqual(['id']);
    expect(caseCollisions(schemaNodes([root(2), group('a', 1), leaf('id'), leaf('ID')]))).toEqual([]);
  });
  it.each([
    ['a REQUIRED column', { repetition: 'REQUIRED' }, {}, 'repetition'],
    [
      'an INT96 time',
      { type: 'INT96', duckdbType: 'TIMESTAMP' },
      { type: 'INT64', duckdbType: 'TIMESTAMP', convertedType: 'TIMESTAMP_MICROS' },
      'physical type',
    ],
    [
      'a fixed length array',
      { type: 'FIXED_LEN_BYTE_ARRAY', duckdbType: 'BLOB' },
      { type: 'BYTE_ARRAY', duckdbType: 'BLOB' },
      'physical type',
    ],
    ['a field id', { fieldId: '7' }, {}, 'field id'],
    ['milliseconds', { convertedType: 'TIME_MILLIS' }, { convertedType: 'TIME_MICROS' }, 'annotation'],
    [
      'an enum',
      { type: 'BYTE_ARRAY', convertedType: 'ENUM', duckdbType: 'VARCHAR' },
      { type: 'BYTE_ARRAY', convertedType: 'UTF8', duckdbType: 'VARCHAR' },
      'annotation',
    ],
  ])('tells %s as a difference', (_, before, after, what) => {
    const [difference] = schemaDifferences(
      schemaNodes([root(1), leaf('c', before)]),
      schemaNodes([root(1), leaf('c', after)]),
    );
    expect(difference?.what).toBe(what);
  });
  it('takes two spellings of one type for the same', () => {
    const before = [
      root(2),
      leaf('n'),
      leaf('t', {
        type: 'INT64',
        duckdbType: 'TIMESTAMP',
        logicalType:
          'TimestampType(isAdjustedToUTC=0, unit=TimeUnit(MILLIS=<null>, MICROS=MicroSeconds(), NANOS=<null>))',
      }),
    ];
    const after = [
      root(2),
      leaf('n', { convertedType: 'INT_32' }),
      leaf('t', { type: 'INT64', duckdbType: 'TIMESTAMP', convertedType: 'TIMESTAMP_MICROS' }),
    ];
    expect(schemaDifferences(schemaNodes(before), schemaNodes(after))).toEqual([]);
  });
  it('tells a lost, renamed or moved column', () => {
    const nodes = schemaNodes([root(2), leaf('a'), leaf('b')]);
    expect(schemaDifferences(nodes, schemaNodes([root(1), leaf('a')]))).toHaveLength(1);
    expect(schemaDifferences(nodes, schemaNodes([root(2), leaf('b'), leaf('a')]))).toHaveLength(1);
  });
});

describe('check of a rewritten file', () => {
  const exact = {
    rows: 10,
    found: 3,
    source: { rows: 10, matches: 3, disputed: 0 },
    staged: { rows: 7, hits: 0, misplaced: 0, schemaDifferences: [] },
  };
  it('finds no fault in an exact copy', () => {
    expect(rewriteFaults(exact)).toEqual([]);
  });
  it.each([
    ['a lost row', { ...exact, staged: { ...exact.staged, rows: 6 } }],
    ['a surviving match', { ...exact, staged: { ...exact.staged, hits: 1 } }],
    ['rows in other places', { ...exact, staged: { ...exact.staged, misplaced: 2 } }],
    ['a row that only one of two ways calls a match', { ...exact, source: { ...exact.source, disputed: 2 } }],
    ['a match that only the lookup sees', { ...exact, source: { ...exact.source, matches: 4 } }],
    ['a source that changed in between', { ...exact, source: { ...exact.source, rows: 11 } }],
    [
      'a changed schema',
      { ...exact, staged: { ...exact.staged, schemaDifferences: [{ column: 'c', what: 'x', from: 'a', to: 'b' }] } },
    ],
  ])('names %s', (_, evidence) => {
    expect(rewriteFaults(evidence)).toHaveLength(1);
  });
});
