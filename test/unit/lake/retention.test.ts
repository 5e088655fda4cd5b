import { describe, expect, it } from 'vitest';
import { limitAt, reasonToAsk } from '../../../src/domain/lake/retention.ts';

describe('the limit of a retention rule', () => {
  const before = (days: number, now: string) => limitAt({ dateField: 'day', days }, new Date(now)).before;

  it.each([
    // Today and the 30 days before it stay.
    [30, '2026-12-31T00:00:00.000Z', '2026-12-01'],
    [30, '2026-12-31T23:59:59.999Z', '2026-12-01'],
    [30, '2027-01-01T00:00:00.000Z', '2026-12-02'],
    [1, '2024-03-01T12:00:00.000Z', '2024-02-29'],
    [365, '2025-02-28T12:00:00.000Z', '2024-02-29'],
    // No clock is set forward or back in UTC.
    [1, '2026-03-29T01:30:00.000+02:00', '2026-03-27'],
    [36_500, '2026-12-31T00:00:00.000Z', '1927-01-25'],
  ])('of %i days at %s is %s', (days, now, limit) => {
    expect(before(days, now)).toBe(limit);
  });
});

describe('a plan that nobody looked at', () => {
  const usual = { rows: 10, tableRows: 100, gapCodes: [] };

  it('is approved by a rule that may, holds and missing dates aside', () => {
    expect(reasonToAsk(usual)).toBeNull();
    expect(reasonToAsk({ ...usual, rows: 50, gapCodes: ['HOLD_ACTIVE', 'DATE_UNKNOWN'] })).toBeNull();
  });

  it('is not when most rows would go, or something else is open', () => {
    expect(reasonToAsk({ ...usual, rows: 51 })).toContain('51 of 100 rows');
    expect(reasonToAsk({ ...usual, gapCodes: ['HOLD_ACTIVE', 'LAKE_FILE_UNREADABLE'] })).toContain(
      'LAKE_FILE_UNREADABLE',
    );
  });
});
