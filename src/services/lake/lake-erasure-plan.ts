import type { Selection } from '../../domain/governance/selection.ts';
import type { Gap, TargetEstimate, TargetPlace } from '../../domain/operations/target.ts';
import type { LakeTable } from '../../entities/lake-table.entity.ts';
import { type FileSearchDeps, searchFiles } from './file-search.ts';
import { foreignTableEngine, foreignTableReason } from './foreign-table.ts';

/** What a rewrite costs, by measurement on two cores: bytes per second, and seconds of fixed cost per file. */
const rewriteCost = { bytesPerSecond: 40e6, secondsPerFile: 0.05 };

/** Why a whole table cannot be worked on, or null. */
export async function tableGap(deps: FileSearchDeps, place: TargetPlace, table: LakeTable | null): Promise<Gap | null> {
  const gap = (reason: string): Gap => ({ code: 'LAKE_TABLE_REFUSED', dataset: place.name, reason });
  if (table === null) return gap('no lake table is registered for this dataset');
  const engine = await foreignTableEngine(deps.store, table.location);
  return engine === null ? null : gap(foreignTableReason(engine, table.location));
}

/** Finds the files that hold matching rows. Writes nothing. */
export async function planLakeErasure(
  deps: FileSearchDeps,
  place: TargetPlace,
  scope: { readonly table: LakeTable; readonly selection: Selection },
): Promise<TargetEstimate> {
  const files = await deps.store.list(scope.table.location);
  const searched = await searchFiles(deps, files, { ...scope, place });
  const gaps: Gap[] = [];
  const manifest: Readonly<Record<string, unknown>>[] = [];
  let [bytes, records] = [0, 0];
  for (const found of searched) {
    const { path } = found.file;
    if (found.code !== undefined) {
      gaps.push({ code: found.code, dataset: place.name, reason: `${path}: ${found.reason}` });
    } else if (found.matches > 0) {
      bytes += found.file.bytes;
      records += found.matches;
      manifest.push({ ...found.file, rows: found.rows, matches: found.matches });
    }
  }
  const { bytesPerSecond, secondsPerFile } = rewriteCost;
  return {
    action: manifest.length > 0 ? 'REWRITE' : 'NONE',
    files: manifest.length,
    bytes,
    records,
    seconds: Math.ceil(bytes / bytesPerSecond + manifest.length * secondsPerFile),
    gaps,
    manifest,
  };
}
