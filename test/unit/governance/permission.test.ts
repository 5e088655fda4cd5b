import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { permitted, permittedIn } from '../../../src/domain/governance/permission.ts';
import { isSelected, type SubjectSelector } from '../../../src/domain/governance/selection.ts';

const subtractHolds = (asked: readonly SubjectSelector[], holds: readonly SubjectSelector[]) =>
  permitted({ kind: 'ERASURE', act: asked }, { holds, minimums: new Map() });

const selector: fc.Arbitrary<SubjectSelector> = fc.record(
  {
    accountId: fc.constantFrom('AC1', 'AC2'),
    subject: fc.record({ field: fc.constantFrom('to', 'email'), value: fc.constantFrom('1', '2') }),
  },
  { requiredKeys: ['accountId'] },
);
const selectors = fc.array(selector, { maxLength: 6 });
const place = { datasetId: 'D', name: 'messages', subjectFields: ['to'] };

describe('a selection in one place', () => {
  it('never acts on a record that may be held, seen by the keys the place has', () => {
    const record = fc.record({
      account: fc.constantFrom('AC1', 'AC2'),
      to: fc.constantFrom('1', '2'),
      email: fc.constantFrom('1', '2'),
    });
    fc.assert(
      fc.property(selectors, selectors, record, (asked, holds, { account, to, email }) => {
        const there = permittedIn(place, subtractHolds(asked, holds));
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
        const { act, gaps } = permittedIn(place, selection);
        expect(act.length < selection.act.length).toBe(gaps.length > 0);
      }),
    );
  });

  it('names the subjects it has no key for, and the holds it cannot locate', () => {
    const byEmail = { accountId: 'AC1', subject: { field: 'email', value: '1' } };
    expect(permittedIn(place, { act: [byEmail], keep: [] })).toMatchObject({
      act: [],
      gaps: [{ code: 'SUBJECT_KEY_MISSING', dataset: 'messages' }],
    });
    expect(permittedIn(place, { act: [{ accountId: 'AC1' }, { accountId: 'AC2' }], keep: [byEmail] })).toMatchObject({
      act: [{ accountId: 'AC2' }],
      keep: [],
      gaps: [{ code: 'HOLD_NOT_LOCATABLE', dataset: 'messages' }],
    });
  });
});
