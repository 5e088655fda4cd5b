const formats = new Map<string, Intl.DateTimeFormat>();
const hourMs = 3_600_000;

/** What the clocks of a zone show at an instant, in milliseconds as if that were UTC; by the implementation of JavaScript. */
function shownAt(instant: number, timeZone: string): number {
  const known = formats.get(timeZone) ?? formatOf(timeZone);
  formats.set(timeZone, known);
  const parts = new Map(known.formatToParts(instant).map(({ type, value }) => [type, Number(value)]));
  const [year = 0, month = 1] = [parts.get('year'), parts.get('month')];
  const [day, hour, minute, second] = (['day', 'hour', 'minute', 'second'] as const).map((part) => parts.get(part));
  return Date.UTC(year, month - 1, day, hour, minute, second) + (((instant % 1000) + 1000) % 1000);
}

const formatOf = (timeZone: string): Intl.DateTimeFormat =>
  new Intl.DateTimeFormat('en-US', {
    ...{ timeZone, hourCycle: 'h23', calendar: 'gregory', numberingSystem: 'latn' },
    ...{ year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' },
  });

const offsetAt = (instant: number, zone: string): number => shownAt(instant, zone) - instant;

/** When the offset of a zone changes between two instants, to the second; null where it does not. */
export function changeBetween(from: number, to: number, zone: string): number | null {
  if (offsetAt(from, zone) === offsetAt(to, zone)) return null;
  let [before, after] = [from, to];
  while (after - before > 1_000) {
    const middle = Math.floor((before + after) / 2_000) * 1_000;
    if (offsetAt(middle, zone) === offsetAt(from, zone)) before = middle;
    else after = middle;
  }
  return after;
}

/**
 * The instant at which clocks of a zone show a time, by trying all offsets that it has around: of two the earlier or the later one,
 * and of none what it would be had the clock not been put forward; null where that is not wanted.
 */
export function instantShown(
  wall: number,
  zone: string,
  { overlap, gap }: { readonly overlap: 'earlier' | 'later'; readonly gap: 'shift' | 'reject' },
): number | null {
  const around = Array.from({ length: 57 }, (_, index) => offsetAt(wall + (index - 28) * hourMs, zone));
  const found = [...new Set(around)].map((offset) => wall - offset).filter((at) => shownAt(at, zone) === wall);
  if (found.length > 0) return overlap === 'earlier' ? Math.min(...found) : Math.max(...found);
  if (gap === 'reject') return null;
  // Of the changes around it the one over which the time is skipped.
  for (let from = wall - 28 * hourMs; from < wall + 28 * hourMs; from += hourMs) {
    const change = changeBetween(from, from + hourMs, zone);
    if (change === null) continue;
    const [before, after] = [offsetAt(change - 1_000, zone), offsetAt(change, zone)];
    if (change + before <= wall && wall < change + after) return wall - before;
  }
  throw new RangeError(`${zone}: nothing skips ${new Date(wall).toISOString()}`);
}
