import { LinewardError } from '../../errors/lineward-error.ts';

/** Name of a dataset or a job, as OpenLineage names them. */
export interface PlaceName {
  readonly namespace: string;
  readonly name: string;
}

/** Bytes that an index takes of two names together; S3 alone allows 1,024 for a key. */
const nameBytesMax = 2_400;

/** One text for a name; no name holds U+0000. */
export const keyOf = ({ namespace, name }: PlaceName): string => `${namespace}\0${name}`;

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What the database can keep. */
export const canKeep = {
  text: (text: string): boolean => !text.includes('\0') && text.isWellFormed(),
  field: (path: string): boolean => canKeep.text(path) && Buffer.byteLength(path) <= nameBytesMax,
};

/** A list that may be absent. @throws LinewardError EVENT_INVALID */
export function listOf(value: unknown, path: readonly string[]): readonly unknown[] {
  if (value == null) return [];
  if (Array.isArray(value)) return value;
  throw new LinewardError('EVENT_INVALID', `${path.join('.')}: must be a list`, { path });
}

/** @throws LinewardError EVENT_INVALID with the place. */
export function readNames(value: unknown, place: readonly (string | number)[]): PlaceName {
  const given = isObject(value) ? value : {};
  const read = (part: 'namespace' | 'name'): string => {
    const text = given[part];
    if (typeof text === 'string' && text !== '' && canKeep.text(text)) return text;
    throw refused([...place, part], 'must be a text that is not empty');
  };
  const names = { namespace: read('namespace'), name: read('name') };
  if (Buffer.byteLength(names.namespace) + Buffer.byteLength(names.name) > nameBytesMax)
    throw refused([...place, 'name'], `namespace and name have at most ${nameBytesMax} bytes together`);
  return names;
}

function refused(place: readonly (string | number)[], why: string): LinewardError {
  const path = place.map(String);
  return new LinewardError('EVENT_INVALID', `${path.join('.')}: ${why}`, { path });
}
