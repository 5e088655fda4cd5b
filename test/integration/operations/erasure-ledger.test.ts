import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OperationSubjectSchema } from '../../../src/entities/operation.entity.ts';
import { ErasureLedger } from '../../../src/services/operations/erasure-ledger.ts';
import { dropExpiredIdentifiers } from '../../../src/services/operations/identifier-expiry.ts';
import { quietLogger, tester } from '../../testkit/actor.ts';
import { type OperationsLane, operationsLane, type Seed, seedPlaces } from '../../testkit/operations.ts';

let lane: OperationsLane;
beforeAll(async () => {
  lane = await operationsLane();
});
afterAll(() => lane?.close());

const dayMs = 86_400_000;
/** The ledger of another day. */
const ledger = (daysAhead: number) =>
  new ErasureLedger({
    em: lane.em,
    operations: lane.service,
    scheduler: lane.jobs,
    logger: quietLogger,
    graceMs: 30 * dayMs,
    now: () => new Date(Date.now() + daysAhead * dayMs),
  });
const hold = (accountId: string) =>
  lane.governance.placeLegalHold(tester, { matterId: 'M', reason: 'r', scope: { accountId } });
const release = (id: string) => lane.governance.releaseLegalHold(tester, { id, reason: 'settled' });
const deferralOf = async (id: string) =>
  (await lane.em.fork().execute('select * from erasure_deferral where operation_id = ?', [id]))[0];
const roundOf = async (id: string): Promise<number> =>
  (await lane.user.reaches(id, 'BLOCKED', 'PARTIAL', 'PLANNED')).round;
async function blocked(seed: Seed): Promise<string> {
  const { id } = await lane.user.request(seed);
  await lane.user.reaches(id, 'BLOCKED');
  return id;
}

describe('a deferred erasure', () => {
  it('comes back once the last hold is released for long enough, once, and completes', async () => {
    const seed = await seedPlaces(lane);
    const { id: holdId } = await hold(seed.accountId);
    const id = await blocked(seed);
    expect(await deferralOf(id)).toMatchObject({ by_hold: true, by_minimum: false, until: null, ended_at: null });
    // Nobody is forgotten while the hold lasts, however long.
    await lane.em.fork().execute(`update operation set finished_at = now() - interval '9 years' where id = ?`, [id]);
    await ledger(3_000).sweep();
    expect([await roundOf(id), await dropExpiredIdentifiers(lane.em)]).toEqual([1, 0]);
    await release(holdId);
    await ledger(29).sweep();
    expect([await roundOf(id), await dropExpiredIdentifiers(lane.em)]).toEqual([1, 0]);

    await Promise.all([ledger(31).sweep(), ledger(31).sweep()]);
    await lane.user.reaches(id, 'PLANNED');
    await ledger(400).sweep();
    expect(await roundOf(id)).toBe(2);
    // It waits for a person.
    expect(lane.lake.callsOf('execute', seed.places[0])).toEqual([]);
    await lane.user.approve(id);
    expect((await lane.user.ended(id)).status).toBe('COMPLETED');
    expect(await deferralOf(id)).toMatchObject({ ended_at: expect.anything(), reopened: 1 });
    const [subject] = await lane.em.fork().find(OperationSubjectSchema, { operationId: id });
    expect(subject?.accountId).toBeNull();
  });

  it('by a minimum comes back on the day on which the last record may go', async () => {
    const seed = await seedPlaces(lane);
    const gap = (days: number) => ({
      ...{ code: 'MINIMUM_RETENTION', dataset: 'd', reason: `until day ${days}` },
      until: new Date(Date.now() + days * dayMs).toISOString(),
    });
    lane.lake.script(seed.places[0], { gaps: [gap(10), gap(20)] });
    const { id, status } = await lane.user.erase(seed);
    expect(status).toBe('PARTIAL');
    expect(await deferralOf(id)).toMatchObject({ by_hold: false, by_minimum: true });
    await ledger(19).sweep();
    expect(await roundOf(id)).toBe(1);
    await ledger(21).sweep();
    expect((await lane.user.reaches(id, 'PLANNED')).round).toBe(2);
  });

  it('of other reasons, and one that was cancelled, is not the ledger’s', async () => {
    const seed = await seedPlaces(lane);
    lane.lake.script(seed.places[0], { gaps: [{ code: 'LAKE_FILE_UNREADABLE', dataset: 'd', reason: 'damaged' }] });
    const { id } = await lane.user.erase(seed);
    expect(await deferralOf(id)).toBeUndefined();

    const other = await seedPlaces(lane);
    const { id: holdId } = await hold(other.accountId);
    const held = await blocked(other);
    await release(holdId);
    await ledger(31).sweep();
    await lane.user.reaches(held, 'PLANNED');
    await lane.service.cancelOperation(tester, { id: held });
    expect(await deferralOf(held)).toMatchObject({ ended_at: expect.anything() });
    await ledger(400).sweep();
    expect((await lane.user.ended(held)).status).toBe('CANCELLED');
  });
});
