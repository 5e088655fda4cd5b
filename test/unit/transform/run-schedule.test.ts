import { expect, test } from 'vitest';
import { assertSchedule, dueAfter } from '../../../src/domain/transform/run-schedule.ts';

test('the next time is by the clocks of the zone, also when these are put forward', () => {
  const berlin = { cron: '15 2 * * *', zone: 'Europe/Berlin' };
  expect(dueAfter(berlin, new Date('2026-06-01T12:00:00Z')).toISOString()).toBe('2026-06-02T00:15:00.000Z');
  expect(dueAfter(berlin, new Date('2026-12-01T12:00:00Z')).toISOString()).toBe('2026-12-02T01:15:00.000Z');
  const day = dueAfter(berlin, new Date('2026-03-28T12:00:00Z'));
  // 02:15 is skipped that night; once it has come, it comes on the next day again.
  expect(dueAfter(berlin, day).getTime()).toBeGreaterThan(day.getTime());
});

test.each(['* * * * * *', '61 * * * *', '0 0 30 2 *', 'daily', '', '@hourly', '* * * *', "0 0 * * *'; drop"])(
  'what is no schedule is refused: %s',
  (cron) => {
    expect(() => assertSchedule({ cron, zone: 'UTC' })).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
  },
);

test('a zone that there is not is refused', () => {
  expect(() => assertSchedule({ cron: '0 0 * * *', zone: 'Mars/Crater' })).toThrow(/zone/u);
});
