import type { EntityManager } from '@mikro-orm/postgresql';
import { overlapOf } from '../../domain/lake/lake-location.ts';
import { type LakeTable, LakeTableSchema } from '../../entities/lake-table.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { textArray } from '../sql.ts';

/**
 * The table of a directory, null for none; nobody makes a table while the transaction lasts.
 * @throws LinewardError LAKE_LOCATION_TAKEN when the directory of another table is within it or around it: a file would be of two
 * tables, and a worker of one would not see the lease of the other.
 */
export async function claimLocation(tx: EntityManager, location: string): Promise<LakeTable | null> {
  await tx.execute('select pg_advisory_xact_lock(hashtextextended(?, 0))', ['lake_table']);
  return tableAt(tx, location);
}

/** As {@link claimLocation}, for those who only want to know. */
export async function tableAt(em: EntityManager, location: string): Promise<LakeTable | null> {
  const folders = location.split('/').map((_, index, parts) => parts.slice(0, index + 1).join('/'));
  const found = await em.execute<{ id: string }[]>(
    'select id from lake_table where location = any(?::text[]) or starts_with(location, ?)',
    [textArray(folders), `${location}/`],
  );
  const near = await em.find(LakeTableSchema, { id: { $in: found.map(({ id }) => id) } });
  const other = near.find((table) => overlapOf(table.location, location) !== 'EQUAL');
  if (other !== undefined) throw taken(location, other);
  return near[0] ?? null;
}

/** Tells no name and nothing else of that table, which whoever asks may not be to find. */
export function taken(location: string, table: LakeTable): LinewardError {
  const how = { EQUAL: 'is a lake table', WITHIN: 'is around a lake table', AROUND: 'is within a lake table' };
  return new LinewardError(
    'LAKE_LOCATION_TAKEN',
    `location: ${location} ${how[overlapOf(table.location, location) ?? 'EQUAL']} already; take another directory`,
    { path: ['location'] },
  );
}
