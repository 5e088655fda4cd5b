import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { signatureHolds } from '../../../src/domain/signed-statement.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import { tester } from '../../testkit/actor.ts';
import type { PlaceScript } from '../../testkit/fake-executor.ts';
import { type OperationsLane, operationsLane, type Seed, seedPlaces } from '../../testkit/operations.ts';

let lane: OperationsLane;
beforeAll(async () => {
  lane = await operationsLane();
});
afterAll(() => lane?.close());

const certificateOf = (id: string) =>
  vi.waitFor(
    async () => {
      const [certificate, ...more] = await lane.user.certificates(id);
      if (certificate === undefined) throw new Error('there is no certificate yet');
      expect(more).toEqual([]);
      expect(signatureHolds(certificate)).toBe(true);
      return certificate.body;
    },
    { timeout: 20_000, interval: 25 },
  );

const codesOf = (gaps: readonly { readonly code: string }[]) => gaps.map(({ code }) => code).sort();

/** Cancels an operation while the place of that number is worked on, and lets the place go on. */
async function cancelAt(seed: Seed, place: number, script: PlaceScript = {}): Promise<string> {
  const begun = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  lane.lake.script(seed.places[place], {
    ...script,
    during: async () => {
      begun.resolve();
      await gate.promise;
    },
  });
  const { id } = await lane.user.request(seed);
  await lane.user.approve(id);
  await begun.promise;
  await lane.service.cancelOperation(tester, { id, reason: 'a mistake' });
  gate.resolve();
  return id;
}

describe('an operation that is cancelled in the middle', () => {
  it('certifies what each place had done, and claims no more', async () => {
    const seed = await seedPlaces(lane, ['LAKE_TABLE', 'LAKE_TABLE', 'LAKE_TABLE'], { chained: true });
    lane.lake.script(seed.places[0], { records: 5 });
    const id = await cancelAt(seed, 1, { records: 100, erasedSoFar: 3 });
    const body = await certificateOf(id);
    expect(body).toMatchObject({
      outcome: 'CANCELLED',
      totals: { recordsErased: 8 },
      targets: [
        { status: 'CANCELLED', receipt: { recordsErased: 5, open: [] }, verification: null },
        { status: 'CANCELLED', receipt: { recordsErased: 3, open: [{ code: 'UNFINISHED' }] }, verification: null },
        { status: 'CANCELLED', receipt: null },
      ],
    });
    expect(codesOf(body.open)).toEqual([
      'CANCELLED',
      'TARGET_CANCELLED',
      'TARGET_CANCELLED',
      'TARGET_CANCELLED',
      'UNFINISHED',
    ]);
    expect(await lane.user.ended(id)).toMatchObject({ status: 'CANCELLED', statusReason: 'a mistake' });
    expect(lane.lake.callsOf('execute', seed.places[2])).toEqual([]);
  });

  it('takes nothing for done that a place finished after nobody was left to look for', async () => {
    const seed = await seedPlaces(lane);
    const script: PlaceScript = { records: 7, erasedSoFar: 2 };
    const id = await cancelAt(seed, 0, script);
    expect((await certificateOf(id)).targets).toMatchObject([{ status: 'CANCELLED', receipt: { recordsErased: 2 } }]);
    const events = await lane.user.auditActions(id);
    expect(events.slice(-2)).toEqual(['cancelOperation', 'certifyOperation']);
  });

  it('is certified by the sweeper although the worker of its place died', async () => {
    const seed = await seedPlaces(lane);
    lane.lake.script(seed.places[0], { erasedSoFar: 4 });
    const { id } = await lane.user.request(seed);
    const planned = await lane.user.reaches(id, 'PLANNED');
    // As a worker that was killed leaves it: begun, and nobody at work.
    await lane.em
      .fork()
      .execute(`update operation_target set status = 'EXECUTING', fencing_token = 1 where operation_id = ?`, [id]);
    await lane.service.cancelOperation(tester, { id });
    expect(await certificateOf(id)).toMatchObject({ outcome: 'CANCELLED', totals: { recordsErased: 4 } });
    expect((await lane.user.targets(planned)).map(({ status }) => status)).toEqual(['CANCELLED']);
  });

  it('before any place was begun has nothing to certify', async () => {
    const { id } = await lane.user.request(await seedPlaces(lane));
    await lane.user.reaches(id, 'PLANNED');
    await lane.service.cancelOperation(tester, { id });
    await lane.driver.sweep();
    expect(await lane.user.certificates(id)).toEqual([]);
  });
});

describe('a place that fails for good', () => {
  it('keeps the receipt of what it had done, marked as unfinished', async () => {
    const seed = await seedPlaces(lane);
    lane.lake.script(seed.places[0], { failures: [new LinewardError('LAKE_TABLE_REFUSED')], erasedSoFar: 6 });
    const operation = await lane.user.erase(seed);
    expect(operation.status).toBe('FAILED');
    const body = await certificateOf(operation.id);
    expect(body).toMatchObject({ outcome: 'FAILED', totals: { recordsErased: 6 } });
    expect(codesOf(body.open)).toEqual(['TARGET_FAILED', 'UNFINISHED']);
  });

  it('and cannot tell what it had done says so', async () => {
    const seed = await seedPlaces(lane);
    const erasedSoFar = new LinewardError('KAFKA_UNAVAILABLE');
    lane.lake.script(seed.places[0], { failures: [new LinewardError('LAKE_TABLE_REFUSED')], erasedSoFar });
    const operation = await lane.user.erase(seed);
    const [target] = await lane.user.targets(operation);
    expect(target).toMatchObject({
      status: 'FAILED',
      receipt: null,
      statusReason: expect.stringMatching(/^LAKE_TABLE_REFUSED: .*is not known \(KAFKA_UNAVAILABLE\)$/),
    });
  });
});
