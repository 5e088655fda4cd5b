import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { GivenScope } from '../../../src/domain/governance/hold-scope.ts';
import { newId } from '../../../src/domain/id.ts';
import { DecisionReadModel } from '../../../src/services/governance/decision.read-model.ts';
import { GovernanceReadModel } from '../../../src/services/governance/governance.read-model.ts';
import { MinimumRetentionService } from '../../../src/services/governance/minimum-retention.service.ts';
import { RetentionService } from '../../../src/services/lake/retention.service.ts';
import { RetainedRecords } from '../../../src/services/operations/retained-records.ts';
import { tester } from '../../testkit/actor.ts';
import { type OperationsLane, operationsLane, type Seed, seedPlaces } from '../../testkit/operations.ts';

let lane: OperationsLane;
beforeAll(async () => {
  lane = await operationsLane();
});
afterEach(() =>
  lane.em.fork().execute(`update legal_hold set released_at = now(), released_by = 'x' where released_at is null`),
);
afterAll(() => lane?.close());

const june = { from: new Date('2018-06-01T00:00:00Z'), until: new Date('2018-07-01T00:00:00Z') };
const juneDays = { from: 17_683, until: 17_713 };
const place = (scope: GivenScope, confidential = false) =>
  lane.governance.placeLegalHold(tester, { matterId: 'M-1', reason: 'litigation', scope, confidential });

/** Places of an entity, as lake tables with these date fields; null for a table without one. */
async function tables(fields: readonly (string | null)[], options: { readonly chained?: boolean } = {}): Promise<Seed> {
  const seed = await seedPlaces(
    lane,
    fields.map(() => 'LAKE_TABLE'),
    options,
  );
  for (const [n, field] of fields.entries()) {
    const datasetId = seed.places[n]?.datasetId ?? '';
    await lane.em.fork().execute(
      `insert into lake_table (id, dataset_id, location, origin, partitioning, date_field, columns, created_at)
       values (?, ?, ?, 'REGISTERED', 'HIVE', ?, '[]', now())`,
      [newId(), datasetId, datasetId, field],
    );
  }
  return seed;
}
const idOf = (seed: Seed, n = 0): string => seed.places[n]?.datasetId ?? '';
const workOf = (seed: Seed, n = 0) => lane.lake.callsOf('execute', seed.places[n]).map(({ selection }) => selection);

