import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Claim, decide } from '../../../src/domain/governance/decision.ts';
import { type ActiveHold, byReach, noRanges } from '../../../src/domain/governance/hold-scope.ts';
import { datelessKeys, permitted, permittedIn } from '../../../src/domain/governance/permission.ts';
import { isSelected, type SubjectSelector } from '../../../src/domain/governance/selection.ts';
import { allStates, nameOf, oracle, type State } from '../../testkit/decision-states.ts';

const now = new Date('2026-06-15T12:00:00Z');
const later = (days: number) => new Date(now.getTime() + days * 86_400_000);
const past = later(-1);

/** Minimum and lock have years to go; what deletes is due. */
const claimsOf = (state: State): Claim[] => [
  ...(state.holdA ? [{ rule: 'LEGAL_HOLD', sourceId: 'hold A', at: null } as const] : []),
  ...(state.holdB ? [{ rule: 'LEGAL_HOLD', sourceId: 'hold B', at: null } as const] : []),
  ...(state.regulatoryMinimum ? [{ rule: 'MINIMUM_RETENTION', sourceId: 'minimum', at: later(900) } as const] : []),
  ...(state.erasure ? [{ rule: 'ERASURE', sourceId: 'erasure', at: past } as const] : []),
  ...(state.deleteLabel ? [{ rule: 'ITEM_DELETE', sourceId: 'label', at: past } as const] : []),
  ...(state.containerDelete ? [{ rule: 'CONTAINER_DELETE', sourceId: 'container', at: past } as const] : []),
  ...(state.governanceLock ? [{ rule: 'MINIMUM_RETENTION', sourceId: 'lock', at: later(300) } as const] : []),
];

describe('the decision about one item', () => {
  it('has a table of all states', () => {
    expect(new Set(allStates.map(nameOf)).size).toBe(128);
  });

  it.each(allStates.map((state) => [nameOf(state), state] as const))('%s is decided as the table says', (_, state) => {
    const claims = claimsOf(state);
    const decision = decide(claims, now);
    expect({ action: decision.action, winner: decision.winner?.sourceId ?? null }).toEqual(oracle(state));
    expect(decision.losers.map(({ claim }) => claim.sourceId).sort()).toEqual(
      claims
        .map(({ sourceId }) => sourceId)
        .filter((id) => id !== decision.winner?.sourceId)
        .sort(),
    );
    for (const { reason } of decision.losers) expect(reason).not.toBe('');
    // In whatever order the claims come.
    expect(decide(claims.toReversed(), now)).toMatchObject({ action: decision.action, winner: decision.winner });
  });

  const minimum = (at: Date | null, sourceId = 'M'): Claim => ({ rule: 'MINIMUM_RETENTION', sourceId, at });
  const erasure: Claim = { rule: 'ERASURE', sourceId: 'E', at: past };
  const container = (at: Date | null, sourceId = 'C'): Claim => ({ rule: 'CONTAINER_DELETE', sourceId, at });

  it('lets a minimum run out at its very instant', () => {
    expect(decide([erasure, minimum(new Date(now.getTime() + 1))], now)).toMatchObject({ action: 'DEFER' });
    expect(decide([erasure, minimum(now)], now)).toMatchObject({
      action: 'DELETE',
      losers: [{ reason: 'it has run out' }],
    });
    expect(decide([container(now)], now).action).toBe('DELETE');
    expect(decide([container(new Date(now.getTime() + 1))], now).action).toBe('KEEP');
  });

  it('keeps what has no date, and says so', () => {
    expect(decide([erasure, minimum(null)], now)).toMatchObject({
      action: 'DEFER',
      until: null,
      reason: expect.stringContaining('no date'),
    });
    expect(decide([container(null)], now)).toMatchObject({
      action: 'KEEP',
      reason: expect.stringContaining('no date'),
    });
  });

  it('takes the longest of what keeps and the shortest of what deletes', () => {
    expect(decide([erasure, minimum(later(5), 'short'), minimum(later(9), 'long')], now)).toMatchObject({
      winner: { sourceId: 'long' },
      until: later(9),
    });
    expect(decide([container(later(9), 'late'), container(past, 'soon')], now).winner?.sourceId).toBe('soon');
  });

  it('lets what names the item go before its container, also when it comes later', () => {
    const label: Claim = { rule: 'ITEM_DELETE', sourceId: 'label', at: later(3) };
    expect(decide([container(past), label], now)).toMatchObject({ action: 'KEEP', winner: { sourceId: 'label' } });
  });

  const hold = (dates: [string | null, string | null], date: string | null): Claim => {
    const [from, until] = dates.map((at) => (at === null ? null : new Date(at)));
    const on = date === null ? null : new Date(date);
    return {
      rule: 'LEGAL_HOLD',
      sourceId: 'H',
      at: null,
      dates: { from: from ?? null, until: until ?? null },
      date: on,
    };
  };
  it.each([
    ['before it', hold(['2026-01-02T00:00:00Z', null], '2026-01-01T23:59:59.999Z'), 'DELETE'],
    ['at its very beginning', hold(['2026-01-02T00:00:00Z', null], '2026-01-02T00:00:00Z'), 'DEFER'],
    ['earlier on the day on which it begins', hold(['2026-01-02T12:00:00Z', null], '2026-01-02T00:00:00Z'), 'DEFER'],
    ['at its end', hold([null, '2026-01-03T00:00:00Z'], '2026-01-03T00:00:00Z'), 'DELETE'],
    ['later on the day on which it ends', hold([null, '2026-01-03T00:00:00.001Z'], '2026-01-03T23:00:00Z'), 'DEFER'],
    ['that nobody knows', hold(['2026-01-02T00:00:00Z', '2026-01-03T00:00:00Z'], null), 'DEFER'],
    ['in another zone', hold(['2026-01-02T00:00:00Z', null], '2026-01-02T00:30:00+02:00'), 'DELETE'],
  ])('lets a hold on a range of dates keep what may lie in it, of a date %s', (_, claim, action) => {
    const decision = decide([erasure, claim], now);
    expect(decision.action).toBe(action);
    const isHeld = action === 'DEFER';
    expect(decision.winner?.sourceId).toBe(isHeld ? 'H' : 'E');
    expect(decision.winner?.dates ?? null).toEqual(isHeld ? claim.dates : null);
    if (isHeld) expect(decision.reason).toContain('range of dates');
    else expect(decision.losers).toEqual([{ claim, reason: 'it is about records of other dates' }]);
  });

  it('tells of a hold on other dates also where nothing else is said', () => {
    const claim = hold([null, '2026-01-03T00:00:00Z'], '2026-01-04T00:00:00Z');
    expect(decide([claim], now)).toMatchObject({
      ...{ action: 'KEEP', winner: null },
      losers: [{ claim, reason: 'it is about records of other dates' }],
    });
  });

  it('says nothing about an item of which nothing is said', () => {
    expect(decide([], now)).toEqual({
      action: 'KEEP',
      winner: null,
      losers: [],
      until: null,
      reason: 'nothing is said about it',
    });
  });
});

