import type { LineageStep } from '../lineage/graph.ts';

/** Order of places along lineage: sources first. Members of a cycle share the order they are reached in. */
export function sequenceOf(datasetIds: readonly string[], steps: readonly LineageStep[]): ReadonlyMap<string, number> {
  const inside = steps.filter(
    (step) => datasetIds.includes(step.sourceDatasetId) && datasetIds.includes(step.targetDatasetId),
  );
  const sequence = new Map(datasetIds.map((id) => [id, 0]));
  // Longest path by relaxation; n rounds are enough without a cycle, and bound the work with one.
  for (let round = 0; round < datasetIds.length; round += 1) {
    let changed = false;
    for (const step of inside) {
      const after = Math.min((sequence.get(step.sourceDatasetId) ?? 0) + 1, datasetIds.length);
      if (after > (sequence.get(step.targetDatasetId) ?? 0)) {
        sequence.set(step.targetDatasetId, after);
        changed = true;
      }
    }
    if (!changed) break;
  }
  return sequence;
}

/** Datasets outside of the places to which steps lead, with the names of the jobs that write there. */
export function unmappedDatasets(
  datasetIds: readonly string[],
  steps: readonly LineageStep[],
): ReadonlyMap<string, readonly string[]> {
  const known = new Set(datasetIds);
  const outside = steps.filter(({ targetDatasetId }) => !known.has(targetDatasetId));
  const groups = Map.groupBy(outside, ({ targetDatasetId }) => targetDatasetId);
  return new Map([...groups].map(([id, into]) => [id, [...new Set(into.map(({ job }) => job))].sort()]));
}