describe('a legal hold on a range of dates', () => {
  it('goes row by row by the date of each table, and keeps all of one without a date, and tells so', async () => {
    const seed = await tables(['day', null]);
    await place({ accountId: seed.accountId, dates: june });
    const operation = await lane.user.erase(seed);
    expect(operation.status).toBe('PARTIAL');
    const selectors = [{ accountId: seed.accountId }];
    expect(workOf(seed)).toMatchObject([
      { act: selectors, keepWithin: { dateField: 'day', ranges: [{ selectors, days: juneDays }] } },
    ]);
    expect(workOf(seed, 1)).toEqual([]);
    const told = { code: 'HOLD_ACTIVE', dataset: seed.places[1]?.name };
    expect(operation.plan?.gaps).toEqual([{ ...told, reason: expect.stringContaining('range of dates') }]);
    const [certificate] = await lane.user.certificates(operation.id);
    expect(certificate?.body.open).toMatchObject([told]);
  });

  it('that comes between plan and work is there when the work begins, with the dates as they are then', async () => {
    const seed = await tables(['day']);
    const { id } = await lane.user.request(seed);
    await lane.user.reaches(id, 'PLANNED');
    const person = { field: 'to', value: '1' };
    await place({ accountId: seed.accountId, subject: person, dates: { from: null, until: june.until } });
    await lane.user.approve(id);
    await lane.user.ended(id);
    const days = { from: null, until: juneDays.until };
    expect(workOf(seed).map(({ keepWithin }) => keepWithin?.ranges)).toEqual([
      [{ selectors: [{ accountId: seed.accountId, subject: person }], days }],
    ]);
  });

  it('of others than were asked for keeps nothing back', async () => {
    const seed = await tables(['day']);
    await place({ accountId: `${seed.accountId}x`, dates: june });
    expect((await lane.user.erase(seed)).status).toBe('COMPLETED');
    expect(workOf(seed)[0]?.keepWithin).toBeUndefined();
  });

  it('of a person whom the table does not name keeps the account of these dates, and tells so', async () => {
    const seed = await tables(['day']);
    await place({ accountId: seed.accountId, subject: { field: 'email', value: 'x' }, dates: june });
    const operation = await lane.user.erase(seed);
    expect(operation.plan?.gaps).toMatchObject([{ code: 'HOLD_NOT_LOCATABLE' }]);
    expect(workOf(seed)[0]?.keepWithin?.ranges).toEqual([
      { selectors: [{ accountId: seed.accountId }], days: juneDays },
    ]);
  });

  it('keeps all dates where lineage alone leads to', async () => {
    const seed = await tables(['day', 'loaded'], { chained: true });
    await place({ datasetIds: [idOf(seed)], lineageDownstream: true, dates: june });
    const operation = await lane.user.erase(seed);
    expect(workOf(seed)[0]?.keepWithin?.ranges).toEqual([{ selectors: null, days: juneDays }]);
    expect(workOf(seed, 1)).toEqual([]);
    expect(operation.plan?.gaps).toMatchObject([{ code: 'HOLD_ACTIVE', dataset: seed.places[1]?.name }]);
  });

  it('keeps keys as one on all dates does, and tells so', async () => {
    const seed = await tables(['day']);
    await place({ datasetIds: [idOf(seed)], dates: june });
    const retained = new RetainedRecords({ registry: lane.registry, retains: lane.retains, executors: [lane.lake] });
    lane.lake.script(seed.places[0], { records: 3 });
    expect(await retained.of([{ accountId: 'AC1' }])).toMatchObject([
      { code: 'HOLD_ACTIVE', reason: expect.stringContaining('a key has none') },
    ]);
    lane.lake.script(seed.places[0], { records: 0 });
    expect(await retained.of([{ accountId: 'AC1' }])).toEqual([null]);
  });

  it.each<[string, object, string[]]>([
    ['ends before it begins', { from: june.until, until: june.from }, ['scope', 'dates', 'until']],
    ['ends as it begins', { from: june.from, until: june.from }, ['scope', 'dates', 'until']],
    ['has no end at all', {}, ['scope', 'dates']],
    ['is no date', { from: new Date(Number.NaN) }, ['scope', 'dates', 'from']],
    ['is of a year of five digits', { until: new Date('+012018-01-01T00:00:00Z') }, ['scope', 'dates', 'until']],
  ])('that %s is refused', async (_, dates, path) => {
    await expect(place({ accountId: 'AC1', dates })).rejects.toMatchObject({ code: 'BAD_INPUT', field: path });
  });

  it('is no scope by itself', async () => {
    await expect(place({ dates: june })).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  it('is read as it was given, and stands in the audit log', async () => {
    const { id } = await place({ accountId: `AC${newId()}`, dates: { from: june.from } });
    const [read] = await new GovernanceReadModel({ em: lane.em }).legalHoldsById([id]);
    expect(read).toMatchObject({ datesFrom: june.from, datesUntil: null });
    const [event] = await lane.em
      .fork()
      .execute<{ details: unknown }[]>('select details from audit_event where resource_id = ?', [id]);
    expect(event?.details).toMatchObject({ dates: { from: '2018-06-01T00:00:00.000Z', until: null } });
  });
});

describe('the decision about a record under a hold on a range of dates', () => {
  const decisions = () => new DecisionReadModel({ em: lane.em, now: () => new Date('2020-01-01T00:00:00Z') });
  const explain = (seed: Seed, date: string | null, { n = 0, isInitiated = true } = {}) =>
    decisions().explain({
      ...{ datasetId: idOf(seed, n), selector: { accountId: seed.accountId }, isInitiated },
      date: date === null ? null : new Date(date),
    });

  it('names the range, be it the winner or about other dates', async () => {
    const seed = await tables(['day', null]);
    const { id } = await place({ accountId: seed.accountId, dates: june });
    expect(await explain(seed, '2018-06-30T23:59:59Z')).toMatchObject({
      ...{ action: 'KEEP', winner: { sourceId: id, dates: june }, losers: [] },
    });
    expect(await explain(seed, '2018-07-01T00:00:00Z')).toMatchObject({
      ...{
        winner: null,
        losers: [{ claim: { sourceId: id, dates: june }, reason: 'it is about records of other dates' }],
      },
    });
    const nobodyKnows = expect.stringContaining('nobody can tell its date');
    expect(await explain(seed, null)).toMatchObject({ winner: { sourceId: id }, reason: nobodyKnows });
    expect(await explain(seed, '2018-07-01T00:00:00Z', { n: 1 })).toMatchObject({ reason: nobodyKnows });
  });

  it('names what keeps the record, however many holds are on other dates', async () => {
    const seed = await tables(['day']);
    for (let n = 0; n < 101; n += 1) await place({ accountId: seed.accountId, dates: { until: june.from } });
    const { id } = await place({ accountId: seed.accountId, dates: june });
    const decision = await explain(seed, '2018-06-02T00:00:00Z');
    expect([decision.winner?.sourceId, decision.losers.length]).toEqual([id, 99]);
  });

  it('says of a confidential one that something is held, and not of which dates', async () => {
    const seed = await tables(['day']);
    await place({ accountId: seed.accountId, dates: june }, true);
    const held = await explain(seed, '2018-06-02T00:00:00Z', { isInitiated: false });
    expect(held).toMatchObject({ winner: { sourceId: 'CONFIDENTIAL' }, reason: expect.not.stringContaining('date') });
    expect(held.winner?.dates).toBeUndefined();
    expect(await explain(seed, '2018-07-02T00:00:00Z', { isInitiated: false })).toMatchObject({ losers: [] });
  });
});

describe('the date that a table goes by', () => {
  const rules = () => new RetentionService({ em: lane.em });
  const rule = (datasetId: string, dateField: string | null) =>
    rules().setLakeRetention(tester, { datasetId, days: 30, dateField, action: 'DELETE', autoApprove: false });
  const minimums = () =>
    new MinimumRetentionService({ em: lane.em, access: { may: () => true }, now: () => new Date() });
  const minimum = (datasetId: string, dateField: string | null) =>
    minimums().setMinimumRetention(tester, {
      ...{ datasetId, dateField, name: 'N', days: 9, mode: 'GOVERNANCE', validUntil: null, bypassReason: 'because' },
    });
  const isHeld = { code: 'HOLD_ACTIVE' };

  it('is not changed from under a hold on a range of dates, by no rule and no minimum', async () => {
    const seed = await tables(['day', null]);
    const [dated, undated] = [idOf(seed), idOf(seed, 1)];
    const { id } = await place({ accountId: seed.accountId, dates: june });
    for (const set of [rule, minimum]) {
      await expect(set(dated, 'other')).rejects.toMatchObject({ ...isHeld, field: ['dateField'] });
      // From all rows to some of them is less, too.
      await expect(set(undated, 'other')).rejects.toMatchObject(isHeld);
    }
    await rule(dated, null);
    await minimum(dated, 'day');
    await rules().deleteLakeRetention(tester, { datasetId: dated });
    await lane.governance.releaseLegalHold(tester, { id, reason: 'settled' });
    await rule(undated, 'other');
  });

  it('does not fall back to another one either', async () => {
    const seed = await tables(['day', 'day']);
    const [byRule, byMinimum] = [idOf(seed), idOf(seed, 1)];
    await rule(byRule, 'other');
    await minimum(byMinimum, 'other');
    await place({ datasetIds: [byRule, byMinimum], dates: june });
    await expect(minimum(byMinimum, 'day')).rejects.toMatchObject(isHeld);
    await expect(rules().deleteLakeRetention(tester, { datasetId: byRule })).rejects.toMatchObject(isHeld);
    await expect(
      minimums().removeMinimumRetention(tester, { datasetId: byMinimum, name: 'N', bypassReason: 'because' }),
    ).rejects.toMatchObject(isHeld);
  });

  it('is changed where a hold is about all dates, or about another table', async () => {
    const seed = await tables(['day', 'day']);
    await place({ accountId: seed.accountId });
    await place({ datasetIds: [idOf(seed, 1)], dates: june });
    await rule(idOf(seed), 'other');
  });
});
