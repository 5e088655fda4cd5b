import type { EntityManager } from '@mikro-orm/postgresql';
import { type AuditEvent, AuditEventSchema } from '../../entities/audit-event.entity.ts';
import { executePrepared, prepared } from '../sql.ts';
import {
  catalogColumns,
  catalogRow,
  catalogSteps,
  type EntityVersionToWrite,
  holdEntity,
  writeEntityVersion,
} from './catalog-writes.ts';
import { type VersionToWrite, versionRow, versionSteps, writeVersion, writtenId } from './subject-writes.ts';

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
  const row = { ...versionRow(version), entity: catalog === null ? null : catalogRow(catalog), event };
  return writtenId(await executePrepared(em, writeStatement, [JSON.stringify(row)]));
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

const writeStatement = prepared(
  'write_registration',
  `
  with ${versionSteps(', entity jsonb, event jsonb')}, catalog as (
    select catalog.*, chosen.id as schema_id from given, chosen, jsonb_to_record(given.entity) as catalog (${catalogColumns})
    where jsonb_typeof(given.entity) = 'object'
  ), ${catalogSteps}, audited as (
    insert into audit_event
      (id, at, actor_id, actor_kind, action, resource_type, resource_id, outcome, details, request_id)
    select event.id, event.at, "actorId", "actorKind", action, "resourceType", "resourceId", outcome,
      event.details || jsonb_build_object('schemaId', chosen.id), "requestId"
    from given, chosen, jsonb_to_record(given.event) as event (id text, at timestamptz, "actorId" text, "actorKind" text,
      action text, "resourceType" text, "resourceId" text, outcome text, details jsonb, "requestId" text)
  )
  select (select id from chosen) as id`,
);
