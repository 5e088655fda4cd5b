import type { LineageDirection, LineageWalk } from '../../domain/lineage/graph.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { SqlFragment } from '../keyset-page.ts';

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

export interface Reached {
  readonly depths: ReadonlyMap<string, number>;
  readonly truncatedReason: LineageWalk['truncatedReason'];
  readonly frontier: readonly string[];
}

/** Edges of a moment. Without one it is what is in force, however far the clock of a producer runs ahead. */
export function inForce(asOf: Date | undefined): SqlFragment {
  if (asOf === undefined) return { sql: 'valid_to is null', params: [] };
  const at = asOf.toISOString();
  return { sql: 'valid_from <= ? and (valid_to is null or valid_to > ?)', params: [at, at] };
}

/** @throws LinewardError BAD_INPUT for limits out of range. */
export function assertLimits({ maxDepth, maxNodes }: WalkLimits): void {
  assertRange('maxDepth', maxDepth, 50);
  assertRange('maxNodes', maxNodes, 10_000);
}

/** Breadth first, one question a level: each node once, at its least depth, no paths kept. */
export async function walkLevels(
  start: string,
  limits: WalkLimits,
  next: (direction: OneWay, level: readonly string[]) => Promise<readonly string[]>,
): Promise<Reached> {
  const directions = limits.direction === 'BOTH' ? (['UPSTREAM', 'DOWNSTREAM'] as const) : [limits.direction];
  const depths = new Map([[start, 0]]);
  let truncatedReason: Reached['truncatedReason'] = null;
  const frontier: string[] = [];
  for (const direction of directions) {
    const end = await oneWay(start, limits, depths, (level) => next(direction, level));
    truncatedReason ??= end.truncated;
    frontier.push(...end.frontier);
  }
  return { depths, truncatedReason, frontier };
}

async function oneWay(
  start: string,
  limits: WalkLimits,
  depths: Map<string, number>,
  next: (level: readonly string[]) => Promise<readonly string[]>,
): Promise<{ truncated: Reached['truncatedReason']; frontier: readonly string[] }> {
  const seen = new Set([start]);
  let level: readonly string[] = [start];
  for (let depth = 1; level.length > 0; depth += 1) {
    const fresh = (await next(level)).filter((id) => !seen.has(id));
    if (fresh.length === 0) break;
    if (depth > limits.maxDepth) return { truncated: 'MAX_DEPTH', frontier: level };
    const room = limits.maxNodes - depths.size;
    for (const id of fresh.slice(0, room)) {
      seen.add(id);
      depths.set(id, Math.min(depth, depths.get(id) ?? depth));
    }
    if (fresh.length > room) return { truncated: 'MAX_NODES', frontier: level };
    level = fresh;
  }
  return { truncated: null, frontier: [] };
}

function assertRange(name: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 1 || value > max) {
    throw new LinewardError('BAD_INPUT', `${name} must be between 1 and ${max}`, { path: [name] });
  }
}
