import { describe, expect, test } from 'vitest';
import { localActor } from '../../../src/domain/access/actor.ts';
import type { Role } from '../../../src/domain/access/role.ts';
import { dayRange, mayHoldDays } from '../../../src/domain/lake-reads/day-range.ts';
import { commonType, maskOf, readFormOf } from '../../../src/domain/lake-reads/read-column.ts';
import { clearByRole } from '../../../src/services/lake-reads/clear-columns.ts';
import { pulled } from '../../../src/services/lake-reads/pulled.ts';

describe('days of a read', () => {
  test.each([
    ['2018/06/01', true],
    ['2018/05/31', false],
    ['2018/06/03', false],
    ['2018/06/02/23', true],
    ['2018/06', true],
    ['2018/05', false],
    ['2018/07', false],
    ['unknown_date', false],
  ])('may lie in the folder %s: %s', (folder, may) => {
    expect(mayHoldDays(folder, { from: '2018-06-01', to: '2018-06-03' })).toBe(may);
  });
  test('may have no end on a side', () => {
    expect(dayRange(null, null)).toBeNull();
    expect(mayHoldDays('2018/06/01', { from: '2018-06-01', to: null })).toBe(true);
    expect(mayHoldDays('9999/12/31', { from: '2018-06-01', to: null })).toBe(true);
    expect(mayHoldDays('2018/06/01', { from: null, to: '2018-06-01' })).toBe(false);
  });
  test.each([
    ['2018-02-30', null, 'from'],
    ['2018-6-1', null, 'from'],
    [null, '2018-06-01T00:00:00Z', 'to'],
    ['2018-06-02', '2018-06-01', 'to'],
  ])('are refused: %s, %s', (from, to, field) => {
    expect(() => dayRange(from, to)).toThrow(expect.objectContaining({ code: 'BAD_INPUT', field: [field] }));
  });
});

describe('columns of a read', () => {
  test.each([
    [['BIGINT', 'INTEGER'], 'BIGINT'],
    [['DOUBLE', 'INTEGER'], 'DOUBLE'],
    [['VARCHAR', 'NULL'], 'VARCHAR'],
    [['NESTED'], 'JSON'],
    [['VARCHAR', 'NESTED'], 'JSON'],
    [['VARCHAR', 'DATE'], 'VARCHAR'],
    [[], 'VARCHAR'],
  ])('have one type for %j: %s', (types, type) => {
    expect(commonType(types)).toBe(type);
  });
  test('have a mask of their own type, and only types that JSON keeps go as numbers', () => {
    expect(['VARCHAR', 'BIGINT', 'JSON', 'BOOLEAN'].map(maskOf)).toEqual(['***', null, null, null]);
    expect(['INTEGER', 'BIGINT', 'DECIMAL(9,2)', 'TIMESTAMP'].map(readFormOf)).toEqual([
      'NUMBER',
      'EXACT',
      'EXACT',
      'EXACT',
    ]);
  });
  test('are clear for whoever may decrypt, else where nothing is said of them', async () => {
    const columns = [
      { name: 'a', classifications: [] },
      { name: 'b', classifications: ['PII'] },
    ];
    const seen = async (...roles: Role[]) => [
      ...(await clearByRole({ ...localActor(null), roles }, columns, { tableId: 't', entityId: 'e' })),
    ];
    expect(await seen('viewer')).toEqual(['a']);
    expect(await seen('engineer', 'security_admin')).toEqual(['a']);
    expect(await seen('viewer', 'privacy_officer')).toEqual(['a', 'b']);
  });
});

describe('batches that are pulled', () => {
  test('are made no faster than they are taken', async () => {
    let given = 0;
    const batches = pulled(async (give) => {
      for (const rows of [['1'], ['2'], ['3']]) {
        await give(rows);
        given += 1;
      }
    });
    expect(given).toBe(0);
    expect((await batches.next()).value).toEqual(['1']);
    expect(given).toBe(0);
    expect((await batches.next()).value).toEqual(['2']);
    expect(given).toBe(1);
    expect((await batches.next()).value).toEqual(['3']);
    expect(await batches.next()).toEqual({ done: true, value: undefined });
    expect(given).toBe(3);
  });
  test('end with what the work throws, behind those that were given', async () => {
    const batches = pulled(async (give) => {
      await give(['1']);
      throw new TypeError('late');
    });
    expect((await batches.next()).value).toEqual(['1']);
    await expect(batches.next()).rejects.toThrow('late');
  });
});
