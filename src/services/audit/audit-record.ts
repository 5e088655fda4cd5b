import { z } from 'zod';
import { recordText } from '../../domain/audit/sealed-event.ts';

const auditRow = z.object({
  id: z.string(),
  at_text: z.string(),
  actor_id: z.string(),
  actor_kind: z.string(),
  action: z.string(),
  resource_type: z.string(),
  resource_id: z.string().nullable(),
  outcome: z.string(),
  details: z.record(z.string(), z.unknown()),
  request_id: z.string().nullable(),
});

/** Columns of a row of `audit_event`, as `event`, that {@link auditRecordText} reads. */
export const auditRecordColumns = `event.id, event.actor_id, event.actor_kind, event.action, event.resource_type,
  event.resource_id, event.outcome, event.details, event.request_id,
  to_char(event.at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at_text`;

/** The record of a row: the same row always gives the same text. */
export function auditRecordText(given: unknown): string {
  const row = auditRow.parse(given);
  return recordText({
    id: row.id,
    at: row.at_text,
    actor: { id: row.actor_id, kind: row.actor_kind },
    action: row.action,
    resource: { type: row.resource_type, id: row.resource_id },
    outcome: row.outcome,
    details: row.details,
    requestId: row.request_id,
  });
}
