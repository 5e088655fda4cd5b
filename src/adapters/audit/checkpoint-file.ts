import { checkpointJson } from '../../domain/audit/audit-file.ts';
import type { Checkpoint } from '../../domain/audit/checkpoint.ts';
import { canonicalJson } from '../../domain/canonical-json.ts';
import { LinewardError } from '../../errors/lineward-error.ts';

/** There may be very many, each a small file. */
const readAtOnce = 64;

/** `checkpoint-000000000001.json` */
export const checkpointName = ({ body }: Checkpoint): string =>
  `checkpoint-${String(body.number).padStart(12, '0')}.json`;

export const isCheckpointName = (name: string): boolean => /^checkpoint-\d{12}\.json$/.test(name);

export const checkpointText = (checkpoint: Checkpoint): string => `${canonicalJson(checkpoint)}\n`;

/**
 * True when the text that is there is the one that should be, false when there is none.
 * @throws LinewardError AUDIT_CHECKPOINT_REFUSED when something else is there.
 */
export function isSame(place: string, there: string | null, text: string): boolean {
  if (there === null || there === text) return there === text;
  throw new LinewardError('AUDIT_CHECKPOINT_REFUSED', `${place} is another checkpoint of this number.`);
}

/** @throws LinewardError AUDIT_CHECKPOINT_REFUSED for one of such a name that is no checkpoint. */
export async function readCheckpoints<Place extends { readonly name: string }>(
  places: readonly Place[],
  read: (place: Place) => Promise<string>,
): Promise<readonly Checkpoint[]> {
  const found: Checkpoint[] = [];
  for (let at = 0; at < places.length; at += readAtOnce) {
    const some = places.slice(at, at + readAtOnce);
    found.push(...(await Promise.all(some.map(async (place) => parsed(place.name, await read(place))))));
  }
  return found;
}

function parsed(name: string, text: string): Checkpoint {
  try {
    return checkpointJson.parse(JSON.parse(text));
  } catch (cause) {
    throw new LinewardError('AUDIT_CHECKPOINT_REFUSED', `${name} is no checkpoint.`, { cause });
  }
}
