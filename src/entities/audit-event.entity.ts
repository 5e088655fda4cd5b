import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** Who did what to which object, and how it ended. Rows are never changed. */
export const AuditEventSchema = defineEntity({
  name: 'AuditEvent',
  tableName: 'audit_event',
  properties: {
    id: p.text().primary(),
    at: p.datetime(),
    actorId: p.text(),
    actorKind: p.text(),
    action: p.text(),
    resourceType: p.text(),
    resourceId: p.text().strictNullable(),
    outcome: p.text().$type<'SUCCESS' | 'REFUSED' | 'FAILED'>(),
    details: p.json<Readonly<Record<string, unknown>>>(),
    requestId: p.text().strictNullable(),
  },
});
export type AuditEvent = InferEntity<typeof AuditEventSchema>;
