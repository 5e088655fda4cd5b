import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AccessPolicies, type AccessResource } from '../../../src/domain/access/access-decision.ts';
import { type AccessRule, assertRule, type NamedRule, unclassified } from '../../../src/domain/access/access-policy.ts';
import type { Actor } from '../../../src/domain/access/actor.ts';
import { type Action, actions, type Role, roleNames, roles } from '../../../src/domain/access/role.ts';

const anything: Omit<AccessRule, 'effect' | 'actions'> = {
  ...{ roles: [], actors: [], namespaces: [], names: [], classifications: [], accounts: [], purposes: [] },
  ...{ validFrom: null, validUntil: null },
};
const rule = (effect: 'ALLOW' | 'DENY', action: Action, more: Partial<NamedRule> = {}): NamedRule => ({
  ...anything,
  ...{ effect, actions: [action], name: `${effect} ${action}`, version: 1 },
  ...more,
});
const someone = (id: string, ...own: Role[]): Actor => ({ id, kind: 'token', roles: own, requestId: null });
const at = new Date('2026-11-27T12:00:00Z');

describe('who may do what', () => {
  test('is what roles give where no policy speaks', () => {
    const none = new AccessPolicies([]);
    for (const role of roleNames)
      for (const action of Object.keys(actions) as Action[])
        expect(none.allows(someone('ann', role), action), `${role} ${action}`).toBe(
          (roles[role] as readonly Action[]).includes(action),
        );
  });

  const table: readonly [string, readonly NamedRule[], Actor, Action, AccessResource, boolean][] = [
    ['a denial beats a role', [rule('DENY', 'DECRYPT')], someone('a', 'privacy_officer'), 'DECRYPT', {}, false],
    [
      'a denial beats what a policy allows',
      [rule('ALLOW', 'READ_CLEAR'), rule('DENY', 'READ_CLEAR', { actors: ['a'] })],
      someone('a', 'engineer'),
      'READ_CLEAR',
      {},
      false,
    ],
    [
      'of others it says nothing',
      [rule('DENY', 'DECRYPT', { actors: ['b'] })],
      someone('a', 'privacy_officer'),
      'DECRYPT',
      {},
      true,
    ],
    [
      'a policy allows what no role gives',
      [rule('ALLOW', 'READ_CLEAR', { roles: ['engineer'] })],
      someone('a', 'engineer'),
      'READ_CLEAR',
      {},
      true,
    ],
    [
      'the stricter of two labels counts',
      [rule('ALLOW', 'READ_CLEAR', { classifications: ['PII'] })],
      someone('a', 'engineer'),
      'READ_CLEAR',
      { classifications: ['PII', 'PCI'] },
      false,
    ],
    [
      'what nobody classified has a word of its own',
      [rule('ALLOW', 'READ_CLEAR', { classifications: [unclassified] })],
      someone('a', 'engineer'),
      'READ_CLEAR',
      { classifications: [] },
      true,
    ],
    [
      'another account is another matter',
      [rule('DENY', 'DECRYPT', { accounts: ['AC1'] })],
      someone('a', 'privacy_officer'),
      'DECRYPT',
      { account: 'AC2' },
      true,
    ],
    [
      'a purpose that is not stated is none',
      [rule('ALLOW', 'DECRYPT', { purposes: ['support'] })],
      someone('a', 'engineer'),
      'DECRYPT',
      { account: 'A' },
      false,
    ],
    [
      'the stated purpose counts',
      [rule('ALLOW', 'DECRYPT', { purposes: ['support'] })],
      someone('a', 'engineer'),
      'DECRYPT',
      { purpose: 'support' },
      true,
    ],
    [
      'what is over says nothing',
      [rule('DENY', 'DISCOVER', { validUntil: at })],
      someone('a', 'viewer'),
      'DISCOVER',
      {},
      true,
    ],
    [
      'what has not begun says nothing',
      [rule('DENY', 'DISCOVER', { validFrom: new Date(at.getTime() + 1) })],
      someone('a', 'viewer'),
      'DISCOVER',
      {},
      true,
    ],
    ['an auditor never decrypts', [rule('ALLOW', 'DECRYPT')], someone('a', 'auditor'), 'DECRYPT', {}, false],
    [
      'who grants never reads in clear',
      [rule('ALLOW', 'READ_CLEAR')],
      someone('a', 'security_admin', 'engineer'),
      'READ_CLEAR',
      {},
      false,
    ],
    [
      'only legal releases holds',
      [rule('ALLOW', 'RELEASE_HOLD')],
      someone('a', 'privacy_officer'),
      'RELEASE_HOLD',
      {},
      false,
    ],
    [
      'the token of the environment is the way back in',
      [rule('DENY', 'GRANT')],
      someone('api-token', 'security_admin'),
      'GRANT',
      {},
      true,
    ],
  ];
  test.each(table)('%s', (_name, rules, actor, action, resource, allowed) => {
    const policies = new AccessPolicies(rules);
    expect(policies.allows(actor, action, resource, at)).toBe(allowed);
    expect(policies.explain(actor, action, resource, at).allowed).toBe(allowed);
  });

  test('is explained with the rule that won, and those that lost', () => {
    const policies = new AccessPolicies([rule('ALLOW', 'DECRYPT'), rule('DENY', 'DECRYPT', { name: 'no' })]);
    expect(policies.explain(someone('a', 'privacy_officer'), 'DECRYPT', {}, at)).toEqual({
      allowed: false,
      rule: { kind: 'POLICY', effect: 'DENY', name: 'no', version: 1 },
      others: [
        { kind: 'POLICY', effect: 'ALLOW', name: 'ALLOW DECRYPT', version: 1 },
        { kind: 'ROLE', effect: 'ALLOW', name: 'privacy_officer', version: null },
      ],
    });
  });
});

