import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LineageStep } from '../../../src/domain/lineage/graph.ts';
import { sequenceOf, unmappedDatasets } from '../../../src/domain/operations/reach.ts';

const step = (source: number, target: number): LineageStep => ({
  id: `${source}-${target}`,
  sourceDatasetId: `d${source}`,
  targetDatasetId: `d${target}`,
  job: 'copy',
  jobNamespace: 'lineward',
});
const size = 12;
const ids = Array.from({ length: size }, (_, n) => `d${n}`);
const node = fc.nat({ max: size - 1 });
const edges = fc.array(fc.tuple(node, node), { maxLength: 30 });

describe('the order of places along lineage', () => {
  it('puts the source of every step first, when there is no cycle', () => {
    // Steps from a lower to a higher number cannot make a cycle.
    const acyclic = edges.map((pairs) =>
      pairs.filter(([a, b]) => a !== b).map(([a, b]) => step(Math.min(a, b), Math.max(a, b))),
    );
    const shuffled = fc.shuffledSubarray(ids, { minLength: size });
    fc.assert(
      fc.property(acyclic, shuffled, (steps, order) => {
        const sequence = sequenceOf(order, steps);
        for (const { sourceDatasetId, targetDatasetId } of steps) {
          expect(sequence.get(targetDatasetId)).toBeGreaterThan(sequence.get(sourceDatasetId) ?? 0);
        }
      }),
    );
  });

  it('ends on cycles, with a number for every place', () => {
    fc.assert(
      fc.property(edges, (pairs) => {
        const sequence = sequenceOf(
          ids,
          pairs.map(([a, b]) => step(a, b)),
        );
        expect([...sequence.keys()]).toEqual(ids);
        for (const number of sequence.values()) expect(number).toSatisfy((n: number) => n >= 0 && n <= size);
      }),
    );
  });

  it('does not look at steps to places outside, which are named apart', () => {
    const steps = [step(0, 1), step(1, 99), step(98, 0)];
    expect([...sequenceOf(['d0', 'd1'], steps).values()]).toEqual([0, 1]);
    expect([...unmappedDatasets(['d0', 'd1'], steps).keys()]).toEqual(['d99']);
  });
});
