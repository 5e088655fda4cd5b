import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EdgeGraph } from '../../../src/domain/lineage/edge-graph.ts';
import { replaceEdges } from '../../../src/domain/lineage/edge-list.ts';
import { hopsAmong, walkGraph } from '../../../src/domain/lineage/graph-walk.ts';
import { edgesOf } from '../../testkit/edges.ts';

const node = fc.nat({ max: 7 });
const pairs = fc.array(fc.tuple(node, node), { maxLength: 20 });
const passes = () => true;
type Pairs = readonly (readonly [number, number])[];

/** Fewest steps, by trying all edges again and again; a node of `over` costs none. */
function naiveDepths(edges: Pairs, start: number, over: ReadonlySet<number>): Map<number, number> {
  const depths = new Map([[start, 0]]);
  for (let round = 0; round < 30; round += 1)
    for (const [from, to] of edges) {
      const here = depths.get(from);
      if (here === undefined) continue;
      const depth = here + (over.has(to) ? 0 : 1);
      if (depth < (depths.get(to) ?? Number.POSITIVE_INFINITY)) depths.set(to, depth);
    }
  return new Map([...depths].filter(([one]) => one === start || !over.has(one)));
}

test('a walk over what is stepped over has the depths and the hops of the graph without it', () => {
  fc.assert(
    fc.property(pairs, node, fc.uniqueArray(node, { maxLength: 4 }), (edges, start, over) => {
      const steppedOver = new Set(over.filter((one) => one !== start));
      const graph = new EdgeGraph(edgesOf(edges));
      const limits = { direction: 'DOWNSTREAM', maxDepth: 50, maxNodes: 1_000 } as const;
      const reached = walkGraph(graph, { ...limits, starts: [start], passes, steppedOver });
      const expected = naiveDepths(edges, start, steppedOver);
      expect(Object.fromEntries(reached.depths)).toEqual(Object.fromEntries(expected));
      // With the hops as edges, the nodes that are left are reached at the same depths.
      const hops = hopsAmong(graph, reached.depths, passes, steppedOver);
      const left = [...edges.filter(([from, to]) => !steppedOver.has(from) && !steppedOver.has(to)), ...hops];
      expect(Object.fromEntries(naiveDepths(left, start, new Set()))).toEqual(Object.fromEntries(expected));
    }),
  );
});

describe('a walk that is cut', () => {
  test('names exactly the nodes behind which more lies', () => {
    fc.assert(
      fc.property(pairs, node, fc.integer({ min: 1, max: 4 }), fc.boolean(), (edges, start, max, byDepth) => {
        const graph = new EdgeGraph(edgesOf(edges));
        const limits = byDepth ? { maxDepth: max, maxNodes: 1_000 } : { maxDepth: 50, maxNodes: max };
        const reached = walkGraph(graph, { ...limits, direction: 'DOWNSTREAM', starts: [start], passes });
        const leads = [...reached.depths.keys()].filter((one) =>
          edges.some(([from, to]) => from === one && !reached.depths.has(to)),
        );
        expect([...reached.frontier].sort()).toEqual(leads.sort());
        expect(reached.truncatedReason).toBe(leads.length === 0 ? null : byDepth ? 'MAX_DEPTH' : 'MAX_NODES');
      }),
    );
  });
});

test('edges that are replaced are those that are left with those that are new', () => {
  const ids = fc.uniqueArray(fc.nat({ max: 30 }), { maxLength: 12 });
  fc.assert(
    fc.property(ids, ids, ids, (known, touched, fresh) => {
      const listOf = (of: readonly number[], source: number) => {
        const sorted = of.toSorted((one, other) => one - other);
        return { ...edgesOf(sorted.map((id) => [source, id])), ids: Float64Array.from(sorted) };
      };
      const all = [...new Set([...touched, ...fresh])];
      const merged = replaceEdges(listOf(known, 1), all, listOf(fresh, 2));
      const expected = new Map([
        ...known.filter((id) => !all.includes(id)).map((id) => [id, 1] as const),
        ...fresh.map((id) => [id, 2] as const),
      ]);
      expect([...merged.ids].map((id, row) => [id, merged.sources[row], merged.targets[row]])).toEqual(
        [...expected].sort(([one], [other]) => one - other).map(([id, source]) => [id, source, id]),
      );
    }),
  );
});
