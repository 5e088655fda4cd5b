import { describe, expect, it } from 'vitest';
import { readFailure, writeFailure } from '../../../src/adapters/lake/duckdb/duckdb-failure.ts';
import { fileFailure } from '../../../src/adapters/store/local/file-failure.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';

describe('file system failures of the lake', () => {
  it.each([
    ['ENOSPC', 'LAKE_ENGINE_FAILED'],
    ['EDQUOT', 'LAKE_ENGINE_FAILED'],
    ['EACCES', 'LAKE_TABLE_REFUSED'],
    ['EROFS', 'LAKE_TABLE_REFUSED'],
    ['ENOENT', 'NOT_FOUND'],
    ['EIO', 'LAKE_ENGINE_FAILED'],
  ])('tell %s as %s with the path', (errno, code) => {
    const failure = fileFailure(Object.assign(new Error('raw'), { code: errno }), 't/a.parquet');
    expect(failure).toMatchObject({ code, details: { path: 't/a.parquet', errno } });
    expect(failure.message).toContain('t/a.parquet');
  });
  it('pass our own errors on', () => {
    const own = new LinewardError('LAKE_FILE_CHANGED');
    expect(fileFailure(own, 't')).toBe(own);
  });
});

describe('engine failures of the lake', () => {
  it.each([
    ['Invalid Input Error: No magic bytes found at end of file', 'LAKE_FILE_UNREADABLE', false],
    ["Conversion Error: Could not convert string '+15550001' to INT32", 'LAKE_FILE_UNREADABLE', false],
    ['INTERNAL Error: Attempted to access index 5 within vector of size 5', 'LAKE_FILE_UNREADABLE', true],
    ['Out of Memory Error: failed to allocate data', 'LAKE_ENGINE_FAILED', false],
    ['IO Error: Could not write all bytes: No space left on device', 'LAKE_ENGINE_FAILED', false],
    ['Invalid Input Error: File is encrypted, but no key was given', 'LAKE_TABLE_REFUSED', false],
  ])('tell %j as %s without its words', (raw, code, retire) => {
    const failure = readFailure(new Error(raw), '/lake/a.parquet');
    expect(failure).toMatchObject({ code, details: { path: '/lake/a.parquet', retire } });
    expect(JSON.stringify([failure.message, failure.details, failure.cause])).not.toContain('+15550001');
  });
  it('tell a file that was removed under the writer as changed', () => {
    const gone = Object.assign(new Error('raw'), { code: 'ENOENT' });
    expect(writeFailure(gone, '/lake/x.staged')).toMatchObject({ code: 'LAKE_FILE_CHANGED' });
  });
  it('never blame the source for a file that cannot be written', () => {
    const failure = writeFailure(new Error('IO Error: Cannot open file: Permission denied'), '/lake/x.staged');
    expect(failure.code).toBe('LAKE_ENGINE_FAILED');
  });
});
