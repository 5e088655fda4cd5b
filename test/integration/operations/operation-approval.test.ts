import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { OidcProvider } from '../../../src/adapters/access/oidc-provider.ts';
import type { Actor } from '../../../src/domain/access/actor.ts';
import { retentionActor } from '../../../src/domain/access/actor.ts';
import type { Role } from '../../../src/domain/access/role.ts';
import type { ApprovalPolicy } from '../../../src/domain/operations/approval.ts';
import { OperationSubjectSchema } from '../../../src/entities/operation.entity.ts';
import { AccessPolicyReadModel } from '../../../src/services/access/access-policy.read-model.ts';
import { Authentication } from '../../../src/services/access/authentication.ts';
import { OidcLogins } from '../../../src/services/access/oidc-logins.ts';
import { PoliciesInForce } from '../../../src/services/access/policies-in-force.ts';
import { ApprovalPolicyService } from '../../../src/services/operations/approval-policy.service.ts';
import { dropExpiredIdentifiers, expireUnapproved } from '../../../src/services/operations/identifier-expiry.ts';
import { OperationService } from '../../../src/services/operations/operation.service.ts';
import { byRoles, denying } from '../../testkit/access.ts';
import { tester } from '../../testkit/actor.ts';
import { runOf, tableOf, take } from '../../testkit/lineage.ts';
import { oidcServer } from '../../testkit/oidc.ts';
import { type OperationsLane, operationsLane, type Seed, seedPlaces } from '../../testkit/operations.ts';

let lane: OperationsLane;
let policies: ApprovalPolicyService;
beforeAll(async () => {
  lane = await operationsLane();
  policies = new ApprovalPolicyService({ em: lane.em, access: byRoles });
});
afterEach(() => lane.em.fork().execute('delete from approval_policy; delete from approval_delegation'));
afterAll(() => lane?.close());

const actor = (id: string, ...roles: readonly Role[]): Actor => ({ id, kind: 'oidc', roles, requestId: null });
const officer = (id: string): Actor => actor(id, 'privacy_officer');
const [ann, bob, cat] = [officer('ann'), officer('bob'), officer('cat')];
const clerk = actor('clerk', 'viewer');

const set = (given: Partial<ApprovalPolicy>) =>
  policies.setApprovalPolicy(tester, {
    ...{ name: 'p', kinds: null, classifications: null, over: {}, approvals: 1, roles: null, byRequester: true },
    ...given,
  });
const lend = (from: Actor, to: Actor) =>
  policies.delegateApproval(from, { to: to.id, until: new Date(Date.now() + 3_600_000), reason: 'away' });
async function planned(): Promise<{ readonly id: string; readonly planHash: string; readonly seed: Seed }> {
  const seed = await seedPlaces(lane);
  const { id } = await lane.user.request(seed);
  return { id, planHash: (await lane.user.reaches(id, 'PLANNED')).planHash ?? '', seed };
}
const approve = async (by: Actor, { id, planHash }: { id: string; planHash: string }, onBehalfOf?: string) =>
  (await lane.service.approveOperation(by, { id, planHash, onBehalfOf })).status;
const refusal = { code: 'APPROVAL_REFUSED' };
const accounts = async (operationId: string) =>
  (await lane.em.fork().find(OperationSubjectSchema, { operationId })).map(({ accountId }) => accountId);

