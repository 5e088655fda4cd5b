import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { type Action, mayDo, rolesFor } from '../../domain/access/role.ts';
import type { Logger } from '../../domain/logger.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { auditEvent } from '../audit/audit.service.ts';
import { AuditBatches } from '../audit/audit-batches.ts';

/** The same refusal of the same actor leaves one event in so many milliseconds, so that nobody fills the log with them. */
const quietMs = 60_000;
/** Refusals that are remembered for that. */
const rememberedMax = 10_000;

/** Decides for every entrance alike whether an actor may do something. */
export class AccessGuard {
  readonly #events: AuditBatches;
  readonly #logger: Logger;
  readonly #told = new Map<string, number>();

  constructor(deps: { readonly em: EntityManager; readonly logger: Logger }) {
    this.#events = new AuditBatches(deps);
    this.#logger = deps.logger;
  }

  /** `what` names the entrance in the audit log: a field, a route. @throws LinewardError FORBIDDEN */
  assert(actor: Actor, action: Action, what: string): void {
    if (mayDo(actor.roles, action)) return;
    this.#tell(actor, action, what);
    throw new LinewardError(
      'FORBIDDEN',
      `This takes the permission ${action}, which has: ${rolesFor(action).join(', ')}. The actor ${actor.id} is: ${actor.roles.join(', ')}.`,
    );
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
