import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lakeColumnsOf } from '../../../src/domain/lake/lake-column.ts';
import {
  partitionOf,
  pathSegment,
  tableLocation,
  unknownDatePartition,
} from '../../../src/domain/lake/table-location.ts';

const location = {
  area: 'demo',
  entity: 'Demo.SparkSummit',
  version: { major: 1, minor: 0 },
  dateField: 'date_created',
  grain: 'ymd',
  format: 'parquet',
} as const;

describe('standard lake directories', () => {
  it('name area, entity, version, date field and format', () => {
    expect(tableLocation(location)).toBe('data/demo/Demo.SparkSummit/v1.0/by_date_created_ymd/parquet');
  });
  it.each(['', '..', 'a/b', 'a\\b', 'a\u0000', 'a\nb', '_hidden', '.x', 'x'.repeat(201), 'é'.repeat(101)])(
    'refuse %j as a folder name',
    (entity) => {
      expect(() => tableLocation({ ...location, entity })).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
    },
  );
  it('never leave the data folder, whatever the names', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (area, dateField) => {
        let path: string;
        try {
          path = tableLocation({ ...location, area, dateField });
        } catch {
          return;
        }
        expect(path.split('/')).toHaveLength(6);
        expect(path).toMatch(/^data\/[^/]+\/Demo\.SparkSummit\/v1\.0\/by_[^/]*_ymd\/parquet$/u);
      }),
    );
  });
  it('refuse a version that is not whole', () => {
    expect(() => tableLocation({ ...location, version: { major: 1, minor: 0.5 } })).toThrow(
      expect.objectContaining({ code: 'BAD_INPUT' }),
    );
  });
  it('keep a good name as it is', () => {
    expect(pathSegment('Ünïcode name', 'area')).toBe('Ünïcode name');
  });
});

describe('day partitions', () => {
  it.each([
    ['2018-06-05', '2018/06/05'],
    ['2018-06-05T23:30:00Z', '2018/06/05'],
    ['2018-06-05T23:30:00-01:00', '2018/06/06'],
    ['2018-06-05T00:30:00+0100', '2018/06/04'],
    ['2018-06-05 12:00', '2018/06/05'],
    ['2018-06-05T12:00:00.123456', '2018/06/05'],
    ['2020-02-29', '2020/02/29'],
  ])('put %s into %s', (value, folder) => {
    expect(partitionOf(value)).toBe(folder);
  });
  it.each([undefined, null, '', 'yesterday', '2018-13-01', '2018-04-31', '2019-02-29', '2018-06-05T25:00Z', 5, {}])(
    'put %j with the unknown dates',
    (value) => {
      expect(partitionOf(value)).toBe(unknownDatePartition);
    },
  );
  it('give every instant its UTC day', () => {
    const range = { noInvalidDate: true, min: new Date('0001-01-01'), max: new Date('9999-12-31') };
    fc.assert(
      fc.property(fc.date(range), (date) => {
        expect(partitionOf(date.toISOString())).toBe(date.toISOString().slice(0, 10).replaceAll('-', '/'));
      }),
    );
  });
  it('hide no partition from lake tools', () => {
    expect(unknownDatePartition).toMatch(/^[^._]/u);
  });
});

describe('lake columns', () => {
  it('map field types in order, nested ones to JSON', () => {
    const types = ['string', 'int', 'long', 'float', 'double', 'boolean', 'bytes', 'record', 'array', 'map', 'enum'];
    const columns = lakeColumnsOf(types.map((type) => ({ name: `f_${type}`, type: type as 'string' })));
    expect(columns.map(({ type }) => type).join(' ')).toBe(
      'VARCHAR INTEGER BIGINT DOUBLE DOUBLE BOOLEAN VARCHAR JSON JSON JSON VARCHAR',
    );
    expect(columns[0]?.name).toBe('f_string');
  });
  it('read a nullable type as the type, and a real union as JSON', () => {
    const [nullable, union, unknown] = lakeColumnsOf([
      { name: 'a', type: 'union', branches: ['null', 'long'] },
      { name: 'b', type: 'union', branches: ['null', 'long', 'string'] },
      { name: 'c', type: 'union' },
    ]);
    expect([nullable?.type, union?.type, unknown?.type]).toEqual(['BIGINT', 'JSON', 'JSON']);
  });
});
