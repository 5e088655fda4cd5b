import type { Gap, TargetEstimate } from '../../domain/operations/target.ts';
import type { LakeStore } from './ports.ts';
import type { ActionScope, RewriteAction } from './rewrite-action.ts';

/** What a rewrite costs, by measurement on two cores: bytes per second, and seconds of fixed cost per file. */
const rewriteCost = { bytesPerSecond: 40e6, secondsPerFile: 0.05 };

/** What the table has in all, as far as it could be read. */
interface TableSeen {
  readonly files: number;
  readonly rows: number;
}

/** Finds the files that an action has to rewrite. Writes nothing. */
export async function planRewrite(
  store: LakeStore,
  action: RewriteAction,
  scope: ActionScope,
): Promise<TargetEstimate & { readonly seen: TableSeen }> {
  const searched = await action.search(await store.list(scope.table.location), scope);
  const dataset = scope.place.name;
  const gaps: Gap[] = [];
  const manifest: Readonly<Record<string, unknown>>[] = [];
  let [bytes, records, rows] = [0, 0, 0];
  for (const found of searched) {
    const { path } = found.file;
    if (found.code !== undefined) {
      gaps.push({ code: found.code, dataset, reason: `${path}: ${found.reason}` });
      continue;
    }
    rows += found.rows;
    for (const gap of found.gaps ?? []) gaps.push({ ...gap, dataset, reason: `${path}: ${gap.reason}` });
    if (found.matches > 0) {
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
    seen: { files: searched.length, rows },
  };
}
