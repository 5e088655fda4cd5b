import { describe, expect, it } from 'vitest';
import { endingOf, formatOf, isGzipped, namesTableFile } from '../../../src/domain/lake/file-format.ts';

describe('the format of a file', () => {
  it.each([
    ['a/b.ndjson', 'NDJSON', '.ndjson'],
    ['a/b.jsonl', 'NDJSON', '.ndjson'],
    ['a/b.c.json', 'NDJSON', '.ndjson'],
    ['part-0.JSON.GZ', 'NDJSON', '.ndjson.gz'],
    ['part-0.jsonl.gz', 'NDJSON', '.ndjson.gz'],
    ['a/b.avro', 'AVRO', '.avro'],
    ['a/b.parquet', 'PARQUET', '.parquet'],
    ['a.json/b', 'PARQUET', '.parquet'],
    ['json', 'PARQUET', '.parquet'],
    ['b.avro.gz', 'PARQUET', '.parquet'],
    ['b.json.zst', 'PARQUET', '.parquet'],
    ['part-0', 'PARQUET', '.parquet'],
  ])('of %s is told by its name: %s', (path, format, ending) => {
    expect([formatOf(path), endingOf(path), isGzipped(path)]).toEqual([format, ending, ending.endsWith('.gz')]);
    // A copy of a file is of its format, however often it is copied.
    expect(endingOf(`0${ending}`)).toBe(ending);
  });

  it('makes a table of files that name one', () => {
    const names = ['a.parquet', 'a.avro', 'a.jsonl.gz', 'a.json', 'a', 'a.csv', 'a.parquet.crc', 'avro'];
    expect(names.filter(namesTableFile)).toEqual(['a.parquet', 'a.avro', 'a.jsonl.gz', 'a.json']);
  });
});
