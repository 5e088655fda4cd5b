import { type NamedRule, type PolicyEffect, unclassified } from './access-policy.ts';
import type { Actor } from './actor.ts';
import { fitsSome } from './name-pattern.ts';
import { type Action, mayDo, type Role, roleNames, rolesFor } from './role.ts';

/** What something is to be done with, as far as the caller knows. */
export interface AccessResource {
  readonly namespace?: string;
  readonly name?: string;
  /** None stands for what nobody classified; absent for what has none, such as a setting. */
  readonly classifications?: readonly string[];
  readonly account?: string;
  readonly purpose?: string;
}

/** What decided, or would have. */
export interface DecidingRule {
  readonly kind: 'POLICY' | 'ROLE' | 'DEFAULT';
  readonly effect: PolicyEffect;
  /** Name of the policy, or of the roles that have the permission; null for the default. */
  readonly name: string | null;
  readonly version: number | null;
}

export interface AccessDecision {
  readonly allowed: boolean;
  readonly rule: DecidingRule;
  /** Other rules that speak of it, and lost. */
  readonly others: readonly DecidingRule[];
}

interface CompiledRule {
  readonly rule: NamedRule;
  /** A bit for each role; all bits where it is about everybody. */
  readonly roles: number;
  readonly actors: ReadonlySet<string>;
  readonly isForAll: boolean;
  readonly classifications: ReadonlySet<string>;
  readonly accounts: ReadonlySet<string>;
  readonly purposes: ReadonlySet<string>;
}

const roleBit = new Map<Role, number>(roleNames.map((role, index) => [role, 1 << index]));
const bitsOf = (roles: readonly Role[]): number => roles.reduce((bits, role) => bits | (roleBit.get(role) ?? 0), 0);

/** Roles that are kept apart from clear values, whatever a policy says. */
const neverInClear = bitsOf(['auditor', 'security_admin']);

/** All policies of a moment, sorted by what they are about. */
export class AccessPolicies {
  readonly #rules: readonly NamedRule[];
  readonly #byAction = new Map<Action, CompiledRule[]>();

  constructor(rules: readonly NamedRule[]) {
    this.#rules = rules;
    for (const rule of rules) {
      const compiled = compile(rule);
      for (const action of rule.actions) {
        const known = this.#byAction.get(action);
        if (known === undefined) this.#byAction.set(action, [compiled]);
        else known.push(compiled);
      }
    }
  }

