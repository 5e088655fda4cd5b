import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSelected, type SubjectSelector, subtractHolds } from '../../../src/domain/governance/selection.ts';
import type { LineageStep } from '../../../src/domain/lineage/graph.ts';
import { selectionIn, sequenceOf, unmappedDatasets } from '../../../src/domain/operations/reach.ts';

const selector: fc.Arbitrary<SubjectSelector> = fc.record(
  {
    accountId: fc.constantFrom('AC1', 'AC2'),
    subject: fc.record({ field: fc.constantFrom('to', 'email'), value: fc.constantFrom('1', '2') }),
  },
  { requiredKeys: ['accountId'] },
);
const selectors = fc.array(selector, { maxLength: 6 });
const place = { name: 'messages', subjectFields: ['to'] };

describe('a selection in one place', () => {
  it('never acts on a record that may be held, seen by the keys the place has', () => {
    const record = fc.record({
      account: fc.constantFrom('AC1', 'AC2'),
      to: fc.constantFrom('1', '2'),
      email: fc.constantFrom('1', '2'),
    });
    fc.assert(
      fc.property(selectors, selectors, record, (asked, holds, { account, to, email }) => {
        const there = selectionIn(place, subtractHolds(asked, holds));
        const heldHere = holds.some(
          (hold) =>
            hold.accountId === account &&
            (hold.subject === undefined || hold.subject.value === { to, email }[hold.subject.field]),
        );
        // The place knows `to` alone; `email` is only in the copy that the hold was placed on.
        if (isSelected(there, account, (field) => (field === 'to' ? to : null))) expect(heldHere).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  it('acts on all that was asked for and is to be found there, or says why not', () => {
    fc.assert(
      fc.property(selectors, selectors, (asked, holds) => {
        const selection = subtractHolds(asked, holds);
        const { act, gaps } = selectionIn(place, selection);
        expect(act.length < selection.act.length).toBe(gaps.length > 0);
      }),
    );
  });

  it('names the subjects it has no key for, and the holds it cannot locate', () => {
    const byEmail = { accountId: 'AC1', subject: { field: 'email', value: '1' } };
    expect(selectionIn(place, { act: [byEmail], keep: [] })).toMatchObject({
      act: [],
      gaps: [{ code: 'SUBJECT_KEY_MISSING', dataset: 'messages' }],
    });
    expect(selectionIn(place, { act: [{ accountId: 'AC1' }, { accountId: 'AC2' }], keep: [byEmail] })).toMatchObject({
      act: [{ accountId: 'AC2' }],
      keep: [],
      gaps: [{ code: 'HOLD_NOT_LOCATABLE', dataset: 'messages' }],
    });
  });
});

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
