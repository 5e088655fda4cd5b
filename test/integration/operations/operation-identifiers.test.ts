import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OperationSubjectSchema } from '../../../src/entities/operation.entity.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import { dropExpiredIdentifiers } from '../../../src/services/operations/identifier-expiry.ts';
import { OperationDriver } from '../../../src/services/operations/operation-driver.ts';
import { quietLogger, tester } from '../../testkit/actor.ts';
import { type OperationsLane, operationsLane, type Seed, seedPlaces } from '../../testkit/operations.ts';

let lane: OperationsLane;
beforeAll(async () => {
  lane = await operationsLane();
});
afterAll(() => lane?.close());

const accountsOf = async (operationId: string) =>
  (await lane.em.fork().find(OperationSubjectSchema, { operationId })).map(({ accountId }) => accountId);

const age = (operationId: string, days: number) =>
  lane.em
    .fork()
    .execute(`update operation set finished_at = now() - ? * interval '1 day' where id = ?`, [days, operationId]);

async function failed(seed: Seed): Promise<string> {
  lane.lake.script(seed.places[0], { planFailures: [new LinewardError('LAKE_TABLE_REFUSED', 'not ours')] });
  const { id } = await lane.user.request(seed);
  await lane.user.reaches(id, 'FAILED');
  return id;
}

describe('a dry run', () => {
  it('ends with its plan, knows nobody in the clear, and is no success', async () => {
    const seed = await seedPlaces(lane);
    const { id } = await lane.user.request(seed, { dryRun: true });
    const operation = await lane.user.reaches(id, 'PLANNED');
    expect(operation).toMatchObject({ status: 'PLANNED', statusReason: 'dry run: it ends with its plan' });
    expect(operation.finishedAt).toEqual(operation.plannedAt);
    expect(operation.plan?.targets).toHaveLength(1);
    expect(await accountsOf(id)).toEqual([null]);
    expect(await lane.user.certificates(id)).toEqual([]);
    const found = await lane.read.operations({ first: 10 }, { subject: { accountId: seed.accountId } });
    expect(found.items.map((item) => item.id)).toEqual([id]);
  });

  it('that cannot be planned knows nobody either, and is not retried', async () => {
    const seed = await seedPlaces(lane);
    lane.lake.script(seed.places[0], { planFailures: [new LinewardError('LAKE_TABLE_REFUSED', 'not ours')] });
    const { id } = await lane.user.request(seed, { dryRun: true });
    await lane.user.reaches(id, 'FAILED');
    expect(await accountsOf(id)).toEqual([null]);
    await expect(lane.service.retryOperation(tester, { id })).rejects.toMatchObject({
      code: 'OPERATION_STATE',
      message: expect.stringContaining('request it again'),
    });
  });
});

describe('what ended without finishing its work', () => {
  it('keeps its identifiers for 30 days, and then drops them with a note and an audit event', async () => {
    const seed = await seedPlaces(lane);
    const id = await failed(seed);
    await age(id, 29);
    await dropExpiredIdentifiers(lane.em);
    expect(await accountsOf(id)).toEqual([seed.accountId]);
    await age(id, 31);
    expect(await dropExpiredIdentifiers(lane.em)).toBe(1);
    expect(await accountsOf(id)).toEqual([null]);
    expect((await lane.user.reaches(id, 'FAILED')).statusReason).toMatch(/^LAKE_TABLE_REFUSED: .*within 30 days/);
    expect(await lane.user.auditActions(id)).toContain('dropIdentifiers');
    await expect(lane.service.retryOperation(tester, { id })).rejects.toMatchObject({ code: 'OPERATION_STATE' });
    expect(await dropExpiredIdentifiers(lane.em)).toBe(0);
  });

  it('by a fault keeps them while a hold is on the account, and 30 days after its release', async () => {
    const seed = await seedPlaces(lane);
    const id = await failed(seed);
    const selector = { accountId: seed.accountId };
    const hold = await lane.governance.placeLegalHold(tester, { matterId: 'M-1', reason: 'a case', scope: selector });
    await age(id, 400);
    expect(await dropExpiredIdentifiers(lane.em)).toBe(0);
    await lane.governance.releaseLegalHold(tester, { id: hold.id, reason: 'over' });
    expect(await dropExpiredIdentifiers(lane.em)).toBe(0);
    expect(await accountsOf(id)).toEqual([seed.accountId]);
    await lane.em
      .fork()
      .execute(`update legal_hold set released_at = now() - interval '31 days' where id = ?`, [hold.id]);
    expect(await dropExpiredIdentifiers(lane.em)).toBe(1);
    expect(await accountsOf(id)).toEqual([null]);
  });

  it('and was retried is left alone', async () => {
    const seed = await seedPlaces(lane);
    const id = await failed(seed);
    await age(id, 31);
    await lane.service.retryOperation(tester, { id });
    expect(await dropExpiredIdentifiers(lane.em)).toBe(0);
    await lane.user.approve(id);
    expect((await lane.user.ended(id)).status).toBe('COMPLETED');
  });

  it('is found by the sweeper', async () => {
    const id = await failed(await seedPlaces(lane));
    await age(id, 31);
    // A sweeper of its own: the lane's has looked within this hour.
    await new OperationDriver({ em: lane.em, scheduler: lane.jobs, logger: quietLogger }).sweep();
    expect(await accountsOf(id)).toEqual([null]);
  });
});
