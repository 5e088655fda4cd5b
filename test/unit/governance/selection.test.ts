import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { permitted } from '../../../src/domain/governance/permission.ts';
import { isSelected, type SubjectSelector } from '../../../src/domain/governance/selection.ts';

// Few values, so that selectors, holds and records meet often.
const account = fc.constantFrom('AC1', 'AC2');
const field = fc.constantFrom('to', 'from');
const value = fc.constantFrom('1', '2');
const selector: fc.Arbitrary<SubjectSelector> = fc.oneof(
  fc.record({ accountId: account }),
  fc.record({ accountId: account, subject: fc.record({ field, value }) }),
);
const selectors = fc.array(selector, { maxLength: 6 });
const record = fc.record({
  account: fc.option(account),
  keys: fc.record({ to: fc.option(value), from: fc.option(value) }),
});
type Rec = typeof record extends fc.Arbitrary<infer T> ? T : never;

const names = (given: SubjectSelector, { account: owner, keys }: Rec): boolean =>
  given.accountId === owner &&
  (given.subject === undefined || keys[given.subject.field as 'to' | 'from'] === given.subject.value);
const selects = (asked: readonly SubjectSelector[], holds: readonly SubjectSelector[], one: Rec): boolean =>
  isSelected(subtractHolds(asked, holds), one.account, (key) => one.keys[key as 'to' | 'from']);

const subtractHolds = (asked: readonly SubjectSelector[], holds: readonly SubjectSelector[]) =>
  permitted({ kind: 'ERASURE', act: asked }, { holds, minimums: new Map() });

describe('what is left of a request after legal holds', () => {
  it('selects exactly the records that were asked for and that no hold names', () => {
    fc.assert(
      fc.property(selectors, selectors, record, (asked, holds, one) => {
        const wanted = asked.some((item) => names(item, one)) && !holds.some((item) => names(item, one));
        expect(selects(asked, holds, one)).toBe(wanted);
      }),
      { numRuns: 2_000 },
    );
  });

  it('has each selector that was asked for either to act on or as held', () => {
    fc.assert(
      fc.property(selectors, selectors, (asked, holds) => {
        const { act, held } = subtractHolds(asked, holds);
        expect(asked.filter((item) => act.includes(item) !== held.includes(item))).toEqual(asked);
      }),
    );
  });

  it('keeps only what lies within an account that is still acted on', () => {
    fc.assert(
      fc.property(selectors, selectors, (asked, holds) => {
        const { act, keep } = subtractHolds(asked, holds);
        for (const hold of keep) expect(act.map((item) => item.accountId)).toContain(hold.accountId);
      }),
    );
  });

  it('never selects a record without an account', () => {
    expect(isSelected({ act: [{ accountId: 'AC1' }], keep: [] }, null, () => null)).toBe(false);
  });
});
