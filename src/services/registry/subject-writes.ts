import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import {
  type SchemaContent,
  type SchemaReference,
  schemaGuid,
  schemaIdentity,
  textIdentity,
} from '../../domain/registry/schema-identity.ts';
import { defaultContext, readSubjectName, type SubjectName } from '../../domain/registry/subject-name.ts';
import { LinewardError } from '../../errors/lineward-error.ts';

/** A version to be written, with its place among the others. */
export interface VersionToWrite {
  readonly subject: SubjectName;
  readonly version: number;
  readonly content: SchemaContent;
  /** The text of the schema as it was given. */
  readonly givenText: string;
  /** An id that the caller brings; null to take the next one. */
  readonly id: number | null;
  /** The state of the subject that the version was judged in, see `Situation`. */
  readonly state: string | null;
  /** When the version is written. */
  readonly at: Date;
}

const written = z.object({ id: z.number().nullable() });

/** Makes the context known; the default one always is. */
export async function openContext(tx: EntityManager, { context }: SubjectName): Promise<void> {
  if (context === defaultContext) return;
  await tx.execute('insert into registry_context (name) values (?) on conflict do nothing', [context]);
}

/** Makes the subject known, and holds back every other change of it until the transaction ends. */
export async function lockSubject(tx: EntityManager, subject: SubjectName): Promise<void> {
  await openContext(tx, subject);
  await tx.execute('insert into registry_subject (context, name) values (?, ?) on conflict do nothing', [
    subject.context,
    subject.name,
  ]);
  await tx.execute('select 1 from registry_subject where context = ? and name = ? for update', [
    subject.context,
    subject.name,
  ]);
}

/** Makes those take turns that met another writer in a context. Taken after the subject. */
export async function holdContext(tx: EntityManager, { context }: SubjectName): Promise<void> {
  await tx.execute('select 1 from registry_context where name = ? for no key update', [context]);
}

/**
 * Writes a version in one statement: the schema, unless the context has it; what it refers to; and its place. Answers the id
 * of the schema. The subject is held before the counter of the context, as everywhere, so
 * that no two writers wait for each other.
 * @throws LinewardError CONFLICT, or a violation of the primary key, when another transaction has just written what this one
 * did not see; see `contended`.
 */
export async function writeVersion(tx: EntityManager, given: VersionToWrite): Promise<number> {
  return writtenId(await tx.execute(writeStatement, [JSON.stringify(versionRow(given))]));
}

/** @throws LinewardError CONFLICT when nothing was written, because the subject is no longer as it was read. */
export function writtenId([answer]: readonly unknown[]): number {
  const { id } = written.parse(answer);
  if (id === null) throw new LinewardError('CONFLICT');
  return id;
}

/** The version as `givenVersion` reads it. */
export function versionRow(given: VersionToWrite) {
  const { subject, content } = given;
  const identity = schemaIdentity(content);
  const targets = content.references.map((reference) => {
    const target = readSubjectName(reference.subject, subject.context);
    return { context: target.context, subject: target.name, version: reference.version };
  });
  return {
    context: subject.context,
    subject: subject.name,
    version: given.version,
    wanted: given.id,
    state: given.state,
    guid: schemaGuid(identity),
    format: content.format,
    text: content.text,
    original: originalOf(given),
    identity,
    text_identity: textIdentity(content),
    schema_references: content.references,
    metadata: content.metadata,
    rule_set: content.ruleSet,
    targets,
    at: given.at,
  };
}

/** The text as it was given, where that is not how it is answered; null for what the database cannot keep. */
function originalOf({ content, givenText }: VersionToWrite): string | null {
  const isKept = givenText !== content.text && givenText.isWellFormed() && !givenText.includes('\0');
  return isKept ? givenText : null;
}

const givenColumns = `context text, subject text, version integer, wanted integer, state text, guid text, format text, text text,
  original text, identity text, text_identity text, schema_references jsonb, metadata jsonb, rule_set jsonb, targets jsonb,
  at timestamptz`;

/** Steps of a statement that writes a version; after them, `chosen` has the id of its schema. `more` are further columns. */
export const versionSteps = (more = ''): string => `
  given as (
    select * from jsonb_to_record(?::jsonb) as given (${givenColumns}${more})
  ), subject_row as (
    insert into registry_subject (context, name) select context, subject from given on conflict do nothing returning name
  ), held as (
    select registry_subject.xmin::text as state from registry_subject join given
      on registry_subject.context = given.context and registry_subject.name = given.subject
    where (select count(*) from subject_row) >= 0
    for key share of registry_subject
  ), unchanged as (
    select from given where state is not distinct from (select state from held)
  ), known as (
    select schema.id from unchanged, schema
    join given on given.context = schema.context and given.identity = schema.identity
  ), drawn as materialized (
    select draw_default_schema_id(wanted) as id from given
    where context = '.' and exists (select from unchanged) and not exists (select 1 from known)
  ), counted as (
    update registry_context set last_id = greatest(last_id + case when wanted is null then 1 else 0 end, wanted)
    from given where registry_context.name = given.context and given.context <> '.' and exists (select from unchanged)
      and not exists (select 1 from known)
    returning coalesce(wanted, last_id) as id
  ), numbered as (
    select id from drawn union all select id from counted
  ), made as (
    insert into schema
      (context, id, guid, format, text, identity, text_identity, schema_references, metadata, rule_set, created_at)
    select context, numbered.id, guid, format, text, identity, text_identity, schema_references, metadata, rule_set, at
    from given, numbered
    on conflict (context, identity) do nothing
    returning id
  ), original_row as (
    insert into schema_original (context, schema_id, text)
    select context, made.id, original from given, made where original is not null
  ), referred as (
    insert into schema_reference (context, schema_id, target_context, target_subject, target_version)
    select distinct given.context, made.id, target.context, target.subject, target.version
    from made, given, jsonb_to_recordset(given.targets) as target (context text, subject text, version integer)
  ), chosen as (
    select id from known union all select id from made
  ), placed as (
    insert into subject_version (context, subject, version, schema_id, created_at)
    select context, subject, version, chosen.id, at from given, chosen
  )`;

const writeStatement = `with ${versionSteps()} select (select id from chosen) as id`;

/** Keeps what a schema refers to from being deleted before the reference is known. */
export async function holdReferences(
  tx: EntityManager,
  { context }: SubjectName,
  references: readonly SchemaReference[],
): Promise<void> {
  for (const [index, reference] of references.entries()) {
    const target = readSubjectName(reference.subject, context);
    const rows = await tx.execute(
      `select 1 from subject_version where context = ? and subject = ? and version = ? and deleted_at is null for share`,
      [target.context, target.name, reference.version],
    );
    if (rows.length === 0)
      throw new LinewardError('SCHEMA_INVALID', `references.${index}: the version was deleted meanwhile`, {
        path: ['references', String(index)],
      });
  }
}

const retried = new Set(['23505', '40P01', '40001', 'CONFLICT']);
const attemptsMax = 12;

/**
 * Runs a transaction again that met another writer. The first attempt waits for nobody (`locked` is false), because nearly
 * always there is nobody; the next ones take their turn.
 */
export async function contended<T>(work: (locked: boolean) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work(attempt > 1);
    } catch (error) {
      const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
      if (!retried.has(code) || attempt === attemptsMax) throw error;
    }
  }
}