  /** As they would be with one more. */
  with(rule: NamedRule): AccessPolicies {
    return new AccessPolicies([...this.#rules, rule]);
  }

  /**
   * Denied by a policy, else allowed by one, else as roles have it. Of several classifications the strictest counts: what is
   * allowed for one of them only is not allowed.
   */
  explain(actor: Actor, action: Action, resource: AccessResource = {}, at = new Date()): AccessDecision {
    const { classifications } = resource;
    if (classifications === undefined) return this.#explainOne(actor, action, { resource, label: null, at });
    const labels = classifications.length === 0 ? [unclassified] : [...new Set(classifications)];
    const decisions = labels.map((label) => this.#explainOne(actor, action, { resource, label, at }));
    const [first] = decisions;
    const strictest = decisions.find(({ allowed, rule }) => !allowed && rule.kind === 'POLICY');
    return strictest ?? decisions.find(({ allowed }) => !allowed) ?? (first as AccessDecision);
  }

  allows(actor: Actor, action: Action, resource: AccessResource = {}, at = new Date()): boolean {
    if (!isBound(actor) || !this.#byAction.has(action)) return mayDo(actor.roles, action);
    return this.explain(actor, action, resource, at).allowed;
  }

  /** Whether there is anything that the actor may do it with; what it may be done with is decided with each thing. */
  allowsSome(actor: Actor, action: Action, at = new Date()): boolean {
    const rules = this.#byAction.get(action);
    if (rules === undefined || !isBound(actor)) return mayDo(actor.roles, action);
    const own = rules.filter((rule) => concerns(rule, actor, at));
    if (own.some(({ rule }) => rule.effect === 'DENY' && !isNarrowed(rule))) return false;
    return mayDo(actor.roles, action) || (own.some(({ rule }) => rule.effect === 'ALLOW') && isOpen(actor, action));
  }

  /** Rules that keep some things from an actor now. */
  denials(actor: Actor, action: Action, at = new Date()): readonly NamedRule[] {
    if (!isBound(actor)) return [];
    return (this.#byAction.get(action) ?? [])
      .filter((rule) => rule.rule.effect === 'DENY' && concerns(rule, actor, at))
      .map(({ rule }) => rule);
  }

  #explainOne(
    actor: Actor,
    action: Action,
    asked: { readonly resource: AccessResource; readonly label: string | null; readonly at: Date },
  ): AccessDecision {
    const own = isBound(actor) ? (this.#byAction.get(action) ?? []) : [];
    const speaking = own.filter((rule) => concerns(rule, actor, asked.at) && covers(rule, asked.resource, asked.label));
    const ranked = [
      ...speaking.filter(({ rule }) => rule.effect === 'DENY').map(ofPolicy),
      ...(isOpen(actor, action) ? speaking.filter(({ rule }) => rule.effect === 'ALLOW').map(ofPolicy) : []),
      byRole(actor, action),
    ];
    const [rule = byRole(actor, action), ...others] = ranked;
    return { allowed: rule.effect === 'ALLOW', rule, others };
  }
}

/** Where nobody has made a policy. */
export const noPolicies = new AccessPolicies([]);

function compile(rule: NamedRule): CompiledRule {
  return {
    rule,
    roles: bitsOf(rule.roles),
    actors: new Set(rule.actors),
    isForAll: rule.roles.length === 0 && rule.actors.length === 0,
    classifications: new Set(rule.classifications),
    accounts: new Set(rule.accounts),
    purposes: new Set(rule.purposes),
  };
}

/** Whether policies apply. The token of the environment is the way back in, and where authentication is off there is nobody to tell apart. */
export function isBound({ id, kind }: Actor): boolean {
  return kind === 'oidc' || (kind === 'token' && id !== 'api-token');
}

function concerns({ rule, roles, actors, isForAll }: CompiledRule, actor: Actor, at: Date): boolean {
  if (rule.validFrom !== null && at < rule.validFrom) return false;
  if (rule.validUntil !== null && at >= rule.validUntil) return false;
  return isForAll || actors.has(actor.id) || (roles & bitsOf(actor.roles)) !== 0;
}

function covers(compiled: CompiledRule, resource: AccessResource, label: string | null): boolean {
  const { rule, classifications, accounts, purposes } = compiled;
  return (
    isAmong(accounts, resource.account) &&
    isAmong(purposes, resource.purpose) &&
    isAmong(classifications, label ?? undefined) &&
    fitsSome(rule.namespaces, resource.namespace) &&
    fitsSome(rule.names, resource.name)
  );
}

function isAmong(given: ReadonlySet<string>, value: string | undefined): boolean {
  return given.size === 0 || (value !== undefined && given.has(value));
}

/** True for a rule about some things only. */
function isNarrowed(rule: NamedRule): boolean {
  return [rule.namespaces, rule.names, rule.classifications, rule.accounts, rule.purposes].some(
    (one) => one.length > 0,
  );
}

/** Whether a policy may give an actor what no role of it has: duties that are kept apart stay so. */
function isOpen(actor: Actor, action: Action): boolean {
  if (action === 'RELEASE_HOLD' || action === 'BYPASS_RETENTION') return mayDo(actor.roles, action);
  if (action !== 'DECRYPT' && action !== 'READ_CLEAR') return true;
  const roles = bitsOf(actor.roles);
  return mayDo(actor.roles, action) || (roles & neverInClear) === 0;
}

const ofPolicy = ({ rule }: CompiledRule): DecidingRule => ({
  kind: 'POLICY',
  effect: rule.effect,
  name: rule.name,
  version: rule.version,
});

function byRole(actor: Actor, action: Action): DecidingRule {
  if (!mayDo(actor.roles, action)) return { kind: 'DEFAULT', effect: 'DENY', name: null, version: null };
  const having = rolesFor(action).filter((role) => actor.roles.includes(role));
  return { kind: 'ROLE', effect: 'ALLOW', name: having.join(', '), version: null };
}
