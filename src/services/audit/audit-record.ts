import { z } from 'zod';
import { type AuditRecord, recordText } from '../../domain/audit/sealed-event.ts';

const auditRow = z.object({
  id: z.string(),
  at_text: z.string(),
  actor_id: z.string(),
  actor_kind: z.string(),
  action: z.string(),
  resource_type: z.string(),
  resource_id: z.string().nullable(),
  outcome: z.string(),
  details: z.unknown(),
  request_id: z.string().nullable(),
});

/** Columns of a row of `audit_event`, as `event`, that {@link auditRecord} reads. */
export const auditRecordColumns = `event.id, event.actor_id, event.actor_kind, event.action, event.resource_type,
  event.resource_id, event.outcome, event.details, event.request_id,
  case when isfinite(event.at) then to_char(event.at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    else event.at::text end as at_text`;

/** What a row says. */
export function auditRecord(given: unknown): AuditRecord {
  return recordOf(auditRow.parse(given));
}

/**
 * The text of the record of a row: the same row always gives the same text. Any row has one, also one that the product does not
 * write: what cannot be sealed would keep all that comes after it from being sealed.
 */
export function auditRecordText(record: AuditRecord): string {
  try {
    return recordText(record);
  } catch {
    return recordText({ ...record, details: withoutInfinity(record.details) });
  }
}

/** Numbers that JSON in the database has and here has not, e.g. 1e400, as text. */
function withoutInfinity(details: unknown): unknown {
  return JSON.parse(
    JSON.stringify(details, (_key, value: unknown) =>
      typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
    ),
  );
}

function recordOf(row: z.infer<typeof auditRow>): AuditRecord {
  return {
    id: row.id,
    at: row.at_text,
    actor: { id: row.actor_id, kind: row.actor_kind },
    action: row.action,
    resource: { type: row.resource_type, id: row.resource_id },
    outcome: row.outcome,
    details: row.details,
    requestId: row.request_id,
  };
}