describe('what an operation may act on', () => {
  const account = fc.constantFrom('AC1', 'AC2');
  const selector: fc.Arbitrary<SubjectSelector> = fc.oneof(
    fc.record({ accountId: account }),
    fc.record({
      accountId: account,
      subject: fc.record({ field: fc.constant('to'), value: fc.constantFrom('1', '2') }),
    }),
  );
  const covers = (one: SubjectSelector, of: string, to: string): boolean =>
    one.accountId === of && (one.subject === undefined || one.subject.value === to);
  const day = fc.option(fc.integer({ min: -5, max: 5 }));

  // Of everybody only in some places: a scope names an account or places.
  const places = fc.constantFrom(['D'], ['other'], ['D', 'other'], []);
  const instant = fc.option(fc.integer({ min: -6 * 24, max: 6 * 24 }).map((hours) => later(hours / 24)));
  const dates = fc.option(
    fc
      .tuple(instant, instant)
      .filter(([from, until]) => (from !== null || until !== null) && (from ?? past) < (until ?? later(99)))
      .map(([from, until]) => ({ from, until })),
  );
  const hold: fc.Arbitrary<ActiveHold> = fc
    .oneof(
      fc.record({ selectors: fc.array(selector, { minLength: 1, maxLength: 2 }), datasets: fc.option(places) }),
      fc.record({ selectors: fc.constant(null), datasets: places }),
    )
    .chain(({ selectors, datasets }) =>
      fc.record({ dates, byLineage: fc.subarray([...(datasets ?? [])]) }).map((reach) => {
        const where = { datasets: datasets === null ? null : new Set(datasets), byLineage: new Set(reach.byLineage) };
        return { id: 'H', confidential: false, selectors, ...where, dates: reach.dates };
      }),
    );

  it('is record by record what the decision says', () => {
    fc.assert(
      fc.property(
        fc.array(selector, { maxLength: 4 }),
        fc.array(hold, { maxLength: 4 }),
        fc.option(fc.constantFrom(2, 30)),
        fc.tuple(account, fc.constantFrom('1', '2'), day, fc.boolean(), fc.boolean()),
        (asked, holds, days, [of, to, offset, undatable, hasDates]) => {
          const before = new Date(now.getTime() - (days ?? 0) * 86_400_000).toISOString().slice(0, 10);
          const date = offset === null ? null : new Date(Date.parse(`${before}T23:59:59Z`) + offset * 86_400_000);
          const limit = { dateField: null, days: days ?? 0, before, ...(undatable && { undatable }) };
          const minimums = new Map(days === null ? [] : [['D', limit]]);
          const { everywhere, ...held } = byReach(holds, new Map(hasDates ? [['D', 'day']] : []));
          const place = { datasetId: 'D', name: 'd', subjectFields: ['to'] };
          const selection = permittedIn(
            place,
            permitted({ kind: 'ERASURE', act: asked }, { holds: everywhere, ...held, minimums }),
          );
          const until =
            date === null || days === null || undatable
              ? null
              : new Date(Date.parse(date.toISOString().slice(0, 10)) + (days + 1) * 86_400_000);
          const claims: Claim[] = [
            ...(asked.some((one) => covers(one, of, to))
              ? [{ rule: 'ERASURE', sourceId: 'E', at: past } as const]
              : []),
            ...holds
              .filter(({ datasets }) => datasets === null || datasets.has('D'))
              .filter(({ selectors }) => selectors === null || selectors.some((one) => covers(one, of, to)))
              .map((one): Claim => {
                const known = hasDates && !one.byLineage.has('D') ? date : null;
                return { rule: 'LEGAL_HOLD', sourceId: 'H', at: null, dates: one.dates, date: known };
              }),
            ...(days === null ? [] : [{ rule: 'MINIMUM_RETENTION', sourceId: 'M', at: until } as const]),
          ];
          expect(isSelected(selection, of, () => to, date)).toBe(decide(claims, now).action === 'DELETE');
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('binds each kind to what it would destroy', () => {
    const hold = { accountId: 'AC1' };
    const minimums = new Map([['D', { dateField: 'day', days: 1, before: '2026-01-01' }]]);
    const of = (kind: 'ERASURE' | 'SHRED' | 'RETENTION' | 'PROTECTION' | 'REWRAP') =>
      permitted({ kind, act: [hold] }, { holds: [hold], minimums });
    for (const kind of ['ERASURE', 'SHRED', 'RETENTION'] as const)
      expect(of(kind)).toMatchObject({ act: [], held: [hold], minimums });
    expect(of('PROTECTION')).toMatchObject({ act: [], held: [hold], minimums: new Map() });
    expect(of('REWRAP')).toMatchObject({ act: [hold], held: [], minimums: new Map() });
  });

  it('takes dates into account where there are some: not for keys', () => {
    const [one, other] = [{ accountId: 'AC1' }, { accountId: 'AC2' }];
    const range = { selectors: [one], datasets: null, days: { from: 1, until: 2 } };
    const ranged = { holds: [range], dateFields: new Map() };
    const of = (kind: 'ERASURE' | 'SHRED' | 'PROTECTION' | 'REWRAP') =>
      permitted({ kind, act: [one, other] }, { holds: [], ranged, minimums: new Map() });
    for (const kind of ['ERASURE', 'PROTECTION'] as const)
      expect(of(kind)).toMatchObject({ act: [one, other], held: [], ranged });
    expect(of('SHRED')).toMatchObject({ act: [other], held: [one], ranged: noRanges, regardless: true });
    expect(datelessKeys(of('SHRED'))).toMatchObject([{ code: 'HOLD_ACTIVE' }]);
    expect(of('REWRAP')).toMatchObject({ act: [one, other], held: [], ranged: noRanges });
    const elsewhere = { holds: [{ ...range, datasets: new Set(['D']) }], dateFields: new Map() };
    const placed = permitted({ kind: 'SHRED', act: [one] }, { holds: [one], ranged: elsewhere, minimums: new Map() });
    expect(placed.local.get('D')).toEqual({ everybody: false, selectors: [one], regardless: true });
    expect(datelessKeys(placed)).toEqual([]);
  });

  it('of 200,000 persons and 1,000 holds is told in one pass', () => {
    const act = Array.from({ length: 200_000 }, (_, n) => ({
      accountId: `AC${n % 500}`,
      subject: { field: 'to', value: `${n}` },
    }));
    const holds = act.filter((_, n) => n % 200 === 0);
    const { held, act: left } = permitted({ kind: 'ERASURE', act }, { holds, minimums: new Map() });
    expect([held.length, left.length]).toEqual([1_000, 199_000]);
  });
});
