import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Approval,
  type ApprovalPolicy,
  type ApprovalRule,
  counted,
  type PlanFacts,
  ruleFor,
  whyNot,
} from '../../../src/domain/operations/approval.ts';

const policy = (given: Partial<ApprovalPolicy>): ApprovalPolicy => ({
  ...{ name: 'p', kinds: null, classifications: null, over: {}, approvals: 1, roles: null, byRequester: true },
  ...given,
});
const facts: PlanFacts = {
  kind: 'ERASURE',
  size: { targets: 2, subjects: 10, records: 1_000, bytes: 5_000 },
  classifications: ['PII'],
};
const floor = { approvals: 1, byRequester: true };
const names = (policies: readonly ApprovalPolicy[], given = facts) => ruleFor(policies, given, floor).policies;

describe('an approval policy', () => {
  it.each<[Partial<ApprovalPolicy>, boolean]>([
    [{}, true],
    [{ kinds: ['ERASURE', 'SHRED'] }, true],
    [{ kinds: ['SHRED'] }, false],
    [{ classifications: ['PCI', 'PII'] }, true],
    [{ classifications: ['PCI'] }, false],
    [{ over: { records: 999 } }, true],
    [{ over: { records: 1_000 } }, false],
    [{ over: { records: 5_000, bytes: 4_999 } }, true],
    [{ over: { targets: 0 }, kinds: ['SHRED'] }, false],
  ])('%j speaks about a plan: %s', (given, speaks) => {
    expect(names([policy(given)])).toEqual(speaks ? ['p'] : []);
  });

  it('on a label speaks of keys, of which nobody knows what they encrypt', () => {
    const keys = { ...facts, kind: 'SHRED', classifications: null } as const;
    expect(names([policy({ classifications: ['PHI'] })], keys)).toEqual(['p']);
  });

  it('counts together with others, the strictest part of each, and never below the floor', () => {
    const policies = [
      policy({ name: 'a', approvals: 2 }),
      policy({ name: 'b', byRequester: false, roles: ['privacy_officer'] }),
      policy({ name: 'c', roles: ['security_admin', 'privacy_officer'] }),
    ];
    expect(ruleFor(policies, facts, floor)).toEqual({
      ...{ approvals: 2, byRequester: false, policies: ['a', 'b', 'c'] },
      roles: [['privacy_officer'], ['security_admin', 'privacy_officer']],
    });
    expect(ruleFor([policy({})], facts, { approvals: 3, byRequester: false })).toMatchObject({
      ...{ approvals: 3, byRequester: false },
    });
  });
});

const person = fc.constantFrom('ann', 'bob', 'cat', 'dan');
const approval: fc.Arbitrary<Approval> = fc
  .record({
    actorId: person,
    onBehalfOf: fc.option(person),
    roles: fc.subarray(['privacy_officer', 'security_admin'] as const),
  })
  .map((given) => (given.onBehalfOf === given.actorId ? { ...given, onBehalfOf: null } : given));
const rule: fc.Arbitrary<ApprovalRule> = fc.record({
  approvals: fc.constantFrom(1, 2),
  roles: fc.array(fc.subarray(['privacy_officer', 'security_admin'] as const, { minLength: 1 }), { maxLength: 2 }),
  byRequester: fc.boolean(),
  policies: fc.constant([]),
});

describe('approvals that count', () => {
  it('are of different people, by role, and never of who requested in the name of another', () => {
    fc.assert(
      fc.property(rule, fc.array(approval, { maxLength: 6 }), (wanted, given) => {
        const counting = counted(wanted, given, ['ann']);
        const people = counting.flatMap(({ actorId, onBehalfOf }) => [
          actorId,
          ...(onBehalfOf === null ? [] : [onBehalfOf]),
        ]);
        expect(new Set(people).size).toBe(people.length);
        for (const { actorId, onBehalfOf, roles } of counting) {
          for (const list of wanted.roles) expect(list.some((role) => roles.includes(role))).toBe(true);
          if (actorId === 'ann') expect(wanted.byRequester && onBehalfOf === null).toBe(true);
          expect(onBehalfOf).not.toBe('ann');
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('do not come back when a policy got stricter', () => {
    const free: ApprovalRule = { approvals: 2, roles: [], byRequester: true, policies: [] };
    const given: Approval = { actorId: 'bob', onBehalfOf: null, roles: ['security_admin'] };
    expect(counted(free, [given], ['ann'])).toEqual([given]);
    expect(counted({ ...free, roles: [['privacy_officer']] }, [given], ['ann'])).toEqual([]);
  });

  it('say why not', () => {
    const wanted: ApprovalRule = { approvals: 2, roles: [['privacy_officer']], byRequester: false, policies: ['p'] };
    const of = (actorId: string, onBehalfOf: string | null = null, roles: Approval['roles'] = ['privacy_officer']) =>
      whyNot(
        wanted,
        { actorId, onBehalfOf, roles },
        { requesters: ['ann'], before: [{ actorId: 'bob', onBehalfOf: null, roles: [] }] },
      );
    expect(of('ann')).toContain('ann requested');
    expect(of('cat', 'ann')).toContain('ann requested');
    expect(of('cat', null, ['security_admin'])).toContain('privacy_officer');
    expect(of('bob')).toContain('bob has approved');
    expect(of('cat', 'bob')).toContain('bob has approved');
    expect(of('cat', 'dan')).toBeNull();
  });
});
