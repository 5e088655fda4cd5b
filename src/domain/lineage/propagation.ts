import type { EdgeGraph } from './edge-graph.ts';
import { edgeFlags } from './edge-list.ts';
import { inForce } from './graph-walk.ts';

/** A label in a field, with where it was set and the row of the last step on a shortest way from there. */
export interface CarriedLabel {
  readonly origin: number;
  readonly field: number;
  readonly depth: number;
  /** Null at the origin. */
  readonly viaRow: number | null;
}

export type BlockReason = 'MASKED' | 'INDIRECT' | 'ENDED';

/** The row of a step that a label did not take, into a field that it did not reach by another one. */
export interface BlockedStep {
  readonly row: number;
  readonly reason: BlockReason;
}

export interface Propagation {
  readonly labels: readonly CarriedLabel[];
  readonly blocked: readonly BlockedStep[];
}

/** Why a label does not take a step; null when it does. Steps that begin later are none. */
type Blocks = (row: number) => BlockReason | 'LATER' | null;

function blocksAt(graph: EdgeGraph, asOf: Date | undefined): Blocks {
  const { flags, from } = graph.edges;
  const isInForce = inForce(graph, asOf);
  const at = asOf === undefined ? Number.POSITIVE_INFINITY : asOf.getTime() / 1_000;
  return (row) => {
    if ((from[row] ?? 0) > at) return 'LATER';
    const flag = flags[row] ?? 0;
    if ((flag & edgeFlags.indirect) !== 0) return 'INDIRECT';
    if ((flag & edgeFlags.masking) !== 0) return 'MASKED';
    return isInForce(row) ? null : 'ENDED';
  };
}

/**
 * At most so many labels. Labels go along direct steps that do not mask. Nothing is kept: a label is where a way from its origin leads, so it is gone with
 * the last such way.
 */
export function propagate(
  graph: EdgeGraph,
  origins: readonly number[],
  { asOf, labelsMax }: { readonly asOf: Date | undefined; readonly labelsMax: number },
): Propagation {
  const blocks = blocksAt(graph, asOf);
  const labels = spread(graph, origins, blocks, labelsMax);
  return { labels, blocked: blockedBy(graph, labels, blocks) };
}

/**
 * Fields whose values may be in any of some fields, themselves included. `kinOf` answers what a field is a part of, and what are its parts: values
 * of the whole are in the part, and those of a part in the whole, but not those of one part in another.
 */
export function carriedFrom(
  graph: EdgeGraph,
  fields: readonly number[],
  kinOf: (field: number) => readonly number[],
): ReadonlySet<number> {
  const blocks = blocksAt(graph, undefined);
  const reached = new Set(fields);
  const kin = new Set<number>();
  const addSources = (one: number): void => {
    for (const row of graph.incoming(one)) if (blocks(row) === null) reached.add(graph.edges.sources[row] ?? 0);
  };
  // A set is walked in the order of what is added, also meanwhile.
  for (const one of reached) {
    addSources(one);
    for (const other of kinOf(one)) {
      if (!kin.has(other)) addSources(other);
      kin.add(other);
    }
  }
  return new Set([...reached, ...kin]);
}

function spread(
  graph: EdgeGraph,
  origins: readonly number[],
  blocks: Blocks,
  labelsMax: number,
): readonly CarriedLabel[] {
  const labels: CarriedLabel[] = [];
  for (const origin of origins) {
    const reached = new Set([origin]);
    const queue: CarriedLabel[] = [{ origin, field: origin, depth: 0, viaRow: null }];
    for (const label of queue) {
      if (labels.length === labelsMax) return labels;
      labels.push(label);
      for (const row of graph.outgoing(label.field)) {
        const field = graph.edges.targets[row] ?? 0;
        if (reached.has(field) || blocks(row) !== null) continue;
        reached.add(field);
        queue.push({ origin, field, depth: label.depth + 1, viaRow: row });
      }
    }
  }
  return labels;
}

function blockedBy(graph: EdgeGraph, labels: readonly CarriedLabel[], blocks: Blocks): readonly BlockedStep[] {
  const labelled = new Set(labels.map(({ field }) => field));
  const blocked: BlockedStep[] = [];
  for (const field of labelled)
    for (const row of graph.outgoing(field)) {
      const reason = blocks(row);
      if (reason === null || reason === 'LATER' || labelled.has(graph.edges.targets[row] ?? 0)) continue;
      blocked.push({ row, reason });
    }
  return blocked;
}
