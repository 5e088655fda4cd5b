import type { EntityManager } from '@mikro-orm/postgresql';
import { type AuditEvent, AuditEventSchema } from '../../entities/audit-event.entity.ts';
import { executePrepared, type StatementValues } from '../sql.ts';
import {
  catalogSteps,
  catalogValues,
  type EntityVersionToWrite,
  holdEntity,
  writeEntityVersion,
} from './catalog-writes.ts';
import { writeVersion, writtenId } from './subject-writes.ts';
import { type VersionToWrite, versionStatement, versionValues } from './version-statement.ts';

/** All that a registration leaves behind. */
export interface RegistrationToWrite {
  readonly version: VersionToWrite;
  /** The version of the entity that the schema describes; null when it describes none. */
  readonly catalog: Omit<EntityVersionToWrite, 'schemaId'> | null;
  /** The id of the schema is added to its details. */
  readonly event: AuditEvent;
}

/**
 * Writes a version of a subject, the version of its entity and the audit event in one statement, so that it is a transaction of
 * its own where the caller has none. Answers the id of the schema; refuses as `writeVersion` does.
 */
export async function writeRegistration(
  em: EntityManager,
  { version, catalog, event }: RegistrationToWrite,
): Promise<number> {
  const values = { ...versionValues(version), ...eventValues(event) };
  if (catalog === null) {
    const statement = versionStatement('register_schema', version, [auditStep]);
    return writtenId(await executePrepared(em, statement, values));
  }
  const statement = versionStatement('register_record', version, [catalogSteps, auditStep]);
  return writtenId(await executePrepared(em, statement, { ...values, ...catalogValues(catalog) }));
}

/**
 * As `writeRegistration`, by one who met another writer and has the subject: the entity is held before its version is numbered,
 * and after the schema was written, because who writes all at once comes to them in that order.
 */
export async function writeRegistrationInTurn(
  tx: EntityManager,
  { version, catalog, event }: RegistrationToWrite,
): Promise<number> {
  const schemaId = await writeVersion(tx, version);
  if (catalog !== null) {
    await holdEntity(tx, catalog);
    await writeEntityVersion(tx, { ...catalog, schemaId });
  }
  tx.persist(tx.create(AuditEventSchema, { ...event, details: { ...event.details, schemaId } }));
  return schemaId;
}

function eventValues(event: AuditEvent): StatementValues {
  return {
    event_id: event.id,
    event_at: event.at.toISOString(),
    actor_id: event.actorId,
    actor_kind: event.actorKind,
    action: event.action,
    resource_type: event.resourceType,
    resource_id: event.resourceId,
    outcome: event.outcome,
    details: JSON.stringify(event.details),
    request_id: event.requestId,
  };
}

const auditStep = `audited as (
  insert into audit_event
    (id, at, actor_id, actor_kind, action, resource_type, resource_id, outcome, details, request_id)
  select :event_id, :event_at::timestamptz, :actor_id, :actor_kind, :action, :resource_type, :resource_id, :outcome,
    :details::jsonb || jsonb_build_object('schemaId', chosen.id), :request_id
  from chosen
)`;
