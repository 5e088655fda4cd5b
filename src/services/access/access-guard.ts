import type { EntityManager } from '@mikro-orm/postgresql';
import type { AccessDecision, AccessResource } from '../../domain/access/access-decision.ts';
import type { Actor } from '../../domain/access/actor.ts';
import { type Action, rolesFor } from '../../domain/access/role.ts';
import type { Logger } from '../../domain/logger.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { auditEvent } from '../audit/audit.service.ts';
import { AuditBatches } from '../audit/audit-batches.ts';
import type { PoliciesInForce } from './policies-in-force.ts';

/** The same refusal of the same actor leaves one event in so many milliseconds, so that nobody fills the log with them. */
const quietMs = 60_000;
/** Refusals that are remembered for that. */
const rememberedMax = 10_000;

/** Decides for every entrance alike whether an actor may do something. */
export class AccessGuard {
  readonly #events: AuditBatches;
  readonly #logger: Logger;
  readonly #policies: PoliciesInForce;
  readonly #told = new Map<string, number>();

  constructor(deps: { readonly em: EntityManager; readonly logger: Logger; readonly policies: PoliciesInForce }) {
    this.#policies = deps.policies;
    this.#events = new AuditBatches(deps);
    this.#logger = deps.logger;
  }

  /** `what` names the entrance in the audit log: a field, a route. @throws LinewardError FORBIDDEN */
  assert(actor: Actor, action: Action, what: string): void {
    if (this.may(actor, action)) return;
    this.#tell(actor, action, what);
    const having = rolesFor(action);
    throw new LinewardError(
      'FORBIDDEN',
      `This takes the permission ${action}, which has: ${having.length === 0 ? 'nobody but by a policy' : having.join(', ')}. The actor ${actor.id} is: ${actor.roles.join(', ')}. Policies may say otherwise.`,
    );
  }

  /** Whether the actor may do it with anything; what it may be done with is asked of each thing. */
  may(actor: Actor, action: Action): boolean {
    return this.#policies.latest().allowsSome(actor, action);
  }

  /** With one thing; a refusal leaves an audit event. `what` names the entrance. */
  mayWith(actor: Actor, action: Action, resource: AccessResource, what: string): boolean {
    const allowed = this.#policies.latest().allows(actor, action, resource);
    if (!allowed) this.#tell(actor, action, what);
    return allowed;
  }

  /** What decides about a thing, by the policies of this very moment. */
  async explain(actor: Actor, action: Action, resource: AccessResource): Promise<AccessDecision> {
    return (await this.#policies.current()).explain(actor, action, resource);
  }

  /** The same as {@link assert}, by the policies of this very moment: for what goes on for long. */
  async assertNow(actor: Actor, action: Action, what: string): Promise<void> {
    await this.#policies.current();
    this.assert(actor, action, what);
  }

  /** As {@link mayWith}, by the policies of this very moment. */
  async mayNow(actor: Actor, action: Action, resource: AccessResource, what: string): Promise<boolean> {
    await this.#policies.current();
    return this.mayWith(actor, action, resource, what);
  }

  #tell(actor: Actor, action: Action, what: string): void {
    const key = JSON.stringify([actor.id, action, what]);
    const now = Date.now();
    if (now - (this.#told.get(key) ?? 0) < quietMs) return;
    if (this.#told.size >= rememberedMax) this.#told.clear();
    this.#told.set(key, now);
    const event = auditEvent(actor, {
      action: 'refuseAccess',
      resourceType: 'Permission',
      resourceId: action,
      outcome: 'REFUSED',
      details: { what, roles: actor.roles },
    });
    // The refusal stands whether or not it can be written down.
    this.#events.write([event]).catch((error: unknown) => {
      this.#logger.warn({ error }, 'a refused access could not be written to the audit log');
    });
  }
}
