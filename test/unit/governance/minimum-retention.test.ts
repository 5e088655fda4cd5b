import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  daysWithin,
  firstKeptDay,
  keptUntil,
  type Minimum,
  minimumGap,
  minimumLimit,
  weakened,
} from '../../../src/domain/governance/minimum-retention.ts';

const now = new Date('2026-06-15T12:00:00Z');
const minimum = (more: Partial<Minimum> = {}): Minimum => ({
  days: 30,
  mode: 'COMPLIANCE',
  dateField: 'day',
  validUntil: null,
  ...more,
});

describe('a minimum retention', () => {
  it('lets a record go on exactly the day that is told as its end', () => {
    const instant = fc.date({ min: new Date('1990-01-01'), max: new Date('2100-01-01'), noInvalidDate: true });
    fc.assert(
      fc.property(instant, fc.integer({ min: 1, max: 4_000 }), fc.integer({ min: -3, max: 3 }), (date, days, off) => {
        const end = keptUntil(date, days);
        const at = new Date(end.getTime() + off * 3_600_000);
        const mayGo = date.toISOString().slice(0, 10) < firstKeptDay(days, at);
        expect(mayGo).toBe(at >= end);
        const limit = { dateField: null, days, before: firstKeptDay(days, at) };
        const left = daysWithin(limit, date);
        expect(left < 0).toBe(mayGo);
        if (!mayGo)
          expect(minimumGap(limit, { records: 1, undated: 0, daysLeft: left })?.until).toBe(end.toISOString());
      }),
    );
  });

  it('is the longest of those that are in force', () => {
    const all = [minimum(), minimum({ days: 90, validUntil: now }), minimum({ days: 60, mode: 'GOVERNANCE' })];
    expect(minimumLimit(all, now)).toMatchObject({ days: 60, before: '2026-04-16' });
    expect(minimumLimit([minimum({ validUntil: now })], now)).toBeNull();
    expect(minimumLimit([], now)).toBeNull();
  });

  it('is weaker when anything of it keeps less, and only then', () => {
    const of = (from: Partial<Minimum>, to: Partial<Minimum>) => weakened(minimum(from), minimum(to));
    expect(of({}, { days: 31 })).toEqual([]);
    expect(of({ mode: 'GOVERNANCE' }, {})).toEqual([]);
    expect(of({ validUntil: now }, {})).toEqual([]);
    expect(of({}, { days: 29 })).toEqual(['days']);
    expect(of({}, { mode: 'GOVERNANCE' })).toEqual(['mode']);
    expect(of({}, { dateField: 'other' })).toEqual(['dateField']);
    expect(of({}, { validUntil: now })).toEqual(['validUntil']);
    expect(weakened(minimum(), null)).toHaveLength(4);
  });

  it('is told with the day of its end, and without one where nobody knows', () => {
    const limit = { dateField: 'day', days: 30, before: '2026-05-16' };
    expect(minimumGap(limit, { records: 0, undated: 0, daysLeft: null })).toBeNull();
    expect(minimumGap(limit, { records: 2, undated: 1, daysLeft: 0 })).toEqual({
      code: 'MINIMUM_RETENTION',
      reason:
        '2 record(s) must be kept for 30 days by regulation, the last until 2026-06-16T00:00:00.000Z; 1 of them have no date that can be read',
      until: '2026-06-16T00:00:00.000Z',
    });
  });
});
