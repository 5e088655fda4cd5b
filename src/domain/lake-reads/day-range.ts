import { LinewardError } from '../../errors/lineward-error.ts';
import { isoDayOf } from '../lake/table-location.ts';

/** UTC days `yyyy-mm-dd` from one up to, and without, another; null for no end. */
export interface DayRange {
  readonly from: string | null;
  readonly to: string | null;
}

const farthest = '9999-12-31';

/** @throws LinewardError BAD_INPUT for what is no day, and for a range that ends before it begins. */
export function dayRange(from: string | null, to: string | null): DayRange | null {
  for (const [name, day] of Object.entries({ from, to }))
    if (day !== null && (!/^\d{4}-\d{2}-\d{2}$/u.test(day) || isoDayOf(day) === null))
      throw new LinewardError('BAD_INPUT', `${name}: must be a day that there is, such as 2018-06-01`, {
        path: [name],
      });
  if (from !== null && to !== null && from >= to)
    throw new LinewardError('BAD_INPUT', 'to: must be a later day than from; the day itself is not in the range', {
      path: ['to'],
    });
  return from === null && to === null ? null : { from, to };
}

/** True unless no day of a folder `yyyy/mm`, `yyyy/mm/dd` or `yyyy/mm/dd/hh` is in the range. Other folders have no days. */
export function mayHoldDays(folder: string, { from, to }: DayRange): boolean {
  const [year = '', month = '', day] = folder.split('/');
  if (!/^\d{4}$/u.test(year) || !/^\d{2}$/u.test(month)) return false;
  const first = `${year}-${month}-${day ?? '01'}`;
  const last = `${year}-${month}-${day ?? '31'}`;
  return last >= (from ?? '') && first < (to ?? `${farthest}~`);
}
