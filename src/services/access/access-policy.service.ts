import type { EntityManager } from '@mikro-orm/postgresql';
import { type AccessRule, assertRule, orderedActions } from '../../domain/access/access-policy.ts';
import type { Actor } from '../../domain/access/actor.ts';
import { assertText } from '../../domain/governance/selection.ts';
import { newId } from '../../domain/id.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import { type AccessPolicy, readPolicy } from './access-policy.read-model.ts';
import type { PoliciesInForce } from './policies-in-force.ts';

const nameCharsMax = 100;
const reasonCharsMax = 500;
/** All are looked at for each decision; a company with more wants roles, not policies. */
const policiesMax = 1_000;

interface GivenPolicy {
  readonly rule: AccessRule;
  /** Why; it stands in the audit log. */
  readonly reason: string;
}

type NewPolicy = GivenPolicy & { readonly name: string };

/** Makes, replaces and retires access policies. Each change takes effect in all processes at once. */
export class AccessPolicyService {
  readonly #em: EntityManager;
  readonly #policies: Pick<PoliciesInForce, 'forget'>;

  constructor(deps: { readonly em: EntityManager; readonly policies: Pick<PoliciesInForce, 'forget'> }) {
    this.#em = deps.em;
    this.#policies = deps.policies;
  }

  /** @throws LinewardError BAD_INPUT, CONFLICT when the name is taken, LIMIT_EXCEEDED */
  createPolicy(actor: Actor, input: NewPolicy): Promise<AccessPolicy> {
    return this.#create(actor, input, 'createAccessPolicy');
  }

  /** What somebody took for themselves; the change feed tells it. @throws LinewardError BAD_INPUT */
  createElevation(actor: Actor, input: NewPolicy): Promise<AccessPolicy> {
    return this.#create(actor, input, 'breakGlass');
  }

  #create(actor: Actor, input: NewPolicy, action: 'createAccessPolicy' | 'breakGlass'): Promise<AccessPolicy> {
    assertText(input.name, ['name'], nameCharsMax);
    const rule = checked(input);
    return this.#changing(async (tx) => {
      await tx.execute(`select pg_advisory_xact_lock(hashtext('lineward.access_policy'))`);
      const living = await tx.execute<{ name: string; over: boolean | null }[]>(
        `select name, (rule->>'validUntil')::timestamptz <= now() as over from access_policy where retired_at is null`,
      );
      if (living.some(({ name }) => name.toLowerCase() === input.name.toLowerCase()))
        throw new LinewardError('CONFLICT', 'name: another policy has it; replace that one, or retire it first', {
          path: ['name'],
        });
      if (living.filter(({ over }) => over !== true).length >= policiesMax)
        throw new LinewardError('LIMIT_EXCEEDED', `At most ${policiesMax} policies; retire some.`);
      const [row] = await tx.execute(
        `insert into access_policy (id, name, version, rule, reason, created_by, created_at)
         values (?, ?, 1, ?::jsonb, ?, ?, now()) returning *`,
        [newId(), input.name, JSON.stringify(rule), input.reason, actor.id],
      );
      return this.#written(tx, actor, { action, row, before: null });
    });
  }

  /** Puts another rule in the place of one. @throws LinewardError BAD_INPUT, NOT_FOUND, CONFLICT */
  replacePolicy(actor: Actor, id: string, input: GivenPolicy): Promise<AccessPolicy> {
    const rule = checked(input);
    return this.#changing(async (tx) => {
      const before = await lived(tx, id);
      const [row] = await tx.execute(
        `update access_policy set version = version + 1, rule = ?::jsonb, reason = ?, created_by = ?, created_at = now()
         where id = ? returning *`,
        [JSON.stringify(rule), input.reason, actor.id, id],
      );
      return this.#written(tx, actor, { action: 'replaceAccessPolicy', row, before });
    });
  }

  /** Ends a policy. @throws LinewardError NOT_FOUND, CONFLICT when it is ended already. */
  retirePolicy(actor: Actor, id: string): Promise<AccessPolicy> {
    return this.#changing(async (tx) => {
      const before = await lived(tx, id);
      const [row] = await tx.execute(
        'update access_policy set retired_by = ?, retired_at = now() where id = ? returning *',
        [actor.id, id],
      );
      audit(tx, actor, {
        ...{ action: 'retireAccessPolicy', resourceType: 'AccessPolicy', resourceId: id },
        details: { name: before.name, version: before.version, before: before.rule, after: null },
      });
      return readPolicy(row);
    });
  }

  /** Who changed a policy meets it with the next question, before notice of it has come. */
  async #changing(change: (tx: EntityManager) => Promise<AccessPolicy>): Promise<AccessPolicy> {
    const policy = await this.#em.fork().transactional(change);
    this.#policies.forget();
    return policy;
  }

  async #written(
    tx: EntityManager,
    actor: Actor,
    change: {
      readonly action: 'createAccessPolicy' | 'replaceAccessPolicy' | 'breakGlass';
      readonly row: unknown;
      readonly before: AccessPolicy | null;
    },
  ): Promise<AccessPolicy> {
    const policy = readPolicy(change.row);
    await tx.execute(
      `insert into access_policy_version (policy_id, number, rule, reason, created_by, created_at)
       select id, version, rule, reason, created_by, created_at from access_policy where id = ?`,
      [policy.id],
    );
    audit(tx, actor, {
      ...{ action: change.action, resourceType: 'AccessPolicy', resourceId: policy.id },
      details: {
        ...{ name: policy.name, version: policy.version, reason: policy.reason },
        before: change.before === null ? null : change.before.rule,
        after: policy.rule,
      },
    });
    return policy;
  }
}

function checked({ rule, reason }: GivenPolicy): AccessRule {
  assertText(reason, ['reason'], reasonCharsMax);
  assertRule(rule);
  return { ...rule, actions: orderedActions(rule.actions), roles: [...new Set(rule.roles)] };
}

/** The policy, locked. @throws LinewardError NOT_FOUND, CONFLICT */
async function lived(tx: EntityManager, id: string): Promise<AccessPolicy> {
  const [row] = await tx.execute('select * from access_policy where id = ? for update', [id]);
  if (row === undefined) throw new LinewardError('NOT_FOUND', 'id: there is no such policy', { path: ['id'] });
  const policy = readPolicy(row);
  if (policy.retiredAt !== null)
    throw new LinewardError('CONFLICT', 'The policy is retired already; make a new one.', { path: ['id'] });
  return policy;
}
