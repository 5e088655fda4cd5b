import type { Pool } from 'pg';
import { newId } from '../src/domain/id.ts';

/** Values of the rows that a registration writes, for `insertRows`. */
export interface RegistrationRows {
  readonly subject: string;
  readonly text: string;
  /** Null for a schema without a record. */
  readonly record: { readonly namespace: string; readonly name: string } | null;
}

const schemaRows = `
  with subject_row as (
    insert into registry_subject (context, name) values ('.', $1)
  ), schema_row as (
    insert into schema (context, id, guid, format, text, identity, text_identity, created_at)
    values ('.', nextval('default_schema_id'), $2, 'AVRO', $3, $2, $2, now()) returning id
  ), version_row as (
    insert into subject_version (context, subject, version, schema_id) select '.', $1, 1, id from schema_row
  )`;
const entityRows = `, entity_row as (
    insert into entity (id, namespace, name, catalog_namespace, created_at, updated_at, latest_version_id)
    values ($4, $5, $6, 'default', now(), now(), $7)
  ), entity_version_row as (
    insert into entity_version (id, entity_id, number, schema_id, document, label, fingerprint, created_by, created_at)
    select $7, $4, 1, id, $3, '1', $2, 'bench', now() from schema_row
  ), field_row as (
    insert into entity_field (id, version_id, ordinal, path, type, nullable, required)
    values ($8, $7, 0, 'a', 'string', false, true)
  )`;
const eventRow = (id: string): string => `
  insert into audit_event (id, at, actor_id, actor_kind, action, resource_type, resource_id, outcome, details, request_id)
  select ${id}, now(), 'bench', 'local', 'registerSchema', 'SubjectVersion', $1 || '/1', 'SUCCESS',
    jsonb_build_object('format', 'AVRO', 'schemaId', id), 'bench' from schema_row`;

/**
 * The rows of a registration as somebody writes them who knows all values before: the same tables, indexes, keys and triggers,
 * and nothing read, checked or compared. One statement with a kept plan, between begin and commit.
 */
export async function insertRows(pool: Pool, { subject, text, record }: RegistrationRows): Promise<void> {
  const client = await pool.connect();
  const identity = newId().padEnd(64, '0');
  const values = [subject, identity, text];
  await client.query('begin');
  if (record === null)
    await client.query({ name: 'schema_rows', text: `${schemaRows} ${eventRow('$4')}`, values: [...values, newId()] });
  else
    await client.query({
      name: 'record_rows',
      text: `${schemaRows} ${entityRows} ${eventRow('$9')}`,
      values: [...values, newId(), record.namespace, record.name, newId(), newId(), newId()],
    });
  await client.query('commit');
  client.release();
}
