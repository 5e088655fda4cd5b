import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { AuditSeal } from '../../domain/audit/audit-proof.ts';
import type { Page, PageRequest } from '../../domain/page.ts';
import type { AuditEvent } from '../../entities/audit-event.entity.ts';
import { keysetPage } from '../keyset-page.ts';
import { textArray } from '../sql.ts';

const eventRow = z
  .object({
    id: z.string(),
    at: z.coerce.date(),
    actor_id: z.string(),
    actor_kind: z.string(),
    action: z.string(),
    resource_type: z.string(),
    resource_id: z.string().nullable(),
    outcome: z.enum(['SUCCESS', 'REFUSED', 'FAILED']),
    // What the product did not write must not hide what it wrote beside it.
    details: z.record(z.string(), z.unknown()).catch({}),
    request_id: z.string().nullable(),
  })
  .transform(
    (row): AuditEvent => ({
      id: row.id,
      at: row.at,
      actorId: row.actor_id,
      actorKind: row.actor_kind,
      action: row.action,
      resourceType: row.resource_type,
      resourceId: row.resource_id,
      outcome: row.outcome,
      details: row.details,
      requestId: row.request_id,
    }),
  );

const sealRow = z
  .object({
    event_id: z.string(),
    seq: z.coerce.number(),
    prev: z.string(),
    hash: z.string(),
    sealed_at: z.coerce.date(),
  })
  .transform(({ event_id: eventId, sealed_at: sealedAt, ...link }): AuditSeal => ({ eventId, sealedAt, ...link }));

/** Which events; all given conditions hold. */
export interface AuditFilter {
  readonly resourceId?: string | undefined;
  readonly action?: string | undefined;
  readonly actorId?: string | undefined;
  readonly outcome?: AuditEvent['outcome'] | undefined;
  readonly since?: Date | undefined;
  readonly before?: Date | undefined;
}

function conditionsOf(filter: AuditFilter): readonly { readonly sql: string; readonly value: string }[] {
  const { resourceId, action, actorId, outcome, since, before } = filter;
  const given = [
    { sql: 'resource_id = ?', value: resourceId },
    { sql: 'action = ?', value: action },
    { sql: 'actor_id = ?', value: actorId },
    { sql: 'outcome = ?', value: outcome },
    { sql: 'at >= ?::timestamptz', value: since?.toISOString() },
    { sql: 'at < ?::timestamptz', value: before?.toISOString() },
  ];
  return given.flatMap(({ sql, value }) => (value === undefined ? [] : [{ sql, value }]));
}

/** Questions about the audit log. */
export class AuditReadModel {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  auditEvents(request: PageRequest, filter: AuditFilter): Promise<Page<AuditEvent>> {
    const conditions = conditionsOf(filter);
    return keysetPage(this.#em.fork(), {
      table: 'audit_event',
      where: {
        sql: conditions.map(({ sql }) => sql).join(' and ') || 'true',
        params: conditions.map(({ value }) => value),
      },
      order: [{ column: 'id', type: 'text', descending: true }],
      request,
      parse: (row) => eventRow.parse(row),
    });
  }

  /** The seals of events that have one. */
  async sealsByEvent(eventIds: readonly string[]): Promise<ReadonlyMap<string, AuditSeal>> {
    const rows = await this.#em
      .fork()
      .execute('select event_id, seq, prev, hash, sealed_at from audit_seal where event_id = any(?::text[])', [
        textArray(eventIds),
      ]);
    return new Map(rows.map((row) => sealRow.parse(row)).map((seal) => [seal.eventId, seal]));
  }

  async auditEventsById(ids: readonly string[]): Promise<readonly AuditEvent[]> {
    const rows = await this.#em.fork().execute('select * from audit_event where id = any(?::text[])', [textArray(ids)]);
    return rows.map((row) => eventRow.parse(row));
  }
}