/** The same said another way: by regular expressions, label by label, without anything compiled. */
function oracle(rules: readonly NamedRule[], actor: Actor, action: Action, resource: AccessResource): boolean {
  const labels = resource.classifications?.length === 0 ? [unclassified] : (resource.classifications ?? [undefined]);
  const fits = (patterns: readonly string[], text?: string) =>
    patterns.length === 0 ||
    patterns.some((one) => text !== undefined && new RegExp(`^${one.replaceAll('*', '.*')}$`, 's').test(text));
  const has = (list: readonly string[], one?: string) => list.length === 0 || list.includes(one ?? '(none)');
  const open = (roles[actor.roles[0] ?? 'viewer'] as readonly Action[]).includes(action);
  const closed = action === 'DECRYPT' && ['auditor', 'security_admin'].includes(actor.roles[0] ?? '');
  return labels.every((label) => {
    const mine = rules.filter(
      (one) =>
        one.actions.includes(action) &&
        (one.roles.length + one.actors.length === 0 ||
          one.actors.includes(actor.id) ||
          one.roles.some((role) => actor.roles.includes(role))) &&
        fits(one.namespaces, resource.namespace) &&
        fits(one.names, resource.name) &&
        has(one.classifications, label) &&
        has(one.accounts, resource.account),
    );
    if (mine.some(({ effect }) => effect === 'DENY')) return false;
    return open || (!closed && mine.some(({ effect }) => effect === 'ALLOW'));
  });
}

const few = (...words: string[]) => fc.uniqueArray(fc.constantFrom(...words), { maxLength: 2 });
const anyRule: fc.Arbitrary<NamedRule> = fc.record({
  ...{ effect: fc.constantFrom('ALLOW' as const, 'DENY' as const), name: fc.constant('any'), version: fc.constant(1) },
  actions: fc.constantFrom<Action[]>(['DECRYPT'], ['DISCOVER'], ['DECRYPT', 'DISCOVER']),
  roles: fc.uniqueArray(fc.constantFrom(...roleNames), { maxLength: 2 }),
  actors: few('ann', 'ben'),
  namespaces: few('a', 'a*', '*b', '*', 'a*b*'),
  names: few('x', 'x*y', '**', '*y'),
  classifications: few('PII', 'PCI', unclassified),
  accounts: few('AC1', 'AC2'),
  ...{ purposes: fc.constant([]), validFrom: fc.constant(null), validUntil: fc.constant(null) },
});
const anyResource: fc.Arbitrary<AccessResource> = fc.record(
  {
    namespace: fc.constantFrom('a', 'ab', 'b', 'aab', ''),
    name: fc.constantFrom('x', 'xy', 'xzy', 'y\n', ''),
    classifications: fc.uniqueArray(fc.constantFrom('PII', 'PCI'), { maxLength: 2 }),
    account: fc.constantFrom('AC1', 'AC2', 'AC3'),
  },
  { requiredKeys: [] },
);

test('the decision is that of an oracle that knows nothing of it', () => {
  fc.assert(
    fc.property(
      fc.array(anyRule, { maxLength: 5 }),
      fc.constantFrom('ann', 'cas'),
      fc.constantFrom(...roleNames),
      fc.constantFrom<Action>('DECRYPT', 'DISCOVER'),
      anyResource,
      (rules, id, role, action, resource) => {
        const actor = someone(id, role);
        const policies = new AccessPolicies(rules);
        const allowed = oracle(rules, actor, action, resource);
        expect(policies.allows(actor, action, resource, at)).toBe(allowed);
        // Who may do it with one thing may come to the entrance.
        if (allowed) expect(policies.allowsSome(actor, action, at)).toBe(true);
      },
    ),
    { numRuns: 2_000 },
  );
});

describe('a rule', () => {
  test.each<[string, Partial<AccessRule>]>([
    ['actions', { actions: [] }],
    ['accounts', { actions: ['DISCOVER'], accounts: ['AC1'] }],
    ['names', { actions: ['ERASE'], names: ['x'] }],
    ['namespaces', { actions: ['DISCOVER'], namespaces: ['*'.repeat(9)] }],
    ['actions', { effect: 'ALLOW', actions: ['DISCOVER'], names: ['x'] }],
    ['validUntil', { actions: ['HOLD'], validFrom: at, validUntil: at }],
    ['actors', { actions: ['HOLD'], actors: [' '] }],
    ['classifications', { actions: ['DISCOVER'], classifications: [unclassified] }],
  ])('is refused for %s that nobody looks at, or that mean nothing', (field, more) => {
    expect(() => assertRule({ ...rule('DENY', 'DISCOVER'), ...more })).toThrow(
      expect.objectContaining({ code: 'BAD_INPUT', field: expect.arrayContaining([field]) }),
    );
  });
});
