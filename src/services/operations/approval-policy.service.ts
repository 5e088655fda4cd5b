import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { rolesFor } from '../../domain/access/role.ts';
import { assertText } from '../../domain/governance/selection.ts';
import { newId } from '../../domain/id.ts';
import { type ApprovalPolicy, sizes } from '../../domain/operations/approval.ts';
import {
  type ApprovalDelegation,
  ApprovalDelegationSchema,
  type ApprovalPolicyRow,
  ApprovalPolicySchema,
} from '../../entities/approval.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { AccessGuard } from '../access/access-guard.ts';
import { audit } from '../audit/audit.service.ts';

const nameCharsMax = 200;
const reasonCharsMax = 4_000;
const classificationsMax = 100;
const policiesMax = 100;
const delegationDaysMax = 92;
const dayMs = 86_400_000;

export interface DelegateApproval {
  /** Who approves in the name of the actor. */
  readonly to: string;
  readonly until: Date;
  readonly reason: string;
}

/** Says who must approve what, and who stands in for whom. What follows from it is read at each approval. */
export class ApprovalPolicyService {
  readonly #em: EntityManager;
  readonly #access: Pick<AccessGuard, 'may'>;

  constructor(deps: { readonly em: EntityManager; readonly access: Pick<AccessGuard, 'may'> }) {
    this.#em = deps.em;
    this.#access = deps.access;
  }

  /** Makes or changes the policy of a name. @throws LinewardError BAD_INPUT, LIMIT_EXCEEDED */
  async setApprovalPolicy(actor: Actor, policy: ApprovalPolicy): Promise<ApprovalPolicyRow> {
    assertPolicy(policy);
    const { name, over, kinds, classifications, roles, approvals, byRequester } = policy;
    return this.#em.fork().transactional(async (tx) => {
      await tx.execute(`select pg_advisory_xact_lock(hashtext('lineward.approval_policy'))`);
      const known = await tx.findOne(ApprovalPolicySchema, { name });
      if (known === null && (await tx.count(ApprovalPolicySchema)) >= policiesMax)
        throw new LinewardError('LIMIT_EXCEEDED', `name: there are ${policiesMax} policies already`, {
          path: ['name'],
        });
      const facts = {
        kinds: kinds === null ? null : [...kinds],
        classifications: classifications === null ? null : [...classifications],
        roles: roles === null ? null : [...roles],
        ...{ overTargets: over.targets ?? null, overSubjects: over.subjects ?? null },
        ...{ overRecords: over.records ?? null, overBytes: over.bytes ?? null },
        ...{ approvals, byRequester, setBy: actor.id, setAt: new Date() },
      };
      const set = known ?? tx.create(ApprovalPolicySchema, { name, ...facts });
      Object.assign(set, facts);
      tx.persist(set);
      const { setBy: _, setAt: __, ...details } = facts;
      audit(tx, actor, { action: 'setApprovalPolicy', resourceType: 'ApprovalPolicy', resourceId: name, details });
      return set;
    });
  }

  /** @throws LinewardError NOT_FOUND */
  async removeApprovalPolicy(actor: Actor, name: string): Promise<ApprovalPolicyRow> {
    return this.#em.fork().transactional(async (tx) => {
      const known = await tx.findOne(ApprovalPolicySchema, { name });
      if (known === null)
        throw new LinewardError('NOT_FOUND', 'name: there is no approval policy of that name', { path: ['name'] });
      tx.remove(known);
      audit(tx, actor, { action: 'removeApprovalPolicy', resourceType: 'ApprovalPolicy', resourceId: name });
      return known;
    });
  }

  /**
   * Lets another approve in the name of the actor for a time; takes the place of what was said of the same two before. It lends
   * what the actor itself is: who stands in for somebody lends nothing on. @throws LinewardError BAD_INPUT
   */
  async delegateApproval(actor: Actor, { to, until, reason }: DelegateApproval): Promise<ApprovalDelegation> {
    assertText(to, ['to'], nameCharsMax);
    assertText(reason, ['reason'], reasonCharsMax);
    const now = new Date();
    if (to === actor.id) throw new LinewardError('BAD_INPUT', 'to: name somebody else', { path: ['to'] });
    if (until <= now || until.getTime() - now.getTime() > delegationDaysMax * dayMs)
      throw new LinewardError('BAD_INPUT', `until: must lie in the next ${delegationDaysMax} days`, {
        path: ['until'],
      });
    return this.#em.fork().transactional(async (tx) => {
      await this.#end(tx, actor, { from: actor.id, to });
      const delegation = tx.create(ApprovalDelegationSchema, {
        ...{ id: newId(), fromActor: actor.id, fromKind: actor.kind, fromRoles: [...actor.roles], toActor: to, reason },
        ...{ startsAt: now, endsAt: until, revokedAt: null, revokedBy: null },
      });
      tx.persist(delegation);
      audit(tx, actor, {
        action: 'delegateApproval',
        resourceType: 'ApprovalDelegation',
        resourceId: delegation.id,
        details: { to, until: until.toISOString(), roles: actor.roles },
      });
      return delegation;
    });
  }

  /** Who grants may end those of others. @throws LinewardError NOT_FOUND */
  async revokeApprovalDelegation(
    actor: Actor,
    { from, to }: { readonly from: string | null; readonly to: string },
  ): Promise<ApprovalDelegation> {
    const fromActor = from === null || !this.#access.may(actor, 'GRANT') ? actor.id : from;
    return this.#em.fork().transactional(async (tx) => {
      const ended = await this.#end(tx, actor, { from: fromActor, to });
      if (ended === null)
        throw new LinewardError('NOT_FOUND', `to: ${fromActor} has no delegation to that actor in force`, {
          path: ['to'],
        });
      audit(tx, actor, {
        action: 'revokeApprovalDelegation',
        resourceType: 'ApprovalDelegation',
        resourceId: ended.id,
        details: { from: fromActor, to },
      });
      return ended;
    });
  }

  async #end(
    tx: EntityManager,
    actor: Actor,
    { from, to }: { readonly from: string; readonly to: string },
  ): Promise<ApprovalDelegation | null> {
    await tx.execute('select pg_advisory_xact_lock(hashtextextended(?, 2))', [JSON.stringify([from, to])]);
    const [known] = await tx.find(ApprovalDelegationSchema, {
      fromActor: from,
      toActor: to,
      revokedAt: null,
      endsAt: { $gt: new Date() },
    });
    if (known !== undefined) Object.assign(known, { revokedAt: new Date(), revokedBy: actor.id });
    return known ?? null;
  }
}

function assertPolicy({ name, kinds, classifications, over, approvals, roles }: ApprovalPolicy): void {
  const refuse = (part: string, why: string): never => {
    throw new LinewardError('BAD_INPUT', `${part}: ${why}`, { path: [part] });
  };
  assertText(name, ['name'], nameCharsMax);
  if (approvals !== 1 && approvals !== 2) refuse('approvals', 'must be 1 or 2');
  for (const [part, list] of Object.entries({ kinds, classifications, roles }))
    if (list !== null && (list.length === 0 || list.length > classificationsMax))
      refuse(part, `1 to ${classificationsMax}, or leave it out`);
  for (const classification of classifications ?? []) assertText(classification, ['classifications'], nameCharsMax);
  for (const role of roles ?? [])
    if (!rolesFor('APPROVE').includes(role)) refuse('roles', `${role} may not approve, so nobody could`);
  for (const size of sizes) {
    const limit = over[size];
    if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 0))
      refuse(`over${size.charAt(0).toUpperCase()}${size.slice(1)}`, 'must be a whole number from 0 on');
  }
}
