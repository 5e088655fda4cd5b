import { CronExpressionParser } from 'cron-parser';
import { LinewardError } from '../../errors/lineward-error.ts';
import { zoneFault } from './date-format.ts';
import type { TransformRunMode } from './run-state.ts';

/** When a transformer runs by itself. */
export interface RunSchedule {
  /** Minute, hour, day of the month, month, day of the week. */
  readonly cron: string;
  /** IANA name of the zone whose clocks count. */
  readonly zone: string;
  readonly mode: Exclude<TransformRunMode, 'BACKFILL'>;
  readonly paused: boolean;
}

/** @throws LinewardError BAD_INPUT for what is no schedule, or never comes */
export function assertSchedule({ cron, zone }: Pick<RunSchedule, 'cron' | 'zone'>): void {
  const fault = zoneFault(zone);
  if (fault !== null) throw new LinewardError('BAD_INPUT', `zone: ${fault}`, { path: ['zone'] });
  if (cron.length > 200 || cron.trim().split(/\s+/u).length !== 5)
    throw invalid('has five fields: minute, hour, day of the month, month and day of the week, e.g. 15 2 * * *');
  dueAfter({ cron, zone }, new Date());
}

/** The next time after an instant. @throws LinewardError BAD_INPUT */
export function dueAfter({ cron, zone }: Pick<RunSchedule, 'cron' | 'zone'>, after: Date): Date {
  try {
    return CronExpressionParser.parse(cron, { currentDate: after, tz: zone }).next().toDate();
  } catch (error) {
    throw invalid('is no time that comes, e.g. 15 2 * * * for 02:15 of each day', error);
  }
}

const invalid = (what: string, cause?: unknown): LinewardError =>
  new LinewardError('BAD_INPUT', `cron: ${what}`, { path: ['cron'], cause });
