import type { EntityManager } from '@mikro-orm/postgresql';
import { LinewardError } from '../../errors/lineward-error.ts';
import { textArray } from '../sql.ts';
import { scopedPlaces } from './scope-places.ts';

/**
 * By which column all that is said about a lake table by dates goes; null for one without a date. It is what its own minimums or
 * its rule say, or else the field that it was registered with. Of all lake tables for null.
 */
export async function dateFieldsOf(
  tx: EntityManager,
  datasetIds: readonly string[] | null,
): Promise<ReadonlyMap<string, string | null>> {
  if (datasetIds?.length === 0) return new Map();
  const rows = await tx.execute<{ dataset_id: string; date_field: string | null }[]>(
    `select t.dataset_id, coalesce(
       (select min(m.date_field) from minimum_retention m where m.dataset_id = t.dataset_id),
       (select r.date_field from lake_retention r where r.dataset_id = t.dataset_id),
       nullif(trim(t.date_field), '')) as date_field
     from lake_table t ${datasetIds === null ? '' : 'where t.dataset_id = any(?::text[])'}`,
    datasetIds === null ? [] : [textArray(datasetIds)],
  );
  return new Map(rows.map(({ dataset_id: id, date_field: field }) => [id, field]));
}

/**
 * Makes a change of what says by which date a table goes, and refuses it where a hold on a range of dates is about the table and
 * would find other rows by it. The work must have written when it ends.
 * @throws LinewardError HOLD_ACTIVE
 */
export async function keepingDates<T>(
  tx: EntityManager,
  { datasetId, path }: { readonly datasetId: string; readonly path: readonly string[] },
  work: () => Promise<T>,
): Promise<T> {
  const before = (await dateFieldsOf(tx, [datasetId])).get(datasetId);
  const result = await work();
  const after = (await dateFieldsOf(tx, [datasetId])).get(datasetId);
  if (before === after || !(await isUnderRange(tx, datasetId))) return result;
  throw new LinewardError(
    'HOLD_ACTIVE',
    `${path.join('.')}: a legal hold on a range of dates is about the table, and would go by other dates than now; it goes on when the hold is released`,
    { path: [...path] },
  );
}

async function isUnderRange(tx: EntityManager, datasetId: string): Promise<boolean> {
  const ranged = 'h.released_at is null and num_nonnulls(h.dates_from, h.dates_until) > 0';
  const [found] = await tx.execute<{ everywhere: boolean; somewhere: boolean }[]>(
    `select coalesce(bool_or(placed = 0), false) as everywhere, coalesce(bool_or(placed > 0), false) as somewhere
     from (select num_nonnulls(h.dataset_ids, h.namespaces, h.entity_ids, h.classifications) as placed
           from legal_hold h where ${ranged}) held`,
  );
  if (found?.everywhere === true) return true;
  return (
    found?.somewhere === true &&
    (await scopedPlaces(tx, 'legal_hold', ranged)).some((one) => one.datasetId === datasetId)
  );
}
