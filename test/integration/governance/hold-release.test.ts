import { afterAll, beforeAll, expect, it } from 'vitest';
import { GovernanceService } from '../../../src/services/governance/governance.service.ts';
import { RetainReader } from '../../../src/services/governance/retains.ts';
import { tester } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database?.close());

const ann = { ...tester, id: 'ann' };
const bob = { ...tester, id: 'bob' };
async function placed(releaseByTwo: boolean) {
  const told: string[] = [];
  const holdsChanged = async (): Promise<void> => void told.push('changed');
  const service = new GovernanceService({ em: database.em, releaseByTwo, holdsChanged });
  const { id } = await service.placeLegalHold(ann, { matterId: 'm', reason: 'r', scope: { accountId: 'AC1' } });
  const release = (actor: typeof ann) => service.releaseLegalHold(actor, { id, reason: 'settled' });
  const retains = new RetainReader({ em: database.em, now: () => new Date() });
  const active = async () => (await retains.activeHolds(['AC1'])).length;
  return { id, told, release, active };
}
const actionsOn = async (id: string) =>
  (
    await database.em
      .fork()
      .execute<{ action: string; actor_id: string }[]>(
        'select action, actor_id from audit_event where resource_id = ? order by id',
        [id],
      )
  ).map(({ action, actor_id: by }) => `${by} ${action}`);

it('one actor releases a hold where one is enough', async () => {
  const { release, active, told } = await placed(false);
  expect(await release(ann)).toMatchObject({ releasedBy: 'ann', releaseRequestedBy: null });
  expect(await active()).toBe(0);
  expect(told).toEqual(['changed', 'changed']);
  await expect(release(bob)).rejects.toMatchObject({ code: 'CONFLICT' });
});

it('where two must agree, one asks, the hold keeps, and another one releases it', async () => {
  const { id, release, active, told } = await placed(true);
  expect(await release(bob)).toMatchObject({ releasedBy: null, releasedAt: null, releaseRequestedBy: 'bob' });
  expect(await active()).toBe(1);
  await expect(release(bob)).rejects.toMatchObject({ code: 'APPROVAL_REFUSED' });
  expect(told).toEqual(['changed']);
  expect(await release(ann)).toMatchObject({ releasedBy: 'ann', releaseRequestedBy: 'bob' });
  expect(await active()).toBe(0);
  expect(told).toEqual(['changed', 'changed']);
  expect(await actionsOn(id)).toEqual([
    'ann placeLegalHold',
    'bob requestHoldRelease',
    'bob refuseApproval',
    'ann releaseLegalHold',
  ]);
});

it('of the same actor twice at once never makes two', async () => {
  const { release, active } = await placed(true);
  const both = await Promise.allSettled([release(bob), release(bob)]);
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(await active()).toBe(1);
});
