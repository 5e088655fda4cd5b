import { describe, expect, test } from 'vitest';
import { AccessPolicies } from '../../../src/domain/access/access-decision.ts';
import { type AccessRule, type NamedRule, unclassified } from '../../../src/domain/access/access-policy.ts';
import type { Role } from '../../../src/domain/access/role.ts';
import { dayRange, mayHoldDays } from '../../../src/domain/lake-reads/day-range.ts';
import { commonType, maskOf, readFormOf } from '../../../src/domain/lake-reads/read-column.ts';
import { clearColumns } from '../../../src/services/lake-reads/clear-columns.ts';
import { pulled } from '../../../src/services/lake-reads/pulled.ts';

const emptyRule: Omit<NamedRule, 'name' | 'version'> = {
  ...{ effect: 'ALLOW', actions: [], roles: [], actors: [], namespaces: [], names: [] },
  ...{ classifications: [], accounts: [], purposes: [], validFrom: null, validUntil: null },
};

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
  test('are clear for whoever may see them so, else where neither a label nor a policy speaks of them', async () => {
    const columns = [
      { name: 'a', classifications: [] },
      { name: 'b', classifications: ['PII'] },
      { name: 'c', classifications: ['PCI'] },
    ];
    const rule = (name: string, more: Partial<AccessRule>): NamedRule => ({ ...emptyRule, name, version: 1, ...more });
    const policies = new AccessPolicies([
      rule('cards', { effect: 'ALLOW', actions: ['READ_CLEAR'], roles: ['engineer'], classifications: ['PCI'] }),
      rule('unknown', { effect: 'DENY', actions: ['READ_CLEAR'], roles: ['steward'], classifications: [unclassified] }),
      rule('away', { effect: 'DENY', actions: ['READ_CLEAR'], names: ['Away*'] }),
    ]);
    const access = {
      explain: async (...asked: Parameters<AccessPolicies['explain']>) => policies.explain(...asked),
    };
    const seen = async (role: Role, ...names: readonly string[]) => {
      const actor = { id: 'ann', kind: 'token', roles: [role], requestId: null } as const;
      const places = ['Demo', ...names].map((name) => ({ namespace: 'Spark', name }));
      return [...(await clearColumns(access, actor, { columns, places }))];
    };
    expect(await seen('viewer')).toEqual(['a']);
    expect(await seen('engineer')).toEqual(['a', 'c']);
    expect(await seen('steward')).toEqual([]);
    expect(await seen('privacy_officer')).toEqual(['a', 'b', 'c']);
    // Of a table of two entities, by whichever it is asked for.
    expect(await seen('privacy_officer', 'AwayTeam')).toEqual([]);
    expect(await seen('privacy_officer', 'Team')).toEqual(['a', 'b', 'c']);
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
