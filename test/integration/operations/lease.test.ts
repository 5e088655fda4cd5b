import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { newId } from '../../../src/domain/id.ts';
import { OperationTargetSchema } from '../../../src/entities/operation.entity.ts';
import type { HeldLease } from '../../../src/services/operations/lease.service.ts';
import type { ExecutionContext } from '../../../src/services/operations/ports.ts';
import { type OperationsLane, operationsLane, seedPlaces } from '../../testkit/operations.ts';

let lane: OperationsLane;
beforeAll(async () => {
  lane = await operationsLane();
});
afterAll(() => lane?.close());

const acquired = async (resource: string): Promise<HeldLease> => {
  const lease = await lane.leases.acquire(resource);
  if (lease === null) throw new Error('the lease is taken');
  return lease;
};
/** As if the holder had been silent for longer than the lease lasts, and another had come. */
const steal = (resource: string) =>
  lane.em.fork().execute(
    `update lease set holder = 'thief', fencing_token = fencing_token + 1, expires_at = now() + interval '1 minute'
       where resource = ?`,
    [resource],
  );
const giveBack = (resource: string) =>
  lane.em.fork().execute('update lease set expires_at = now() where resource = ?', [resource]);

describe('a lease', () => {
  it('has one holder at a time, and a greater fencing token for each', async () => {
    const resource = newId();
    const first = await acquired(resource);
    expect(await lane.leases.acquire(resource)).toBeNull();
    await first.assertHeld();
    await first.release();
    const second = await acquired(resource);
    expect([first.fencingToken, second.fencingToken]).toEqual([1, 2]);
    await expect(first.assertHeld()).rejects.toMatchObject({ code: 'LEASE_LOST' });
    await second.release();
  });

  it('goes to one of many that ask at once', async () => {
    const resource = newId();
    const answers = await Promise.all(Array.from({ length: 10 }, () => lane.leases.acquire(resource)));
    const held = answers.filter((lease) => lease !== null);
    expect(held).toHaveLength(1);
    await held[0]?.release();
  });

  it('lives on while its holder does, however long the work takes', async () => {
    const resource = newId();
    const lease = await acquired(resource);
    await new Promise((done) => setTimeout(done, 1_500));
    expect(await lane.leases.acquire(resource)).toBeNull();
    await lease.assertHeld();
    await lease.release();
  });

  it('that was taken over is not held, and its release does not take it from the new holder', async () => {
    const resource = newId();
    const lease = await acquired(resource);
    await steal(resource);
    await expect(lease.assertHeld()).rejects.toMatchObject({ code: 'LEASE_LOST' });
    await lease.release();
    expect(await lane.leases.acquire(resource)).toBeNull();
  });
});

describe('a worker whose lease was taken over', () => {
  const snapshot = async (targetId: string) => {
    const row = await lane.em.fork().findOneOrFail(OperationTargetSchema, { id: targetId });
    const { status, statusReason, progress, receipt, fencingToken } = row;
    return { status, statusReason, progress, receipt, fencingToken };
  };

  it.each([
    ['finds out before its next step', async (context: ExecutionContext) => context.lease.assertHeld()],
    [
      'cannot store progress',
      async (context: ExecutionContext) => context.report({ done: 1, total: 1, unit: 'files' }),
    ],
  ])('%s, and stores nothing', async (_what, step) => {
    const seed = await seedPlaces(lane);
    const resource = `dataset:${seed.places[0]?.datasetId}`;
    const faults: unknown[] = [];
    const seen: { targetId: string; before: object }[] = [];
    lane.lake.script(seed.places[0], {
      during: async (context) => {
        if (seen.length > 0) return;
        await steal(resource);
        seen.push({ targetId: context.place.targetId, before: await snapshot(context.place.targetId) });
        await step(context).catch((error: unknown) => {
          faults.push(error);
          throw error;
        });
      },
    });
    const { id } = await lane.user.request(seed);
    await lane.user.approve(id);
    await vi.waitFor(() => expect(faults).toMatchObject([{ code: 'LEASE_LOST' }]));
    const [{ targetId, before }] = seen as [{ targetId: string; before: object }];
    expect(await snapshot(targetId)).toMatchObject({ ...before, statusReason: expect.toSatisfy(isNullOrWaiting) });
    await giveBack(resource);
    expect((await lane.user.ended(id)).status).toBe('COMPLETED');
    // 1 the late one, 2 the thief, then execution and verification.
    expect((await snapshot(targetId)).fencingToken).toBe(4);
  });

  it('cannot store its result, although the other works on another operation', async () => {
    const seed = await seedPlaces(lane);
    const resource = `dataset:${seed.places[0]?.datasetId}`;
    let runs = 0;
    const late = Promise.withResolvers<void>();
    const { execute } = lane.lake;
    vi.spyOn(lane.lake, 'execute').mockImplementation(async (context) => {
      const receipt = await execute.call(lane.lake, context);
      runs += 1;
      if (runs > 1) return receipt;
      await steal(resource);
      late.resolve();
      return { ...receipt, recordsErased: 99 };
    });
    const { id } = await lane.user.request(seed);
    await lane.user.approve(id);
    await late.promise;
    await new Promise((done) => setTimeout(done, 400));
    const [target] = await lane.user.targets(await lane.user.reaches(id, 'EXECUTING'));
    expect(target).toMatchObject({ status: 'EXECUTING', receipt: null });
    await giveBack(resource);
    expect((await lane.user.ended(id)).status).toBe('COMPLETED');
    vi.restoreAllMocks();
    expect((await lane.user.certificates(id))[0]?.body.totals.recordsErased).toBe(1);
  });
});

// The sweeper may come by meanwhile and note what the place waits for.
const isNullOrWaiting = (reason: unknown) => reason === null || String(reason).startsWith('waiting: another');
