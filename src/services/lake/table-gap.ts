import type { Gap, TargetPlace } from '../../domain/operations/target.ts';
import type { LakeTable } from '../../entities/lake-table.entity.ts';
import { foreignTableEngine, foreignTableReason } from './foreign-table.ts';
import type { LakeStore } from './ports.ts';

/** Why a whole table cannot be worked on, or null. */
export async function tableGap(
  deps: { readonly store: LakeStore },
  place: Pick<TargetPlace, 'name'>,
  table: LakeTable | null,
): Promise<Gap | null> {
  const gap = (reason: string): Gap => ({ code: 'LAKE_TABLE_REFUSED', dataset: place.name, reason });
  if (table === null) return gap('no lake table is registered for this dataset');
  const engine = await foreignTableEngine(deps.store, table.location);
  return engine === null ? null : gap(foreignTableReason(engine, table.location));
}
