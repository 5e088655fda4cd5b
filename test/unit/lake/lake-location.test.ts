import { describe, expect, it } from 'vitest';
import { columnFacts } from '../../../src/domain/lake/column-fit.ts';
import { overlapOf, readLocation } from '../../../src/domain/lake/lake-location.ts';
import { partitioningOfPath, partitionOfPath } from '../../../src/domain/lake/partitioning.ts';
import { standardNameOf, tableLocation } from '../../../src/domain/lake/table-location.ts';
import { TableProfiler } from '../../../src/domain/lake/table-profile.ts';

describe('a location', () => {
  it.each([
    ['events/clicks', 'file:///lake', 'events/clicks'],
    ['events/clicks/', 'file:///lake', 'events/clicks'],
    ['file:///lake/my%20events', 'file:///lake', 'my events'],
    ['s3://bucket/lake/events', 's3://bucket/lake', 'events'],
    ['s3://bucket/50%25', 's3://bucket', '50%25'],
  ])('%s under %s is %s', (text, url, path) => {
    expect(readLocation(text, url)).toBe(path);
  });

  it.each([
    ['file:///lakes/other', 'file:///lake'],
    ['file:///lake', 'file:///lake'],
    ['file:///lake/%2e%2e/x', 'file:///lake'],
    ['file:///lake/%2Fetc', 'file:///lake'],
    ['file:///lake/%zz', 'file:///lake'],
    ['s3://bucket/lakes/x', 's3://bucket/lake'],
    ['S3://bucket/lake/x', 's3://bucket/lake'],
    ['a/_b', 's3://bucket'],
    ['a/b//', 's3://bucket'],
  ])('%s under %s is refused', (text, url) => {
    expect(() => readLocation(text, url)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
  });

  it('lies within, around or beside another', () => {
    expect(overlapOf('a/b', 'a/b')).toBe('EQUAL');
    expect(overlapOf('a/b/c', 'a/b')).toBe('WITHIN');
    expect(overlapOf('a', 'a/b')).toBe('AROUND');
    expect(overlapOf('a/b', 'a/bc')).toBeNull();
  });

  it('tells area, entity, version and date field where its name is a standard one', () => {
    const facts = { area: 'web', entity: 'Demo.Click', version: { major: 2, minor: 0 }, dateField: 'date_created' };
    const location = tableLocation({ ...facts, grain: 'ymd', format: 'parquet' });
    expect(standardNameOf(location)).toEqual({ ...facts, grain: 'ymd', format: 'parquet' });
    expect(standardNameOf('data/web/Demo.Click/v2/by_day_ymd/parquet')).toBeNull();
  });
});

describe('partitions', () => {
  it.each([
    ['_year=2018/_month=06/part.parquet', 'HIVE', '_year=2018/_month=06'],
    ['day=__HIVE_DEFAULT_PARTITION__/part.parquet', 'HIVE', 'day=__HIVE_DEFAULT_PARTITION__'],
    ['2018/06/04/part.parquet', 'YMD', '2018/06/04'],
    ['unknown_date/part.parquet', 'YMD', 'unknown_date'],
    ['part.parquet', 'NONE', ''],
    ['2018/13/04/part.parquet', 'NONE', ''],
    ['a=1/b/part.parquet', 'NONE', ''],
  ] as const)('of %s are %s', (path, kind, partition) => {
    expect(partitioningOfPath(path)).toBe(kind);
    expect(partitionOfPath(path, kind)).toBe(partition);
  });

  it('are counted with files that are in none, and files are told by what they are', () => {
    const profiler = new TableProfiler(null);
    const file = { bytes: 10, rows: 3, codec: 'zstd', columns: [{ name: 'a', type: 'VARCHAR' }], refusals: [] };
    for (const day of ['02', '01', '02']) profiler.add({ path: `2018/06/${day}/x.parquet`, ...file });
    profiler.add({ path: 'loose.parquet', ...file, codec: 'snappy' });
    profiler.add({ path: '2018/06/03/bad.parquet', bytes: 1, fault: 'it is damaged' });
    expect(profiler.profile([], [])).toMatchObject({
      files: 5,
      rows: 12,
      bytes: 41,
      partitioning: 'YMD',
      partitions: { count: 3, first: '2018/06/01', last: '2018/06/03' },
      strayFiles: 1,
      groups: [
        { files: 3, rows: 9, example: '2018/06/02/x.parquet' },
        { files: 1, codec: 'snappy' },
      ],
      unreadableFiles: 1,
      unreadable: [{ path: '2018/06/03/bad.parquet', reason: 'it is damaged' }],
    });
  });

  it('and columns are compared with fields', () => {
    const columns = new Map([
      ['id', new Map([['BIGINT', 2]])],
      [
        'at',
        new Map([
          ['TIMESTAMP', 1],
          ['VARCHAR', 1],
        ]),
      ],
      ['odd', new Map([['BLOB', 1]])],
      ['code', new Map([['JSON', 2]])],
    ]);
    const fields = ['id', 'at', 'gone', 'code'].map((name) => ({ name, type: name === 'code' ? 'int' : 'long' }));
    expect(columnFacts(fields, columns, 2)).toEqual([
      { column: 'at', kind: 'OTHER_TYPE', expected: 'long', found: 'VARCHAR', files: 1 },
      { column: 'gone', kind: 'MISSING', expected: 'long', found: null, files: 2 },
      { column: 'odd', kind: 'UNKNOWN', expected: null, found: 'BLOB', files: 1 },
    ]);
  });
});