describe('an approval policy', () => {
  it('for two lets each count once, also when all come at once', async () => {
    await set({ approvals: 2 });
    const plan = await planned();
    expect(await lane.user.reaches(plan.id, 'PLANNED')).toMatchObject({ approvalsNeeded: 2 });
    const settled = await Promise.allSettled([ann, ann, ann].map((by) => approve(by, plan)));
    expect(settled.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(await lane.user.reaches(plan.id, 'PLANNED')).toMatchObject({ approvedBy: 'ann' });
    expect(await approve(bob, plan)).toBe('APPROVED');
    const operation = await lane.user.ended(plan.id);
    expect(operation).toMatchObject({ status: 'COMPLETED', approvedBy: 'ann, bob', approvalsNeeded: 2 });
    const refusals = (await lane.user.auditActions(plan.id)).filter((action) => action === 'refuseApproval');
    expect(refusals).toHaveLength(2);
  });

  it('by role refuses others, counts for plans that wait already, and lets go when it is removed', async () => {
    const plan = await planned();
    await set({ kinds: ['ERASURE'], roles: ['security_admin'] });
    await expect(approve(ann, plan)).rejects.toMatchObject(refusal);
    await policies.removeApprovalPolicy(tester, 'p');
    expect(await approve(ann, plan)).toBe('APPROVED');
  });

  it('keeps who requested from approving, and the schedule from doing what a person must', async () => {
    await set({ byRequester: false });
    const plan = await planned();
    await expect(approve(tester, plan)).rejects.toMatchObject(refusal);
    await expect(approve(retentionActor, plan)).rejects.toMatchObject(refusal);
    expect(await approve(ann, plan)).toBe('APPROVED');
  });

  it('goes by the size of the plan', async () => {
    await set({ over: { targets: 1 }, approvals: 2 });
    expect(await approve(ann, await planned())).toBe('APPROVED');
    await set({ over: { targets: 0 }, approvals: 2 });
    expect(await approve(ann, await planned())).toBe('PLANNED');
  });

  it('goes by labels of the places', async () => {
    await set({ classifications: ['PHI'], approvals: 2 });
    const plan = await planned();
    const em = lane.em.fork();
    await em.execute('insert into dataset_field (id, dataset_id, path) values (?, ?, ?)', [
      plan.id,
      plan.seed.places[0]?.datasetId,
      'x',
    ]);
    await em.execute(
      `insert into dataset_field_label (field_id, classifications, set_by, set_at) values (?, '{PHI}', 'x', now())`,
      [plan.id],
    );
    expect(await approve(ann, plan)).toBe('PLANNED');
    expect(await approve(ann, await planned())).toBe('APPROVED');
  });

  it('goes by labels of what columns were copied from, also as part of something', async () => {
    await set({ classifications: ['PHI'], approvals: 2 });
    const [copy, twice, apart] = [await planned(), await planned(), await planned()];
    const source = `source-${copy.id}`;
    const columns = (from: string) => ({ fields: ['raw', 'id'], columns: { raw: [`${from}`] } });
    const nameOf = ({ seed }: { readonly seed: Seed }) => seed.places[0]?.name ?? '';
    const table = (name: string, more: { fields?: readonly string[]; columns?: Record<string, string[]> } = {}) =>
      tableOf({ name, ...more }, 'test');
    const visit = table(source, { fields: ['device', 'device.ip', 'id'] });
    await take(lane.em, [
      ...runOf(1, 'copying', [visit], [table(nameOf(copy), columns(`${source}.device`))]),
      ...runOf(2, 'again', [table(nameOf(copy))], [table(nameOf(twice), columns(`${nameOf(copy)}.raw`))]),
      ...runOf(3, 'other', [visit], [table(nameOf(apart), columns(`${source}.id`))]),
    ]);
    expect(await approve(ann, await planned())).toBe('APPROVED');
    await lane.em.fork().execute(
      `insert into dataset_field_label (field_id, classifications, set_by, set_at)
       select f.id, '{PHI}', 'x', now() from dataset_field f join dataset d on d.id = f.dataset_id
       where d.name = ? and f.path = 'device.ip'`,
      [source],
    );
    for (const plan of [copy, twice]) expect(await approve(ann, plan)).toBe('PLANNED');
    expect(await approve(ann, apart)).toBe('APPROVED');
    const { id } = await lane.user.request(twice.seed);
    expect(await lane.user.reaches(id, 'PLANNED')).toMatchObject({ approvalsNeeded: 2 });
    expect(await approve(bob, copy)).toBe('APPROVED');
  });

  it.each<[string, Partial<ApprovalPolicy>]>([
    ['approvals', { approvals: 3 }],
    ['roles', { roles: ['auditor'] }],
    ['roles', { roles: [] }],
    ['kinds', { kinds: [] }],
    ['name', { name: ' ' }],
    ['overBytes', { over: { bytes: -1 } }],
    ['overRecords', { over: { records: 0.5 } }],
  ])('is refused for its %s', async (part, given) => {
    await expect(set(given)).rejects.toMatchObject({ code: 'BAD_INPUT', message: expect.stringMatching(`^${part}:`) });
  });
});

describe('a delegate', () => {
  it('approves in the name of another, by that one’s roles, once for both', async () => {
    await set({ approvals: 2, roles: ['privacy_officer'] });
    await lend(ann, clerk);
    await lend(ann, bob);
    const plan = await planned();
    expect(await approve(clerk, plan, 'ann')).toBe('PLANNED');
    await expect(approve(clerk, plan, 'ann')).rejects.toMatchObject(refusal);
    await expect(approve(ann, plan)).rejects.toMatchObject(refusal);
    await expect(approve(bob, plan, 'ann')).rejects.toMatchObject(refusal);
    expect(await approve(bob, plan)).toBe('APPROVED');
    expect((await lane.user.ended(plan.id)).approvedBy).toBe('clerk (for ann), bob');
  });

  it('cannot approve what it requested, nor in the name of who did, and two who stand in for each other are two', async () => {
    await lend(ann, tester);
    await lend({ ...tester, roles: ['privacy_officer'] }, bob);
    const plan = await planned();
    await expect(approve(tester, plan, 'ann')).rejects.toMatchObject(refusal);
    await expect(approve(bob, plan, tester.id)).rejects.toMatchObject(refusal);

    await set({ approvals: 2 });
    await lend(ann, cat);
    await lend(cat, ann);
    expect(await approve(cat, plan, 'ann')).toBe('PLANNED');
    await expect(approve(ann, plan, 'cat')).rejects.toMatchObject(refusal);
    await expect(approve(cat, plan)).rejects.toMatchObject(refusal);
    expect(await approve(bob, plan)).toBe('APPROVED');
  });

  it('is refused without a delegation in force, of one who may not approve, and of a token that was revoked', async () => {
    const plan = await planned();
    await expect(approve(clerk, plan, 'ann')).rejects.toMatchObject(refusal);
    await lend(ann, clerk);
    await policies.revokeApprovalDelegation(ann, { from: null, to: 'clerk' });
    await expect(approve(clerk, plan, 'ann')).rejects.toMatchObject(refusal);
    await lend(ann, clerk);
    await lane.em
      .fork()
      .execute(`update approval_delegation set starts_at = now() - interval '2 h', ends_at = now() - interval '1 h'`);
    await expect(approve(clerk, plan, 'ann')).rejects.toMatchObject(refusal);
    await lend(actor('dan', 'viewer'), clerk);
    await expect(approve(clerk, plan, 'dan')).rejects.toMatchObject(refusal);
    await lend({ ...officer('gone'), kind: 'token' }, clerk);
    await expect(approve(clerk, plan, 'gone')).rejects.toMatchObject(refusal);
    await lend(ann, clerk);
    expect(await approve(clerk, plan, 'ann')).toBe('APPROVED');
  });

  it('of somebody who logs in to the company is no more than the newest login said', async () => {
    const provider = await oidcServer();
    const { em } = lane;
    const seen = () =>
      new Authentication({
        ...{ em, apiToken: null, refusals: { tell: () => undefined }, logins: new OidcLogins({ em }) },
        provider: new OidcProvider({ issuer: provider.issuer, audience: 'lineward', rolesClaim: 'roles' }),
        policies: new PoliciesInForce({ accessPolicies: new AccessPolicyReadModel({ em }) }),
      });
    const [one, other] = [seen(), seen()];
    const now = Math.floor(Date.now() / 1_000);
    const login = async (by: Authentication, seconds: number, ...roles: readonly Role[]) => {
      const token = await provider.signed(provider.claims({ sub: 'zoe', roles: [...roles], iat: now + seconds }));
      return by.actorOf(`Bearer ${token}`, 'r', '10.0.0.1');
    };
    try {
      await lend(await login(one, -60, 'privacy_officer'), clerk);
      const plan = await planned();
      // Another process sees that the role is gone; the old login is still good, and is seen again.
      await login(other, -30);
      await login(one, -60, 'privacy_officer');
      await login(seen(), -60, 'privacy_officer');
      await expect(approve(clerk, plan, 'oidc:zoe')).rejects.toMatchObject(refusal);
      await login(one, -30, 'auditor');
      await expect(approve(clerk, plan, 'oidc:zoe')).rejects.toMatchObject(refusal);
      // A clock that is ahead is no login of the future.
      await login(other, 3_600, 'viewer');
      await login(one, 3_600, 'privacy_officer');
      expect(await approve(clerk, plan, 'oidc:zoe')).toBe('APPROVED');
    } finally {
      await provider.stop();
    }
  });

  it('is refused in the name of whom a policy keeps from approving, and ends delegations of others only as policies say', async () => {
    const plan = await planned();
    await lend(ann, clerk);
    const { em, driver, placeLabels } = lane;
    const service = new OperationService({
      ...{ em, driver, placeLabels, access: denying('APPROVE', 'ann'), shred: { approvals: 1, coolOffMs: 0 } },
      ...{ approvalByAnother: false, erasureWindowMs: 0 },
    });
    await expect(service.approveOperation(clerk, { ...plan, onBehalfOf: 'ann' })).rejects.toMatchObject(refusal);
    const eve = actor('eve', 'security_admin');
    const strict = new ApprovalPolicyService({ em, access: denying('GRANT', 'eve') });
    await expect(strict.revokeApprovalDelegation(eve, { from: 'ann', to: 'clerk' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    expect(await approve(clerk, plan, 'ann')).toBe('APPROVED');
  });

  it('is named by the actor itself, somebody else, for some time', async () => {
    await expect(lend(ann, ann)).rejects.toMatchObject({ code: 'BAD_INPUT', message: expect.stringMatching(/^to:/) });
    const until = new Date(Date.now() + 93 * 86_400_000);
    await expect(policies.delegateApproval(ann, { to: 'bob', until, reason: 'r' })).rejects.toMatchObject({
      message: expect.stringMatching(/^until:/),
    });
    await lend(ann, bob);
    await expect(policies.revokeApprovalDelegation(cat, { from: 'ann', to: 'bob' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    const admin = actor('eve', 'security_admin');
    expect(await policies.revokeApprovalDelegation(admin, { from: 'ann', to: 'bob' })).toMatchObject({
      revokedBy: 'eve',
    });
  });
});

describe('a plan that nobody approves', () => {
  const pass = (id: string) =>
    lane.em.fork().execute(`update operation set approval_expires_at = now() - interval '1 s' where id = ?`, [id]);

  it('is given up with whom it was about, once, and tells so', async () => {
    const plan = await planned();
    expect(await expireUnapproved(lane.em)).toBe(0);
    await dropExpiredIdentifiers(lane.em);
    expect(await accounts(plan.id)).toEqual([plan.seed.accountId]);
    await pass(plan.id);
    await expect(approve(ann, plan)).rejects.toMatchObject(refusal);
    const given = await Promise.all([expireUnapproved(lane.em), expireUnapproved(lane.em)]);
    expect(Math.max(...given)).toBe(1);
    expect(await lane.user.reaches(plan.id, 'CANCELLED')).toMatchObject({
      statusReason: expect.stringContaining('not approved'),
    });
    expect(await accounts(plan.id)).toEqual([null]);
    const actions = await lane.user.auditActions(plan.id);
    expect(actions.filter((action) => action === 'expireOperation')).toHaveLength(1);
    await expect(approve(ann, plan)).rejects.toMatchObject({ code: 'OPERATION_STATE' });
    expect(await expireUnapproved(lane.em)).toBe(0);
  });

  it('is not approved late by a process whose clock is behind', async () => {
    const plan = await planned();
    await pass(plan.id);
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      vi.setSystemTime(Date.now() - 48 * 3_600_000);
      await expect(approve(ann, plan)).rejects.toMatchObject(refusal);
    } finally {
      vi.useRealTimers();
    }
    expect(await expireUnapproved(lane.em)).toBe(1);
  });

  it('keeps all of it when whoever gives it up is killed before the end', async () => {
    const plan = await planned();
    await pass(plan.id);
    const em = lane.em.fork();
    await em.execute(`create function no_event() returns trigger language plpgsql as $$ begin
        if new.action = 'expireOperation' then raise exception 'killed'; end if; return new; end $$;
      create trigger no_event before insert on audit_event for each row execute function no_event()`);
    await expect(expireUnapproved(lane.em)).rejects.toThrow('killed');
    expect(await lane.user.reaches(plan.id, 'PLANNED')).toMatchObject({ finishedAt: null });
    expect(await accounts(plan.id)).toEqual([plan.seed.accountId]);
    await em.execute('drop trigger no_event on audit_event; drop function no_event()');
    expect(await expireUnapproved(lane.em)).toBe(1);
    expect(await accounts(plan.id)).toEqual([null]);
  });

  it('is planned anew where it was deferred before, without the approvals of then', async () => {
    await set({ approvals: 2 });
    const plan = await planned();
    await approve(ann, plan);
    await lane.em
      .fork()
      .execute(
        'insert into erasure_deferral (operation_id, by_hold, by_minimum, since) values (?, true, false, now())',
        [plan.id],
      );
    await pass(plan.id);
    expect(await expireUnapproved(lane.em)).toBe(1);
    await expect
      .poll(async () => (await lane.user.reaches(plan.id, 'PLANNED')).approvalExpiresAt?.getTime() ?? 0, {
        timeout: 20_000,
      })
      .toBeGreaterThan(Date.now());
    expect(await accounts(plan.id)).toEqual([plan.seed.accountId]);
    expect(await approve(bob, plan)).toBe('PLANNED');
    expect(await approve(ann, plan)).toBe('APPROVED');
    await lane.user.ended(plan.id);
  });

  it('that was approved in time goes on', async () => {
    const plan = await planned();
    await approve(ann, plan);
    await pass(plan.id);
    expect(await expireUnapproved(lane.em)).toBe(0);
    expect((await lane.user.ended(plan.id)).status).toBe('COMPLETED');
  });
});
