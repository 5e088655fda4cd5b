import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import { tester } from '../../testkit/actor.ts';
import type { PlaceScript } from '../../testkit/fake-executor.ts';
import { type OperationsLane, operationsLane, type Seed, seedPlaces } from '../../testkit/operations.ts';

let lane: OperationsLane;
beforeAll(async () => {
  lane = await operationsLane();
});
afterAll(() => lane?.close());

/** Makes the first place of a seed wait in `execute`, and tells when it is there. */
function gateAt(seed: Seed, script: PlaceScript = {}) {
  const begun = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  lane.lake.script(seed.places[0], {
    ...script,
    during: async () => {
      begun.resolve();
      await gate.promise;
    },
  });
  return { begun: begun.promise, open: () => gate.resolve() };
}

describe('what a place reports', () => {
  it.each([
    ['a gap of the plan', { gaps: [{ code: 'UNREADABLE', dataset: 'x', reason: 'torn' }] }, 'UNREADABLE'],
    ['survivors', { survivors: 2 }, 'SURVIVORS'],
    ['lost records of others', { lost: 1 }, 'LOST'],
  ])('as %s makes the end PARTIAL', async (_what, script, code) => {
    const seed = await seedPlaces(lane);
    lane.lake.script(seed.places[0], script);
    const operation = await lane.user.erase(seed);
    expect(operation.status).toBe('PARTIAL');
    const [certificate] = await lane.user.certificates(operation.id);
    expect(certificate?.body.open.map((gap: { code: string }) => gap.code)).toEqual([code]);
  });
});

describe('a place that fails', () => {
  it.each([
    ['a known passing fault', () => new LinewardError('LAKE_ENGINE_FAILED')],
    ['an unforeseen fault', () => new TypeError('odd')],
  ])('twice by %s is tried again until it works', async (_what, fault) => {
    const seed = await seedPlaces(lane);
    lane.lake.script(seed.places[0], { failures: [fault(), fault()] });
    expect((await lane.user.erase(seed)).status).toBe('COMPLETED');
    expect(lane.lake.callsOf('execute', seed.places[0])).toHaveLength(3);
  });

  it('while it is read back is read again', async () => {
    const seed = await seedPlaces(lane);
    lane.lake.script(seed.places[0], { verifyFailures: [new LinewardError('LAKE_ENGINE_FAILED')] });
    expect((await lane.user.erase(seed)).status).toBe('COMPLETED');
    expect(lane.lake.callsOf('execute', seed.places[0])).toHaveLength(1);
    expect(lane.lake.callsOf('verify', seed.places[0])).toHaveLength(2);
  });

  it('again and again is FAILED after the last attempt, whatever the fault', async () => {
    const seed = await seedPlaces(lane);
    const failures = Array.from({ length: 100 }, () => new TypeError('odd'));
    lane.lake.script(seed.places[0], { failures });
    const operation = await lane.user.erase(seed);
    expect(operation.status).toBe('FAILED');
    expect(lane.lake.callsOf('execute', seed.places[0])).toHaveLength(5);
    const [target] = await lane.user.targets(operation);
    // What an unforeseen fault says may be personal data.
    expect(target?.statusReason).toMatch(/^INTERNAL: /);
    expect(target?.statusReason).not.toContain('odd');
  });

  it('for good is FAILED; the others are done, and the end is PARTIAL and may be retried', async () => {
    const seed = await seedPlaces(lane, ['LAKE_TABLE', 'LAKE_TABLE']);
    const failures = [new LinewardError('LAKE_TABLE_REFUSED', 'not ours')];
    lane.lake.script(seed.places[0], { failures });
    const operation = await lane.user.erase(seed);
    expect(operation.status).toBe('PARTIAL');
    const targets = await lane.user.targets(operation);
    const byDataset = new Map(targets.map((target) => [target.datasetId, target]));
    expect(byDataset.get(seed.places[0]!.datasetId)).toMatchObject({
      status: 'FAILED',
      statusReason: 'LAKE_TABLE_REFUSED: not ours',
    });
    expect(byDataset.get(seed.places[1]!.datasetId)).toMatchObject({ status: 'VERIFIED' });
    await lane.service.retryOperation(tester, { id: operation.id });
    await lane.user.approve(operation.id);
    expect((await lane.user.ended(operation.id)).status).toBe('COMPLETED');
  });

  it('and all others with it makes the operation FAILED, with a certificate that says so', async () => {
    const seed = await seedPlaces(lane);
    lane.lake.script(seed.places[0], { failures: [new LinewardError('LAKE_TABLE_REFUSED')] });
    const operation = await lane.user.erase(seed);
    expect(operation.status).toBe('FAILED');
    expect((await lane.user.certificates(operation.id))[0]?.body.outcome).toBe('FAILED');
  });

  it.each(['UPSTREAM_BEHIND', 'KAFKA_UNAVAILABLE'] as const)(
    'by %s is waited for, and uses no attempts up',
    async (code) => {
      const seed = await seedPlaces(lane);
      // More often than a task has attempts.
      const failures = Array.from({ length: 7 }, () => new LinewardError(code));
      lane.lake.script(seed.places[0], { failures });
      const operation = await lane.user.erase(seed);
      expect(operation.status).toBe('COMPLETED');
      expect(failures).toEqual([]);
      expect((await lane.user.targets(operation))[0]?.statusReason).toBeNull();
    },
  );
});

