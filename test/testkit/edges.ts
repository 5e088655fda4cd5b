import type { EdgeList } from '../../src/domain/lineage/edge-list.ts';

/** Edges in force since ever, numbered as they stand. */
export function edgesOf(pairs: readonly (readonly [number, number])[]): EdgeList {
  return {
    ids: Float64Array.from(pairs, (_, index) => index + 1),
    sources: Int32Array.from(pairs, ([source]) => source),
    targets: Int32Array.from(pairs, ([, target]) => target),
    flags: new Uint8Array(pairs.length),
    from: new Float64Array(pairs.length).fill(Number.NEGATIVE_INFINITY),
    to: new Float64Array(pairs.length).fill(Number.POSITIVE_INFINITY),
  };
}
