import { LinewardError } from '../../errors/lineward-error.ts';

/**
 * Refuses numbers that JSON has changed on their way in: a whole number beyond 2^53 was rounded, and one beyond 10^308 became
 * infinite, before anybody could look. Walks with a list of its own, because values may nest deeply.
 * @throws LinewardError VALUE_INVALID
 */
export function assertExact(value: unknown, path: readonly string[] = []): void {
  if (typeof value === 'string') return;
  const open: unknown[] = [value];
  // A value that holds itself is walked once; what becomes of it is for others to say.
  const seen = new Set<object>();
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next === 'number' && isRounded(next))
      throw new LinewardError('VALUE_INVALID', 'JSON rounds whole numbers beyond 2^53; send them as text.', { path });
    if (typeof next !== 'object' || next === null || seen.has(next)) continue;
    seen.add(next);
    for (const inner of Object.values(next)) open.push(inner);
  }
}

function isRounded(value: number): boolean {
  return Number.isInteger(value) ? !Number.isSafeInteger(value) : !Number.isFinite(value);
}

/** A value as JSON can say it: a bigint, which streams encrypt for a number beyond 2^53, becomes its digits as text. */
export function exactJson(value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
