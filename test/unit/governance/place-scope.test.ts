import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { narrows, type PlaceScope, readPlaces } from '../../../src/domain/governance/place-scope.ts';

/** What there may be: a dataset is in a namespace, holds an entity, and has a label. */
const names = fc.option(fc.uniqueArray(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 2 }));
const scope: fc.Arbitrary<PlaceScope> = fc.record({
  datasetIds: names,
  namespaces: names,
  entityIds: names,
  classifications: names,
  lineageDownstream: fc.boolean(),
});
// Of each kind there is one that no scope names: what comes later may be any other.
const each = ['a', 'b', 'c'];
const all = each.flatMap((id) =>
  each.flatMap((namespace) => each.flatMap((entity) => each.map((label) => ({ id, namespace, entity, label })))),
);
const named = (of: PlaceScope) =>
  all.filter(
    ({ id, namespace, entity, label }) =>
      (of.datasetIds?.includes(id) ?? true) &&
      (of.namespaces?.includes(namespace) ?? true) &&
      (of.entityIds?.includes(entity) ?? true) &&
      (of.classifications?.includes(label) ?? true),
  );

describe('a scope in the place of another', () => {
  it('narrows it exactly where a dataset could be left out', () => {
    fc.assert(
      fc.property(scope, scope, (from, to) => {
        const leavesOut =
          named(from).some((one) => !named(to).includes(one)) || (from.lineageDownstream && !to.lineageDownstream);
        expect(narrows(from, to)).toBe(leavesOut);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('a scope as it is given', () => {
  it('names each place once, and nothing that is none', () => {
    expect(readPlaces({ namespaces: ['a', 'a'] })).toMatchObject({ namespaces: ['a'], datasetIds: null });
    for (const given of [
      { namespaces: [] },
      { classifications: [''] },
      {
        datasetIds: Array(1_001)
          .fill('x')
          .map((x, n) => `${x}${n}`),
      },
    ])
      expect(() => readPlaces(given)).toThrow(/^scope\./);
  });
});
