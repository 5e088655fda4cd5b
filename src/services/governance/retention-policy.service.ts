import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { type GivenPlaces, readNamedPlaces, scopeColumns, scopeOf } from '../../domain/governance/place-scope.ts';
import { narrownessOf } from '../../domain/governance/retention-policy.ts';
import { assertText } from '../../domain/governance/selection.ts';
import { newId } from '../../domain/id.ts';
import { retentionDaysMax } from '../../domain/lake/retention.ts';
import { type RetentionPolicy, RetentionPolicySchema } from '../../entities/retention-policy.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import { assertPlacesThere } from './scope-places.ts';

/** In force together: each is asked with each look of the schedule. */
const policiesMax = 200;
const nameCharsMax = 200;

export interface SetRetentionPolicy {
  readonly name: string;
  readonly days: number;
  readonly autoApprove: boolean;
  readonly scope: GivenPlaces;
  /** Version that the change was made upon; 0 when there must be none in force. */
  readonly expectedVersion?: number | undefined;
}

/**
 * Says how long lake tables and topics that fit a scope keep their records, now and later. A policy removes nothing: each table gets
 * operations of its own, each topic a retention of its own, with plan and approval (ADR 0047, 0050).
 */
export class RetentionPolicyService {
  readonly #em: EntityManager;
  readonly #changed: () => Promise<void>;

  /** `changed` is told of each policy that comes, goes or is another one by now. */
  constructor(deps: { readonly em: EntityManager; readonly changed: () => Promise<void> }) {
    this.#em = deps.em;
    this.#changed = deps.changed;
  }

  /**
   * Makes the policy of a name, or its next version; one that was retired comes back. The same again changes nothing.
   * @throws LinewardError BAD_INPUT, NOT_FOUND, LIMIT_EXCEEDED, CONFLICT
   */
  async setRetentionPolicy(actor: Actor, input: SetRetentionPolicy): Promise<RetentionPolicy> {
    const { name, days, autoApprove } = input;
    assertText(name, ['name'], nameCharsMax);
    if (!Number.isInteger(days) || days < 1 || days > retentionDaysMax)
      throw new LinewardError('BAD_INPUT', `days: must be between 1 and ${retentionDaysMax}`, { path: ['days'] });
    const scope = readNamedPlaces(input.scope);
    return this.#alone(async (tx) => {
      await assertPlacesThere(tx, scope);
      const known = await tx.findOne(RetentionPolicySchema, { name });
      const current = known === null || known.retiredAt !== null ? null : known;
      assertVersion(current, input.expectedVersion);
      if (current !== null && isSame(current, { days, autoApprove, scope })) return current;
      if (current === null && (await tx.count(RetentionPolicySchema, { retiredAt: null })) >= policiesMax)
        throw new LinewardError('LIMIT_EXCEEDED', `name: there are ${policiesMax} policies in force already`, {
          path: ['name'],
        });
      const version = (known?.version ?? 0) + 1;
      const facts = {
        ...{ version, days, autoApprove, ...scopeColumns(scope), narrowness: narrownessOf(scope) },
        ...{ setBy: actor.id, setAt: new Date(), retiredBy: null, retiredAt: null },
      };
      const policy = known ?? tx.create(RetentionPolicySchema, { id: newId(), name, ...facts });
      Object.assign(policy, facts);
      tx.persist(policy);
      await tx.flush();
      await tx.execute(
        `insert into retention_policy_version (policy_id, version, days, auto_approve, scope, set_by, set_at)
         values (?, ?, ?, ?, ?::jsonb, ?, ?)`,
        [policy.id, version, days, autoApprove, JSON.stringify(scope), actor.id, facts.setAt],
      );
      audit(tx, actor, {
        action: 'setRetentionPolicy',
        resourceType: 'RetentionPolicy',
        resourceId: policy.id,
        details: { name, version, days, autoApprove, scope },
      });
      return policy;
    });
  }

  /** Places under it go by another policy, or keep their records, from now on. @throws LinewardError NOT_FOUND */
  async retireRetentionPolicy(actor: Actor, { name }: { readonly name: string }): Promise<RetentionPolicy> {
    return this.#alone(async (tx) => {
      const policy = await tx.findOne(RetentionPolicySchema, { name, retiredAt: null });
      if (policy === null)
        throw new LinewardError('NOT_FOUND', 'name: there is no retention policy of that name in force', {
          path: ['name'],
        });
      Object.assign(policy, { retiredBy: actor.id, retiredAt: new Date() });
      const { id: resourceId, version, days } = policy;
      audit(tx, actor, {
        action: 'retireRetentionPolicy',
        resourceType: 'RetentionPolicy',
        resourceId,
        details: { name, version, days, scope: scopeOf(policy) },
      });
      return policy;
    });
  }

  /** Two changes come one after the other. */
  async #alone<T>(work: (tx: EntityManager) => Promise<T>): Promise<T> {
    const done = await this.#em.fork().transactional(async (tx) => {
      await tx.execute(`select pg_advisory_xact_lock(hashtext('lineward.retention_policy'))`);
      return work(tx);
    });
    await this.#changed();
    return done;
  }
}

function assertVersion(current: RetentionPolicy | null, expected: number | undefined): void {
  const version = current?.version ?? 0;
  if (expected === undefined || expected === version) return;
  throw new LinewardError('CONFLICT', `expectedVersion: the policy is at version ${version}; read it again`, {
    path: ['expectedVersion'],
  });
}

function isSame(
  known: RetentionPolicy,
  { days, autoApprove, scope }: Pick<RetentionPolicy, 'days' | 'autoApprove'> & { readonly scope: object },
): boolean {
  const same = JSON.stringify(scopeOf(known)) === JSON.stringify(scope);
  return known.days === days && known.autoApprove === autoApprove && same;
}
