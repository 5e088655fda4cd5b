import { assertRange } from '../assert-range.ts';
import type { EdgeGraph } from './edge-graph.ts';
import type { LineageDirection, WalkEnd } from './graph.ts';

export interface WalkLimits {
  readonly direction: LineageDirection;
  /** 1 to 50 steps. */
  readonly maxDepth: number;
  /** 1 to 10,000 nodes, the start included. */
  readonly maxNodes: number;
  /** The moment whose edges are walked; absent for those in force. */
  readonly asOf?: Date | undefined;
}

export type OneWay = Exclude<LineageDirection, 'BOTH'>;

/** Which edges of a graph a walk takes, by their rows. */
export type Passes = (row: number) => boolean;

export interface WalkQuestion extends Omit<WalkLimits, 'asOf'> {
  /** Of depth 0. */
  readonly starts: readonly number[];
  readonly passes: Passes;
  /** Nodes that are walked through as if they were not there. */
  readonly steppedOver?: ReadonlySet<number>;
}

export interface Reached {
  /** By depth. */
  readonly depths: ReadonlyMap<number, number>;
  readonly truncatedReason: WalkEnd['truncatedReason'];
  readonly frontier: readonly number[];
}

/** Edges of a moment. Without one it is what is in force, however far the clock of a producer runs ahead. */
export function inForce({ edges }: EdgeGraph, asOf: Date | undefined): Passes {
  const { from, to } = edges;
  if (asOf === undefined) return (row) => to[row] === Number.POSITIVE_INFINITY;
  const at = asOf.getTime() / 1_000;
  return (row) => (from[row] ?? 0) <= at && (to[row] ?? 0) > at;
}

/** @throws LinewardError BAD_INPUT for limits out of range. */
function assertLimits({ maxDepth, maxNodes }: Pick<WalkLimits, 'maxDepth' | 'maxNodes'>): void {
  assertRange('maxDepth', maxDepth, 1, 50);
  assertRange('maxNodes', maxNodes, 1, 10_000);
}

/** Breadth first: each node once, at its least depth, no paths kept. */
export function walkGraph(graph: EdgeGraph, question: WalkQuestion): Reached {
  assertLimits(question);
  const { direction, starts } = question;
  const directions = direction === 'BOTH' ? (['UPSTREAM', 'DOWNSTREAM'] as const) : [direction];
  const depths = new Map(starts.map((start) => [start, 0]));
  const ends = directions.map((oneWay) => walkOneWay(graph, { ...question, direction: oneWay }, depths));
  return {
    depths,
    truncatedReason: ends.find(({ truncated }) => truncated !== null)?.truncated ?? null,
    frontier: [...new Set(ends.flatMap(({ frontier }) => frontier))],
  };
}

/** The nodes one step from a node, in the order of the edges; one may come twice. */
export function nextNodes(graph: EdgeGraph, direction: OneWay, passes: Passes): (node: number) => readonly number[] {
  const ends = direction === 'DOWNSTREAM' ? graph.edges.targets : graph.edges.sources;
  return (node) => {
    const rows = direction === 'DOWNSTREAM' ? graph.outgoing(node) : graph.incoming(node);
    const nodes: number[] = [];
    for (const row of rows) if (passes(row)) nodes.push(ends[row] ?? 0);
    return nodes;
  };
}

/** Rows of the edges between nodes. */
export function rowsAmong(
  graph: EdgeGraph,
  nodes: { keys(): Iterable<number>; has(node: number): boolean },
  passes: Passes,
): readonly number[] {
  const rows: number[] = [];
  for (const node of nodes.keys())
    for (const row of graph.outgoing(node)) if (nodes.has(graph.edges.targets[row] ?? 0) && passes(row)) rows.push(row);
  return rows;
}

/** Pairs of nodes that a way joins which only goes over nodes that are stepped over. */
export function hopsAmong(
  graph: EdgeGraph,
  nodes: { keys(): Iterable<number>; has(node: number): boolean },
  passes: Passes,
  steppedOver: ReadonlySet<number>,
): readonly (readonly [number, number])[] {
  if (steppedOver.size === 0) return [];
  const next = nextNodes(graph, 'DOWNSTREAM', passes);
  return [...nodes.keys()].flatMap((node) => {
    const near = new Set(next(node));
    const far = new Set(leaving(node, next, steppedOver));
    return [...far].filter((other) => nodes.has(other) && !near.has(other)).map((other) => [node, other] as const);
  });
}

function walkOneWay(
  graph: EdgeGraph,
  question: WalkQuestion & { readonly direction: OneWay },
  depths: Map<number, number>,
): { truncated: Reached['truncatedReason']; frontier: readonly number[] } {
  const { starts, maxDepth, maxNodes, steppedOver } = question;
  const next = nextNodes(graph, question.direction, question.passes);
  const seen = new Set(starts);
  // Behind a node lies more when a node next to it was not reached, also over nodes that are stepped over.
  const frontierIn = (nodes: readonly number[]): readonly number[] =>
    nodes.filter((node) => leaving(node, next, steppedOver).some((other) => !seen.has(other)));
  let level = starts;
  for (let depth = 1; ; depth += 1) {
    const fresh = new Set(level.flatMap((node) => leaving(node, next, steppedOver)).filter((node) => !seen.has(node)));
    if (fresh.size === 0) return { truncated: null, frontier: [] };
    if (depth > maxDepth) return { truncated: 'MAX_DEPTH', frontier: frontierIn(level) };
    const taken: number[] = [];
    for (const node of fresh) {
      if (!depths.has(node) && depths.size === maxNodes)
        return { truncated: 'MAX_NODES', frontier: frontierIn([...level, ...taken]) };
      seen.add(node);
      taken.push(node);
      depths.set(node, Math.min(depth, depths.get(node) ?? depth));
    }
    level = taken;
  }
}

/** Nodes that count, one step from a node; what is stepped over stands for what is next to it. */
function leaving(
  node: number,
  next: (node: number) => readonly number[],
  steppedOver: ReadonlySet<number> | undefined,
): readonly number[] {
  const near = next(node);
  if (steppedOver === undefined || !near.some((one) => steppedOver.has(one))) return near;
  const found: number[] = [];
  const passed = new Set<number>();
  const open = [...near];
  for (const one of open) {
    if (!steppedOver.has(one)) found.push(one);
    else if (!passed.has(one)) {
      passed.add(one);
      open.push(...next(one));
    }
  }
  return found;
}
