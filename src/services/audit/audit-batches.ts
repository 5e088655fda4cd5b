import type { EntityManager } from '@mikro-orm/postgresql';
import type { AuditEvent } from '../../entities/audit-event.entity.ts';
import { readWhole } from '../access/reader.ts';
import { executePrepared, prepared } from '../sql.ts';

interface Batch {
  readonly events: AuditEvent[];
  readonly written: Promise<void>;
}

/**
 * Writes events that stand by themselves, without a change of rows. Those that come while a statement is under way are written
 * together by the next one, so many small calls at once wait for few commits. Each caller waits for its own events.
 */
export class AuditBatches {
  readonly #em: EntityManager;
  #waiting: Batch | null = null;
  /** Settles with the statement that is under way; never fails. */
  #underWay: Promise<unknown> = Promise.resolve();

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** Resolves once the events are committed. */
  write(events: readonly AuditEvent[]): Promise<void> {
    this.#waiting ??= this.#begin();
    for (const event of events) this.#waiting.events.push(event);
    return this.#waiting.written;
  }

  #begin(): Batch {
    const events: AuditEvent[] = [];
    // Events of several callers, whose time is not that of the one who was first.
    const written = readWhole(() =>
      this.#underWay.then(async () => {
        this.#waiting = null;
        await executePrepared(this.#em.fork(), insertEvents, { events: JSON.stringify(events) });
      }),
    );
    this.#underWay = written.catch(() => undefined);
    return { events, written };
  }
}

const insertEvents = prepared(
  'audit_events',
  `insert into audit_event
     (id, at, actor_id, actor_kind, action, resource_type, resource_id, outcome, details, request_id)
   select id, at, "actorId", "actorKind", action, "resourceType", "resourceId", outcome, details, "requestId"
   from jsonb_to_recordset(:events::jsonb) as given
     (id text, at timestamptz, "actorId" text, "actorKind" text, action text, "resourceType" text, "resourceId" text,
      outcome text, details jsonb, "requestId" text)`,
);
