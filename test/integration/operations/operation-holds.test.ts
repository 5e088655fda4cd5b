import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SubjectSelector } from '../../../src/domain/governance/selection.ts';
import { OperationSubjectSchema } from '../../../src/entities/operation.entity.ts';
import { tester } from '../../testkit/actor.ts';
import { type OperationsLane, operationsLane, seedPlaces } from '../../testkit/operations.ts';

let lane: OperationsLane;
beforeAll(async () => {
  lane = await operationsLane();
});
afterAll(() => lane?.close());

const hold = (selector: SubjectSelector) =>
  lane.governance.placeLegalHold(tester, { matterId: 'M-1', reason: 'litigation', scope: selector });
const release = (id: string) => lane.governance.releaseLegalHold(tester, { id, reason: 'settled' });
const oneSubject = (accountId: string) => ({ accountId, subject: { field: 'to', value: '+15005550006' } });

describe('a legal hold', () => {
  it('on all that was asked for blocks the operation until it is released and tried again', async () => {
    const seed = await seedPlaces(lane);
    const { id: holdId } = await hold({ accountId: seed.accountId });
    const { id } = await lane.user.request(seed);
    const blocked = await lane.user.ended(id);
    expect(blocked.status).toBe('BLOCKED');
    expect(blocked.statusReason).toContain('HOLD_ACTIVE');
    expect(await lane.user.auditActions(id)).toEqual(['requestErasure', 'blockOperation']);
    expect(lane.lake.callsOf('plan', seed.places[0])).toEqual([]);

    await release(holdId);
    await lane.service.retryOperation(tester, { id });
    await lane.user.approve(id);
    expect(await lane.user.ended(id)).toMatchObject({ status: 'COMPLETED', round: 2 });
    expect(await lane.user.auditActions(holdId)).toEqual(['placeLegalHold', 'releaseLegalHold']);
  });

  it.each([
    { accountId: ' ' },
    { accountId: randomBytes(4_000).toString('hex') },
    { accountId: 'AC1', subject: { field: '', value: 'U1' } },
  ])('on nothing that can be found is refused', async (selector) => {
    await expect(hold(selector)).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  it('on one of several accounts leaves that one alone, and names it', async () => {
    const seed = await seedPlaces(lane);
    const [held, free] = [{ accountId: seed.accountId }, { accountId: `${seed.accountId}x` }];
    await hold(held);
    const operation = await lane.user.erase(seed, { subjects: [held, free] });
    expect(operation.status).toBe('PARTIAL');
    expect(lane.lake.callsOf('execute', seed.places[0]).map((call) => call.selection.act)).toEqual([[free]]);
    const [certificate] = await lane.user.certificates(operation.id);
    const heldDigests = certificate?.body.subjects.filter((subject: { held: boolean }) => subject.held);
    expect(heldDigests).toEqual([{ digest: lane.notary.digest(held), held: true }]);
    expect(certificate?.body.open).toMatchObject([{ code: 'HOLD_ACTIVE' }]);
  });

  it('placed after the plan saves what it covers: nothing is touched, and the end names the hold', async () => {
    const seed = await seedPlaces(lane);
    const { id } = await lane.user.request(seed);
    await lane.user.reaches(id, 'PLANNED');
    await hold({ accountId: seed.accountId });
    await lane.user.approve(id);
    const operation = await lane.user.ended(id);
    expect(operation.status).toBe('PARTIAL');
    expect(operation.statusReason).toContain('HOLD_ACTIVE');
    expect(lane.lake.callsOf('execute', seed.places[0]).map((call) => call.selection.act)).toEqual([[]]);
    expect((await lane.user.certificates(id))[0]?.body.totals.recordsErased).toBe(0);
    const [subject] = await lane.em.fork().find(OperationSubjectSchema, { operationId: id });
    expect(subject).toMatchObject({ held: true, accountId: seed.accountId });
  });

  it('on one subject of an erased account reaches the place as a keep, and the end is PARTIAL until its release', async () => {
    const seed = await seedPlaces(lane);
    const kept = oneSubject(seed.accountId);
    const { id: holdId } = await hold(kept);
    const operation = await lane.user.erase(seed);
    const [call] = lane.lake.callsOf('execute', seed.places[0]);
    expect(call?.selection).toMatchObject({ act: [{ accountId: seed.accountId }], keep: [kept] });
    expect(operation.status).toBe('PARTIAL');
    expect(operation.statusReason).toContain('HOLD_ACTIVE');

    await release(holdId);
    await lane.service.retryOperation(tester, { id: operation.id });
    await lane.user.approve(operation.id);
    expect((await lane.user.ended(operation.id)).status).toBe('COMPLETED');
    expect(lane.lake.callsOf('execute', seed.places[0]).at(-1)?.selection.keep).toEqual([]);
    expect((await lane.user.certificates(operation.id)).map(({ round }) => round)).toEqual([1, 2]);
  });

  it('that a place cannot locate keeps the whole account there', async () => {
    const seed = await seedPlaces(lane);
    await hold({ accountId: seed.accountId, subject: { field: 'email', value: 'a@example.org' } });
    const operation = await lane.user.erase(seed);
    expect(operation.status).toBe('PARTIAL');
    expect(operation.statusReason).toContain('HOLD_NOT_LOCATABLE');
    expect(lane.lake.callsOf('execute', seed.places[0])).toEqual([]);
  });

  it('of another account changes nothing', async () => {
    const seed = await seedPlaces(lane);
    await hold({ accountId: `${seed.accountId}x` });
    expect((await lane.user.erase(seed)).status).toBe('COMPLETED');
  });

  it('is released once', async () => {
    const { id } = await hold({ accountId: 'AC-once' });
    await release(id);
    await expect(release(id)).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(release('none')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('that is released leaves other holds on the same account', async () => {
    const seed = await seedPlaces(lane);
    const first = await hold({ accountId: seed.accountId });
    await hold({ accountId: seed.accountId });
    await release(first.id);
    const { id } = await lane.user.request(seed);
    expect((await lane.user.ended(id)).status).toBe('BLOCKED');
  });
});
