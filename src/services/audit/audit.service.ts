import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import type { AuditAction } from '../../domain/audit/audit-action.ts';
import { newId } from '../../domain/id.ts';
import { type AuditEvent, AuditEventSchema } from '../../entities/audit-event.entity.ts';

/** What happened, in words of the product. `details` hold ids, names of schemas and counts, never personal data. */
export interface AuditEntry {
  /** Verb-noun of the API, e.g. `registerEntityVersion`. */
  readonly action: AuditAction;
  readonly resourceType: string;
  readonly resourceId: string | null;
  readonly outcome?: 'SUCCESS' | 'REFUSED' | 'FAILED';
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Writes an audit event in the caller's own transaction: no change without its event, no event without its change. */
export function audit(tx: EntityManager, actor: Actor, entry: AuditEntry): void {
  tx.persist(tx.create(AuditEventSchema, auditEvent(actor, entry)));
}

/** The event, for a statement that writes it together with the change. */
export function auditEvent(actor: Actor, entry: AuditEntry): AuditEvent {
  return {
    id: newId(),
    at: new Date(),
    actorId: actor.id,
    actorKind: actor.kind,
    action: entry.action,
    resourceType: entry.resourceType,
    resourceId: entry.resourceId,
    outcome: entry.outcome ?? 'SUCCESS',
    details: entry.details ?? {},
    requestId: actor.requestId,
  };
}
