const form = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2})(?::(\d{2}))?(?:[.,](\d+))?(?:[Zz]|([+-]\d{2}):?(\d{2})?)?$/;
const yearMin = 1900;

/**
 * An instant in UTC with microseconds, which is as fine as the database keeps; such texts are in the order of the instants. A time
 * without a zone is UTC. Null for what is no time.
 */
export function readEventTime(text: string): string | null {
  const [, date, minutes, seconds = '00', fraction = '', hours = '+00', more = '00'] = form.exec(text) ?? [];
  if (date === undefined) return null;
  const instant = new Date(`${date}T${minutes}:${seconds}${hours}:${more}`);
  const year = instant.getUTCFullYear();
  if (Number.isNaN(year) || year < yearMin || year > 9_999) return null;
  return `${instant.toISOString().slice(0, 19)}.${fraction.slice(0, 6).padEnd(6, '0')}Z`;
}
