import { expect, it } from 'vitest';
import { RecentSelections } from '../../../src/adapters/lake/duckdb/recent-selections.ts';
import type { EngineSelector } from '../../../src/services/lake/ports.ts';

const of = (size: number) => ({ act: Array<EngineSelector>(size).fill({ account: 'A' }), keep: [] });

it('the selections used last are remembered, up to a number', () => {
  const recent = new RecentSelections();
  for (let number = 1; number <= 64; number += 1) expect(recent.use(number, of(1))).toEqual([]);
  expect(recent.use(1, of(1))).toEqual([]);
  expect(recent.use(65, of(1))).toEqual([2]);
  expect([recent.has(1), recent.has(2), recent.has(65)]).toEqual([true, false, true]);
});

it('and up to a number of selectors, but for the one in use', () => {
  const recent = new RecentSelections();
  expect([recent.use(1, of(1_500_000)), recent.use(2, of(1_500_000)), recent.use(1, of(1_500_000))]).toEqual([
    [],
    [],
    [],
  ]);
  expect(recent.use(3, of(1))).toEqual([2]);
  expect(recent.use(4, of(3_500_000))).toEqual([1, 3]);
  expect(recent.use(4, of(3_500_000))).toEqual([]);
});
