import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/domain/governance/decision.ts';
import { type GivenPlaces, readNamedPlaces } from '../../../src/domain/governance/place-scope.ts';
import { narrownessOf } from '../../../src/domain/governance/retention-policy.ts';

const scopes: Readonly<Record<string, GivenPlaces>> = {
  namespace: { namespaces: ['n'] },
  'two namespaces': { namespaces: ['n', 'm'] },
  label: { classifications: ['PII'] },
  'label in a namespace': { classifications: ['PII'], namespaces: ['n'] },
  entity: { entityIds: ['e'] },
  'entity in a namespace': { entityIds: ['e'], namespaces: ['n'] },
  'entity with a label': { entityIds: ['e'], classifications: ['PII'] },
  'entity with a label in a namespace': { entityIds: ['e'], classifications: ['PII'], namespaces: ['n'] },
  dataset: { datasetIds: ['d'] },
};
const narrowness = (name: string): number => narrownessOf(readNamedPlaces(scopes[name] ?? {}));

describe('how narrow a scope is', () => {
  it.each([
    ['namespace', 'label'],
    ['label', 'label in a namespace'],
    ['label in a namespace', 'entity'],
    ['entity', 'entity in a namespace'],
    ['entity in a namespace', 'entity with a label'],
    ['entity with a label', 'entity with a label in a namespace'],
    ['entity with a label in a namespace', 'dataset'],
  ])('%s is broader than %s', (broader, narrower) => {
    expect(narrowness(broader)).toBeLessThan(narrowness(narrower));
  });

  it('does not go by the number of names', () => {
    expect(narrowness('namespace')).toBe(narrowness('two namespaces'));
  });

  it('is not asked of a scope without places', () => {
    expect(() => readNamedPlaces({ lineageDownstream: true })).toThrow(/^scope: name/);
  });
});

describe('a retention policy among others who speak about a record', () => {
  const now = new Date('2026-11-27T00:00:00Z');
  const [past, future] = [new Date('2026-01-01T00:00:00Z'), new Date('2027-01-01T00:00:00Z')];
  const policy = { rule: 'POLICY_DELETE', sourceId: 'calls', at: past } as const;
  it.each([
    ['a hold', { rule: 'LEGAL_HOLD', sourceId: 'h', at: null }, 'DEFER', 'h'],
    ['a minimum', { rule: 'MINIMUM_RETENTION', sourceId: 'SOX', at: future }, 'DEFER', 'SOX'],
    ['a minimum that has run out', { rule: 'MINIMUM_RETENTION', sourceId: 'SOX', at: past }, 'DELETE', 'calls'],
    ['an erasure', { rule: 'ERASURE', sourceId: 'o', at: past }, 'DELETE', 'o'],
    ['a longer rule of the table itself', { rule: 'CONTAINER_DELETE', sourceId: 'd', at: future }, 'KEEP', 'd'],
  ] as const)('with %s', (_what, other, action, winner) => {
    expect(decide([policy, other], now)).toMatchObject({ action, winner: { sourceId: winner } });
  });

  it('deletes when it is due, from that very instant on, and never what has no date', () => {
    expect(decide([{ ...policy, at: now }], now)).toMatchObject({ action: 'DELETE', winner: { sourceId: 'calls' } });
    expect(decide([{ ...policy, at: new Date(now.getTime() + 1) }], now).action).toBe('KEEP');
    expect(decide([{ ...policy, at: null }], now).action).toBe('KEEP');
  });
});
