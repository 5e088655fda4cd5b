import type { EntityManager } from '@mikro-orm/postgresql';
import type { AuditEvent } from '../../entities/audit-event.entity.ts';
import { executePrepared, prepared } from '../sql.ts';
import { catalogColumns, catalogRow, catalogSteps, type EntityVersionToWrite } from './catalog-writes.ts';
import { type VersionToWrite, versionRow, versionSteps, writtenId } from './subject-writes.ts';

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
