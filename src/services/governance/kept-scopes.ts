import type { EntityManager } from '@mikro-orm/postgresql';
import { LinewardError } from '../../errors/lineward-error.ts';
import { scopedPlaces } from './scope-places.ts';

/**
 * Makes a change of what scopes ask about, and refuses it where an active hold, or a minimum in compliance mode, would not name
 * a place any more that it names now: nobody takes data from under them by a mapping or a label. The work must have written
 * when it ends.
 * @throws LinewardError HOLD_ACTIVE, RETENTION_LOCKED
 */
export async function keepingScopes<T>(tx: EntityManager, path: readonly string[], work: () => Promise<T>): Promise<T> {
  const before = await placesIn(tx);
  const result = await work();
  if (before.holds.size + before.minimums.size === 0) return result;
  const after = await placesIn(tx);
  if (isLess(before.holds, after.holds))
    throw new LinewardError(
      'HOLD_ACTIVE',
      `${path.join('.')}: a legal hold would not name a place any more by that; it goes on when the hold is released`,
      { path: [...path] },
    );
  if (isLess(before.minimums, after.minimums))
    throw new LinewardError(
      'RETENTION_LOCKED',
      `${path.join('.')}: a minimum retention in compliance mode would not name a place any more by that`,
      { path: [...path] },
    );
  return result;
}

const isLess = (before: ReadonlySet<string>, after: ReadonlySet<string>): boolean =>
  [...before].some((place) => !after.has(place));

async function placesIn(tx: EntityManager) {
  const [scoped] = await tx.execute<{ holds: boolean; minimums: boolean }[]>(
    `select exists (select from legal_hold where released_at is null
         and num_nonnulls(dataset_ids, namespaces, entity_ids, classifications) > 0) as holds,
       exists (select from minimum_retention where dataset_id is null) as minimums`,
  );
  const compliance = `h.mode = 'COMPLIANCE' and (h.valid_until is null or h.valid_until > now())`;
  return {
    holds: await named(tx, scoped?.holds === true, 'legal_hold', 'h.released_at is null'),
    minimums: await named(tx, scoped?.minimums === true, 'minimum_retention', compliance),
  };
}

async function named(
  tx: EntityManager,
  isAny: boolean,
  table: 'legal_hold' | 'minimum_retention',
  condition: string,
): Promise<ReadonlySet<string>> {
  const places = isAny ? await scopedPlaces(tx, table, condition) : [];
  return new Set(places.map(({ scopeId, datasetId }) => `${scopeId} ${datasetId}`));
}