describe('planning', () => {
  it('waits for a part that is away, says so, and goes on when it is back', async () => {
    const seed = await seedPlaces(lane);
    const planFailures = Array.from({ length: 12 }, () => new LinewardError('KAFKA_UNAVAILABLE'));
    lane.lake.script(seed.places[0], { planFailures });
    const { id } = await lane.user.request(seed);
    await vi.waitFor(async () => {
      const operation = await lane.user.reaches(id, 'PLANNING');
      expect(operation.statusReason).toBe('waiting: KAFKA_UNAVAILABLE: Kafka does not answer; try again later.');
      expect(operation.finishedAt).toBeNull();
    });
    expect(await lane.user.reaches(id, 'PLANNED', 'FAILED')).toMatchObject({ status: 'PLANNED', statusReason: null });
    expect(planFailures).toEqual([]);
  });
});

describe('places along lineage', () => {
  it('start only after all before them ended', async () => {
    const seed = await seedPlaces(lane, ['LAKE_TABLE', 'LAKE_TABLE', 'LAKE_TABLE'], { chained: true });
    const from = lane.lake.log.length;
    lane.lake.script(seed.places[0], { failures: [new LinewardError('LAKE_ENGINE_FAILED')] });
    expect((await lane.user.erase(seed)).status).toBe('COMPLETED');
    expect(lane.lake.log.slice(from)).toEqual(seed.places.flatMap(({ name }) => [`start ${name}`, `end ${name}`]));
  });
});

describe('a cancel', () => {
  it('while a place is worked on stops at its next boundary and leaves later places alone', async () => {
    const seed = await seedPlaces(lane, ['LAKE_TABLE', 'LAKE_TABLE'], { chained: true });
    const { begun, open } = gateAt(seed);
    const { id } = await lane.user.request(seed);
    await lane.user.approve(id);
    await begun;
    const cancelled = await lane.service.cancelOperation(tester, { id });
    open();
    await vi.waitFor(async () => {
      const targets = await lane.user.targets(cancelled);
      expect(targets.map((target) => target.status)).toEqual(['CANCELLED', 'CANCELLED']);
    });
    expect(lane.lake.log).not.toContain(`end ${seed.places[0]?.name}`);
    expect(lane.lake.callsOf('execute', seed.places[1])).toEqual([]);
    expect((await lane.user.ended(id)).status).toBe('CANCELLED');
  });
});

describe('two operations on one dataset', () => {
  it('never change it at the same time, and both complete', async () => {
    const seed = await seedPlaces(lane);
    let running = 0;
    const seen: number[] = [];
    lane.lake.script(seed.places[0], {
      during: async () => {
        running += 1;
        seen.push(running);
        await sleep(150);
        running -= 1;
      },
    });
    const ends = await Promise.all([lane.user.erase(seed), lane.user.erase(seed), lane.user.erase(seed)]);
    expect(ends.map((operation) => operation.status)).toEqual(['COMPLETED', 'COMPLETED', 'COMPLETED']);
    expect(seen).toEqual([1, 1, 1]);
  });
});

describe('the sweeper', () => {
  it('finishes an operation whose tasks vanished from the queue', async () => {
    const seed = await seedPlaces(lane, ['LAKE_TABLE', 'LAKE_TABLE'], { chained: true });
    const { begun, open } = gateAt(seed);
    const { id } = await lane.user.request(seed);
    await lane.user.approve(id);
    await begun;
    await lane.em.fork().execute('delete from bullmq.job');
    open();
    expect((await lane.user.ended(id)).status).toBe('COMPLETED');
  });

  it('leaves rows alone in which nothing changes', async () => {
    const seed = await seedPlaces(lane);
    const { begun, open } = gateAt(seed);
    const { id } = await lane.user.request(seed);
    await lane.user.approve(id);
    await begun;
    const before = await lane.user.reaches(id, 'EXECUTING');
    await lane.driver.sweep();
    await lane.driver.sweep();
    expect((await lane.user.reaches(id, 'EXECUTING')).updatedAt).toEqual(before.updatedAt);
    open();
    await lane.user.ended(id);
  });
});
