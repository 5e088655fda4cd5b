import { type EntityManager, IsolationLevel } from '@mikro-orm/postgresql';
import type { LocalMinimum } from '../../domain/governance/minimum-retention.ts';
import { type MinimumRetention, MinimumRetentionSchema } from '../../entities/minimum-retention.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { scopedPlaces } from './scope-places.ts';
import { dateFieldsOf } from './table-dates.ts';

/** A minimum as it is in one place. */
export interface PlacedMinimum extends LocalMinimum {
  readonly row: MinimumRetention;
}

/** By dataset, by name. */
type Placed = ReadonlyMap<string, readonly PlacedMinimum[]>;

/**
 * The minimums of each dataset that has some: its own, and those of which the scope names it at this moment. All of a table go by
 * one date: what its own minimums or its rule say, or else the field that it was registered with.
 */
export function placedMinimums(em: EntityManager, datasetIds: readonly string[] | null): Promise<Placed> {
  // One snapshot: a minimum that is set between two statements would have no places yet.
  return em.fork().transactional((tx) => placedMinimumsIn(tx, datasetIds), {
    isolationLevel: IsolationLevel.REPEATABLE_READ,
    readOnly: true,
  });
}

/** For who has a transaction. */
async function placedMinimumsIn(tx: EntityManager, datasetIds: readonly string[] | null): Promise<Placed> {
  const where = datasetIds === null ? {} : { $or: [{ datasetId: { $in: [...datasetIds] } }, { datasetId: null }] };
  const rows = await tx.find(MinimumRetentionSchema, where, { orderBy: { name: 'asc', id: 'asc' } });
  const byId = new Map(rows.map((row) => [row.id, row]));
  const asked = datasetIds === null ? null : new Set(datasetIds);
  const scoped = rows.some(({ datasetId }) => datasetId === null)
    ? (await scopedPlaces(tx, 'minimum_retention', 'true')).filter((place) => asked?.has(place.datasetId) !== false)
    : [];
  const dates = await dateFieldsOf(tx, [...new Set(scoped.map(({ datasetId }) => datasetId))]);
  const placed = [
    ...rows.flatMap((row) =>
      row.datasetId === null ? [] : [{ datasetId: row.datasetId, minimum: { ...termsOf(row), row } }],
    ),
    ...scoped.flatMap(({ scopeId, datasetId }) => {
      const row = byId.get(scopeId);
      if (row === undefined) return [];
      const dateField = dates.get(datasetId) ?? null;
      // What is no table goes by time stamps.
      return [{ datasetId, minimum: { ...termsOf(row), row, dateField, undatable: dates.get(datasetId) === null } }];
    }),
  ];
  return new Map(
    [...Map.groupBy(placed, ({ datasetId }) => datasetId)].map(([id, found]) => [
      id,
      found.map(({ minimum }) => minimum).toSorted(byName),
    ]),
  );
}

const byName = ({ row: one }: PlacedMinimum, { row: other }: PlacedMinimum): number =>
  one.name === other.name ? (one.id < other.id ? -1 : 1) : one.name < other.name ? -1 : 1;

const termsOf = ({ days, mode, dateField, validUntil }: MinimumRetention) => ({ days, mode, dateField, validUntil });

/**
 * Under a minimum by scope, nobody makes rows older by another date. @throws LinewardError BAD_INPUT
 */
export async function assertDateOfScopes(tx: EntityManager, datasetId: string, dateField: string): Promise<void> {
  const placed = (await placedMinimumsIn(tx, [datasetId])).get(datasetId) ?? [];
  const scoped = placed.find(({ row }) => row.datasetId === null);
  if (scoped === undefined || scoped.dateField === null || scoped.dateField === dateField) return;
  throw new LinewardError(
    'BAD_INPUT',
    `dateField: the table is under the minimum retention "${scoped.row.name}", which goes by ${scoped.dateField} here`,
    { path: ['dateField'] },
  );
}
