import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EdgeGraph } from '../../../src/domain/lineage/edge-graph.ts';
import { findPaths } from '../../../src/domain/lineage/path-search.ts';
import { edgesOf } from '../../testkit/edges.ts';

const node = fc.nat({ max: 6 });
const pairs = fc.array(fc.tuple(node, node), { maxLength: 16 });
const passes = () => true;

/** All paths without a node twice, by trying everything. */
function allPaths(edges: readonly (readonly [number, number])[], path: readonly number[], to: number): string[] {
  const last = path.at(-1);
  if (last === to) return [path.join('>')];
  const next = new Set(
    edges.filter(([from, other]) => from === last && !path.includes(other)).map(([, other]) => other),
  );
  return [...next].flatMap((other) => allPaths(edges, [...path, other], to));
}

test('paths are all that there are, shortest first', () => {
  fc.assert(
    fc.property(pairs, node, node, (edges, from, to) => {
      const graph = new EdgeGraph(edgesOf(edges));
      const found = findPaths(graph, { from, to, passes, maxDepth: 50, maxPaths: 10_000 });
      expect(found.truncatedReason).toBe(null);
      expect(found.paths.map((path) => path.join('>')).sort()).toEqual(allPaths(edges, [from], to).sort());
      const lengths = found.paths.map((path) => path.length);
      expect(lengths).toEqual(lengths.toSorted((one, other) => one - other));
    }),
  );
});

test('a cut answer says so, and is the shortest part of the whole', () => {
  fc.assert(
    fc.property(pairs, node, node, fc.integer({ min: 1, max: 4 }), (edges, from, to, max) => {
      const graph = new EdgeGraph(edgesOf(edges));
      const all = allPaths(edges, [from], to).map((path) => path.split('>').length - 1);
      const few = findPaths(graph, { from, to, passes, maxDepth: 50, maxPaths: max });
      expect(few.paths.map((path) => path.length - 1)).toEqual(all.toSorted((a, b) => a - b).slice(0, max));
      expect(few.truncatedReason).toBe(all.length > max ? 'MAX_PATHS' : null);
      const short = findPaths(graph, { from, to, passes, maxDepth: max, maxPaths: 10_000 });
      expect(short.paths).toHaveLength(all.filter((length) => length <= max).length);
      if (all.some((length) => length > max)) expect(short.truncatedReason).toBe('MAX_DEPTH');
    }),
  );
});

test('very many ways end in an answer that is not complete', () => {
  // Rungs of three, each linked with all of the next: 3^20 paths.
  const rung = (index: number): readonly number[] => [0, 1, 2].map((side) => 1 + index * 3 + side);
  const edges = Array.from({ length: 19 }, (_, index) =>
    rung(index).flatMap((from) => rung(index + 1).map((to) => [from, to] as const)),
  ).flat();
  const ends = [...rung(0).map((to) => [0, to] as const), ...rung(19).map((from) => [from, 61] as const)];
  // A knot of twenty nodes before the end, from which only the longest ways would be new.
  const knot = Array.from({ length: 20 }, (_, one) =>
    Array.from({ length: 20 }, (__, other) => [70 + one, 70 + other] as const),
  ).flat();
  const graph = new EdgeGraph(edgesOf([...edges, ...ends, ...knot, [61, 70], [89, 90]]));
  const many = findPaths(graph, { from: 0, to: 61, passes, maxDepth: 50, maxPaths: 100 });
  expect(many).toMatchObject({ truncatedReason: 'MAX_PATHS', paths: { length: 100 } });
  expect(new Set(many.paths.map(String)).size).toBe(100);
  const knotted = findPaths(graph, { from: 70, to: 90, passes, maxDepth: 50, maxPaths: 100 });
  expect(knotted).toMatchObject({ truncatedReason: 'MAX_PATHS', paths: { length: 100 } });
  expect(knotted.paths[0]).toEqual([70, 89, 90]);
  expect(findPaths(graph, { from: 90, to: 0, passes, maxDepth: 50, maxPaths: 100 })).toEqual({
    paths: [],
    truncatedReason: null,
  });
});
