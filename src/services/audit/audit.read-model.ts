import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
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
    details: z.record(z.string(), z.unknown()),
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

/** Questions about the audit log. */
export class AuditReadModel {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  auditEvents(
    request: PageRequest,
    filter: { readonly resourceId?: string | undefined; readonly action?: string | undefined },
  ): Promise<Page<AuditEvent>> {
    return keysetPage(this.#em.fork(), {
      table: 'audit_event',
      where: {
        sql: '(?::text is null or resource_id = ?) and (?::text is null or action = ?)',
        params: [filter.resourceId ?? null, filter.resourceId ?? null, filter.action ?? null, filter.action ?? null],
      },
      order: [{ column: 'id', type: 'text', descending: true }],
      request,
      parse: (row) => eventRow.parse(row),
    });
  }

  async auditEventsById(ids: readonly string[]): Promise<readonly AuditEvent[]> {
    const rows = await this.#em.fork().execute('select * from audit_event where id = any(?::text[])', [textArray(ids)]);
    return rows.map((row) => eventRow.parse(row));
  }
}
